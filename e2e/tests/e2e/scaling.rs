//! Numbers of replicas that somebody else decides: given over and taken back without a replica too few, left alone while an
//! autoscaler moves them, and guarded against everybody else.

use std::time::Duration;

use anyhow::{Result, ensure};
use hemvist_e2e::audit::{Position, Record};
use hemvist_e2e::governed::{Governed, PATIENCE};
use hemvist_e2e::models::{child_name, model, region_policy, scaled, scaling};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::operator::Operator;
use hemvist_e2e::optional_crds::OptionalCrd;
use hemvist_e2e::{Options, Progress, wait_until};
use serde_json::{Value, json};

const KEY: &str = "halsa/journal";

/// The Deployment of the model.
const WORKLOAD: &str = "journal--open";

/// Who scales in Kubernetes itself.
const KUBERNETES: &str = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";

/// Who scales for KEDA.
const KEDA: &str = "system:serviceaccount:keda:keda-operator";

/// How long nothing is to be written.
const QUIET_TIME: Duration = Duration::from_secs(20);

async fn governed(name: &str, values: &[&str]) -> Result<(Governed, Operator)> {
    let governed = Governed::start_with(Options::new(name), values).await?;
    let node = SimulatedNode::new("node").gpus(Gpu::L40S, 16).cleared("se-f", "jkpg-a", "Sensitive");
    node.resource("cpu", "200").create(&governed.cluster().client()).await?;
    governed.create_namespaces(&["halsa"]).await?;
    governed.objects().create(&region_policy()).await?;
    let operator = governed.operator("hemvist-operator")?;
    governed.wait_until_enforced("hemvist-system/region").await?;
    Ok((governed, operator))
}

async fn change(governed: &Governed, change: Value) -> Result<()> {
    let change = json!({"spec": change});
    governed.objects().merge(Kind::ModelDeployment, "halsa", "journal", &change).await.map(|_| ())
}

async fn deployment(governed: &Governed) -> Result<Value> {
    governed.objects().get(Kind::Deployment, "halsa", WORKLOAD).await
}

/// Waits until a model serves with so many replicas and no others.
async fn serves_with(governed: &Governed, replicas: u32) -> Result<()> {
    let says = format!("{replicas} of {replicas} replicas serve");
    governed
        .wait_for_model(KEY, &format!("serve with {replicas}"), |model| {
            text(&condition(model, "Ready")["message"]).starts_with(&says)
                && model["status"]["replicas"] == replicas
        })
        .await
        .map(|_| ())
}

async fn wait_for_child(governed: &Governed, kind: Kind, there: bool) -> Result<()> {
    let name = child_name(kind, "journal", "Open");
    wait_until(&format!("{} to be there: {there}", kind.name()), PATIENCE, async || {
        let found = governed.objects().find(kind, "halsa", &name).await?;
        Ok(Progress::when(found.is_some() == there, format!("{found:?}")))
    })
    .await
}

/// What is scaled by others is reported, and nothing is done about it.
fn nothing_but_what_is_said_was_written(governed: &Governed, since: Position) -> Result<()> {
    let written: Vec<_> = governed.writes(since)?.iter().map(Record::what).collect();
    let is_said = |what: &String| what == "events" || what.ends_with("/status");
    ensure!(written.iter().all(is_said), "Hemvist wrote {written:?}");
    Ok(())
}

