//! What the operator learns by asking the replica: what the engine says of its model, and whether the network keeps out.

use anyhow::{Result, ensure};
use hemvist_e2e::objects::{condition, text};
use hemvist_e2e::{Progress, wait_until};

use crate::surroundings::{MODEL, PATIENCE, Surroundings};

/// This node's network carries out no NetworkPolicy, and the model says so. No setting of the operator says so.
pub async fn tells_that_nobody_is_kept_out(surroundings: &Surroundings) -> Result<()> {
    isolated(surroundings, "False", "NotEnforced").await?;
    let model = surroundings.governed.model(MODEL).await?;
    let context = &model["status"]["resolved"]["contextLength"];
    let asked = &model["spec"]["engine"]["contextLength"];
    ensure!(context["value"] == *asked, "the engine serves {context}, and {asked} were asked for");
    Ok(())
}

/// From here on the network keeps the operator out of the model's port, and of no other.
pub async fn keep_out(surroundings: &Surroundings) -> Result<()> {
    surroundings.node.keep_machine_out_of(8000).await
}

/// A replica that has come since then is probed again.
pub async fn tells_that_others_are_kept_out(surroundings: &Surroundings) -> Result<()> {
    isolated(surroundings, "True", "EnforcementSeen").await
}

async fn isolated(surroundings: &Surroundings, status: &str, reason: &str) -> Result<()> {
    let reported = wait_until("the model to report its isolation", PATIENCE, async || {
        let model = surroundings.governed.model(MODEL).await?;
        let isolated = condition(&model, "Isolated");
        let is = isolated["status"] == status && isolated["reason"] == reason;
        Ok(if is { Progress::Done(isolated.clone()) } else { Progress::not_yet(isolated.to_string()) })
    })
    .await?;
    println!("Isolated is {status}: {}", text(&reported["message"]));
    Ok(())
}
