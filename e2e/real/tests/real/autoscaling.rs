//! A model whose load decides how often it runs, and who decides it is KEDA with a Prometheus and Kubernetes' own autoscaler:
//! from one replica to none, from none to one with the first request, to two under load, and back to none.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hemvist_e2e::audit::{Position, Record};
use hemvist_e2e::governed::split;
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::{Progress, wait_until};
use hemvist_e2e_real::autoscalers::{Gateway, Keda, Prometheus};
use hemvist_e2e_real::machine;
use serde_json::{Value, json};

use crate::client::{Client, question};
use crate::crowd::{CROWD, LONG, answers, crowd, replicas};
use crate::surroundings::{CONSUMER, MODEL, ONE_NODE, PATIENCE, Surroundings, serves};

/// How long nothing is asked for before a replica stops: the shortest that a model can state.
const IDLE_SECONDS: u64 = 60;

/// What was counted of tokens is looked at for two minutes.
const REMEMBERED_SECONDS: u64 = 120;

/// KEDA looks every ten seconds, Kubernetes' own autoscaler every fifteen; and a replica takes its time to end.
const DECISION: Duration = Duration::from_mins(2);

/// What the installation names as the query for requests: what the gateway has counted, by the name of the model.
const REQUESTS: &str =
    r#"sum(rate(envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="$name"}[1m]))"#;

/// Tokens of an answer that takes milliseconds: there are hundreds of them between two looks at the engine's gauges.
const SHORT: u32 = 8;

/// How long is asked for short answers, in seconds: so long that the model would be stopped, were it taken for idle.
const SHORT_SECONDS: u64 = IDLE_SECONDS + 60;

/// How long is asked under load, in seconds: until a second replica serves, and a while longer.
const LOAD_SECONDS: u64 = 100;

/// Those who come when there are two replicas. Connections stay where they are, so these are the first to be spread.
const NEWCOMERS: [&str; 3] = ["new-1", "new-2", "new-3"];

/// Everything that runs.
struct Bed {
    surroundings: Surroundings,
    prometheus: Prometheus,
    gateway: Gateway,
    keda: Keda,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and programs that are built once: make e2e-real-autoscalers"]
async fn autoscalers_take_a_model_to_nothing_and_to_two_replicas() -> Result<()> {
    if let Some(obstacle) = machine::obstacle() {
        println!("skipped: {obstacle}");
        return Ok(());
    }
    let _alone = ONE_NODE.lock().await;
    let mut bed = Bed::start().await?;
    let handed_over = bed.hand_over().await?;
    let since = bed.surroundings.governed.cluster().audit_log().position()?;
    let before = bed.deployment().await?;
    bed.stops_when_nobody_has_asked(handed_over).await?;
    bed.starts_with_the_first_request().await?;
    bed.serves_on_while_answers_are_short().await?;
    bed.follows_the_load().await?;
    bed.has_moved_without_a_fight(&before, since).await?;
    bed.tells_when_nobody_measures().await?;
    bed.end().await
}

impl Bed {
    async fn start() -> Result<Self> {
        let mut prometheus = Prometheus::at_a_free_port()?;
        let address = format!("load.prometheusAddress={}", prometheus.address());
        let query = format!("load.requestsQuery={REQUESTS}");
        let mut surroundings = Surroundings::start_with("autoscaled", &[], &[&address, &query]).await?;
        surroundings.leave_a_processor_to_others();
        surroundings.apply_model().await?;
        serves(&surroundings, 0).await?;
        let (governed, (namespace, name)) = (&surroundings.governed, split(MODEL)?);
        let service = governed.objects().get(Kind::Service, namespace, name).await?["spec"].clone();
        let port = service["ports"][0]["port"].as_u64().context("a Service without a port")?;
        let gateway = Gateway::start(&surroundings.node, name, text(&service["clusterIP"]), port).await?;
        prometheus.start(governed.cluster(), Some(&Gateway::counts_at(&surroundings.node))).await?;
        let keda = Keda::start(governed.cluster()).await?;
        let bed = Self { surroundings, prometheus, gateway, keda };
        bed.is_measured().await?;
        Ok(bed)
    }

