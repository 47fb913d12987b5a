//! What can fail, made to fail on the real node: status has the reason soon, keeps it, and needs no hand to lose it.

mod of_the_node;
mod of_the_replica;
pub mod watch;

use std::time::Duration;

use anyhow::{Result, ensure};
use hemvist_e2e_real::machine;

use self::watch::Row;
use crate::surroundings::{ONE_NODE, Surroundings, serves};

/// How long status may take to say what has happened.
const PROMPT: Duration = Duration::from_secs(30);

/// How long a reason is watched: longer than the kubelet's first waits between two attempts, of 10 and 20 seconds.
const HOLD: Duration = Duration::from_secs(35);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and programs that are built once: make e2e-real"]
async fn failures_are_reported_and_pass_by_themselves() -> Result<()> {
    if let Some(obstacle) = machine::obstacle() {
        println!("skipped: {obstacle}");
        return Ok(());
    }
    let _alone = ONE_NODE.lock().await;
    let mut surroundings = Surroundings::start().await?;
    surroundings.apply_model().await?;
    serves(&surroundings, 0).await?;
    let mut rows = of_the_replica::all(&surroundings).await?;
    rows.extend(of_the_node::all(&mut surroundings).await?);
    table(&rows);
    let failed: Vec<_> = rows.iter().filter_map(Row::fault).collect();
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    surroundings.end().await
}

fn table(rows: &[Row]) {
    println!("| failure | reason | reported after | serves again after |");
    println!("|---|---|---:|---:|");
    for row in rows {
        println!("{row}");
    }
}
