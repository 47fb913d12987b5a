//! The demonstration: a region's policies and models, carried out before one's eyes, and a node that loses its clearance.
//!
//! It is a test as well: every step waits for what it announces, and an oracle watches every binding.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::installation::{Installation, ROOT_NAMESPACE};
use crate::narrator::Narrator;
use crate::nodes::CLEARANCE_PREFIX;
use crate::oracle::Oracle;
use crate::region::{self, REFUSED, SERVED, WAITING};
use crate::{ControlPlane, Options, Progress, wait_until};

/// How long models may take to settle; on a busy machine it is seconds.
const PATIENCE: Duration = Duration::from_mins(2);

/// The model whose node loses its clearance.
const MOVED: &str = "halsa/diktering";

/// Runs the demonstration and leaves nothing running.
///
/// # Errors
/// Where a step does not come to what it announces.
pub async fn run(narrator: &Narrator) -> Result<()> {
    narrator.heading(
        "A control plane: Kubernetes 1.37, etcd, and twelve simulated GPU nodes in two data centres",
    )?;
    let cluster = ControlPlane::start(Options::new("demo")).await?;
    region::create_nodes(&cluster.client()).await?;
    narrator.text(&region::table_of_nodes(&cluster).await?)?;

    narrator.heading("Hemvist, installed from its chart; the operator has the rights that the chart gives it, and no others")?;
    let installation = Installation::install(&cluster, &[]).await?;
    let operator = installation.start(&installation.operator("hemvist-operator")?)?;
    let oracle = Oracle::start(cluster.client(), ROOT_NAMESPACE);

    narrator.heading("The policies: one of the region, and a stricter one of a department")?;
    region::apply_policies(&cluster).await?;
    policies_accepted(&cluster).await?;
    narrator.command(&cluster, &["get", "aip", "--all-namespaces"]).await?;

    narrator.heading("Ten models of four departments")?;
    region::apply_models(&cluster).await?;
    settle(narrator, &cluster).await?;
    tell_reasons(narrator, &cluster).await?;
    narrator.heading("The policies know what they bind and what they refuse")?;
    policies_counted(&cluster).await?;
    narrator.command(&cluster, &["get", "aip", "--all-namespaces"]).await?;

    lose_clearance(narrator, &cluster).await?;

    narrator.heading("What an independent observer saw")?;
    let report = oracle.report().await?;
    // Its open watches would keep the API server from stopping.
    drop(oracle);
    report.ensure_clean(9)?;
    narrator.text(&format!(
        "{} bindings of pods to nodes, each judged by the policies and labels of that moment: 0 violations.",
        report.bindings.len()
    ))?;
    operator.stop().await.context("stopping the operator")?;
    cluster.stop().await.context("stopping the cluster")?;
    narrator.text(NEXT_STEPS)
}

const NEXT_STEPS: &str = "Everything is stopped. To play with such a cluster yourself:

  make up                                     starts one that goes on running, with all this in it
  export KUBECONFIG=target/e2e/kubeconfig
  kubectl get mdep -A -o wide                 the models, with data centre, endpoint and message
  kubectl describe mdep -n halsa patientpilot why one is refused, and what would help
  kubectl explain mdep.spec --recursive       every field that a model can have
  make down                                   ends it

docs/src/tutorial/first-model.md goes on from there.";

async fn policies_accepted(cluster: &ControlPlane) -> Result<()> {
    let kubectl = cluster.kubectl()?;
    let wait = ["wait", "aip", "--all", "--all-namespaces", "--for=condition=Accepted", "--timeout=60s"];
    kubectl.run(&wait).await?.success()?;
    Ok(())
}

/// Waits until the region's policy has counted what it refuses.
async fn policies_counted(cluster: &ControlPlane) -> Result<()> {
    let refused = region::REFUSED_BY_THE_REGION.to_string();
    wait_until("the region's policy to count", PATIENCE, async || {
        let arguments =
            ["get", "aip", "region", "--namespace", ROOT_NAMESPACE, "--output=jsonpath={.status.refused}"];
        let counted = cluster.kubectl()?.run(&arguments).await?.success()?;
        Ok(Progress::when(counted == refused, format!("{counted} refused")))
    })
    .await
}

/// Prints the table of models whenever it has changed, until every model has come to what the examples say of it.
async fn settle(narrator: &Narrator, cluster: &ControlPlane) -> Result<()> {
    let mut printed = String::new();
    wait_until("the models to settle", PATIENCE, async || {
        let settled = settled(cluster).await?;
        let table = narrator.table(cluster, &["get", "mdep", "--all-namespaces"]).await?;
        if without_age(&table) != printed {
            printed = without_age(&table);
            narrator.shown(&["get", "mdep", "--all-namespaces"], &table)?;
        }
        Ok(settled)
    })
    .await
}

/// A table without its last column, which changes every second.
fn without_age(table: &str) -> String {
    table.lines().map(|line| line.trim_end().rsplit_once(' ').map_or(line, |(rest, _)| rest)).collect()
}

