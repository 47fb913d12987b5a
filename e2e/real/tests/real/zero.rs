//! A model that stops altogether and is started by the first request: how long whoever asks first has to wait.
//!
//! KEDA's kind is there, and KEDA is not: what it would write is written under its name. What is real is all that comes of
//! it, from the number of replicas to the answer. In `autoscaling.rs` KEDA runs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hemvist_e2e::governed::split;
use hemvist_e2e::models::scaling;
use hemvist_e2e::objects::{Kind, condition};
use hemvist_e2e::optional_crds::OptionalCrd;
use hemvist_e2e::{Progress, wait_until};
use serde_json::{Value, json};

use crate::client::{Client, address, question};
use crate::surroundings::{CONSUMER, MODEL, PATIENCE, Surroundings, serves};

/// Who scales for KEDA.
const KEDA: &str = "system:serviceaccount:keda:keda-operator";

/// Somebody asks while nobody serves, and goes on asking until there is an answer.
pub async fn starts_with_the_first_request(surroundings: &Surroundings) -> Result<()> {
    let (namespace, name) = split(MODEL)?;
    let governed = &surroundings.governed;
    OptionalCrd::ScaledObject.install(governed.cluster()).await?;
    let mut scaled = scaling(0, 2);
    scaled["schedule"] = json!([{
        "name": "natt", "start": "0 3 * * *", "end": "0 4 * * *", "timeZone": "Europe/Stockholm", "replicas": 1,
    }]);
    let change = json!({"spec": {"replicas": null, "scaling": scaled}});
    governed.objects().merge(Kind::ModelDeployment, namespace, name, &change).await?;
    wait_until("the model to be KEDA's to scale", PATIENCE, async || {
        let found = governed.objects().find(Kind::ScaledObject, namespace, name).await?;
        Ok(Progress::when(found.is_some(), "it is not there"))
    })
    .await?;
    let keda = governed.objects_of(KEDA).await?;
    let workload = workload(surroundings).await?;
    keda.scale(Kind::Deployment, namespace, &workload, 0).await?;
    // A replica on its way out still answers where there is no other, so it has to be gone.
    let selector = format!("hemvist.dev/model-deployment={name}");
    wait_until("the model to have stopped", PATIENCE, async || {
        let model = governed.model(MODEL).await?;
        let pods = governed.objects().list(Kind::Pod, namespace, &selector).await?;
        let ready = condition(&model, "Ready");
        let stopped = ready["status"] == "True" && ready["reason"] == "ScaledToZero" && pods.is_empty();
        Ok(Progress::when(stopped, ready))
    })
    .await?;
    let ask = ["ask".to_owned(), address(surroundings).await?, question(surroundings, 1)];
    let client = Client::start(surroundings, [CONSUMER, "first"], &ask).await?;
    // It asks, and nobody answers.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let begun = Instant::now();
    keda.scale(Kind::Deployment, namespace, &workload, 1).await?;
    let said = client.end(PATIENCE).await?;
    let took = begun.elapsed();
    let answer: Value =
        serde_json::from_str(&said).with_context(|| format!("the first client got {said:?}"))?;
    ensure!(answer["object"] == "chat.completion", "the first client got {said}");
    println!("from no replica to the first answer: {took:.1?} after the number of replicas was written");
    let change = json!({"spec": {"replicas": 1, "scaling": null}});
    governed.objects().merge(Kind::ModelDeployment, namespace, name, &change).await?;
    wait_until("the model to be scaled by hand again", PATIENCE, async || {
        let found = governed.objects().find(Kind::ScaledObject, namespace, name).await?;
        Ok(Progress::when(found.is_none(), "KEDA's object is there"))
    })
    .await?;
    serves(surroundings, 0).await?;
    Ok(())
}

/// The name of the model's Deployment.
pub async fn workload(surroundings: &Surroundings) -> Result<String> {
    let model = surroundings.governed.model(MODEL).await?;
    let children = model["status"]["children"].as_array();
    let deployment = children.into_iter().flatten().find(|child| child["kind"] == "Deployment");
    let name = deployment.and_then(|child| child["name"].as_str());
    name.map(str::to_owned).context("a model without a Deployment")
}
