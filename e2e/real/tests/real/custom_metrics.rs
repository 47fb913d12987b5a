//! A model that Kubernetes' own autoscaler scales without KEDA, by what its pods measure: a Prometheus reads that, and the
//! Prometheus Adapter serves it, configured as the page *Scale a model* has it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hemvist_e2e::governed::split;
use hemvist_e2e::installation::workspace;
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::{Progress, wait_until};
use hemvist_e2e_real::autoscalers::{Prometheus, PrometheusAdapter};
use hemvist_e2e_real::machine;
use serde_json::{Value, json};

use crate::crowd::{CROWD, LONG, answers, crowd, replicas};
use crate::surroundings::{MODEL, ONE_NODE, PATIENCE, Surroundings, serves};

/// How long is asked, in seconds: until a second replica serves, and a while longer.
const LOAD_SECONDS: u64 = 90;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and programs that are built once: make e2e-real-autoscalers"]
async fn autoscalers_take_a_model_to_two_replicas_by_custom_metrics() -> Result<()> {
    if let Some(obstacle) = machine::obstacle() {
        println!("skipped: {obstacle}");
        return Ok(());
    }
    let _alone = ONE_NODE.lock().await;
    let mut surroundings = Surroundings::start_with("custom-metrics", &[], &[]).await?;
    surroundings.leave_a_processor_to_others();
    surroundings.apply_model().await?;
    serves(&surroundings, 0).await?;
    let (cluster, (namespace, name)) = (surroundings.governed.cluster(), split(MODEL)?);
    let mut prometheus = Prometheus::at_a_free_port()?;
    prometheus.start(cluster, None).await?;

    let scaling = json!({"minReplicas": 1, "maxReplicas": 2, "metric": "QueueDepth", "target": 2});
    let change = json!({"spec": {"replicas": null, "scaling": scaling}});
    surroundings.governed.objects().merge(Kind::ModelDeployment, namespace, name, &change).await?;
    let said = surroundings.autoscaled("False", "AutoscalerFailing").await?;
    ensure!(said.contains("custom.metrics.k8s.io"), "{said}");
    let adapter = PrometheusAdapter::start(cluster, &prometheus.address(), &documented_rules()?).await?;
    surroundings.autoscaled("True", "AutoscalerWorks").await?;

    let begun = Instant::now();
    let clients = crowd(&surroundings, &CROWD, LONG, LOAD_SECONDS).await?;
    println!(
        "load: Kubernetes' own autoscaler asks for 2 replicas, by {}",
        asked_for_two(&surroundings).await?
    );
    replicas(&surroundings, 2).await?;
    println!("load: a second replica serves {:.1?} after a crowd has come", begun.elapsed());
    for client in clients {
        println!("load: {}", answers(&client.end(Duration::from_secs(LOAD_SECONDS) + PATIENCE).await?)?);
    }
    adapter.stop().await?;
    prometheus.stop().await?;
    surroundings.end().await
}

/// The rules of the adapter, as users are told them.
fn documented_rules() -> Result<Value> {
    let path = workspace().join("docs/src/tasks/scale-a-model.md");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let begin = text.find("```yaml\nrules:").context("the page has no rules of an adapter")?;
    let block = text[begin..].trim_start_matches("```yaml\n").split("```").next().unwrap_or_default();
    let rules: Value = serde_saphyr::from_str(block).context("the rules of the page")?;
    Ok(rules["rules"].clone())
}

/// What it has read for each replica when it asks for two.
async fn asked_for_two(surroundings: &Surroundings) -> Result<String> {
    let (namespace, name) = split(MODEL)?;
    let objects = surroundings.governed.objects();
    wait_until("Kubernetes' own autoscaler to ask for more", PATIENCE, async || {
        let found = objects.get(Kind::HorizontalPodAutoscaler, namespace, name).await?;
        let status = &found["status"];
        let read = &status["currentMetrics"][0]["pods"];
        let asks = status["desiredReplicas"] == 2 && condition(&found, "ScalingActive")["status"] == "True";
        let read = format!("{} {}", text(&read["metric"]["name"]), text(&read["current"]["averageValue"]));
        Ok(if asks { Progress::Done(read) } else { Progress::not_yet(status) })
    })
    .await
}
