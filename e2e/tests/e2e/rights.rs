//! The operator has the rights that it uses, and no others.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context, Result, ensure};
use hemvist_e2e::governed::{Governed, PATIENCE};
use hemvist_e2e::installation::{ROOT_NAMESPACE, workspace};
use hemvist_e2e::models::{child_name, model, region_policy, scaled};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{Kind, text};
use hemvist_e2e::operator::Operator;
use hemvist_e2e::optional_crds::OptionalCrd;
use hemvist_e2e::{Options, Progress, wait_until};
use serde_json::{Value, json};

/// What may be done, or was done, to a kind of resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    group: String,
    resource: String,
    verb: String,
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}/{}", self.verb, self.group, self.resource)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chart_gives_exactly_what_a_tour_of_everything_uses() -> Result<()> {
    let values = ["load.prometheusAddress=http://prometheus.overvakning.svc:9090"];
    let governed = Governed::start_with(Options::new("rights-used"), &values).await?;
    for name in ["one", "two"] {
        let node = SimulatedNode::new(name).gpus(Gpu::L40S, 16).cleared("se-f", "jkpg-a", "Sensitive");
        node.resource("cpu", "200").create(&governed.cluster().client()).await?;
    }
    governed.create_namespaces(&["halsa"]).await?;
    governed.objects().create(&region_policy()).await?;
    let operator = governed.operator("hemvist-operator")?;
    governed.wait_until_enforced("hemvist-system/region").await?;

    names_that_are_taken(&governed).await?;
    weights_that_are_fetched(&governed).await?;
    children_that_others_have_changed(&governed).await?;
    autoscalers_that_come_change_and_go(&governed).await?;
    ways_from_a_gateway_that_come_and_go(&governed).await?;
    a_pause_that_is_reported_twice(&governed).await?;
    a_limit_that_comes_changes_and_goes(&governed).await?;
    what_is_compiled_and_others_have_changed(&governed).await?;
    let operator = a_network_that_was_opened_while_nobody_looked(&governed, operator).await?;
    pods_that_have_to_leave(&governed).await?;
    everything_is_pruned(&governed).await?;

    let (used, refused) = used(&governed)?;
    let given = given(&governed).await?;
    let missing: Vec<String> = used.difference(&given).map(ToString::to_string).collect();
    let unused: Vec<String> = given.difference(&used).map(ToString::to_string).collect();
    println!(
        "used and not given: {missing:#?}\ngiven and not used: {unused:#?}\nanswered with 403: {refused:#?}"
    );
    ensure!(
        missing.is_empty() && refused.is_empty(),
        "rights are missing: {missing:?}, refused: {refused:?}"
    );
    ensure!(unused.is_empty(), "rights that a tour of everything does not use: {unused:?}");
    governed.end(vec![operator], 4).await
}

/// Objects of the same names stand in the way and are read; then they go.
async fn names_that_are_taken(governed: &Governed) -> Result<()> {
    let selector = json!({"matchLabels": {"app": "mine"}});
    let containers = json!([{"name": "mine", "image": "mine"}]);
    for (kind, spec) in [
        (Kind::ServiceAccount, Value::Null),
        (Kind::NetworkPolicy, json!({"podSelector": selector})),
        (Kind::Service, json!({"ports": [{"port": 80}]})),
        (Kind::PodDisruptionBudget, json!({"maxUnavailable": 1, "selector": selector})),
        (
            Kind::Deployment,
            json!({"replicas": 0, "selector": selector, "template": {
                "metadata": {"labels": {"app": "mine"}}, "spec": {"containers": containers},
            }}),
        ),
    ] {
        let name = kind.name().to_lowercase();
        let taken = child_name(kind, &name, "Open");
        let metadata = json!({"namespace": "halsa", "name": taken});
        let mut object = json!({"apiVersion": kind.api_version(), "kind": kind.name(), "metadata": metadata});
        if !spec.is_null() {
            object["spec"] = spec;
        }
        governed.objects().create(&object).await?;
        governed.objects().create(&model("halsa", &name)).await?;
        governed.wait_for_reason(&format!("halsa/{name}"), "NameConflict").await?;
        governed.objects().delete(kind, "halsa", &taken).await?;
        governed.objects().delete(Kind::ModelDeployment, "halsa", &name).await?;
    }
    Ok(())
}

