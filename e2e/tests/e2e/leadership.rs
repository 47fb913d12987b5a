//! One operator leads, another stands by: who leads when one ends, dies, or cannot reach the API server for a while.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hemvist_e2e::governed::{Governed, PATIENCE};
use hemvist_e2e::installation::ROOT_NAMESPACE;
use hemvist_e2e::models::{model, region_policy};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{Kind, text};
use hemvist_e2e::{Component, Options, Progress, wait_until};

/// How long the API server is away.
const OUTAGE: Duration = Duration::from_secs(10);

/// How long an operator may take to end when it is asked to.
const LONGEST_END: Duration = Duration::from_secs(10);

async fn governed(name: &str) -> Result<Governed> {
    let governed = Governed::start_without_admission(Options::new(name)).await?;
    let node = SimulatedNode::new("node").gpus(Gpu::L40S, 8).cleared("se-f", "jkpg-a", "Sensitive");
    node.create(&governed.cluster().client()).await?;
    governed.create_namespaces(&["teknik"]).await?;
    governed.objects().create(&region_policy()).await?;
    Ok(governed)
}

/// The name of the one Lease in the root namespace, and who holds it.
async fn holder(governed: &Governed) -> Result<String> {
    let leases = governed.objects().list(Kind::Lease, ROOT_NAMESPACE, "").await?;
    ensure!(leases.len() == 1, "{} leases in {ROOT_NAMESPACE}", leases.len());
    Ok(text(&leases[0]["spec"]["holderIdentity"]).to_owned())
}

async fn wait_for_holder(governed: &Governed, wanted: &str) -> Result<()> {
    wait_until(&format!("{wanted:?} to hold the lease"), PATIENCE, async || {
        let holder = holder(governed).await?;
        Ok(Progress::when(holder == wanted, holder))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standby_takes_over_and_an_end_gives_the_lease_back() -> Result<()> {
    let governed = governed("leadership").await?;
    let first = governed.operator("first")?;
    wait_for_holder(&governed, "first").await?;
    let mut second = governed.operator("second")?;
    governed.objects().create(&model("teknik", "before")).await?;
    governed.wait_for_reason("teknik/before", "Serving").await?;
    ensure!(holder(&governed).await? == "first", "the standby took the lease from a living leader");

    first.kill()?;
    governed.objects().create(&model("teknik", "after")).await?;
    governed.wait_for_reason("teknik/after", "Serving").await?;
    ensure!(holder(&governed).await? == "second");

    second.process().stop(LONGEST_END).await?;
    let status = second.process().exit_status()?.context("it has not ended")?;
    ensure!(status.success(), "it did not end in order within {LONGEST_END:?}: {status}");
    ensure!(holder(&governed).await?.is_empty(), "the lease was not given back");

    // What was given back can be taken at once.
    let third = governed.operator("third")?;
    wait_for_holder(&governed, "third").await?;
    governed.end(vec![third], 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_api_server_restarts_no_pod() -> Result<()> {
    let mut governed = governed("outage").await?;
    // With the chart's own times: those of the tests are shorter than the outage, and then giving up is right.
    let mut options = governed.installation().operator("hemvist-operator")?;
    options.arguments.retain(|argument| !argument.contains("-seconds="));
    let mut operator = governed.installation().start(&options)?;
    governed.objects().create(&model("teknik", "before")).await?;
    governed.wait_for_reason("teknik/before", "Serving").await?;

    governed.cluster_mut().kill_component(Component::ApiServer)?;
    tokio::time::sleep(OUTAGE).await;
    operator.process().ensure_running()?;
    governed.cluster_mut().start_component(Component::ApiServer).await?;

    governed.objects().create(&model("teknik", "after")).await?;
    governed.wait_for_reason("teknik/after", "Serving").await?;
    governed.wait_for_reason("teknik/before", "Serving").await?;
    // What it was told before the outage is still watched: a deletion is undone.
    governed.objects().delete(Kind::Deployment, "teknik", "before--open").await?;
    wait_until("the deleted Deployment to be made again", PATIENCE, async || {
        let found = governed.objects().find(Kind::Deployment, "teknik", "before--open").await?;
        Ok(Progress::when(found.is_some(), "none"))
    })
    .await?;
    governed.wait_for_reason("teknik/before", "Serving").await?;
    operator.process().ensure_running()?;
    governed.end(vec![operator], 3).await
}
