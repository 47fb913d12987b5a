//! A gateway that carries out routes before a model: its settings, its reports and what it lets through.

use std::time::Instant;

use anyhow::{Result, ensure};
use hemvist_e2e::governed::split;
use hemvist_e2e::interface::{ASKED, CONTROL, METHODS, disguises};
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::{Progress, wait_until};
use hemvist_e2e_real::envoy_gateway::EnvoyGateway;
use hemvist_e2e_real::http::{Answer, Request};
use hemvist_e2e_real::machine;
use serde_json::{Value, json};

use crate::client::{GATEWAY_HOST, question};
use crate::rolling;
use crate::surroundings::{MODEL, ONE_NODE, PATIENCE, Surroundings, serves};

/// The Gateway that the installation names.
const GATEWAY: [&str; 2] = ["ingang", "region"];

/// What the paths of the model begin with at the gateway.
const BELOW: &str = "/oversattning";

/// A host that somebody else's route is for.
const OTHER_HOST: &str = "annan.region.example";

/// The notice in every answer, and how that is written in a header.
const NOTICE: [&str; 2] = ["Frågor: 036-32 10 00.", ":RnLDpWdvcjogMDM2LTMyIDEwIDAwLg==:"];

/// Everything that runs.
struct Bed {
    surroundings: Surroundings,
    gateway: EnvoyGateway,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and programs that are built once: make e2e-real-gateway"]
async fn a_real_gateway_routes_to_the_paths_for_clients_and_to_nothing_else() -> Result<()> {
    if let Some(obstacle) = machine::obstacle() {
        println!("skipped: {obstacle}");
        return Ok(());
    }
    let _alone = ONE_NODE.lock().await;
    let mut bed = Bed::start().await?;
    bed.takes_the_route_once_it_may().await?;
    bed.answers_what_is_asked().await?;
    bed.leads_to_nothing_else().await?;
    bed.controls_nothing_by_a_route_of_somebody_else().await?;
    rolling::loses_no_request_at(&bed.surroundings, bed.chat()).await?;
    bed.end().await
}

impl Bed {
    /// The model asks for the gateway before there is one.
    async fn start() -> Result<Self> {
        let [namespace, name] = GATEWAY;
        let values = [format!("gateway.namespace={namespace}"), format!("gateway.name={name}")];
        let values = values.each_ref().map(String::as_str);
        let mut surroundings = Surroundings::start_with("gateway", &[], &values).await?;
        let access = &mut surroundings.model["spec"]["access"];
        access["gateway"] = json!({"hostname": GATEWAY_HOST, "path": BELOW});
        surroundings.model["spec"]["purpose"]["transparencyNotice"] = json!(NOTICE[0]);
        surroundings.apply_model().await?;
        serves(&surroundings, 0).await?;
        surroundings.says("Routed", "False", "RouteNotServed").await?;
        let kubectl = surroundings.governed.cluster().kubectl()?;
        EnvoyGateway::install_kinds(&kubectl).await?;
        surroundings.says("Routed", "Unknown", "RouteUnanswered").await?;
        let manifests = EnvoyGateway::manifests(GATEWAY).to_string();
        kubectl.run_with_input(&["apply", "-f", "-"], &manifests).await?.success()?;
        let gateway = EnvoyGateway::start(&surroundings.governed, &surroundings.node).await?;
        Ok(Self { surroundings, gateway })
    }

    /// Nobody has said that the gateway takes routes of other namespaces, so it takes none, and the model says so; then
    /// somebody does.
    async fn takes_the_route_once_it_may(&mut self) -> Result<()> {
        let said = self.surroundings.says("Routed", "False", "RouteRefused").await;
        self.gateway.ensure_running()?;
        let said = said?;
        ensure!(said.contains("(NotAllowedByListeners)") && said.contains("allowedRoutes"), "{said}");
        let model = self.surroundings.governed.model(MODEL).await?;
        let ready = condition(&model, "Ready");
        ensure!(
            ready["status"] == "True"
                && text(&ready["message"])
                    .ends_with("The route through the gateway does not work: see the condition Routed."),
            "{ready}"
        );
        let [namespace, name] = GATEWAY;
        let kubectl = self.surroundings.governed.cluster().kubectl()?;
        let change = json!({"spec": {"listeners": [EnvoyGateway::listener("All")]}}).to_string();
        let patch = ["patch", "gateway", name, "--namespace", namespace, "--type=merge", "--patch", &change];
        let begun = Instant::now();
        kubectl.run(&patch).await?.success()?;
        let said = self.surroundings.says("Routed", "True", "RouteAccepted").await?;
        println!("the gateway may take the route: reported {:.1?} later", begun.elapsed());
        ensure!(said.ends_with(&format!("clients ask at {GATEWAY_HOST}{BELOW}/v1.")), "{said}");
        Ok(())
    }