/// A Job of a name that is taken is read; one that fetches other weights than are wanted goes.
async fn weights_that_are_fetched(governed: &Governed) -> Result<()> {
    let mut fetched = model("halsa", "fetched");
    let store = json!({"endpoint": "https://objects.region.example", "bucket": "models"});
    fetched["spec"]["model"]["source"] = json!({"mirror": {"claimName": "weights", "objectStore": store}});
    fetched["spec"]["model"]["digest"] = json!(format!("sha256:{}", "1".repeat(64)));
    let selector = "hemvist.dev/model-deployment=fetched";
    // Without it the pod that fetches cannot be placed, and that is what is said a moment later.
    governed.create_bound_claim("halsa", "weights").await?;
    governed.objects().create(&fetched).await?;
    governed.wait_for_reason("halsa/fetched", "FetchingWeights").await?;
    let jobs = governed.objects().list(Kind::Job, "halsa", selector).await?;
    let name = text(&jobs[0]["metadata"]["name"]).to_owned();
    governed.objects().delete(Kind::ModelDeployment, "halsa", "fetched").await?;
    wait_until("the Job to be gone", PATIENCE, async || {
        let found = governed.objects().find(Kind::Job, "halsa", &name).await?;
        Ok(Progress::when(found.is_none(), "it is there"))
    })
    .await?;
    let containers = json!([{"name": "mine", "image": "mine"}]);
    let template = json!({"spec": {"restartPolicy": "Never", "containers": containers}});
    let metadata = json!({"namespace": "halsa", "name": name});
    let spec = json!({"suspend": true, "template": template});
    let mine = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec});
    governed.objects().create(&mine).await?;
    governed.objects().create(&fetched).await?;
    governed.wait_for_reason("halsa/fetched", "NameConflict").await?;
    governed.objects().delete(Kind::Job, "halsa", &name).await?;
    governed.wait_for_reason("halsa/fetched", "FetchingWeights").await?;
    let change = json!({"spec": {"model": {"digest": format!("sha256:{}", "2".repeat(64))}}});
    governed.objects().merge(Kind::ModelDeployment, "halsa", "fetched", &change).await?;
    wait_until("the Job of the other weights to be gone", PATIENCE, async || {
        let found = governed.objects().find(Kind::Job, "halsa", &name).await?;
        Ok(Progress::when(found.is_none(), "it is there"))
    })
    .await?;
    governed.objects().delete(Kind::ModelDeployment, "halsa", "fetched").await
}

/// First Kubernetes scales, and then KEDA, which moves in. Of both kinds one stands in the way, and one is changed by others.
async fn autoscalers_that_come_change_and_go(governed: &Governed) -> Result<()> {
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "mine"});
    let trigger = json!({"type": "cpu", "metadata": {"value": "50"}});
    let kubernetes = (Kind::HorizontalPodAutoscaler, json!({"scaleTargetRef": target, "maxReplicas": 2}));
    let keda = (Kind::ScaledObject, json!({"scaleTargetRef": target, "triggers": [trigger]}));
    let objects = governed.objects_of_a_controller().await?;
    for (kind, spec) in [kubernetes, keda] {
        if kind == Kind::ScaledObject {
            OptionalCrd::ScaledObject.install(governed.cluster()).await?;
        }
        let name = format!("scaled-by-{}", kind.name().to_lowercase());
        let metadata = json!({"namespace": "halsa", "name": name});
        let foreign = json!({"apiVersion": kind.api_version(), "kind": kind.name(), "metadata": metadata, "spec": spec});
        governed.objects().create(&foreign).await?;
        governed.objects().create(&scaled(model("halsa", &name), 1, 2)).await?;
        let key = format!("halsa/{name}");
        governed.wait_for_reason(&key, "NameConflict").await?;
        governed.objects().delete(kind, "halsa", &name).await?;
        governed.wait_for_reason(&key, "Serving").await?;
        objects.merge(kind, "halsa", &name, &my_label()).await?;
        my_label_is_taken_off(governed, kind, &name).await?;
        governed
            .objects()
            .merge(Kind::ModelDeployment, "halsa", &name, &json!({"spec": {"suspend": true}}))
            .await?;
        governed.wait_for_reason(&key, "Suspended").await?;
        wait_until(&format!("the {} to go", kind.name()), PATIENCE, async || {
            let found = governed.objects().find(kind, "halsa", &name).await?;
            Ok(Progress::when(found.is_none(), "it is there"))
        })
        .await?;
        governed.objects().delete(Kind::ModelDeployment, "halsa", &name).await?;
    }
    Ok(())
}

