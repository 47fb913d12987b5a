//! Nodes that join, beat, are cordoned and described, and are cleared by those who may.

use serde_json::{Value, json};

use crate::bypass::actor::{Actor, NEW_NODE};
use crate::bypass::attempt::Attempts;
use crate::bypass::call::Call;
use crate::bypass::change::every_way;
use crate::bypass::kinds;
use crate::bypass::shapes::{plain_spec, pod};
use crate::bypass::situation::Situation;
use crate::nodes::{CLEARANCE_PREFIX, SimulatedNode};

/// All of them.
pub fn requests(situation: &Situation) -> Attempts {
    let mut requests = Attempts::default();
    let node = &situation.nodes[0];
    joins(&mut requests);
    beats(&mut requests, node);
    described(&mut requests, node);
    cleared(&mut requests, node);
    requests
}

fn new_node() -> Value {
    let mut node = serde_json::to_value(SimulatedNode::new(NEW_NODE).build()).unwrap_or_default();
    node["apiVersion"] = json!("v1");
    node["kind"] = json!("Node");
    node
}

fn joins(requests: &mut Attempts) {
    for actor in [Actor::NewKubelet, Actor::NodeAdmin, Actor::Admin, Actor::ClearanceAdmin] {
        requests.add("L12", actor, "create", "node", Call::create(&new_node()));
    }
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"namespace": "kube-node-lease", "name": NEW_NODE},
        "spec": {"holderIdentity": NEW_NODE, "leaseDurationSeconds": 40},
    });
    requests.add("L12", Actor::NewKubelet, "create", "lease", Call::create(&lease));
}

fn beats(requests: &mut Attempts, node: &Value) {
    let now = "2026-11-22T10:00:00Z";
    let changes = [
        (
            "heartbeat",
            json!({"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now}]}}),
        ),
        (
            "allocatable",
            json!({"status": {"allocatable": {"nvidia.com/gpu": "4"}, "capacity": {"nvidia.com/gpu": "4"}}}),
        ),
        ("images", json!({"status": {"images": [{"names": ["a"], "sizeBytes": 1}]}})),
        (
            "label-of-its-own",
            json!({"metadata": {"labels": {"kubernetes.io/os": "linux", "node.kubernetes.io/instance-type": "x"}}}),
        ),
    ];
    for (what, change) in changes {
        let mut ways = every_way(node, "/status", &change);
        ways.retain(|(way, _)| *way != "apply");
        requests.add_ways("L12", Actor::Kubelet, what, ways);
    }
    let annotation = json!({"metadata": {"annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}}});
    let mut ways = every_way(node, "", &annotation);
    ways.retain(|(way, _)| *way != "apply");
    requests.add_ways("L12", Actor::Kubelet, "annotation", ways);
    // What the kubelet says of its own static pods, in a namespace that is not governed.
    let mut mirror = pod("kube-system", "kube-apiserver", &plain_spec());
    let metadata = &node["metadata"];
    mirror["spec"]["nodeName"] = metadata["name"].clone();
    mirror["spec"]["hostNetwork"] = json!(true);
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "abc"});
    mirror["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "v1", "kind": "Node", "name": metadata["name"], "uid": metadata["uid"], "controller": true,
    }]);
    requests.add("L12", Actor::Kubelet, "create", "mirror-pod", Call::create(&mirror));
    mirror["metadata"]["namespace"] = json!("kommunikation");
    requests.add(
        "L12",
        Actor::Kubelet,
        "create",
        "plain-mirror-pod-in-a-governed-namespace",
        Call::create(&mirror),
    );
}

/// By people, and by what describes GPUs.
fn described(requests: &mut Attempts, node: &Value) {
    for (what, change) in [
        ("cordon", json!({"spec": {"unschedulable": true}})),
        (
            "taint",
            json!({"spec": {"taints": [{"key": "hemvist.dev/dedicated", "value": "Sensitive", "effect": "NoSchedule"}]}}),
        ),
        (
            "gpu-labels",
            json!({"metadata": {"labels": {"nvidia.com/gpu.product": "NVIDIA-H200", "nvidia.com/mig.config": "all-1g.10gb"}}}),
        ),
        ("topology", json!({"metadata": {"labels": {"topology.kubernetes.io/region": "se-f"}}})),
        ("annotations", json!({"metadata": {"annotations": {"example.org/x": "y"}}})),
    ] {
        for actor in [Actor::NodeAdmin, Actor::ForeignOperator, Actor::Admin] {
            requests.add_ways("L13", actor, what, every_way(node, "", &change));
        }
    }
    for actor in [Actor::NodeAdmin, Actor::Admin] {
        requests.add("L13", actor, "delete", "node", Call::delete(&kinds::item_of(node)));
    }
}

fn cleared(requests: &mut Attempts, node: &Value) {
    let label = |name: &str| format!("{CLEARANCE_PREFIX}/{name}");
    for (what, labels) in [
        ("clearance", json!({label("clearance"): "Internal"})),
        ("no-clearance", json!({label("clearance"): null})),
        ("data-centre", json!({label("data-centre"): "jkpg-b"})),
        ("all", json!({label("clearance"): "Open", label("data-centre"): "jkpg-b", label("region"): "se-f"})),
    ] {
        let change = json!({"metadata": {"labels": labels}});
        requests.add_ways("L14", Actor::ClearanceAdmin, what, every_way(node, "", &change));
    }
    let mut new = new_node();
    new["metadata"]["labels"] =
        json!({label("clearance"): "Open", label("data-centre"): "jkpg-b", label("region"): "se-f"});
    requests.add("L14", Actor::ClearanceAdmin, "create", "cleared-node", Call::create(&new));
}