/// Each number of replicas that the Deployment has asked for since it was as given.
async fn numbers_since(governed: &Governed, before: &Value) -> Result<Vec<i64>> {
    let versions = governed.objects().versions_since(Kind::Deployment, before).await?;
    let mut numbers: Vec<i64> =
        versions.iter().map(|version| version["spec"]["replicas"].as_i64().unwrap_or(-1)).collect();
    numbers.dedup();
    Ok(numbers)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_autoscaler_takes_over_replicas_and_gives_them_back_without_conflict() -> Result<()> {
    let (governed, operator) = governed("scaling-handover", &[]).await?;
    let mut journal = model("halsa", "journal");
    journal["spec"]["replicas"] = json!(3);
    governed.objects().create(&journal).await?;
    serves_with(&governed, 3).await?;

    given_over_without_a_replica_too_few(&governed).await?;
    moved_by_the_autoscaler_and_left_alone(&governed).await?;
    repaired_without_a_replica_too_few(&governed).await?;
    a_pause_takes_the_autoscaler_along(&governed).await?;
    taken_back(&governed).await?;
    governed.end(vec![operator], 4).await
}

async fn given_over_without_a_replica_too_few(governed: &Governed) -> Result<()> {
    let before = deployment(governed).await?;
    change(governed, json!({"replicas": null, "scaling": scaling(2, 5)})).await?;
    wait_for_child(governed, Kind::HorizontalPodAutoscaler, true).await?;
    serves_with(governed, 3).await?;
    let numbers = numbers_since(governed, &before).await?;
    ensure!(numbers.iter().all(|number| *number == 3), "on the way there were {numbers:?} replicas");
    let resolved = governed.model(KEY).await?["status"]["resolved"]["scaling"]["value"].clone();
    ensure!(
        resolved == "HorizontalPodAutoscaler, 2 to 5 replicas by vllm:num_requests_waiting",
        "{resolved}"
    );
    // Kubernetes' own controller takes the object: it can scale, and has nothing to go by here.
    wait_until("the autoscaler to be looked at", PATIENCE, async || {
        let found = governed.objects().get(Kind::HorizontalPodAutoscaler, "halsa", "journal").await?;
        let able = condition(&found, "AbleToScale")["status"] == "True";
        let active = condition(&found, "ScalingActive")["status"] == "False";
        Ok(Progress::when(able && active, &found["status"]))
    })
    .await?;
    serves_with(governed, 3).await
}

async fn moved_by_the_autoscaler_and_left_alone(governed: &Governed) -> Result<()> {
    let autoscaler = governed.objects_of(KUBERNETES).await?;
    let since = governed.cluster().audit_log().position()?;
    for replicas in [4, 2] {
        autoscaler.scale(Kind::Deployment, "halsa", WORKLOAD, replicas).await?;
        serves_with(governed, replicas).await?;
    }
    nothing_but_what_is_said_was_written(governed, since)?;
    let since = governed.cluster().audit_log().position()?;
    tokio::time::sleep(QUIET_TIME).await;
    let written: Vec<_> = governed.writes(since)?.iter().map(Record::what).collect();
    ensure!(written.is_empty(), "though all was settled, Hemvist wrote {written:?}");
    let managers = deployment(governed).await?["metadata"]["managedFields"].to_string();
    ensure!(managers.matches("f:replicas").count() >= 1, "nobody owns the number: {managers}");
    Ok(())
}

/// What others have added is taken out by a write of the whole object, which has the number in it.
async fn repaired_without_a_replica_too_few(governed: &Governed) -> Result<()> {
    let before = deployment(governed).await?;
    let controller = governed.objects_of_a_controller().await?;
    let label = json!({"metadata": {"labels": {"example.org/mine": "true"}}});
    controller.merge(Kind::Deployment, "halsa", WORKLOAD, &label).await?;
    wait_until("the label to be taken off", PATIENCE, async || {
        let labels = deployment(governed).await?["metadata"]["labels"].clone();
        Ok(Progress::when(labels["example.org/mine"].is_null(), labels))
    })
    .await?;
    let numbers = numbers_since(governed, &before).await?;
    ensure!(numbers == [2], "on the way there were {numbers:?} replicas");
    Ok(())
}

async fn a_pause_takes_the_autoscaler_along(governed: &Governed) -> Result<()> {
    change(governed, json!({"suspend": true})).await?;
    governed.wait_for_reason(KEY, "Suspended").await?;
    wait_for_child(governed, Kind::HorizontalPodAutoscaler, false).await?;
    wait_until("no pods", PATIENCE, async || {
        let pods = governed.pods(KEY).await?;
        Ok(Progress::when(pods.is_empty(), pods.len()))
    })
    .await?;
    change(governed, json!({"suspend": false})).await?;
    wait_for_child(governed, Kind::HorizontalPodAutoscaler, true).await?;
    // An autoscaler of Kubernetes would leave it without replicas.
    serves_with(governed, 2).await
}

async fn taken_back(governed: &Governed) -> Result<()> {
    change(governed, json!({"replicas": 1, "scaling": null})).await?;
    wait_for_child(governed, Kind::HorizontalPodAutoscaler, false).await?;
    serves_with(governed, 1).await?;
    let controller = governed.objects_of_a_controller().await?;
    controller.scale(Kind::Deployment, "halsa", WORKLOAD, 3).await?;
    wait_until("the number to be Hemvist's again", PATIENCE, async || {
        let replicas = deployment(governed).await?["spec"]["replicas"].clone();
        Ok(Progress::when(replicas == 1, replicas))
    })
    .await?;
    serves_with(governed, 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_and_an_autoscaler_of_the_users_own_scale_the_model_itself() -> Result<()> {
    let (governed, operator) = governed("scaling-by-user", &[]).await?;
    governed.objects().create(&model("halsa", "journal")).await?;
    serves_with(&governed, 1).await?;
    let kubectl = governed.cluster().kubectl()?;
    let scale = ["scale", "mdep/journal", "--namespace=halsa", "--replicas=2"];
    kubectl.run(&scale).await?.success()?;
    serves_with(&governed, 2).await?;

    // Where the number is left out, a command can state it, and an autoscaler cannot read it.
    let mut implicit = model("halsa", "implicit");
    if let Some(spec) = implicit["spec"].as_object_mut() {
        spec.remove("replicas");
    }
    governed.objects().create(&implicit).await?;
    let path = "/apis/hemvist.dev/v1alpha1/namespaces/halsa/modeldeployments/implicit/scale";
    let answer = kubectl.run(&["get", "--raw", path]).await?;
    ensure!(
        answer.code != 0 && answer.stderr.contains("does not exist"),
        "{} {}",
        answer.code,
        answer.stderr
    );
    let scale_implicit = ["scale", "mdep/implicit", "--namespace=halsa", "--replicas=2"];
    kubectl.run(&scale_implicit).await?.success()?;
    let stated = governed.model("halsa/implicit").await?["spec"]["replicas"].clone();
    ensure!(stated == 2, "{stated}");
    governed.objects().delete(Kind::ModelDeployment, "halsa", "implicit").await?;

    // The controller of Kubernetes raises the number to the fewest that are asked for, without any metric.
    governed
        .objects()
        .create(&json!({
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"namespace": "halsa", "name": "mine"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "hemvist.dev/v1alpha1", "kind": "ModelDeployment", "name": "journal"},
                "minReplicas": 3,
                "maxReplicas": 4,
            },
        }))
        .await?;
    serves_with(&governed, 3).await?;
    governed.objects().delete(Kind::HorizontalPodAutoscaler, "halsa", "mine").await?;

    change(&governed, json!({"replicas": null, "scaling": scaling(1, 5)})).await?;
    wait_for_child(&governed, Kind::HorizontalPodAutoscaler, true).await?;
    let answer = kubectl.run(&scale).await?;
    ensure!(
        answer.code != 0 && answer.stderr.contains("replicas and scaling must not both be set"),
        "{} {}",
        answer.code,
        answer.stderr
    );
    // One who scales by hand what an autoscaler scales is told so by the Deployment, too.
    let stranger = governed.objects_of("someone").await?;
    let refused = stranger.scale(Kind::Deployment, "halsa", WORKLOAD, 1).await;
    ensure!(format!("{refused:?}").contains("hemvist-children"), "{refused:?}");
    governed.end(vec![operator], 3).await
}

#[tokio::test(flavor = "multi_thread")]
async fn keda_scales_where_it_is_installed_and_may_stop_the_last_replica() -> Result<()> {
    let values = ["load.prometheusAddress=http://prometheus.overvakning.svc:9090"];
    let (governed, operator) = governed("scaling-keda", &values).await?;
    let mut journal = scaled(model("halsa", "journal"), 0, 3);
    journal["spec"]["scaling"]["schedule"] = json!([{
        "name": "kontorstid", "start": "30 6 * * 1-5", "end": "0 18 * * 1-5", "timeZone": "Europe/Stockholm", "replicas": 2,
    }]);
    governed.objects().create(&journal).await?;
    wait_for_child(&governed, Kind::HorizontalPodAutoscaler, true).await?;
    serves_with(&governed, 1).await?;

    OptionalCrd::ScaledObject.install(governed.cluster()).await?;
    wait_for_child(&governed, Kind::ScaledObject, true).await?;
    wait_for_child(&governed, Kind::HorizontalPodAutoscaler, false).await?;
    serves_with(&governed, 1).await?;
    as_keda_does(&governed).await?;
    strangers_are_refused(&governed).await?;

    // It moves out with all that it has noted, and Kubernetes starts the model that KEDA has stopped.
    let keda = governed.objects_of(KEDA).await?;
    let no_finalizer = json!({"metadata": {"finalizers": null}});
    keda.merge(Kind::ScaledObject, "halsa", "journal", &no_finalizer).await?;
    keda.delete(Kind::HorizontalPodAutoscaler, "halsa", "keda-hpa-journal").await?;
    OptionalCrd::ScaledObject.remove(governed.cluster()).await?;
    wait_for_child(&governed, Kind::HorizontalPodAutoscaler, true).await?;
    serves_with(&governed, 1).await?;
    governed.end(vec![operator], 2).await
}

/// KEDA notes a finalizer and a status on the ScaledObject, makes an autoscaler with its labels, and scales.
async fn as_keda_does(governed: &Governed) -> Result<()> {
    let keda = governed.objects_of(KEDA).await?;
    let since = governed.cluster().audit_log().position()?;
    let finalizer = json!({
        "metadata": {"finalizers": ["finalizer.keda.sh"]},
        // It writes the whole object, and always this too.
        "spec": {"advanced": {"scalingModifiers": {}}},
    });
    let noted = keda.merge(Kind::ScaledObject, "halsa", "journal", &finalizer).await?;
    let mut labels = noted["metadata"]["labels"].clone();
    ensure!(labels["scaledobject.keda.sh/name"] == "journal", "{labels}");
    labels["app.kubernetes.io/name"] = json!("keda-hpa-journal");
    let autoscaler = json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "namespace": "halsa",
            "name": "keda-hpa-journal",
            "labels": labels,
            "ownerReferences": [{
                "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "journal",
                "uid": noted["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {"scaleTargetRef": noted["spec"]["scaleTargetRef"], "minReplicas": 1, "maxReplicas": 3},
    });
    keda.create(&autoscaler).await?;
    keda.scale(Kind::Deployment, "halsa", WORKLOAD, 0).await?;
    let message = governed.wait_for_reason(KEY, "ScaledToZero").await?;
    ensure!(message.contains("KEDA"), "{message}");
    let model = governed.model(KEY).await?;
    ensure!(condition(&model, "Ready")["status"] == "True", "{}", model["status"]);
    ensure!(condition(&model, "Reconciling").is_null(), "{}", model["status"]);
    for replicas in [2, 0] {
        keda.scale(Kind::Deployment, "halsa", WORKLOAD, replicas).await?;
        let reason = if replicas == 0 { "ScaledToZero" } else { "Serving" };
        governed.wait_for_reason(KEY, reason).await?;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    nothing_but_what_is_said_was_written(governed, since)?;
    Ok(())
}

async fn strangers_are_refused(governed: &Governed) -> Result<()> {
    let stranger = governed.objects_of("someone").await?;
    let mine = json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"namespace": "halsa", "name": "mine"},
        "spec": {"scaleTargetRef": {"name": WORKLOAD}, "triggers": [{"type": "cron", "metadata": {}}]},
    });
    let refused = stranger.refusal(&mine).await?.unwrap_or_default();
    ensure!(refused.contains("hemvist-neighbours"), "{refused}");
    let more = json!({"spec": {"maxReplicaCount": 9}});
    let refused = stranger.merge(Kind::ScaledObject, "halsa", "journal", &more).await;
    ensure!(format!("{refused:?}").contains("'hemvist-"), "{refused:?}");
    Ok(())
}
