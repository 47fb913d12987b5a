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
use crate::region::{self, REFUSED, Refusal, SERVED, WAITING, WAITS_WITH};
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

    narrator.heading("Hemvist, installed from its chart, with exactly the chart's permissions")?;
    let installation = Installation::install(&cluster, &[]).await?;
    let operator = installation.start(&installation.operator("hemvist-operator")?)?;
    let oracle = Oracle::start(cluster.client(), ROOT_NAMESPACE);

    narrator.heading("Two policies: the region's, and a stricter one of a department")?;
    region::apply_policies(&cluster).await?;
    region::wait_until_enforced(&cluster).await?;
    narrator.text(
        "The API server now enforces them with ValidatingAdmissionPolicies, also while no operator runs.",
    )?;
    narrator.command(&cluster, &["get", "aip", "--all-namespaces", "--output=wide"]).await?;

    narrator.heading("Ten models of four departments: the API server rejects four")?;
    let (let_in, refusals) = region::apply_models_to_the_api(&cluster).await?;
    narrator.shown(&["apply", "-f", "examples/region/models"], &let_in)?;
    tell_refusals(narrator, &refusals)?;
    narrator.heading("The other six are deployed")?;
    settle(narrator, &cluster).await?;
    tell_reasons(narrator, &cluster).await?;
    policies_counted(&cluster).await?;
    narrator.command(&cluster, &["get", "aip", "--all-namespaces"]).await?;

    ways_around(narrator, &cluster).await?;
    lose_clearance(narrator, &cluster).await?;

    narrator.heading("What an independent observer recorded")?;
    let report = oracle.report().await?;
    // Its open watches would keep the API server from stopping.
    drop(oracle);
    report.ensure_clean(9)?;
    narrator.text(&format!(
        "{} bindings of pods to nodes, each checked against the policies and labels of that moment: 0 violations.",
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
  kubectl apply -f examples/region/models     why four are refused, and what would help
  kubectl explain mdep.spec --recursive       every field that a model can have
  make down                                   ends it

docs/src/tutorial/first-model.md goes on from there.";

/// Waits until the region's policy has counted what it binds: it does not count what the API server rejected.
async fn policies_counted(cluster: &ControlPlane) -> Result<()> {
    let expected = format!("{} bound, 0 refused", SERVED.len() + 1);
    wait_until("the region's policy to count", PATIENCE, async || {
        let columns = "--output=jsonpath={.status.boundModelDeployments} bound, {.status.refused} refused";
        let arguments = ["get", "aip", "region", "--namespace", ROOT_NAMESPACE, columns];
        let counted = cluster.kubectl()?.run(&arguments).await?.success()?;
        Ok(Progress::when(counted == expected, counted))
    })
    .await
}

/// Prints why models were refused.
///
/// # Errors
/// Where nothing can be written.
pub fn tell_refusals(narrator: &Narrator, refusals: &[Refusal]) -> Result<()> {
    for ((key, _), refusal) in REFUSED.iter().zip(refusals) {
        narrator.paragraph(&format!("{key} is refused by {}", refusal.by), &refusal.message)?;
    }
    Ok(())
}

/// Tries, as an administrator, two ways around the models.
async fn ways_around(narrator: &Narrator, cluster: &ControlPlane) -> Result<()> {
    narrator.heading("An administrator tries to bypass it in two ways")?;
    let pod = r#"{"spec": {"containers": [{"name": "gpu", "image": "registry.region.example/vllm/vllm-openai", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}}"#;
    let run = ["run", "gpu", "--namespace=teknik", "--image=any", "--overrides", pod];
    narrator.refused(cluster, &run).await?;
    let (namespace, name) = MOVED.split_once('/').unwrap_or_default();
    let target = format!("service/{name}");
    narrator.refused(cluster, &["exec", "--namespace", namespace, &target, "--", "sh"]).await?;
    Ok(())
}

/// Prints the table of models whenever it has changed, until every model has come to what the examples say of it.
async fn settle(narrator: &Narrator, cluster: &ControlPlane) -> Result<()> {
    let mut printed = String::new();
    wait_until("the models to settle", PATIENCE, async || {
        let settled = settled(cluster, Refused::ByTheApiServer).await?;
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

/// Where the models are refused that a policy forbids.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// By the API server, so that they do not exist.
    ByTheApiServer,
    /// By the controller, in their status.
    InTheirStatus,
}

/// Waits until every model of the examples has come to what is said of it, where the controller alone refuses.
///
/// # Errors
/// Where one does not in time.
pub async fn wait_until_settled(cluster: &ControlPlane) -> Result<()> {
    wait_until_settled_with(cluster, Refused::InTheirStatus).await
}

/// The same, where the models that a policy forbids are refused by whom it is said.
///
/// # Errors
/// Where one does not in time.
pub async fn wait_until_settled_with(cluster: &ControlPlane, refused: Refused) -> Result<()> {
    wait_until("the models to settle", PATIENCE, async || settled(cluster, refused).await).await
}

/// Whether every model of the examples has come to what is said of it.
async fn settled(cluster: &ControlPlane, refused: Refused) -> Result<Progress<()>> {
    let models = models(cluster).await?;
    let mut open = Vec::new();
    for (model, reason) in expected(refused) {
        let found = models.iter().find(|(key, _)| key == model).and_then(|(_, model)| ready(model));
        let found = found.map_or_else(String::new, |condition| text(&condition["reason"]));
        if found != reason {
            open.push(format!("{model} is {found:?} and not {reason}"));
        }
    }
    // It waits from the beginning, for more and then for less.
    let waiting = models.iter().find(|(key, _)| key == WAITING).map(|(_, model)| &model["status"]);
    let ready = waiting.map_or_else(String::new, |status| text(&status["replicaSummary"]));
    if ready != WAITS_WITH {
        open.push(format!("{WAITING} has {ready:?} replicas and not {WAITS_WITH}"));
    }
    if refused == Refused::ByTheApiServer {
        let let_in = REFUSED.iter().filter(|(model, _)| models.iter().any(|(key, _)| key == model));
        open.extend(let_in.map(|(model, _)| format!("{model} was let in")));
    }
    Ok(Progress::when(open.is_empty(), open.join("; ")))
}

/// The models that are there, and what is said of each.
fn expected(refused: Refused) -> Vec<(&'static str, &'static str)> {
    let mut expected: Vec<_> = SERVED.iter().map(|model| (*model, "Serving")).collect();
    expected.push((WAITING, "WaitingForAccelerators"));
    if refused == Refused::InTheirStatus {
        expected.extend(REFUSED);
    }
    expected
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
    narrator.heading("Why a model waits")?;
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
    let mut reported = String::new();
    let after = wait_until("the model to serve from another node", PATIENCE, async || {
        let found = models(cluster).await?.into_iter().find(|(key, _)| key == MOVED);
        let condition = found.as_ref().and_then(|(_, model)| ready(model)).cloned().unwrap_or_default();
        let now = format!("{MOVED}: {}", text(&condition["reason"]));
        if now != reported {
            narrator.paragraph(&now, &text(&condition["message"]))?;
            reported.clone_from(&now);
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