/// A route and a pool: one stands in the way, one is changed by others, and both go.
async fn ways_from_a_gateway_that_come_and_go(governed: &Governed) -> Result<()> {
    for crd in [OptionalCrd::HTTPRoute, OptionalCrd::InferencePool] {
        crd.install(governed.cluster()).await?;
    }
    let pool = json!({
        "selector": {"matchLabels": {"app": "mine"}}, "targetPorts": [{"number": 80}],
        "endpointPickerRef": {"name": "mine", "port": {"number": 9002}},
    });
    let objects = governed.objects_of_a_controller().await?;
    for (kind, spec) in [(Kind::HTTPRoute, json!({})), (Kind::InferencePool, pool)] {
        let name = format!("led-by-{}", kind.name().to_lowercase());
        let metadata = json!({"namespace": "halsa", "name": name});
        let foreign = json!({"apiVersion": kind.api_version(), "kind": kind.name(), "metadata": metadata, "spec": spec});
        governed.objects().create(&foreign).await?;
        let mut led = model("halsa", &name);
        led["spec"]["access"]["gateway"] = json!({
            "hostname": "ai.region.example", "endpointPicker": {"service": "picker", "port": 9002},
        });
        governed.objects().create(&led).await?;
        let key = format!("halsa/{name}");
        governed.wait_for_reason(&key, "NameConflict").await?;
        governed.objects().delete(kind, "halsa", &name).await?;
        governed.wait_for_reason(&key, "Serving").await?;
        objects.merge(kind, "halsa", &name, &my_label()).await?;
        my_label_is_taken_off(governed, kind, &name).await?;
        let inside = json!({"spec": {"access": {"gateway": null}}});
        governed.objects().merge(Kind::ModelDeployment, "halsa", &name, &inside).await?;
        wait_until(&format!("the {} to go", kind.name()), PATIENCE, async || {
            let found = governed.objects().find(kind, "halsa", &name).await?;
            Ok(Progress::when(found.is_none(), "it is there"))
        })
        .await?;
        governed.objects().delete(Kind::ModelDeployment, "halsa", &name).await?;
    }
    Ok(())
}

/// Additions by others survive an apply and are taken out.
async fn children_that_others_have_changed(governed: &Governed) -> Result<()> {
    let mut two = model("halsa", "two");
    two["spec"]["replicas"] = json!(2);
    governed.objects().create(&two).await?;
    governed.wait_for_reason("halsa/two", "Serving").await?;
    let objects = governed.objects_of_a_controller().await?;
    // A NetworkPolicy of a model is not changed by controllers either.
    for kind in Kind::CHILDREN.into_iter().filter(|kind| *kind != Kind::NetworkPolicy) {
        let name = child_name(kind, "two", "Open");
        objects.merge(kind, "halsa", &name, &my_label()).await?;
        my_label_is_taken_off(governed, kind, &name).await?;
    }
    Ok(())
}

fn my_label() -> Value {
    json!({"metadata": {"labels": {"example.org/mine": "true"}}})
}

async fn my_label_is_taken_off(governed: &Governed, kind: Kind, name: &str) -> Result<()> {
    wait_until(&format!("the label to be taken off the {}", kind.name()), PATIENCE, async || {
        let child = governed.objects().get(kind, "halsa", name).await?;
        let labels = &child["metadata"]["labels"];
        Ok(Progress::when(labels["example.org/mine"].is_null(), labels))
    })
    .await
}

/// The same event twice in a short time is one event with a count.
async fn a_pause_that_is_reported_twice(governed: &Governed) -> Result<()> {
    for _ in 0..2 {
        for (suspend, reason) in [(true, "Suspended"), (false, "Serving")] {
            let change = json!({"spec": {"suspend": suspend}});
            governed.objects().merge(Kind::ModelDeployment, "halsa", "two", &change).await?;
            governed.wait_for_reason("halsa/two", reason).await?;
        }
    }
    Ok(())
}

