//! A policy is tightened while 200 pods run: what it no longer allows leaves in time, and nothing else is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use hemvist_e2e::audit::Position;
use hemvist_e2e::governed::{Governed, PATIENCE};
use hemvist_e2e::installation::ROOT_NAMESPACE;
use hemvist_e2e::models::{model_of_class, region_policy};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::{Options, Progress, wait_until};
use serde_json::{Value, json};

/// The longest that it may take from the API server's answer until the tightened policy is carried out.
const PROMISED: Duration = Duration::from_secs(30);

/// Of each model.
const REPLICAS: usize = 10;

/// Models of a sort: how many, their class, their data centre, and whether the tightened policy still allows them. The
/// data centre is stated, so that what is allowed has the same pod template before and after.
const SORTS: [(usize, &str, &str, bool); 3] =
    [(10, "Open", "jkpg-a", true), (5, "Internal", "jkpg-a", false), (5, "Open", "jkpg-b", false)];

const LABEL: &str = "hemvist.dev/model-deployment";

/// Fails where a pod that is no longer allowed stays, where one that is allowed is replaced, where a model's objects are
/// written that nothing has changed, where `Enforced` is said too late, or said before the policies deny.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_tightened_under_two_hundred_pods_is_carried_out_in_time() -> Result<()> {
    let governed = Governed::start(Options::new("tightening")).await?;
    create_nodes(&governed).await?;
    governed.create_namespaces(&["halsa"]).await?;
    governed.objects().create(&region_policy()).await?;
    let operator = governed.operator("hemvist-operator")?;
    governed.wait_until_enforced("hemvist-system/region").await?;
    let started = Instant::now();
    let models: Vec<Value> = SORTS.into_iter().flat_map(models).collect();
    try_join_all(models.iter().map(|model| governed.objects().create(model))).await?;
    let (allowed, forbidden) = all_running(&governed).await?;
    println!("{} pods ran after {:?}", allowed.len() + forbidden.len(), started.elapsed());
    // What is to be refused afterwards is let in now: otherwise the refusal would prove nothing.
    for (_, class, data_centre, _) in SORTS {
        ensure!(
            answer_to_a_new_model(&governed, class, data_centre).await?.is_empty(),
            "refused before the change"
        );
    }

    let since = governed.cluster().audit_log().position()?;
    let generation = tighten(&governed).await?;
    carried_out_in_time(&governed, generation, &forbidden).await?;
    what_is_forbidden_is_refused_and_nothing_else(&governed).await?;
    everything_is_said(&governed).await?;
    nothing_else_was_touched(&governed, since, &allowed).await?;
    // Each of the pods was bound once, all of them before the change.
    let report = governed.report().await?;
    ensure!(report.bindings.len() == 200, "{} bindings, and not one for each pod", report.bindings.len());
    governed.end(vec![operator], 200).await
}

async fn create_nodes(governed: &Governed) -> Result<()> {
    for data_centre in ["jkpg-a", "jkpg-b"] {
        for number in 1..=2 {
            let node = SimulatedNode::new(format!("{data_centre}-{number}")).gpus(Gpu::L40S, 100);
            let node = node.resource("cpu", "1000").resource("memory", "16Ti").resource("pods", "250");
            let node = node.resource("ephemeral-storage", "64Ti");
            let node = node.cleared("se-f", data_centre, "Sensitive");
            node.create(&governed.cluster().client()).await?;
        }
    }
    Ok(())
}

fn name(class: &str, data_centre: &str, number: usize) -> String {
    format!("{}-{data_centre}-{number}", class.to_lowercase())
}

fn models((count, class, data_centre, _): (usize, &str, &str, bool)) -> Vec<Value> {
    let models = (0..count).map(|number| {
        let mut model = model_of_class("halsa", &name(class, data_centre, number), class);
        model["spec"]["replicas"] = json!(REPLICAS);
        model["spec"]["placement"] = json!({"dataCentres": [data_centre]});
        model
    });
    models.collect()
}

/// The names of models that the tightened policy allows, or of those that it does not.
fn names(wanted: bool) -> BTreeSet<String> {
    let sorts = SORTS.into_iter().filter(|(_, _, _, allowed)| *allowed == wanted);
    sorts
        .flat_map(|(count, class, data_centre, _)| {
            (0..count).map(move |number| name(class, data_centre, number))
        })
        .collect()
}

/// Where each pod is, by its UID.
type Pods = BTreeMap<String, String>;

/// The pods of these models that are not on their way out.
async fn pods_of(governed: &Governed, models: &BTreeSet<String>) -> Result<Vec<Value>> {
    let mut pods = governed.objects().list(Kind::Pod, "halsa", LABEL).await?;
    pods.retain(|pod| {
        pod["metadata"]["deletionTimestamp"].is_null()
            && models.contains(text(&pod["metadata"]["labels"][LABEL]))
    });
    Ok(pods)
}

fn by_uid(pods: &[Value]) -> Pods {
    let entry =
        |pod: &Value| (text(&pod["metadata"]["uid"]).to_owned(), text(&pod["spec"]["nodeName"]).to_owned());
    pods.iter().map(entry).collect()
}