    /// What the replica measures arrives under the labels by which KEDA will ask.
    async fn is_measured(&self) -> Result<()> {
        let (namespace, name) = split(MODEL)?;
        let query = format!("llamacpp:requests_deferred{{namespace=\"{namespace}\",pod=~\"{name}.*\"}}");
        wait_until("Prometheus to know the replica", PATIENCE, async || {
            let value = self.prometheus.value(&query).await?;
            Ok(Progress::when(value == Some(0.0), format!("{value:?}")))
        })
        .await
    }

    /// The number of replicas becomes KEDA's. Gives the moment before.
    async fn hand_over(&self) -> Result<Instant> {
        let begun = Instant::now();
        let (namespace, name) = split(MODEL)?;
        let objects = self.surroundings.governed.objects();
        let scaling = json!({
            "minReplicas": 0, "maxReplicas": 2, "metric": "QueueDepth", "target": 2, "idleSeconds": IDLE_SECONDS,
        });
        let change = json!({"spec": {"replicas": null, "scaling": scaling}});
        objects.merge(Kind::ModelDeployment, namespace, name, &change).await?;
        wait_until("KEDA to have taken the model", PATIENCE, async || {
            let found = objects.find(Kind::ScaledObject, namespace, name).await?.unwrap_or_default();
            let ready = condition(&found, "Ready").clone();
            Ok(Progress::when(ready["status"] == "True", format!("{ready}; {:?}", self.keda.errors())))
        })
        .await?;
        let said = self.model().await?["status"]["resolved"]["scaling"]["value"].clone();
        ensure!(said == "ScaledObject, 0 to 2 replicas by llamacpp:requests_deferred", "{said}");
        println!("handed over: {}", text(&said));
        self.surroundings.autoscaled("True", "AutoscalerWorks").await?;
        Ok(begun)
    }

    /// Nobody asks. It is not stopped before its time, and then altogether.
    async fn stops_when_nobody_has_asked(&self, handed_over: Instant) -> Result<()> {
        self.stopped(Duration::from_secs(IDLE_SECONDS) + DECISION).await?;
        let took = handed_over.elapsed();
        println!("nobody asked: no replica {took:.1?} after it was handed over");
        ensure!(took >= Duration::from_secs(IDLE_SECONDS), "it was stopped before its time");
        Ok(())
    }

    /// Somebody asks the gateway while nobody serves. The gateway counts it, KEDA reads that, and the model starts.
    async fn starts_with_the_first_request(&self) -> Result<()> {
        let url = format!("http://{}/v1/chat/completions", self.gateway.address());
        let ask = ["ask".to_owned(), url, question(&self.surroundings, 1)];
        let client = Client::start(&self.surroundings, [CONSUMER, "first"], &ask).await?;
        let said = client.end(DECISION).await?;
        let answer: Value =
            serde_json::from_str(&said).with_context(|| format!("the first client got {said:?}"))?;
        ensure!(answer["object"] == "chat.completion", "the first client got {said}");
        let answered = self.gateway.answered()?;
        let [request] = answered.as_slice() else { anyhow::bail!("not one request: {answered:?}") };
        ensure!(request["status"] == 200, "{request}");
        let waited = Duration::from_millis(request["milliseconds"].as_u64().unwrap_or_default());
        println!(
            "woken: the first request was answered {waited:.1?} after it came to the gateway, which tried {} times",
            request["attempts"]
        );
        serves(&self.surroundings, 0).await?;
        Ok(())
    }

    /// Whoever asks for little at a time is served for as long as they ask.
    async fn serves_on_while_answers_are_short(&self) -> Result<()> {
        for client in crowd(&self.surroundings, &["short"], SHORT, SHORT_SECONDS).await? {
            let reported = answers(&client.end(Duration::from_secs(SHORT_SECONDS) + PATIENCE).await?)?;
            println!("short answers: {reported}");
            let requests = reported["requests"].as_u64();
            ensure!(requests > Some(SHORT_SECONDS * 20), "they were not short: {reported}");
        }
        Ok(())
    }