/// Waits until every model of the examples has come to what is said of it.
///
/// # Errors
/// Where one does not in time.
pub async fn wait_until_settled(cluster: &ControlPlane) -> Result<()> {
    wait_until("the models to settle", PATIENCE, async || settled(cluster).await).await
}

/// Whether every model of the examples has come to what is said of it.
///
/// # Errors
/// Where the cluster does not answer.
pub async fn settled(cluster: &ControlPlane) -> Result<Progress<()>> {
    let models = models(cluster).await?;
    let mut open = Vec::new();
    let expected = SERVED
        .iter()
        .map(|model| (*model, "Serving"))
        .chain(REFUSED)
        .chain([(WAITING, "WaitingForAccelerators")]);
    for (model, reason) in expected {
        let found = models.iter().find(|(key, _)| key == model).and_then(|(_, model)| ready(model));
        let found = found.map_or_else(String::new, |condition| text(&condition["reason"]));
        if found != reason {
            open.push(format!("{model} is {found:?} and not {reason}"));
        }
    }
    Ok(Progress::when(open.is_empty(), open.join("; ")))
}

/// Every model with its key.
async fn models(cluster: &ControlPlane) -> Result<Vec<(String, Value)>> {
    let answer =
        cluster.kubectl()?.run(&["get", "mdep", "--all-namespaces", "--output=json"]).await?.success()?;
    let list: Value = serde_json::from_str(&answer).context("reading the list of models")?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    Ok(items
        .into_iter()
        .map(|model| {
            (format!("{}/{}", text(&model["metadata"]["namespace"]), text(&model["metadata"]["name"])), model)
        })
        .collect())
}

fn ready(model: &Value) -> Option<&Value> {
    model["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == "Ready")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

async fn tell_reasons(narrator: &Narrator, cluster: &ControlPlane) -> Result<()> {
    narrator.heading("What is refused or waits says why, who says so, and what would help")?;
    for (key, model) in models(cluster).await? {
        let Some(condition) = ready(&model).filter(|condition| condition["status"] != "True") else {
            continue;
        };
        narrator
            .paragraph(&format!("{key}: {}", text(&condition["reason"])), &text(&condition["message"]))?;
    }
    Ok(())
}

/// Takes the clearance from the node of a model and waits until the model serves from another one.
async fn lose_clearance(narrator: &Narrator, cluster: &ControlPlane) -> Result<()> {
    let before = node_of(cluster, MOVED).await?.with_context(|| format!("{MOVED} is on no node"))?;
    narrator.heading(&format!("The node {before}, where {MOVED} runs, loses its clearance"))?;
    let label = format!("{CLEARANCE_PREFIX}/clearance-");
    narrator.command(cluster, &["label", "node", &before, &label]).await?;
    let mut told = String::new();
    let after = wait_until("the model to serve from another node", PATIENCE, async || {
        let found = models(cluster).await?.into_iter().find(|(key, _)| key == MOVED);
        let condition = found.as_ref().and_then(|(_, model)| ready(model)).cloned().unwrap_or_default();
        let now = format!("{MOVED}: {}", text(&condition["reason"]));
        if now != told {
            narrator.paragraph(&now, &text(&condition["message"]))?;
            told.clone_from(&now);
        }
        match node_of(cluster, MOVED).await? {
            Some(node) if node != before && condition["status"] == "True" => Ok(Progress::Done(node)),
            other => Ok(Progress::not_yet(format!("on {other:?}: {now}"))),
        }
    })
    .await?;
    narrator.text(&format!("{MOVED} has moved from {before} to {after}."))?;
    let (namespace, name) = MOVED.split_once('/').unwrap_or_default();
    let pods = "--output=custom-columns=POD:.metadata.name,NODE:.spec.nodeName,PHASE:.status.phase";
    narrator.command(cluster, &["get", "pods", "--namespace", namespace, pods]).await?;
    let about = format!("regarding.name={name},reportingController=hemvist.dev/operator");
    let columns = "--output=custom-columns=TYPE:.type,REASON:.reason,NOTE:.note";
    narrator
        .command(
            cluster,
            &["get", "events.events.k8s.io", "--namespace", namespace, "--field-selector", &about, columns],
        )
        .await
}

/// The node of a model's one pod that is not on its way out.
async fn node_of(cluster: &ControlPlane, model: &str) -> Result<Option<String>> {
    let (namespace, name) = model.split_once('/').context("a model is named namespace/name")?;
    let selector = format!("hemvist.dev/model-deployment={name}");
    let arguments = ["get", "pods", "--namespace", namespace, "--selector", &selector, "--output=json"];
    let list: Value = serde_json::from_str(&cluster.kubectl()?.run(&arguments).await?.success()?)?;
    let pods = list["items"].as_array().cloned().unwrap_or_default();
    Ok(pods
        .iter()
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
        .find_map(|pod| pod["spec"]["nodeName"].as_str().map(str::to_owned)))
}
