//! Operators that are killed at any moment, or work at the same time, come to the same end as one that is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hemvist_e2e::audit::Position;
use hemvist_e2e::governed::{Governed, PATIENCE};
use hemvist_e2e::objects::{Kind, text};
use hemvist_e2e::region::{self, SERVED};
use hemvist_e2e::{Options, Progress, demo, wait_until};
use serde_json::{Value, json};

/// Every served model of the examples, and the one that waits for its third replica.
const CARRIED_OUT: usize = SERVED.len() + 1;

/// Bindings of one round: each served model once, one of them twice, and two of the one that waits.
const BINDINGS: usize = SERVED.len() + 3;

/// What is the same for so long is the end of what nobody disturbs.
const LASTING: Duration = Duration::from_secs(2);

/// What the models have come to, by namespace and name.
type State = BTreeMap<String, Value>;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_five_early_moments_the_end_is_the_same() -> Result<()> {
    killed("killed-early", [1, 3, 6, 10, 14]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_five_late_moments_the_end_is_the_same() -> Result<()> {
    killed("killed-late", [18, 22, 27, 33, 40]).await
}

/// The moments are numbers of writes that the operator has had confirmed.
async fn killed(name: &str, moments: [usize; 5]) -> Result<()> {
    let region = region_without_models(name).await?;
    let mut operator = region.operator("hemvist-operator")?;
    let undisturbed = round(&region, None, async || Ok(())).await?;
    for moment in moments {
        let since = region.cluster().audit_log().position()?;
        let mut killed = Some(operator);
        round(&region, Some(&undisturbed), async || {
            wait_for_writes(&region, since, moment).await?;
            if let Some(operator) = killed.take() {
                operator.kill()?;
            }
            killed = Some(region.operator("hemvist-operator")?);
            Ok(())
        })
        .await?;
        let Some(next) = killed else { anyhow::bail!("no operator was started again") };
        operator = next;
    }
    region.end(vec![operator], BINDINGS * (moments.len() + 1)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_that_both_work_come_to_the_same_end() -> Result<()> {
    let region = region_without_models("two-leaders").await?;
    let options = region.installation().operator("first")?.argument("--leader-elect=false");
    let first = region.installation().start(&options)?;
    let undisturbed = round(&region, None, async || Ok(())).await?;
    let options = region.installation().operator("second")?.argument("--leader-elect=false");
    let second = region.installation().start(&options)?;
    for _ in 0..3 {
        round(&region, Some(&undisturbed), async || Ok(())).await?;
    }
    region.end(vec![first, second], BINDINGS * 4).await
}

async fn region_without_models(name: &str) -> Result<Governed> {
    let region = Governed::start_without_admission(Options::new(name)).await?;
    region::create_nodes(&region.cluster().client()).await?;
    region::apply_policies(region.cluster()).await?;
    Ok(region)
}

/// Applies the examples while something happens, waits for the end that is expected, or else for one that lasts, and takes
/// them away again.
async fn round(
    region: &Governed,
    expected: Option<&State>,
    disturbance: impl AsyncFnOnce() -> Result<()>,
) -> Result<State> {
    let since = region.cluster().audit_log().position()?;
    let (applied, disturbed) = tokio::join!(region::apply_models(region.cluster()), disturbance());
    applied?;
    disturbed?;
    demo::wait_until_settled(region.cluster()).await?;
    let end = end(region, expected).await?;
    every_child_was_made_once(region, since)?;
    take_away(region).await?;
    Ok(end)
}

/// The scheduler and the controllers come to it one after the other.
async fn end(region: &Governed, expected: Option<&State>) -> Result<State> {
    let mut before = expected.cloned().unwrap_or_default();
    wait_until("the end", PATIENCE, async || {
        let now = state(region).await?;
        if now == before {
            return Ok(Progress::Done(now));
        }
        let differs = difference(&before, &now);
        if expected.is_none() {
            before = now;
            tokio::time::sleep(LASTING).await;
        }
        Ok(Progress::NotYet(differs))
    })
    .await
}

/// Deletes the models and what was made for them: the garbage collector needs half a minute to hear of new kinds.
async fn take_away(region: &Governed) -> Result<()> {
    let kubectl = region.cluster().kubectl()?;
    kubectl.run(&["delete", "mdep", "--all", "--all-namespaces"]).await?.success()?;
    let kinds = Kind::CHILDREN.map(Kind::plural).join(",");
    let of_models = "app.kubernetes.io/part-of=hemvist,hemvist.dev/model-deployment";
    kubectl.run(&["delete", &kinds, "--all-namespaces", "--selector", of_models]).await?.success()?;
    wait_until("everything of the round to be gone", PATIENCE, async || {
        let mut left = 0;
        for kind in Kind::CHILDREN.into_iter().chain([Kind::Pod]) {
            left += region.objects().list(kind, "", of_models).await?.len();
        }
        Ok(Progress::when(left == 0, format!("{left} objects")))
    })
    .await
}

async fn wait_for_writes(region: &Governed, since: Position, count: usize) -> Result<()> {
    let started = Instant::now();
    loop {
        let writes = region.writes(since)?.len();
        if writes >= count {
            println!("killed after {writes} writes, {count} were asked for");
            return Ok(());
        }
        ensure!(started.elapsed() < PATIENCE, "only {writes} writes, {count} were waited for");
        // Short, because the moment counts: the ordinary interval would be half of what the operator has to do.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Every child was made, none twice, and none was taken away. A request that was on its way when the operator was killed
/// is logged as cut off, though it may have been carried out.
fn every_child_was_made_once(region: &Governed, since: Position) -> Result<()> {
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    let mut cut_off = BTreeSet::new();
    let children = Kind::CHILDREN.map(Kind::plural);
    for record in region.requests(since)? {
        if !record.subresource.is_empty() || !children.contains(&record.resource.as_str()) {
            continue;
        }
        let child = format!("{} {}/{}", record.resource, record.namespace, record.name);
        ensure!(record.verb != "delete", "{child} was deleted");
        match record.code {
            201 => *made.entry(child).or_default() += 1,
            504 => drop(cut_off.insert(child)),
            _ => {}
        }
    }
    let twice: Vec<_> = made.iter().filter(|(_, times)| **times > 1).collect();
    ensure!(twice.is_empty(), "made more than once: {twice:?}");
    let all: BTreeSet<&String> = made.keys().chain(&cut_off).collect();
    ensure!(all.len() == CARRIED_OUT * Kind::CHILDREN.len(), "{} objects were made: {made:?}", made.len());
    Ok(())
}

/// What the models have come to: their conditions, and what was made for them, with UIDs and addresses masked.
async fn state(region: &Governed) -> Result<State> {
    let mut state = BTreeMap::new();
    for model in region.objects().list(Kind::ModelDeployment, "", "").await? {
        let metadata = &model["metadata"];
        let key = format!("{}/{}", text(&metadata["namespace"]), text(&metadata["name"]));
        let status = &model["status"];
        let conditions = status["conditions"].as_array().into_iter().flatten();
        let conditions: Vec<_> =
            conditions.map(|one| json!([one["type"], one["status"], one["reason"]])).collect();
        let children: Vec<_> =
            region.children(&key).await?.iter().map(|child| content(child, text(&metadata["uid"]))).collect();
        let of_status =
            ["modelName", "replicaSummary", "readyReplicas", "accelerators", "endpoint", "resolved"]
                .map(|field| status[field].clone());
        state.insert(key, json!({"conditions": conditions, "status": of_status, "children": children}));
    }
    Ok(state)
}

fn content(child: &Value, uid: &str) -> Value {
    let mut spec = child["spec"].clone();
    for address in ["clusterIP", "clusterIPs"] {
        if child["kind"] == "Service" {
            spec[address] = Value::Null;
        }
    }
    let content = json!({
        "kind": child["kind"],
        "name": child["metadata"]["name"],
        "labels": child["metadata"]["labels"],
        "owners": child["metadata"]["ownerReferences"],
        "spec": spec,
        "automountServiceAccountToken": child["automountServiceAccountToken"],
    });
    serde_json::from_str(&content.to_string().replace(uid, "UID")).unwrap_or_default()
}

fn difference(one: &State, other: &State) -> String {
    let keys = one.keys().filter(|key| one.get(*key) != other.get(*key));
    let pairs =
        keys.map(|key| format!("{key}:\n  expected {:?}\n  found {:?}", one.get(key), other.get(key)));
    pairs.collect::<Vec<_>>().join("\n") + &format!("\n{} and {} models", one.len(), other.len())
}