    /// A crowd asks: a second replica comes, and newcomers are answered by both. The crowd leaves: none is left.
    async fn follows_the_load(&self) -> Result<()> {
        let begun = Instant::now();
        let clients = crowd(&self.surroundings, &CROWD, LONG, LOAD_SECONDS).await?;
        println!("load: Kubernetes' own autoscaler asks for 2 replicas, by {}", self.asked_for(2).await?);
        replicas(&self.surroundings, 2).await?;
        println!("load: a second replica serves {:.1?} after a crowd has come", begun.elapsed());
        let ready = condition(&self.model().await?, "Ready").clone();
        println!("load: {}: {}", text(&ready["reason"]), text(&ready["message"]));
        ensure!(text(&ready["message"]).starts_with("2 of 2 replicas serve"), "{ready}");
        self.both_are_asked().await?;
        for client in clients {
            let reported = answers(&client.end(Duration::from_secs(LOAD_SECONDS) + PATIENCE).await?)?;
            println!("load: {reported}");
        }
        let begun = Instant::now();
        self.stopped(Duration::from_secs(IDLE_SECONDS + REMEMBERED_SECONDS) + DECISION).await?;
        let took = begun.elapsed();
        println!("the load has ended: no replica {took:.1?} later");
        ensure!(took > Duration::from_secs(IDLE_SECONDS), "it was stopped before its time");
        Ok(())
    }

    async fn both_are_asked(&self) -> Result<()> {
        let (namespace, _) = split(MODEL)?;
        let tokens = format!("llamacpp:tokens_predicted_total{{namespace=\"{namespace}\"}}");
        wait_until("both replicas to be measured", PATIENCE, async || {
            let count = self.prometheus.value(&format!("count({tokens})")).await?;
            Ok(Progress::when(count == Some(2.0), format!("{count:?}")))
        })
        .await?;
        let fewest = format!("min({tokens})");
        let before = self.prometheus.value(&fewest).await?.unwrap_or_default();
        for client in crowd(&self.surroundings, &NEWCOMERS, LONG, 10).await? {
            answers(&client.end(2 * PATIENCE).await?)?;
        }
        wait_until("both replicas to have answered", PATIENCE, async || {
            let tokens = self.prometheus.value(&fewest).await?.unwrap_or_default() - before;
            Ok(Progress::when(tokens > 100.0, tokens))
        })
        .await?;
        println!("load: both replicas answer");
        Ok(())
    }

    /// Hemvist has written nothing but what it says, each number was reached once, and KEDA has found nothing wrong.
    async fn has_moved_without_a_fight(&self, before: &Value, since: Position) -> Result<()> {
        let (namespace, name) = split(MODEL)?;
        let governed = &self.surroundings.governed;
        let written: Vec<_> = governed.writes(since)?.iter().map(Record::what).collect();
        let is_said = |what: &String| what == "events" || what.ends_with("/status");
        ensure!(written.iter().all(is_said), "Hemvist wrote {written:?}");
        let versions = governed.objects().versions_since(Kind::Deployment, before).await?;
        let mut numbers: Vec<_> =
            versions.iter().map(|version| version["spec"]["replicas"].as_i64().unwrap_or(-1)).collect();
        numbers.dedup();
        println!(
            "no fight: {numbers:?} replicas were asked for; Hemvist wrote {} times what it says",
            written.len()
        );
        let (first, last) = (before["spec"]["replicas"].as_i64(), numbers.last().copied());
        ensure!(first == Some(1) && last == Some(0), "from {first:?} to {last:?} replicas");
        // The last step down is one or two, whichever of KEDA and Kubernetes' own autoscaler comes first.
        let steps = numbers.strip_prefix(&[1]).unwrap_or(&numbers);
        ensure!([&[0, 1, 2, 0][..], &[0, 1, 2, 1, 0]].contains(&steps), "there and back: {numbers:?}");
        let scaled = governed.objects().get(Kind::ScaledObject, namespace, name).await?;
        ensure!(scaled["metadata"]["generation"] == 1, "{}", scaled["metadata"]);
        let errors = self.keda.errors();
        // It writes the same object from several places and tries again where one of them was late.
        let wrong: Vec<_> =
            errors.iter().filter(|error| !error.contains("object has been modified")).collect();
        println!("KEDA was late {} times with a write, and has noted {wrong:?}", errors.len() - wrong.len());
        ensure!(wrong.is_empty() && errors.len() < 10, "KEDA has noted {errors:?}");
        Ok(())
    }

