//! A node that loses its clearance loses its pods, whatever stands in the way, and the status says where they go.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hemvist_e2e::audit::{Position, Record};
use hemvist_e2e::governed::{Governed, PATIENCE};
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::{Options, Progress, demo, region, wait_until};
use serde_json::{Value, json};

/// The longest that a pod may stay on a node that is not cleared for it.
const LONGEST_STAY: Duration = Duration::from_secs(30);

const MOVED: &str = "halsa/diktering";
const STRANDED: &str = "halsa/journal-sammanfattning";
const GUARDED: &str = "kommunikation/oversattning";
const TWINS: &str = "kommunikation/webbassistent";

#[tokio::test(flavor = "multi_thread")]
async fn pods_leave_nodes_that_lose_their_clearance() -> Result<()> {
    let region = Governed::start_without_admission(Options::new("clearance")).await?;
    region::create_nodes(&region.cluster().client()).await?;
    let operator = region.operator("hemvist-operator")?;
    region::apply_policies(region.cluster()).await?;
    region::apply_models(region.cluster()).await?;
    demo::wait_until_settled(region.cluster()).await?;

    one_moves(&region).await?;
    one_has_nowhere_to_go(&region).await?;
    a_disruption_budget_does_not_keep_it(&region).await?;
    a_budget_that_is_used_up_does_not_keep_it(&region).await?;
    a_clearance_that_is_lowered_or_elsewhere_counts_as_lost(&region).await?;
    // The eight of the settled examples, and one more for each that has moved.
    region.end(vec![operator], 13).await
}

/// Takes the clearance from the nodes of a model and waits until none of its pods is there; gives the nodes.
async fn lose_clearance(region: &Governed, key: &str) -> Result<BTreeSet<String>> {
    let nodes = region.nodes_of(key).await?;
    ensure!(!nodes.is_empty(), "{key} is on no node");
    let lost = Instant::now();
    region.clear_nodes(&nodes, None).await?;
    wait_until(&format!("{key} to leave {nodes:?}"), LONGEST_STAY, async || {
        let now = region.nodes_of(key).await?;
        Ok(Progress::when(now.is_disjoint(&nodes), format!("{now:?}")))
    })
    .await?;
    println!("{key} had left {nodes:?} after {:?}", lost.elapsed());
    Ok(nodes)
}

/// Clears nodes as they were cleared at first: their names say where they are and what they have.
async fn give_back(region: &Governed, nodes: &BTreeSet<String>) -> Result<()> {
    for node in nodes {
        let sensitive = node.starts_with("jkpg-a-h100") || node.starts_with("jkpg-a-l40s");
        let open = node.starts_with("jkpg-b-a10");
        let clearance = if sensitive {
            "Sensitive"
        } else if open {
            "Open"
        } else {
            "Internal"
        };
        region.clear_nodes([node], Some(clearance)).await?;
    }
    Ok(())
}

async fn one_moves(region: &Governed) -> Result<()> {
    let nodes = lose_clearance(region, MOVED).await?;
    // The status still says that it serves until the operator has seen that the pod is gone.
    wait_until(&format!("{MOVED} to be elsewhere than on {nodes:?}"), PATIENCE, async || {
        let after = region.nodes_of(MOVED).await?;
        Ok(Progress::when(after.len() == 1 && after.is_disjoint(&nodes), format!("{after:?}")))
    })
    .await?;
    region.wait_for_reason(MOVED, "Serving").await?;
    let events = wait_for_event(region, "halsa", "ClearanceLost").await?;
    for word in ["has no clearance label", nodes.first().map_or("", String::as_str)] {
        ensure!(events.contains(word), "no event says {word:?}: {events}");
    }
    give_back(region, &nodes).await
}

async fn wait_for_event(region: &Governed, namespace: &str, reason: &str) -> Result<String> {
    wait_until(&format!("an event of reason {reason}"), PATIENCE, async || {
        let events = region.objects().list(Kind::Event, namespace, "").await?;
        let reported =
            events.iter().filter(|event| event["reason"] == reason).map(|event| text(&event["note"]));
        let reported: Vec<&str> = reported.collect();
        Ok(if reported.is_empty() { Progress::not_yet("none") } else { Progress::Done(reported.join("\n")) })
    })
    .await
}

