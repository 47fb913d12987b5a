//! What is settled is left alone: no write in a minute, none after a restart, and no write too many for a new model.
//!
//! The leader renews its Lease all the time, which is a write to one object of its own. Those are counted apart.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use hemvist_e2e::audit::Position;
use hemvist_e2e::governed::{Governed, PATIENCE};
use hemvist_e2e::installation::ROOT_NAMESPACE;
use hemvist_e2e::models::{child_name, model, region_policy};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{Kind, condition};
use hemvist_e2e::{Component, Options, Progress, wait_until};
use serde_json::Value;

const MODELS: usize = 50;

/// How long nothing is to be written.
const QUIET_TIME: Duration = Duration::from_mins(1);

/// How long nothing is to be written after a restart, and after the last write for a new model.
const SHORT_WAIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_settled_costs_no_write_and_a_new_model_one_for_each_object() -> Result<()> {
    let mut governed = Governed::start(Options::new("quiet")).await?;
    let node = SimulatedNode::new("node").gpus(Gpu::L40S, 64).cleared("se-f", "jkpg-a", "Sensitive");
    let node = node.resource("cpu", "1000").resource("memory", "16Ti").resource("ephemeral-storage", "64Ti");
    node.create(&governed.cluster().client()).await?;
    governed.create_namespaces(&["teknik"]).await?;
    governed.objects().create(&region_policy()).await?;
    let operator = governed.operator("first")?;
    // Until the policy is in force, the API server lets no model in.
    governed.wait_until_enforced("hemvist-system/region").await?;
    for number in 0..MODELS {
        governed.objects().create(&model("teknik", &format!("model-{number}"))).await?;
    }
    wait_until_all_serve(&governed, MODELS).await?;
    wait_for_tally(&governed, MODELS).await?;
    wait_for_events(&governed, MODELS).await?;

    let since = governed.cluster().audit_log().position()?;
    tokio::time::sleep(QUIET_TIME).await;
    nothing_was_written(&governed, since)?;
    ensure!(
        renewals(&governed, since)? > 0,
        "the leader did not renew its lease: is the audit log read at all?"
    );

    let since = governed.cluster().audit_log().position()?;
    operator.stop().await?;
    let operator = governed.operator("second")?;
    wait_until("the new operator to lead", PATIENCE, async || {
        let lease = governed.objects().list(Kind::Lease, ROOT_NAMESPACE, "").await?;
        Ok(Progress::when(
            lease.iter().any(|lease| lease["spec"]["holderIdentity"] == "second"),
            "another one",
        ))
    })
    .await?;
    tokio::time::sleep(SHORT_WAIT).await;
    nothing_was_written(&governed, since)?;

    // Nobody acts on what is made: with every replica that comes and is bound there is news to write.
    for component in [Component::Scheduler, Component::ControllerManager] {
        governed.cluster_mut().stop_component(component).await?;
    }
    a_new_model_costs_one_write_for_each_object(&governed).await?;
    for component in [Component::ControllerManager, Component::Scheduler] {
        governed.cluster_mut().start_component(component).await?;
    }
    wait_until_all_serve(&governed, MODELS + 1).await?;
    governed.end(vec![operator], MODELS + 1).await
}

async fn wait_until_all_serve(governed: &Governed, count: usize) -> Result<()> {
    wait_until(&format!("{count} models to serve"), PATIENCE, async || {
        let models = governed.objects().list(Kind::ModelDeployment, "", "").await?;
        let serving = |model: &&Value| condition(model, "Ready")["reason"] == "Serving";
        let serving = models.iter().filter(serving).count();
        Ok(Progress::when(serving == count, format!("{serving} serve")))
    })
    .await
}

/// The policy counts a little later than the models settle.
async fn wait_for_tally(governed: &Governed, count: usize) -> Result<()> {
    let counts = |policy: &Value| policy["status"]["boundModelDeployments"] == count;
    governed.wait_for_policy("hemvist-system/region", &format!("count {count}"), counts).await.map(|_| ())
}

/// The Events of a model are written after its status, by a task of its own.
async fn wait_for_events(governed: &Governed, count: usize) -> Result<()> {
    let kubectl = governed.cluster().kubectl()?;
    wait_until(&format!("{count} models to have Events"), PATIENCE, async || {
        let reported =
            ["get", "events", "--namespace=teknik", "--field-selector=reason=Serving", "--output=name"];
        let reported = kubectl.run(&reported).await?.success()?.lines().count();
        Ok(Progress::when(reported == count, format!("{reported} have Events")))
    })
    .await
}

fn nothing_was_written(governed: &Governed, since: Position) -> Result<()> {
    let writes = counted(governed, since)?;
    ensure!(writes.is_empty(), "though all was settled, the operator wrote {writes:#?}");
    println!("0 writes, and {} renewals of the lease", renewals(governed, since)?);
    Ok(())
}

/// Attempts of all kinds, whether they succeeded or not, by object.
fn counted(governed: &Governed, since: Position) -> Result<BTreeMap<String, usize>> {
    let mut counted = BTreeMap::new();
    for record in governed.requests(since)? {
        if record.is_write() && record.resource != "leases" {
            let object = format!("{} {} {}/{}", record.verb, record.what(), record.namespace, record.name);
            *counted.entry(object).or_default() += 1;
        }
    }
    Ok(counted)
}

fn renewals(governed: &Governed, since: Position) -> Result<usize> {
    let requests = governed.requests(since)?;
    Ok(requests.iter().filter(|record| record.is_write() && record.resource == "leases").count())
}

async fn a_new_model_costs_one_write_for_each_object(governed: &Governed) -> Result<()> {
    let since = governed.cluster().audit_log().position()?;
    governed.objects().create(&model("teknik", "new")).await?;
    governed
        .wait_for_model("teknik/new", "be carried out", |model| {
            model["status"]["children"]
                .as_array()
                .is_some_and(|children| children.len() == Kind::CHILDREN.len())
        })
        .await?;
    wait_for_tally(governed, MODELS + 1).await?;
    tokio::time::sleep(SHORT_WAIT).await;
    let written = counted(governed, since)?;
    let children = Kind::CHILDREN
        .map(|kind| format!("patch {} teknik/{}", kind.plural(), child_name(kind, "new", "Open")));
    let statuses =
        ["patch modeldeployments/status teknik/new", "patch aipolicies/status hemvist-system/region"];
    let expected = children.into_iter().chain(statuses.map(str::to_owned)).map(|object| (object, 1));
    let expected: BTreeMap<String, usize> = expected.collect();
    ensure!(written == expected, "a new model cost {written:#?}");
    Ok(())
}