    /// The Prometheus is gone for a while: the model says so in KEDA's words, and that it is well again.
    async fn tells_when_nobody_measures(&mut self) -> Result<()> {
        self.prometheus.pause().await?;
        let said = self.surroundings.autoscaled("False", "AutoscalerFailing").await?;
        ensure!(said.contains(&self.prometheus.address()), "{said}");
        let ready = condition(&self.model().await?, "Ready").clone();
        ensure!(
            text(&ready["message"]).ends_with("Autoscaling does not work: see the condition Autoscaled."),
            "{ready}"
        );
        let counts = Gateway::counts_at(&self.surroundings.node);
        self.prometheus.start(self.surroundings.governed.cluster(), Some(&counts)).await?;
        self.surroundings.autoscaled("True", "AutoscalerWorks").await?;
        Ok(())
    }

    /// What Kubernetes' own autoscaler has read for each replica when it asks for so many. It has read them from KEDA through
    /// the API server.
    async fn asked_for(&self, replicas: u64) -> Result<String> {
        let (namespace, name) = split(MODEL)?;
        let autoscaler = format!("keda-hpa-{name}");
        let objects = self.surroundings.governed.objects();
        wait_until("Kubernetes' own autoscaler to ask for more", DECISION, async || {
            let found = objects.get(Kind::HorizontalPodAutoscaler, namespace, &autoscaler).await?;
            let status = &found["status"];
            let metrics = status["currentMetrics"].as_array().into_iter().flatten();
            let read: Vec<_> = metrics
                .map(|metric| {
                    let metric = &metric["external"];
                    format!(
                        "{} {}",
                        text(&metric["metric"]["name"]),
                        text(&metric["current"]["averageValue"])
                    )
                })
                .collect();
            let asks = status["desiredReplicas"] == replicas
                && condition(&found, "ScalingActive")["status"] == "True";
            Ok(if asks { Progress::Done(read.join(", ")) } else { Progress::not_yet(status) })
        })
        .await
    }

    async fn stopped(&self, patience: Duration) -> Result<()> {
        let (namespace, name) = split(MODEL)?;
        let governed = &self.surroundings.governed;
        let selector = format!("hemvist.dev/model-deployment={name}");
        wait_until("the model to have stopped", patience, async || {
            let model = self.model().await?;
            let pods = governed.objects().list(Kind::Pod, namespace, &selector).await?;
            let ready = condition(&model, "Ready");
            let stopped = ready["status"] == "True" && ready["reason"] == "ScaledToZero" && pods.is_empty();
            Ok(Progress::when(stopped, format!("{ready}, {} pods", pods.len())))
        })
        .await?;
        let ready = condition(&self.model().await?, "Ready").clone();
        println!("stopped: {}: {}", text(&ready["reason"]), text(&ready["message"]));
        Ok(())
    }

    async fn model(&self) -> Result<Value> {
        self.surroundings.governed.model(MODEL).await
    }

    async fn deployment(&self) -> Result<Value> {
        let (namespace, _) = split(MODEL)?;
        let workload = crate::zero::workload(&self.surroundings).await?;
        self.surroundings.governed.objects().get(Kind::Deployment, namespace, &workload).await
    }

    async fn end(self) -> Result<()> {
        let Self { surroundings, prometheus, gateway, keda } = self;
        let (namespace, name) = split(MODEL)?;
        // While KEDA runs: it takes its finalizer off.
        surroundings.governed.objects().delete(Kind::ModelDeployment, namespace, name).await?;
        wait_until("the model and KEDA's object to be gone", PATIENCE, async || {
            let objects = surroundings.governed.objects();
            let model = objects.find(Kind::ModelDeployment, namespace, name).await?;
            let scaled = objects.find(Kind::ScaledObject, namespace, name).await?;
            Ok(Progress::when(model.is_none() && scaled.is_none(), format!("{model:?} {scaled:?}")))
        })
        .await?;
        keda.stop().await?;
        prometheus.stop().await?;
        gateway.stop().await?;
        surroundings.end().await
    }
}