    /// Each listed path, by the name of the model's host alone.
    async fn answers_what_is_asked(&mut self) -> Result<()> {
        self.gateway.listens().await?;
        let question = question(&self.surroundings, 8);
        let chat = format!("{BELOW}/v1/chat/completions");
        let begun = Instant::now();
        let answer = wait_until("an answer through the gateway", PATIENCE, async || {
            let answer = self.ask("POST", GATEWAY_HOST, &chat, &question).await?;
            Ok(if answer.status == 200 {
                Progress::Done(answer)
            } else {
                Progress::not_yet(format!("{answer:?}"))
            })
        })
        .await?;
        println!("answered through the gateway {:.1?} after it listened", begun.elapsed());
        let name = &self.surroundings.model["spec"]["model"]["name"];
        let completion = answer.json()?;
        ensure!(completion["object"] == "chat.completion" && &completion["model"] == name, "{completion}");
        ensure!(answer.header("AI-Transparency-Notice") == Some(NOTICE[1]), "{}", answer.head);
        for (method, path) in ASKED {
            let below = format!("{BELOW}{path}");
            let answer = self.ask(method, GATEWAY_HOST, &below, &question).await?;
            // What the engine makes of it is its own affair: this one has no embeddings.
            ensure!(answer.header("AI-Transparency-Notice").is_some(), "{method} {below}: {answer:?}");
            println!("{method} {below}: {}", answer.status);
            for [host, path] in [[OTHER_HOST, below.as_str()], [GATEWAY_HOST, path]] {
                let answer = self.ask(method, host, path, &question).await?;
                ensure!(answer.status == 404, "{method} {path} of {host}: {answer:?}");
            }
        }
        Ok(())
    }

    /// Whatever controls, however it is written and by whichever method: none of it comes to a replica.
    async fn leads_to_nothing_else(&self) -> Result<()> {
        let noted = self.noted("models?before").await?.len();
        let mut tried = 0;
        for control in CONTROL {
            for path in disguises(control, BELOW) {
                for method in METHODS {
                    let answer = self.ask(method, GATEWAY_HOST, &path, "").await?;
                    ensure!(answer.status >= 300, "{method} {path}: {answer:?}");
                    tried += 1;
                }
            }
        }
        let noted = self.noted("models?after").await?.split_off(noted);
        let led: Vec<_> = noted.iter().filter(|one| is_led(one)).collect();
        ensure!(noted.len() > tried && led.len() == 1, "led of {}: {led:#?}", noted.len());
        println!("{} control paths tried in {tried} ways at the gateway: 0 led to a replica", CONTROL.len());
        Ok(())
    }

    /// Somebody who may make routes makes one to the same Service, for everything. The proxy beside the engine refuses what the
    /// gateway then lets through.
    async fn controls_nothing_by_a_route_of_somebody_else(&self) -> Result<()> {
        let (namespace, name) = split(MODEL)?;
        let route = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"namespace": namespace, "name": "allt"},
            "spec": {
                "parentRefs": [{"namespace": GATEWAY[0], "name": GATEWAY[1]}],
                "hostnames": [OTHER_HOST],
                "rules": [{"backendRefs": [{"name": name, "port": 8000}]}],
            },
        });
        self.surroundings.governed.objects().create(&route).await?;
        wait_until("the other route to lead", PATIENCE, async || {
            let answer = self.ask("GET", OTHER_HOST, "/v1/models", "").await?;
            Ok(Progress::when(answer.status == 200, format!("{answer:?}")))
        })
        .await?;
        let noted = self.noted("models?before-others").await?.len();
        for control in CONTROL {
            for method in METHODS {
                let answer = self.ask(method, OTHER_HOST, control, "").await?;
                ensure!(answer.status >= 400, "{method} {control}: {answer:?}");
            }
        }
        let noted = self.noted("models?after-others").await?.split_off(noted);
        let led = noted.iter().filter(|one| is_led(one)).count();
        // All but those by a method that no gateway leads.
        ensure!(led > CONTROL.len() * (METHODS.len() - 1), "only {led} of {} were led", noted.len());
        println!("{led} requests that control were led by a route of somebody else: 0 answered");
        self.surroundings.governed.objects().delete(Kind::HTTPRoute, namespace, "allt").await?;
        Ok(())
    }

    /// What the gateway has noted, once it has noted a last request to a listed path, which says when that is.
    async fn noted(&self, last: &str) -> Result<Vec<Value>> {
        let path = format!("{BELOW}/v1/{last}");
        let answer = self.ask("GET", GATEWAY_HOST, &path, "").await?;
        ensure!(answer.status == 200, "{path}: {answer:?}");
        wait_until("the gateway to note what it was asked", PATIENCE, async || {
            let noted = self.gateway.noted()?;
            let is_last = |one: &Value| text(&one["x-envoy-origin-path"]).ends_with(last);
            let found = noted.iter().any(is_last);
            Ok(if found { Progress::Done(noted) } else { Progress::not_yet(noted.len()) })
        })
        .await
    }

    async fn ask(&self, method: &str, host: &str, path: &str, body: &str) -> Result<Answer> {
        Request { method, host, path, body }.send(self.gateway.address()).await
    }

    /// Where a client in a pod asks.
    fn chat(&self) -> String {
        format!("http://{GATEWAY_HOST}:{}{BELOW}/v1/chat/completions", self.gateway.address().port())
    }

    /// The model asks for no gateway any more; then everything ends.
    async fn end(self) -> Result<()> {
        let Self { surroundings, gateway } = self;
        let (namespace, name) = split(MODEL)?;
        let objects = surroundings.governed.objects();
        let change = json!({"spec": {"access": {"gateway": null}}});
        objects.merge(Kind::ModelDeployment, namespace, name, &change).await?;
        wait_until("the route to be gone", PATIENCE, async || {
            let route = objects.find(Kind::HTTPRoute, namespace, name).await?;
            let model = surroundings.governed.model(MODEL).await?;
            let routed = condition(&model, "Routed");
            Ok(Progress::when(route.is_none() && routed.is_null(), format!("{routed}")))
        })
        .await?;
        gateway.stop().await?;
        surroundings.end().await
    }
}

/// Whether a request that the gateway has noted came to anybody.
fn is_led(noted: &Value) -> bool {
    noted["upstream_host"].as_str().is_some_and(|host| !host.is_empty() && host != "-")
}