async fn one_has_nowhere_to_go(region: &Governed) -> Result<()> {
    let nodes = lose_clearance(region, STRANDED).await?;
    let node = nodes.first().context("no node")?;
    // The other node with four of that GPU is used by another model.
    let message = region.wait_for_reason(STRANDED, "WaitingForAccelerators").await?;
    for word in
        ["4 × nvidia.com/gpu", "jkpg-a", "2 of 4 nvidia.com/gpu free", "in use by teknik/kodassistent (2)"]
    {
        ensure!(message.contains(word), "{STRANDED} does not say {word:?}: {message}");
    }
    let model = region.model(STRANDED).await?;
    let exclusions = model["status"]["exclusions"].to_string();
    ensure!(exclusions.contains(node.as_str()), "{node} is in no exclusion: {exclusions}");
    ensure!(condition(&model, "Reconciling")["status"] == "True", "it waits and is not reconciling: {model}");
    ensure!(condition(&model, "Placed")["status"] == "False", "{}", model["status"]);
    give_back(region, &nodes).await?;
    region.wait_for_reason(STRANDED, "Serving").await?;
    ensure!(region.nodes_of(STRANDED).await? == nodes, "it is elsewhere");
    Ok(())
}

/// With a second budget the API server answers an eviction with an error of its own and not with 429.
async fn a_disruption_budget_does_not_keep_it(region: &Governed) -> Result<()> {
    let budget = json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"namespace": "kommunikation", "name": "always-here"},
        "spec": {
            "maxUnavailable": 0,
            "selector": {"matchLabels": {"hemvist.dev/model-deployment": "oversattning"}},
        },
    });
    region.objects().create(&budget).await?;
    wait_until("the budget to count the pods", PATIENCE, async || {
        let budget = region.objects().get(Kind::PodDisruptionBudget, "kommunikation", "always-here").await?;
        Ok(Progress::when(budget["status"]["expectedPods"] == 1, &budget["status"]))
    })
    .await?;
    let since = region.cluster().audit_log().position()?;
    let nodes = lose_clearance(region, GUARDED).await?;
    let answers = answers_to_evictions(region, since)?;
    ensure!(answers.iter().any(|code| *code >= 400), "no eviction was stopped by the budget: {answers:?}");
    ensure!(deletions_of_pods(region, since)? == 1, "not deleted once");
    region.wait_for_reason(GUARDED, "Serving").await?;
    region.objects().delete(Kind::PodDisruptionBudget, "kommunikation", "always-here").await?;
    give_back(region, &nodes).await
}

/// The model's own budget lets one of two replicas go; the other one must go as well.
async fn a_budget_that_is_used_up_does_not_keep_it(region: &Governed) -> Result<()> {
    let since = region.cluster().audit_log().position()?;
    let nodes = lose_clearance(region, TWINS).await?;
    let answers = answers_to_evictions(region, since)?;
    ensure!(answers.contains(&201) && answers.contains(&429), "evictions were answered with {answers:?}");
    ensure!(deletions_of_pods(region, since)? >= 1, "nothing was deleted after an answer of 429");
    region.wait_for_reason(TWINS, "Serving").await?;
    give_back(region, &nodes).await
}

async fn a_clearance_that_is_lowered_or_elsewhere_counts_as_lost(region: &Governed) -> Result<()> {
    let nodes = region.nodes_of(MOVED).await?;
    region.clear_nodes(&nodes, Some("Internal")).await?;
    let moved = wait_until("the model to leave a node that is cleared for less", LONGEST_STAY, async || {
        let now = region.nodes_of(MOVED).await?;
        Ok(if !now.is_empty() && now.is_disjoint(&nodes) {
            Progress::Done(now)
        } else {
            Progress::not_yet(format!("{now:?}"))
        })
    })
    .await?;
    region.wait_for_reason(MOVED, "Serving").await?;
    let node = moved.first().context("no node")?;
    let label =
        json!({"metadata": {"labels": {"hemvist.node-restriction.kubernetes.io/data-centre": "jkpg-b"}}});
    region.objects().merge(Kind::Node, "", node, &label).await?;
    let says = |model: &Value| condition(model, "Ready")["reason"] == "NoEligibleNode";
    region.wait_for_model(MOVED, "have no node left", says).await?;
    wait_until("the model to leave a node in another data centre", LONGEST_STAY, async || {
        let now = region.nodes_of(MOVED).await?;
        Ok(Progress::when(now.is_empty(), format!("{now:?}")))
    })
    .await
}

fn answers_to_evictions(region: &Governed, since: Position) -> Result<Vec<u16>> {
    let evictions = region.requests(since)?.into_iter().filter(|record| record.what() == "pods/eviction");
    Ok(evictions.map(|record| record.code).collect())
}

fn deletions_of_pods(region: &Governed, since: Position) -> Result<usize> {
    let deletion =
        |record: &Record| record.what() == "pods" && record.verb == "delete" && record.is_success();
    Ok(region.requests(since)?.iter().filter(|record| deletion(record)).count())
}
