//! The objects that a model becomes: repaired, made again, left alone where they are somebody else's, and gone with it.

use anyhow::{Result, ensure};
use hemvist_e2e::governed::{Governed, PATIENCE, split};
use hemvist_e2e::models::{child_name, model, region_policy};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::{Options, Progress, wait_until};
use serde_json::{Value, json};

const KEY: &str = "halsa/journal";

/// A cluster with one large node, the namespace `halsa` and a region policy.
async fn governed(name: &str) -> Result<Governed> {
    let governed = Governed::start_without_admission(Options::new(name)).await?;
    let node = SimulatedNode::new("node").gpus(Gpu::L40S, 8).cleared("se-f", "jkpg-a", "Sensitive");
    node.create(&governed.cluster().client()).await?;
    governed.create_namespaces(&["halsa"]).await?;
    governed.objects().create(&region_policy()).await?;
    Ok(governed)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_change_or_delete_is_restored() -> Result<()> {
    let governed = governed("children-restored").await?;
    let operator = governed.operator("hemvist-operator")?;
    governed.objects().create(&model("halsa", "journal")).await?;
    governed.wait_for_reason(KEY, "Serving").await?;
    let wanted = contents(&governed, KEY).await?;
    ensure!(wanted.len() == Kind::CHILDREN.len(), "{wanted:#?}");

    for (kind, change) in changes() {
        governed.objects().merge(kind, "halsa", &child_name(kind, "journal", "Open"), &change).await?;
        wait_for_contents(&governed, &format!("the {} to be repaired after {change}", kind.name()), &wanted)
            .await?;
    }
    for kind in Kind::CHILDREN {
        let name = child_name(kind, "journal", "Open");
        let old = governed.objects().get(kind, "halsa", &name).await?["metadata"]["uid"].clone();
        governed.objects().delete(kind, "halsa", &name).await?;
        wait_until(&format!("another {}", kind.name()), PATIENCE, async || {
            let found = governed.objects().find(kind, "halsa", &name).await?;
            Ok(Progress::when(found.is_some_and(|new| new["metadata"]["uid"] != old), "none"))
        })
        .await?;
        wait_for_contents(&governed, &format!("the {} to be as it was", kind.name()), &wanted).await?;
    }
    governed.wait_for_reason(KEY, "Serving").await?;
    governed.end(vec![operator], 1).await
}

/// What somebody might change, for better or worse.
fn changes() -> Vec<(Kind, Value)> {
    vec![
        (Kind::Deployment, json!({"spec": {"replicas": 3}})),
        (
            Kind::Deployment,
            json!({"spec": {"template": {"spec": {"hostNetwork": true, "nodeSelector": {"a": "b"}}}}}),
        ),
        (Kind::Deployment, json!({"metadata": {"labels": {"hemvist.dev/information-class": "Sensitive"}}})),
        (Kind::Service, json!({"spec": {"selector": {"app": "mine"}}})),
        (Kind::Service, json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}})),
        (Kind::NetworkPolicy, json!({"spec": {"egress": [{}]}})),
        (Kind::NetworkPolicy, json!({"spec": {"ingress": [{}], "policyTypes": ["Ingress"]}})),
        (Kind::PodDisruptionBudget, json!({"spec": {"maxUnavailable": 0}})),
        (Kind::ServiceAccount, json!({"automountServiceAccountToken": true})),
        (Kind::ServiceAccount, json!({"imagePullSecrets": [{"name": "mine"}]})),
    ]
}

/// Of every child what it asks for, without the bookkeeping of the API server.
async fn contents(governed: &Governed, key: &str) -> Result<Vec<Value>> {
    let (namespace, name) = split(key)?;
    let mut contents = Vec::new();
    for kind in Kind::CHILDREN {
        let Some(mut child) =
            governed.objects().find(kind, namespace, &child_name(kind, name, "Open")).await?
        else {
            continue;
        };
        child["metadata"] = json!({
            "labels": child["metadata"]["labels"],
            "owners": child["metadata"]["ownerReferences"],
            "hash": child["metadata"]["annotations"]["hemvist.dev/rendered-hash"],
        });
        child["status"] = Value::Null;
        // A Service that is made again has another address.
        for address in ["clusterIP", "clusterIPs"] {
            if kind == Kind::Service {
                child["spec"][address] = Value::Null;
            }
        }
        contents.push(child);
    }
    Ok(contents)
}