/// The limit to the accelerators of a namespace is a ResourceQuota.
async fn a_limit_that_comes_changes_and_goes(governed: &Governed) -> Result<()> {
    for limit in [Some("9"), Some("8"), None] {
        let number = limit.map(str::parse::<u32>).transpose()?;
        let change = json!({"spec": {"quota": number.map(|number| json!({"accelerators": number}))}});
        governed.objects().merge(Kind::AIPolicy, ROOT_NAMESPACE, "region", &change).await?;
        wait_until(&format!("the limit to be {limit:?}"), PATIENCE, async || {
            let hard = "--output=jsonpath={.spec.hard.requests\\.nvidia\\.com/gpu}";
            let get =
                ["get", "quota", "hemvist-accelerators", "--namespace=halsa", "--ignore-not-found", hard];
            let found = kubectl(governed, &get).await?;
            Ok(Progress::when(found == limit.unwrap_or_default(), found))
        })
        .await?;
    }
    governed.wait_until_enforced("hemvist-system/region").await.map(|_| ())
}

async fn kubectl(governed: &Governed, arguments: &[&str]) -> Result<String> {
    governed.cluster().kubectl()?.run(arguments).await?.success()
}

const POLICY: &str = "validatingadmissionpolicy";
const BINDING: &str = "validatingadmissionpolicybinding";

async fn change(governed: &Governed, kind: &str, name: &str, change: &Value) -> Result<()> {
    // By the standard input, because an argument has a greatest length.
    let patch = ["patch", kind, name, "--type=merge", "--patch-file=/dev/stdin"];
    let kubectl = governed.cluster().kubectl()?;
    kubectl.run_with_input(&patch, &change.to_string()).await?.success().map(|_| ())
}

async fn spec_and_annotations(governed: &Governed, kind: &str, name: &str) -> Result<Value> {
    let object: Value =
        serde_json::from_str(&kubectl(governed, &["get", kind, name, "--output=json"]).await?)?;
    Ok(json!([object["spec"], object["metadata"]["annotations"]]))
}

/// An administrator weakens what policies are compiled to. It is as it was a moment later, whatever an apply leaves
/// standing or cannot be merged with.
async fn what_is_compiled_and_others_have_changed(governed: &Governed) -> Result<()> {
    let never = json!({"spec": {"matchConditions": [{"name": "never", "expression": "false"}]}});
    let warn = json!({"spec": {"validationActions": ["Warn"]}});
    // With the annotation that is missing there is one byte more than an object may have.
    let full = "x".repeat(256 * 1024 - "note".len() - "helm.sh/resource-policy".len());
    let full = json!({"metadata": {"annotations": {"helm.sh/resource-policy": null, "note": full}}});
    for (kind, name, weaker) in [
        (POLICY, "hemvist-models.hemvist-system.region", &never),
        (BINDING, "hemvist-models.hemvist-system.region", &warn),
        (POLICY, "hemvist-children", &full),
    ] {
        let before = spec_and_annotations(governed, kind, name).await?;
        change(governed, kind, name, weaker).await?;
        wait_until(&format!("{kind} {name} to be as it was"), PATIENCE, async || {
            let now = spec_and_annotations(governed, kind, name).await?;
            Ok(Progress::when(now == before, "it is otherwise"))
        })
        .await?;
    }
    governed.wait_until_enforced("hemvist-system/region").await.map(|_| ())
}

/// While no operator runs, an administrator deletes a compiled policy and changes a NetworkPolicy; both are repaired.
async fn a_network_that_was_opened_while_nobody_looked(
    governed: &Governed,
    operator: Operator,
) -> Result<Operator> {
    operator.stop().await?;
    for binding in ["hemvist-neighbours", "hemvist-children"] {
        change(governed, BINDING, binding, &json!({"spec": {"validationActions": ["Warn"]}})).await?;
    }
    wait_until("the compiled policy to be deleted", PATIENCE, async || {
        governed.objects().merge(Kind::NetworkPolicy, "halsa", "two", &my_label()).await?;
        Ok(Progress::Done(()))
    })
    .await?;
    let operator = governed.operator("hemvist-operator-again")?;
    my_label_is_taken_off(governed, Kind::NetworkPolicy, "two").await?;
    wait_until("the compiled policies to be back", PATIENCE, async || {
        let actions = "--output=jsonpath={.items[*].spec.validationActions}";
        let found = kubectl(governed, &["get", BINDING, actions]).await?;
        Ok(Progress::when(!found.contains("Warn"), found))
    })
    .await?;
    Ok(operator)
}

