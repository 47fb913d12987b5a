//! Pods and workloads as JSON: plain ones, and ones that use an accelerator just as Hemvist's policies want it.

use serde_json::{Value, json};

use super::change::merge;
use super::kinds;
use crate::models::image;
use crate::nodes::CLEARANCE_PREFIX;

/// From the least strict to the strictest.
const CLASSES: [&str; 4] = ["Open", "Internal", "Sensitive", "Secret"];

/// A container that needs a processor and some memory.
pub fn container(name: &str) -> Value {
    json!({
        "name": name,
        "image": image("appar/webb", 'c'),
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "16Mi"}},
    })
}

/// The spec of a pod without an accelerator.
pub fn plain_spec() -> Value {
    json!({"containers": [container("app")], "automountServiceAccountToken": false})
}

/// The spec of a plain pod with a change, as a JSON merge patch whose lists are whole.
pub fn spec_with(change: &Value) -> Value {
    let mut spec = plain_spec();
    merge(&mut spec, change);
    spec
}

/// The spec of a plain pod whose container is changed.
pub fn spec_with_container(change: &Value) -> Value {
    let mut spec = plain_spec();
    merge(&mut spec["containers"][0], change);
    spec
}

/// The resources of a container with one of something.
pub fn one_of(resource: &str) -> Value {
    json!({"resources": {"limits": {resource: "1"}, "requests": {resource: "1"}}})
}

/// A pod with labels of its own.
pub fn pod(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}},
        "spec": spec,
    })
}

/// A pod that uses a GPU and otherwise is as the policies want it: its class, its nodes, its images.
pub fn compliant_pod(namespace: &str, name: &str, class: &str) -> Value {
    let mut pod = pod(namespace, name, &compliant_spec(class));
    pod["metadata"]["labels"]["hemvist.dev/information-class"] = json!(class);
    pod
}

/// The spec of such a pod.
pub fn compliant_spec(class: &str) -> Value {
    let mut spec = spec_with_container(&one_of("nvidia.com/gpu"));
    spec["affinity"] = affinity(&[expressions(class)]);
    spec
}

/// Required node affinity of these terms.
pub fn affinity(terms: &[Value]) -> Value {
    let terms: Vec<Value> = terms.iter().map(|term| json!({"matchExpressions": term})).collect();
    json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}})
}

/// The expressions that hold a pod where its class may be.
pub fn expressions(class: &str) -> Value {
    let levels: Vec<&str> = CLASSES.into_iter().skip_while(|level| *level != class).collect();
    json!([one_in("region", &["se-f"]), one_in("data-centre", &["jkpg-a"]), one_in("clearance", &levels),])
}

/// An expression on one of the three labels.
pub fn one_in(label: &str, values: &[&str]) -> Value {
    json!({"key": format!("{CLEARANCE_PREFIX}/{label}"), "operator": "In", "values": values})
}

/// A workload of a kind that makes pods of this spec.
pub fn workload(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    workload_of(kind, &pod(namespace, name, spec))
}

/// A workload of a kind that makes such pods, or the pod itself for the kind Pod.
pub fn workload_of(kind: &str, pod: &Value) -> Value {
    if kind == "Pod" {
        return pod.clone();
    }
    let (name, labels) = (&pod["metadata"]["name"], &pod["metadata"]["labels"]);
    let mut template = json!({"metadata": {"labels": labels}, "spec": pod["spec"]});
    if !pod["metadata"]["annotations"].is_null() {
        template["metadata"]["annotations"] = pod["metadata"]["annotations"].clone();
    }
    let own = json!({"app": labels["app"]});
    let selector = json!({"matchLabels": own});
    let spec = match kind {
        "Deployment" | "ReplicaSet" => json!({"replicas": 1, "selector": selector, "template": template}),
        "StatefulSet" => {
            json!({"replicas": 1, "serviceName": name, "selector": selector, "template": template})
        }
        "DaemonSet" => json!({"selector": selector, "template": template}),
        "ReplicationController" => json!({"replicas": 1, "selector": own, "template": template}),
        _ => {
            template["spec"]["restartPolicy"] = json!("Never");
            let job = json!({"template": template});
            if kind == "CronJob" {
                json!({"schedule": "17 3 1 1 *", "jobTemplate": {"spec": job}})
            } else {
                job
            }
        }
    };
    json!({
        "apiVersion": kinds::api_version(kind),
        "kind": kind,
        "metadata": {"namespace": pod["metadata"]["namespace"], "name": name, "labels": labels},
        "spec": spec,
    })
}

/// A change to a workload that gives its pods this spec.
pub fn template_change(kind: &str, spec: &Value) -> Value {
    let template = json!({"spec": {"template": {"spec": spec}}});
    if kind == "CronJob" { json!({"spec": {"jobTemplate": template}}) } else { template }
}
