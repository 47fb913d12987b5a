//! Two replicas, and clients that never stop asking while a new version takes over.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hemvist_e2e::governed::split;
use hemvist_e2e::objects::{Kind, condition};
use hemvist_e2e::{Progress, wait_until};
use serde_json::{Value, json};

use crate::client::{Client, address, question};
use crate::surroundings::{CONSUMER, MODEL, PATIENCE, Surroundings, serves};

/// How long is asked: two replicas are replaced one after the other, each with its time to drain.
const SECONDS: u64 = 75;

/// Fewer requests would show little.
const AT_LEAST: u64 = 2000;

/// Nobody who asks notices anything.
pub async fn loses_no_request(surroundings: &Surroundings) -> Result<()> {
    loses_no_request_at(surroundings, address(surroundings).await?).await
}

/// Nobody who asks at this address notices anything.
pub async fn loses_no_request_at(surroundings: &Surroundings, address: String) -> Result<()> {
    let (namespace, name) = split(MODEL)?;
    let kubectl = surroundings.governed.cluster().kubectl()?;
    let scale = ["scale", "modeldeployment", name, "--namespace", namespace, "--replicas=2"];
    kubectl.run(&scale).await?.success()?;
    replicas(surroundings, 2).await?;
    let ask =
        ["load".to_owned(), address, question(surroundings, 4), SECONDS.to_string(), AT_LEAST.to_string()];
    let client = Client::start(surroundings, [CONSUMER, "load"], &ask).await?;
    // It asks already when the rollout begins.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let begun = Instant::now();
    let change = json!({"spec": {"engine": {"contextLength": 1024}}});
    surroundings.governed.objects().merge(Kind::ModelDeployment, namespace, name, &change).await?;
    let before: Vec<_> = surroundings.governed.pods(MODEL).await?;
    wait_until("a new version to take over", PATIENCE, async || {
        let pods = surroundings.governed.pods(MODEL).await?;
        let old =
            before.iter().any(|old| pods.iter().any(|pod| pod["metadata"]["uid"] == old["metadata"]["uid"]));
        let model = surroundings.governed.model(MODEL).await?;
        let ready = condition(&model, "Ready");
        Ok(Progress::when(!old && pods.len() == 2 && ready["status"] == "True", ready))
    })
    .await?;
    let took = begun.elapsed();
    let said = client.end(Duration::from_secs(SECONDS) + PATIENCE).await?;
    let reported: Value = serde_json::from_str(&said).with_context(|| format!("the client said {said:?}"))?;
    println!("a new version took over from two replicas in {took:.1?}; meanwhile: {reported}");
    ensure!(took < Duration::from_secs(SECONDS - 3), "the load ended before the rollout");
    ensure!(reported["failed"] == 0, "requests were lost: {reported}");
    ensure!(reported["requests"].as_u64() >= Some(AT_LEAST), "fewer than {AT_LEAST} requests: {reported}");
    let scale = ["scale", "modeldeployment", name, "--namespace", namespace, "--replicas=1"];
    kubectl.run(&scale).await?.success()?;
    replicas(surroundings, 1).await?;
    serves(surroundings, 0).await?;
    Ok(())
}

async fn replicas(surroundings: &Surroundings, wanted: usize) -> Result<()> {
    wait_until("the replicas", PATIENCE, async || {
        let model = surroundings.governed.model(MODEL).await?;
        let pods = surroundings.governed.pods(MODEL).await?;
        let ready = condition(&model, "Ready");
        let reached = model["status"]["readyReplicas"] == json!(wanted) && pods.len() == wanted;
        Ok(Progress::when(reached && ready["status"] == "True", ready))
    })
    .await
}
