//! Many who ask at the same time, and the replicas that come of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hemvist_e2e::objects::condition;
use hemvist_e2e::{Progress, wait_until};
use serde_json::Value;

use crate::client::{Client, address, question};
use crate::surroundings::{CONSUMER, MODEL, Surroundings};

/// Pods that ask at the same time, six askers each: more than a replica answers at once and lets wait.
pub const CROWD: [&str; 3] = ["load-1", "load-2", "load-3"];

/// Tokens of an answer that takes long enough for the next request to wait.
pub const LONG: u32 = 400;

/// How long an autoscaler may take to decide, and a replica to come.
const DECISION: Duration = Duration::from_mins(2);

/// Has pods of these names ask through the model's Service for so long, each time for so many tokens.
pub async fn crowd<'a>(
    surroundings: &'a Surroundings,
    names: &[&'static str],
    tokens: u32,
    seconds: u64,
) -> Result<Vec<Client<'a>>> {
    let mut clients = Vec::new();
    for name in names {
        let ask = [
            "load".to_owned(),
            address(surroundings).await?,
            question(surroundings, tokens),
            seconds.to_string(),
            "1".to_owned(),
        ];
        clients.push(Client::start(surroundings, [CONSUMER, name], &ask).await?);
    }
    Ok(clients)
}

/// What became of a load of which nothing may have failed.
pub fn answers(said: &str) -> Result<Value> {
    let reported: Value = serde_json::from_str(said).with_context(|| format!("a client said {said:?}"))?;
    ensure!(reported["failed"] == 0, "requests were lost: {reported}");
    Ok(reported)
}

/// Waits until so many replicas serve.
pub async fn replicas(surroundings: &Surroundings, wanted: u64) -> Result<()> {
    wait_until(&format!("{wanted} replicas"), DECISION, async || {
        let model = surroundings.governed.model(MODEL).await?;
        let pods = surroundings.governed.pods(MODEL).await?.len();
        let ready = condition(&model, "Ready");
        let reached = model["status"]["readyReplicas"] == wanted && ready["status"] == "True";
        Ok(Progress::when(reached, format!("{ready}, {pods} pods")))
    })
    .await
}