async fn wait_for_contents(governed: &Governed, what: &str, wanted: &[Value]) -> Result<()> {
    wait_until(what, PATIENCE, async || {
        let found = contents(governed, KEY).await?;
        let other: Vec<_> = found.iter().filter(|child| !wanted.contains(child)).collect();
        Ok(Progress::when(found == wanted, format!("{other:?} of {}", found.len())))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_object_of_the_name_is_left_alone() -> Result<()> {
    let governed = governed("children-foreign").await?;
    let operator = governed.operator("hemvist-operator")?;
    let selector = json!({"matchLabels": {"app": "mine"}});
    let foreign = [
        (Kind::ServiceAccount, json!({})),
        (Kind::Service, json!({"spec": {"ports": [{"port": 80}], "selector": {"app": "mine"}}})),
        (Kind::NetworkPolicy, json!({"spec": {"podSelector": {}, "policyTypes": ["Egress"]}})),
        (Kind::PodDisruptionBudget, json!({"spec": {"maxUnavailable": 1, "selector": selector}})),
        (
            Kind::Deployment,
            json!({"spec": {"replicas": 0, "selector": selector, "template": {
                "metadata": {"labels": {"app": "mine"}},
                "spec": {"containers": [{"name": "mine", "image": "mine"}]},
            }}}),
        ),
    ];
    let mut versions = Vec::new();
    for (kind, mut object) in foreign {
        let name = format!("of-{}", kind.name().to_lowercase());
        object["apiVersion"] = json!(kind.api_version());
        object["kind"] = json!(kind.name());
        let taken = child_name(kind, &name, "Open");
        object["metadata"] = json!({"namespace": "halsa", "name": taken});
        governed.objects().create(&object).await?;
        governed.objects().create(&model("halsa", &name)).await?;
        versions.push((kind, name));
    }
    for (kind, name) in &versions {
        let key = format!("halsa/{name}");
        let message = governed.wait_for_reason(&key, "NameConflict").await?;
        ensure!(message.contains(kind.name()) && message.contains(name.as_str()), "{message}");
        let object = governed.objects().get(*kind, "halsa", &child_name(*kind, name, "Open")).await?;
        ensure!(object["metadata"]["ownerReferences"].is_null(), "taken over: {object}");
        ensure!(object["metadata"]["labels"]["hemvist.dev/model-deployment"].is_null(), "labelled: {object}");
        let model = governed.model(&key).await?;
        ensure!(condition(&model, "Stalled")["status"] == "True", "{}", model["status"]);
        ensure!(governed.pods(&key).await?.is_empty(), "{key} has pods though it is not whole");
    }
    for (kind, name) in &versions {
        governed.objects().delete(*kind, "halsa", &child_name(*kind, name, "Open")).await?;
    }
    for (_, name) in &versions {
        governed.wait_for_reason(&format!("halsa/{name}"), "Serving").await?;
    }
    governed.end(vec![operator], versions.len()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_ends_or_pauses_takes_its_objects_or_replicas_along() -> Result<()> {
    let governed = governed("children-gone").await?;
    let operator = governed.operator("hemvist-operator")?;
    let journal = model("halsa", "journal");
    governed.objects().create(&journal).await?;
    governed.wait_for_reason(KEY, "Serving").await?;

    suspended_and_resumed(&governed).await?;
    stopped_by_an_open_incident(&governed).await?;

    let first = governed.model(KEY).await?["metadata"]["uid"].clone();
    // At once, so that what is left of the old one is still there.
    governed.objects().delete(Kind::ModelDeployment, "halsa", "journal").await?;
    governed.objects().create(&journal).await?;
    governed.wait_for_reason(KEY, "Serving").await?;
    let second = governed.model(KEY).await?["metadata"]["uid"].clone();
    ensure!(first != second);
    for child in governed.wait_for_children(KEY, 5).await? {
        ensure!(
            child["metadata"]["ownerReferences"][0]["uid"] == second,
            "an object of the old model: {child}"
        );
    }

    governed.objects().delete(Kind::ModelDeployment, "halsa", "journal").await?;
    governed.wait_for_children(KEY, 0).await?;
    wait_for_pods(&governed, 0).await?;
    governed.end(vec![operator], 2).await
}

async fn suspended_and_resumed(governed: &Governed) -> Result<()> {
    let suspend = |value: bool| json!({"spec": {"suspend": value}});
    governed.objects().merge(Kind::ModelDeployment, "halsa", "journal", &suspend(true)).await?;
    governed.wait_for_reason(KEY, "Suspended").await?;
    wait_for_pods(governed, 0).await?;
    governed.wait_for_children(KEY, 5).await?;
    let model = governed.model(KEY).await?;
    let spec = &model["spec"];
    ensure!(spec["replicas"] == 1, "the operator wrote spec: {spec}");
    governed.objects().merge(Kind::ModelDeployment, "halsa", "journal", &suspend(false)).await?;
    governed.wait_for_reason(KEY, "Serving").await.map(|_| ())
}

async fn stopped_by_an_open_incident(governed: &Governed) -> Result<()> {
    let mut incident = json!({"kind": "SeriousAI", "reference": "RJL 2026/1", "occurredOn": "2026-09-01"});
    let change = |incident: &Value| json!({"spec": {"incidents": [incident]}});
    governed.objects().merge(Kind::ModelDeployment, "halsa", "journal", &change(&incident)).await?;
    let message = governed.wait_for_reason(KEY, "IncidentOpen").await?;
    ensure!(message.contains("RJL 2026/1"), "{message}");
    wait_for_pods(governed, 0).await?;
    // Resuming by hand does not help while it is open.
    governed
        .objects()
        .merge(Kind::ModelDeployment, "halsa", "journal", &json!({"spec": {"suspend": false}}))
        .await?;
    governed.wait_for_reason(KEY, "IncidentOpen").await?;
    incident["closedOn"] = json!("2026-09-03");
    governed.objects().merge(Kind::ModelDeployment, "halsa", "journal", &change(&incident)).await?;
    governed.wait_for_reason(KEY, "Serving").await.map(|_| ())
}

async fn wait_for_pods(governed: &Governed, count: usize) -> Result<()> {
    wait_until(&format!("{count} pods"), PATIENCE, async || {
        let pods = governed.pods(KEY).await?;
        let names: Vec<_> = pods.iter().map(|pod| text(&pod["metadata"]["name"])).collect();
        Ok(Progress::when(pods.len() == count, names.join(", ")))
    })
    .await
}