/// A node loses its clearance: one pod is evicted, and one that a budget protects is deleted.
async fn pods_that_have_to_leave(governed: &Governed) -> Result<()> {
    // By eviction alone, which the API server counts in the budget of the model.
    let left = governed.nodes_of("halsa/two").await?.into_iter().take(1).collect::<Vec<_>>();
    governed.clear_nodes(&left, None).await?;
    wait_until("the pods to leave the node", PATIENCE, async || {
        let nodes = governed.nodes_of("halsa/two").await?;
        Ok(Progress::when(!nodes.contains(&left[0]) && !nodes.is_empty(), format!("{nodes:?}")))
    })
    .await?;
    governed.clear_nodes(&left, Some("Sensitive")).await?;
    governed.wait_for_reason("halsa/two", "Serving").await?;
    let budget = json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"namespace": "halsa", "name": "always-here"},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"hemvist.dev/model-deployment": "two"}}},
    });
    governed.objects().create(&budget).await?;
    let nodes = ["one".to_owned(), "two".to_owned()];
    governed.clear_nodes(&nodes, None).await?;
    governed.wait_for_reason("halsa/two", "NoEligibleNode").await?;
    governed.clear_nodes(&nodes, Some("Sensitive")).await?;
    governed.wait_for_reason("halsa/two", "Serving").await?;
    governed.objects().delete(Kind::PodDisruptionBudget, "halsa", "always-here").await
}

async fn everything_is_pruned(governed: &Governed) -> Result<()> {
    governed.objects().delete(Kind::AIPolicy, ROOT_NAMESPACE, "region").await?;
    governed.wait_for_reason("halsa/two", "NoPolicy").await?;
    governed.wait_for_children("halsa/two", 0).await?;
    wait_until("what was compiled to be gone", PATIENCE, async || {
        let kinds = format!("{POLICY},{BINDING}");
        let found = kubectl(governed, &["get", &kinds, "--output=name"]).await?;
        Ok(Progress::when(!found.contains("hemvist-system.region"), found))
    })
    .await
}

/// What the operator has used, and its requests that were answered with 403.
fn used(governed: &Governed) -> Result<(BTreeSet<Right>, Vec<String>)> {
    let records = governed.cluster().audit_log().records(hemvist_e2e::audit::Position::default())?;
    let mut used = BTreeSet::new();
    let mut refused = Vec::new();
    for record in records.iter().filter(|record| record.user == governed.installation().user()) {
        if record.resource.is_empty() {
            continue;
        }
        let right = |verb: &str| Right {
            group: record.group.clone(),
            resource: record.what(),
            verb: verb.to_owned(),
        };
        // A probe of a policy that is in force is refused by that policy, as it has to be.
        if record.code == 403 && !record.dry_run {
            refused.push(right(&record.verb).to_string());
        }
        // An apply that makes an object needs the right to create it too.
        if record.verb == "patch" && record.code == 201 {
            used.insert(right("create"));
        }
        used.insert(right(&record.verb));
    }
    Ok((used, refused))
}

/// What the chart gives to the operator's ServiceAccount, in the whole cluster and in its namespace.
async fn given(governed: &Governed) -> Result<BTreeSet<Right>> {
    let chart = workspace().join("charts/hemvist");
    let text_of_chart = governed.cluster().helm()?.template("hemvist", &chart, ROOT_NAMESPACE, &[]).await?;
    let objects: Vec<Value> = hemvist_e2e::manifests::objects(&text_of_chart)?;
    let account = governed.installation().user().rsplit(':').next().context("a user without a name")?;
    let bindings = objects.iter().filter(|object| {
        ["ClusterRoleBinding", "RoleBinding"].contains(&text(&object["kind"]))
            && object["subjects"]
                .as_array()
                .is_some_and(|all| all.iter().any(|subject| subject["name"] == account))
    });
    let mut given = BTreeSet::new();
    for role in bindings.map(|binding| &binding["roleRef"]) {
        let named =
            |object: &&Value| object["kind"] == role["kind"] && object["metadata"]["name"] == role["name"];
        let role = objects.iter().find(named).with_context(|| format!("the chart has no {role}"))?;
        for rule in role["rules"].as_array().into_iter().flatten() {
            given.extend(rights_of(rule));
        }
    }
    ensure!(!given.is_empty(), "the chart gives the operator nothing");
    Ok(given)
}

fn rights_of(rule: &Value) -> Vec<Right> {
    let of = |name: &str| rule[name].as_array().cloned().unwrap_or_default();
    let mut rights = Vec::new();
    for group in of("apiGroups") {
        for resource in of("resources") {
            let right = |verb: Value| Right {
                group: text(&group).to_owned(),
                resource: text(&resource).to_owned(),
                verb: text(&verb).to_owned(),
            };
            rights.extend(of("verbs").into_iter().map(right));
        }
    }
    rights
}
