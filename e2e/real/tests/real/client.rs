//! Clients: pods that ask, in the namespace that may and in one that may not.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hemvist_e2e::governed::split;
use hemvist_e2e::objects::{Kind, text};
use hemvist_e2e::{Progress, wait_until};
use hemvist_e2e_real::engine::CLIENT;
use hemvist_e2e_real::node;
use serde_json::{Value, json};

use crate::surroundings::{CONSUMER, MODEL, PATIENCE, Surroundings};

/// The host under which a gateway on the node is asked, where there is one.
pub const GATEWAY_HOST: &str = "ai.region.example";

/// A pod that runs the client's program.
pub struct Client<'a> {
    surroundings: &'a Surroundings,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Client<'a> {
    /// Starts it, with these arguments.
    pub async fn start(
        surroundings: &'a Surroundings,
        [namespace, name]: [&'a str; 2],
        arguments: &[String],
    ) -> Result<Self> {
        let service = service(surroundings).await?;
        let command: Vec<_> = [CLIENT.to_owned()].into_iter().chain(arguments.iter().cloned()).collect();
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": namespace, "name": name},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": false,
                // Simulated nodes run nothing.
                "nodeSelector": {"kubernetes.io/hostname": node::NAME},
                // No server of names runs here.
                "hostAliases": [
                    {"ip": service["spec"]["clusterIP"], "hostnames": [host(&service)]},
                    {"ip": surroundings.node.address(), "hostnames": [GATEWAY_HOST]},
                ],
                "terminationGracePeriodSeconds": 0,
                "containers": [{
                    "name": "client",
                    "image": surroundings.images.client.reference(),
                    "command": command,
                }],
            },
        });
        surroundings.governed.objects().create(&pod).await?;
        Ok(Self { surroundings, namespace, name })
    }

    /// Waits until it has ended, removes it, and gives what it said.
    pub async fn end(self, patience: Duration) -> Result<String> {
        let Self { surroundings, namespace, name } = self;
        let objects = surroundings.governed.objects();
        wait_until("the client to end", patience, async || {
            let pod = objects.get(Kind::Pod, namespace, name).await?;
            let phase = text(&pod["status"]["phase"]);
            Ok(Progress::when(["Succeeded", "Failed"].contains(&phase), &pod["status"]))
        })
        .await?;
        let kubectl = surroundings.governed.cluster().kubectl()?;
        let said = kubectl.run(&["logs", "--namespace", namespace, name]).await?.success()?;
        objects.delete(Kind::Pod, namespace, name).await?;
        wait_until("the client to be gone", PATIENCE, async || {
            let pod = objects.find(Kind::Pod, namespace, name).await?;
            Ok(Progress::when(pod.is_none(), "still there"))
        })
        .await?;
        Ok(said)
    }
}

/// The address at which the model answers questions.
pub async fn address(surroundings: &Surroundings) -> Result<String> {
    let service = service(surroundings).await?;
    let port = &service["spec"]["ports"][0]["port"];
    Ok(format!("http://{}:{port}/v1/chat/completions", host(&service)))
}

/// A question for some tokens.
pub fn question(surroundings: &Surroundings, tokens: u32) -> String {
    let model = text(&surroundings.model["spec"]["model"]["name"]);
    let messages = json!([{"role": "user", "content": "Hej!"}]);
    json!({"model": model, "messages": messages, "max_tokens": tokens}).to_string()
}

/// Runs a pod that asks through the model's Service, and reads the answer.
pub async fn gets_an_answer(surroundings: &Surroundings) -> Result<()> {
    let begun = Instant::now();
    let ask = ["ask".to_owned(), address(surroundings).await?, question(surroundings, 8)];
    let client = Client::start(surroundings, [CONSUMER, "client"], &ask).await?;
    let answer = client.end(PATIENCE).await?;
    let completion: Value =
        serde_json::from_str(&answer).with_context(|| format!("the client got {answer:?}"))?;
    let model = text(&surroundings.model["spec"]["model"]["name"]);
    ensure!(
        completion["object"] == "chat.completion" && completion["model"] == model,
        "the client got {answer}"
    );
    ensure!(completion["usage"]["completion_tokens"].as_u64() > Some(0), "no token was made: {answer}");
    println!(
        "a pod in {CONSUMER} got {} tokens of {model} through the Service, {:.1?} after it was made",
        completion["usage"]["completion_tokens"],
        begun.elapsed()
    );
    Ok(())
}

async fn service(surroundings: &Surroundings) -> Result<Value> {
    let (namespace, name) = split(MODEL)?;
    surroundings.governed.objects().get(Kind::Service, namespace, name).await
}

fn host(service: &Value) -> String {
    let metadata = &service["metadata"];
    format!("{}.{}.svc", text(&metadata["name"]), text(&metadata["namespace"]))
}
