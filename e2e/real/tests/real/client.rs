//! A client in a namespace that may use the model.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use hemvist_e2e::governed::split;
use hemvist_e2e::objects::{Kind, text};
use hemvist_e2e::{Progress, wait_until};
use hemvist_e2e_real::engine::CLIENT;
use hemvist_e2e_real::node;
use serde_json::{Value, json};

use crate::PATIENCE;
use crate::surroundings::{CONSUMER, MODEL, Surroundings};

const NAME: &str = "client";

/// Runs a pod that asks through the model's Service, and reads the answer.
pub async fn gets_an_answer(surroundings: &Surroundings) -> Result<()> {
    let (namespace, name) = split(MODEL)?;
    let objects = surroundings.governed.objects();
    let service = objects.get(Kind::Service, namespace, name).await?;
    let pod = pod(surroundings, &service);
    let begun = Instant::now();
    objects.create(&pod).await?;
    wait_until("the client to have its answer", PATIENCE, async || {
        let pod = objects.get(Kind::Pod, CONSUMER, NAME).await?;
        let phase = text(&pod["status"]["phase"]).to_owned();
        ensure!(
            phase != "Failed" || !log(surroundings).await?.is_empty(),
            "the client failed without a word"
        );
        Ok(Progress::when(phase == "Succeeded" || phase == "Failed", &pod["status"]))
    })
    .await?;
    let answer = log(surroundings).await?;
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
    objects.delete(Kind::Pod, CONSUMER, NAME).await?;
    wait_until("the client to be gone", PATIENCE, async || {
        let pod = objects.find(Kind::Pod, CONSUMER, NAME).await?;
        Ok(Progress::when(pod.is_none(), "still there"))
    })
    .await
}

async fn log(surroundings: &Surroundings) -> Result<String> {
    let kubectl = surroundings.governed.cluster().kubectl()?;
    kubectl.run(&["logs", "--namespace", CONSUMER, NAME]).await?.success()
}

fn pod(surroundings: &Surroundings, service: &Value) -> Value {
    let model = text(&surroundings.model["spec"]["model"]["name"]);
    let (namespace, name) = (text(&service["metadata"]["namespace"]), text(&service["metadata"]["name"]));
    let host = format!("{name}.{namespace}.svc");
    let question = json!({
        "model": model,
        "messages": [{"role": "user", "content": "Hej!"}],
        "max_tokens": 8,
    });
    let url = format!("http://{host}:{}/v1/chat/completions", service["spec"]["ports"][0]["port"]);
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": CONSUMER, "name": NAME},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            // Simulated nodes run nothing.
            "nodeSelector": {"kubernetes.io/hostname": node::NAME},
            // No server of names runs here.
            "hostAliases": [{"ip": service["spec"]["clusterIP"], "hostnames": [host]}],
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "client",
                "image": surroundings.images.client.reference(),
                "command": [CLIENT, url, question.to_string()],
            }],
        },
    })
}
