//! Weights that are fetched: a real Job of the operator's, on a real kubelet, from a real store over TLS to a real volume, and
//! what is served then. What fails on the way is reported, and nothing of it is served.

mod fetching;
mod kept_out;
mod stage;

use anyhow::Result;
use hemvist_e2e_real::machine;

use self::stage::{CLAIM, Stage};

use crate::surroundings::ONE_NODE;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and programs that are built once: make e2e-real-weights"]
async fn weights_are_fetched_verified_and_served_on_a_real_node() -> Result<()> {
    if let Some(obstacle) = machine::obstacle() {
        println!("skipped: {obstacle}");
        return Ok(());
    }
    let _alone = ONE_NODE.lock().await;
    let stage = Stage::set().await?;
    fetching::from_the_store_to_the_answer(&stage).await?;
    kept_out::what_is_gone_from_the_volume(&stage).await?;
    let first = stage.serves(&stage.small, CLAIM).await?;
    let second = fetching::goes_on_after_a_kill(&stage, &first).await?;
    kept_out::another_digest(&stage, &second).await?;
    kept_out::what_was_changed_on_the_volume(&stage).await?;
    kept_out::what_does_not_fit(&stage).await?;
    let Stage { surroundings, store, .. } = stage;
    store.stop().await?;
    surroundings.end().await
}