/// Waits until every model serves with all of its replicas; gives the pods that stay allowed, and the others.
async fn all_running(governed: &Governed) -> Result<(Pods, Pods)> {
    let summary = format!("{REPLICAS}/{REPLICAS}");
    wait_until("every model to serve", PATIENCE * 2, async || {
        let models = governed.objects().list(Kind::ModelDeployment, "halsa", "").await?;
        let serves = |model: &&Value| {
            condition(model, "Ready")["reason"] == "Serving" && model["status"]["replicaSummary"] == summary
        };
        let serving = models.iter().filter(serves).count();
        Ok(Progress::when(serving == 20, format!("{serving} of {}", models.len())))
    })
    .await?;
    let allowed = by_uid(&pods_of(governed, &names(true)).await?);
    let forbidden = by_uid(&pods_of(governed, &names(false)).await?);
    ensure!(allowed.len() == 100 && forbidden.len() == 100, "{} and {}", allowed.len(), forbidden.len());
    Ok((allowed, forbidden))
}

/// Takes a class and a data centre away; gives the generation of the policy without them.
async fn tighten(governed: &Governed) -> Result<Value> {
    let tighter = json!({"spec": {
        "residency": {"dataCentres": ["jkpg-a"]},
        "informationClasses": [{"class": "Open"}, {"class": "Sensitive", "dataCentres": ["jkpg-a"]}],
    }});
    let changed = governed.objects().merge(Kind::AIPolicy, ROOT_NAMESPACE, "region", &tighter).await?;
    let generation = changed["metadata"]["generation"].clone();
    ensure!(generation == 2, "the change has changed nothing: {changed}");
    Ok(generation)
}

/// Measured from the API server's answer to the change.
async fn carried_out_in_time(governed: &Governed, generation: Value, before: &Pods) -> Result<()> {
    let answered = Instant::now();
    let forbidden = names(false);
    let (mut enforced_after, mut left_after) = (None, None);
    wait_until("the tightened policy to be carried out", PROMISED, async || {
        let policy = governed.objects().get(Kind::AIPolicy, ROOT_NAMESPACE, "region").await?;
        let enforced = condition(&policy, "Enforced");
        if enforced["status"] == "True" && enforced["observedGeneration"] == generation {
            enforced_after.get_or_insert_with(|| answered.elapsed());
        }
        let left = pods_of(governed, &forbidden).await?.len();
        if left == 0 {
            left_after.get_or_insert_with(|| answered.elapsed());
        }
        let seen = format!("{left} of {} pods are still there; {enforced}", before.len());
        Ok(Progress::when(enforced_after.is_some() && left == 0, seen))
    })
    .await?;
    let (enforced, left) = (enforced_after.context("not enforced")?, left_after.context("pods stay")?);
    println!(
        "after the API server's answer: Enforced after {:.1} s, {} pods gone or leaving after {:.1} s",
        enforced.as_secs_f64(),
        before.len(),
        left.as_secs_f64()
    );
    ensure!(enforced <= PROMISED && left <= PROMISED, "later than {PROMISED:?}: {enforced:?}, {left:?}");
    Ok(())
}

/// What the API server says to a new model of a sort; empty where it would take it.
async fn answer_to_a_new_model(governed: &Governed, class: &str, data_centre: &str) -> Result<String> {
    let mut model = models((1, class, data_centre, true)).pop().context("no model")?;
    model["metadata"]["name"] = json!("another");
    Ok(governed.objects().refusal(&model).await?.unwrap_or_default())
}

async fn what_is_forbidden_is_refused_and_nothing_else(governed: &Governed) -> Result<()> {
    for (_, class, data_centre, allowed) in SORTS {
        let answer = answer_to_a_new_model(governed, class, data_centre).await?;
        if allowed {
            ensure!(answer.is_empty(), "a model that is allowed was refused: {answer}");
            continue;
        }
        for word in ["ValidatingAdmissionPolicy 'hemvist-models.hemvist-system.region'", "denied request"] {
            ensure!(answer.contains(word), "{class} in {data_centre}: no {word:?} in {answer:?}");
        }
    }
    Ok(())
}

async fn everything_is_said(governed: &Governed) -> Result<()> {
    for (count, class, data_centre, allowed) in SORTS {
        let reason = match (allowed, class) {
            (true, _) => "Serving",
            (false, "Internal") => "InformationClassNotAllowed",
            (false, _) => "DataCentreNotAllowed",
        };
        for number in 0..count {
            let key = format!("halsa/{}", name(class, data_centre, number));
            governed.wait_for_reason(&key, reason).await?;
        }
    }
    let left = pods_of(governed, &names(false)).await?;
    ensure!(left.is_empty(), "pods of forbidden models have come back: {}", left.len());
    Ok(())
}

/// The pods that stay are the same, on the same nodes, and no object that makes them was written.
async fn nothing_else_was_touched(governed: &Governed, since: Position, before: &Pods) -> Result<()> {
    let allowed = names(true);
    let pods = pods_of(governed, &allowed).await?;
    ensure!(by_uid(&pods) == *before, "pods that are allowed were replaced or moved");
    let writes = governed.writes(since)?;
    // A record of a write to a child names the model, alone or with its class.
    let touched = writes.iter().filter(|record| {
        let model = record.name.split("--").next().unwrap_or_default();
        allowed.contains(model) && record.resource != "modeldeployments"
    });
    let touched: Vec<String> =
        touched.map(|record| format!("{} {} {}", record.verb, record.what(), record.name)).collect();
    ensure!(touched.is_empty(), "written without a cause: {touched:?}");
    ensure!(writes.iter().any(|record| record.verb == "delete"), "the audit log shows no deletion");
    Ok(())
}
