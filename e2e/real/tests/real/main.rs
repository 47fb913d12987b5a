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

use anyhow::Result;
use hemvist_e2e_real::machine;

use self::surroundings::{ONE_NODE, Surroundings, serves};

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
