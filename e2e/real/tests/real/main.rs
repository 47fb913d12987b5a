//! A model of the examples on a real node. `make e2e-real` builds what it needs and runs it.

#![allow(clippy::print_stdout, reason = "what was seen is shown with --show-output")]

mod autoscaling;
mod changes;
mod client;
mod control_paths;
mod crowd;
mod custom_metrics;
mod failures;
mod gateway;
mod inspection;
mod promises;
mod rolling;
mod surroundings;
mod weights;
mod zero;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hemvist_e2e::objects::condition;
use hemvist_e2e::{Progress, wait_until};
use hemvist_e2e_real::{machine, node};
use serde_json::Value;
use tokio::sync::Mutex;

use self::surroundings::{MODEL, Surroundings};

/// How long anything may take; most of it is seconds. A kubelet clears dead containers away once a minute, and the garbage
/// collector of a new cluster learns of new kinds every half minute.
const PATIENCE: Duration = Duration::from_mins(2);

/// A replica sets 11 GiB aside and a machine has few processors: the tests take turns.
static ONE_NODE: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and programs that are built once: make e2e-real"]
async fn a_model_of_the_examples_answers_on_a_real_node() -> Result<()> {
    if let Some(obstacle) = machine::obstacle() {
        println!("skipped: {obstacle}");
        return Ok(());
    }
    let _alone = ONE_NODE.lock().await;
    let surroundings = Surroundings::start().await?;
    surroundings.apply_model().await?;
    let pod = serves(&surroundings, 0).await?;
    client::gets_an_answer(&surroundings).await?;
    promises::are_kept(&surroundings, &pod).await?;
    control_paths::are_not_answered(&surroundings, &pod).await?;
    inspection::tells_that_nobody_is_kept_out(&surroundings).await?;
    changes::an_engine_that_is_killed_comes_back(&surroundings, &pod).await?;
    client::gets_an_answer(&surroundings).await?;
    changes::an_update_takes_over(&surroundings, &pod).await?;
    client::gets_an_answer(&surroundings).await?;
    rolling::loses_no_request(&surroundings).await?;
    zero::starts_with_the_first_request(&surroundings).await?;
    inspection::keep_out(&surroundings).await?;
    changes::a_drained_node_is_left_and_taken_again(&surroundings).await?;
    inspection::tells_that_others_are_kept_out(&surroundings).await?;
    client::gets_an_answer(&surroundings).await?;
    changes::what_is_deleted_is_gone(&surroundings).await?;
    surroundings.end().await
}

/// Waits until the model is ready with a pod on the real node whose engine was started anew this often.
async fn serves(surroundings: &Surroundings, restarts: u64) -> Result<Value> {
    let begun = Instant::now();
    let pod = wait_until("the model to serve from the real node", PATIENCE, async || {
        let model = surroundings.governed.model(MODEL).await?;
        let pods = surroundings.governed.pods(MODEL).await?;
        let ready = condition(&model, "Ready");
        let pod = pods.into_iter().find(|pod| {
            let status = &pod["status"]["containerStatuses"][0];
            status["ready"] == true && status["restartCount"].as_u64() >= Some(restarts)
        });
        Ok(match pod {
            Some(pod) if ready["status"] == "True" => Progress::Done(pod),
            pod => Progress::not_yet(format!("{ready}; {:?}", pod.map(|pod| pod["status"].clone()))),
        })
    })
    .await
    .with_context(|| format!("see {}", surroundings.node.folder().display()))?;
    ensure!(pod["spec"]["nodeName"] == node::NAME, "the pod is on {}", pod["spec"]["nodeName"]);
    println!("{MODEL} serves from the real node after {:.1?}", begun.elapsed());
    Ok(pod)
}
