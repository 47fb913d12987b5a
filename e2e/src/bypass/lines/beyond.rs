//! What the rules do not speak of and what yet comes near a model or an accelerator. Each is possible without policies,
//! and with them too unless someone has thought of it.

use serde_json::{Value, json};

use super::creations;
use crate::bypass::actor::Actor;
use crate::bypass::attempt::Attempts;
use crate::bypass::call::Call;
use crate::bypass::kinds;
use crate::bypass::shapes::{compliant_pod, pod, spec_with, spec_with_container, workload_of};
use crate::bypass::signs::with_host_path;
use crate::bypass::situation::{Situation, TENANTS};

/// All of them.
pub fn attempts(situation: &Situation) -> Attempts {
    let mut attempts = Attempts::default();
    for (id, model) in &situation.models {
        around_a_model(&mut attempts, id, &model.model, &model.children["Deployment"], &model.pod);
    }
    other_ways_to_devices(&mut attempts);
    attempts
}

/// Objects of a tenant's own that work on a model's pods: policies add up, Services select, autoscalers scale.
fn around_a_model(attempts: &mut Attempts, id: &str, model: &Value, deployment: &Value, pod: &Value) {
    let namespace = &model["metadata"]["namespace"];
    let metadata = json!({"namespace": namespace, "name": "egen"});
    let labels = json!({"hemvist.dev/model-deployment": model["metadata"]["name"]});
    let target =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment["metadata"]["name"]});
    for (what, kind, spec) in [
        (
            "autoscaler-of-its-deployment",
            "HorizontalPodAutoscaler",
            json!({"scaleTargetRef": target, "minReplicas": 5, "maxReplicas": 9}),
        ),
        (
            "network-policy-that-opens-its-pods",
            "NetworkPolicy",
            json!({
                "podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}],
            }),
        ),
        (
            "network-policy-that-opens-all-pods",
            "NetworkPolicy",
            json!({
                "podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}],
            }),
        ),
        (
            "service-to-its-pods",
            "Service",
            json!({"type": "NodePort", "selector": labels, "ports": [{"port": 8000}]}),
        ),
        (
            "budget-that-lets-none-of-its-pods-go",
            "PodDisruptionBudget",
            json!({"maxUnavailable": 0, "selector": {"matchLabels": labels}}),
        ),
        ("quota-that-leaves-no-pods", "ResourceQuota", json!({"hard": {"pods": "0"}})),
    ] {
        let object =
            json!({"apiVersion": kinds::api_version(kind), "kind": kind, "metadata": metadata, "spec": spec});
        attempts.add_ways("beyond", Actor::TenantEdit, &format!("{what}-{id}"), creations(&object));
    }
    let what = format!("pod-of-{id}");
    attempts.add("beyond", Actor::TenantEdit, "delete", &what, Call::delete(&kinds::item_of(pod)));
}

fn other_ways_to_devices(attempts: &mut Attempts) {
    // The StatefulSet controller makes pods of what a revision says, and not of what the set says.
    let gpu = workload_of("StatefulSet", &compliant_pod(TENANTS, "egen-statefulset", "Open"));
    let revision = json!({
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"namespace": TENANTS, "name": "egen-statefulset-1"},
        "revision": 7,
        "data": {"spec": {"template": gpu["spec"]["template"]}},
    });
    attempts.add("beyond", Actor::TenantEdit, "create", "revision-with-a-gpu", Call::create(&revision));
    let from = |source: Value| spec_with_container(&json!({"envFrom": [source]}));
    for (what, spec) in [
        ("variables-of-a-config-map", from(json!({"configMapRef": {"name": "x"}}))),
        (
            "variables-with-a-prefix",
            from(json!({"prefix": "NVIDIA_VISIBLE_", "configMapRef": {"name": "x"}})),
        ),
        ("proc-of-the-host", with_host_path("/proc")),
        ("root-of-the-host-by-proc", with_host_path("/proc/1/root/dev")),
        ("sys-of-the-host", with_host_path("/sys")),
        ("manifests-of-the-kubelet", with_host_path("/etc/kubernetes/manifests")),
        (
            "more-capabilities",
            spec_with_container(
                &json!({"securityContext": {"capabilities": {"add": ["SYS_ADMIN", "MKNOD"]}}}),
            ),
        ),
        (
            "device-by-csi",
            spec_with(&json!({"volumes": [{"name": "x", "csi": {"driver": "devices.example"}}]})),
        ),
    ] {
        let object = pod(TENANTS, "egen", &spec);
        attempts.add("beyond", Actor::TenantEdit, "create", what, Call::create(&object));
    }
    let volume = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "egen"},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/dev"}},
    });
    attempts.add("beyond", Actor::ForeignOperator, "create", "volume-of-the-host", Call::create(&volume));
}
