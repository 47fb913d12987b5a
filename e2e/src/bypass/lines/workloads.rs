//! B01, B02, B03, B21, B22: accelerators that no ModelDeployment asked for.

use serde_json::{Value, json};

use super::creations;
use crate::bypass::actor::Actor;
use crate::bypass::attempt::Attempts;
use crate::bypass::call::Call;
use crate::bypass::change::every_way;
use crate::bypass::kinds::WORKLOADS;
use crate::bypass::shapes::{
    compliant_pod, compliant_spec, container, one_of, pod, spec_with, spec_with_container, template_change,
    workload, workload_of,
};
use crate::bypass::signs::{self, Sign};
use crate::bypass::situation::{Situation, TENANTS};

/// All of them.
pub fn attempts(situation: &Situation) -> Attempts {
    let mut attempts = Attempts::default();
    new_workloads(&mut attempts);
    changed_workloads(&mut attempts, situation);
    other_controllers(&mut attempts);
    other_signs(&mut attempts);
    large_objects(&mut attempts);
    nodes_by_name(&mut attempts, situation);
    blanket_tolerations(&mut attempts);
    other_schedulers(&mut attempts);
    attempts
}

fn kinds() -> impl Iterator<Item = &'static str> {
    ["Pod"].into_iter().chain(WORKLOADS)
}

/// Every kind that becomes pods, made by everyone in every way. The pods are just as Hemvist would make them.
fn new_workloads(attempts: &mut Attempts) {
    for kind in kinds() {
        for actor in Actor::WRITERS {
            for namespace in ["halsa", TENANTS] {
                let pod = compliant_pod(namespace, "b01", "Internal");
                let what = format!("{}-in-{namespace}", kind.to_lowercase());
                for attempt in attempts.add_ways("B01", actor, &what, creations(&workload_of(kind, &pod))) {
                    attempt.by_identity = true;
                }
            }
        }
    }
}

/// Workloads that are there already and come to ask for an accelerator.
fn changed_workloads(attempts: &mut Attempts, situation: &Situation) {
    for kind in WORKLOADS.iter().filter(|kind| **kind != "Job") {
        let Some(live) = situation.own.get(*kind) else { continue };
        let mut containers = json!([container("app"), container("sidovagn")]);
        containers[0]["resources"] = one_of("nvidia.com/gpu")["resources"].clone();
        let change = template_change(kind, &json!({"containers": containers}));
        for actor in [Actor::TenantEdit, Actor::ForeignOperator] {
            let what = format!("{}-comes-to-ask-for-a-gpu", kind.to_lowercase());
            attempts.add_ways("B01", actor, &what, every_way(live, "", &change));
        }
    }
}

/// Controllers that make pods from templates which are not Hemvist's, and users that call themselves like one.
fn other_controllers(attempts: &mut Attempts) {
    let pod = compliant_pod(TENANTS, "b01", "Open");
    let controllers = [Actor::DaemonSetController, Actor::JobController, Actor::ReplicationController];
    for actor in controllers {
        attempts.add("B01", actor, "create", "pod", Call::create(&pod)).by_identity = true;
    }
}

/// Every sign of an accelerator, in a pod and in a Deployment.
fn other_signs(attempts: &mut Attempts) {
    for Sign { name, spec, annotations } in signs::all() {
        for kind in ["Pod", "Deployment"] {
            let mut pod = pod(TENANTS, "b02", &spec);
            if !annotations.is_null() {
                pod["metadata"]["annotations"] = annotations.clone();
            }
            let object = workload_of(kind, &pod);
            for actor in [Actor::TenantEdit, Actor::ForeignOperator] {
                let what = format!("{}-with-{name}", kind.to_lowercase());
                attempts.add("B02", actor, "create", &what, Call::create(&object));
            }
        }
    }
}

/// The last of very many containers or variables, where a check might have spent what it may spend.
fn large_objects(attempts: &mut Attempts) {
    let mut containers: Vec<Value> = (0..300).map(|number| container(&format!("c{number}"))).collect();
    containers[299]["resources"] = one_of("nvidia.com/gpu")["resources"].clone();
    let mut env: Vec<Value> =
        (0..3000).map(|number| json!({"name": format!("V{number}"), "value": "x".repeat(100)})).collect();
    env.push(json!({"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}));
    let volumes: Vec<Value> =
        (0..1000).map(|number| json!({"name": format!("v{number}"), "emptyDir": {}})).collect();
    let mut mounted = volumes.clone();
    mounted.push(json!({"name": "last", "hostPath": {"path": "/dev"}}));
    for (what, spec) in [
        ("gpu-in-the-last-of-300-containers", spec_with(&json!({"containers": containers}))),
        ("gpu-variable-after-3000-others", spec_with_container(&json!({"env": env}))),
        ("dev-after-1000-volumes", spec_with(&json!({"volumes": mounted}))),
    ] {
        for kind in ["Pod", "Deployment"] {
            let object = workload(kind, TENANTS, "b31", &spec);
            let what = format!("{}-with-{what}", kind.to_lowercase());
            attempts.add("B31", Actor::TenantEdit, "create", &what, Call::create(&object));
        }
    }
}

/// Pods that name their node, so that no scheduler is asked.
fn nodes_by_name(attempts: &mut Attempts, situation: &Situation) {
    let mut spec = compliant_spec("Open");
    spec["nodeName"] = json!(situation.node());
    for kind in kinds() {
        let mut pod = pod(TENANTS, "b03", &spec);
        pod["metadata"]["labels"]["hemvist.dev/information-class"] = json!("Open");
        for actor in [Actor::TenantEdit, Actor::ForeignOperator] {
            let what = format!("{}-with-node-name", kind.to_lowercase());
            attempts.add("B03", actor, "create", &what, Call::create(&workload_of(kind, &pod)));
        }
    }
    // The one of which its own admission says nothing: a mirror pod, which must name its node.
    for actor in [Actor::TenantEdit, Actor::TenantAdmin, Actor::ForeignOperator, Actor::Kubelet] {
        mirror_pods(attempts, situation, actor);
    }
}

fn mirror_pods(attempts: &mut Attempts, situation: &Situation, actor: Actor) {
    let node = &situation.nodes[0];
    let owner = json!({
        "apiVersion": "v1", "kind": "Node", "name": node["metadata"]["name"], "uid": node["metadata"]["uid"],
        "controller": true,
    });
    for namespace in ["halsa", TENANTS] {
        for (what, spec) in [
            ("gpu", spec_with_container(&one_of("nvidia.com/gpu"))),
            ("visible-devices", signs::with_variable("NVIDIA_VISIBLE_DEVICES", "all")),
            ("privileged", spec_with_container(&json!({"securityContext": {"privileged": true}}))),
            ("dev", signs::with_host_path("/dev")),
        ] {
            let mut pod = pod(namespace, "b20", &spec);
            pod["spec"]["nodeName"] = json!(situation.node());
            pod["metadata"]["ownerReferences"] = json!([owner]);
            pod["metadata"]["annotations"] = json!({
                "kubernetes.io/config.mirror": "0123456789abcdef",
                "kubernetes.io/config.hash": "0123456789abcdef",
                "kubernetes.io/config.source": "file",
            });
            let what = format!("mirror-pod-with-{what}-in-{namespace}");
            attempts.add("B20", actor, "create", &what, Call::create(&pod));
        }
    }
}

fn blanket_tolerations(attempts: &mut Attempts) {
    for (what, toleration) in [
        ("all", json!({"operator": "Exists"})),
        ("all-no-schedule", json!({"operator": "Exists", "effect": "NoSchedule"})),
        ("dedicated", json!({"key": "hemvist.dev/dedicated", "operator": "Exists"})),
    ] {
        let mut spec = compliant_spec("Open");
        spec["tolerations"] = json!([toleration]);
        for kind in ["DaemonSet", "Deployment", "Job", "Pod"] {
            for actor in [Actor::TenantEdit, Actor::ForeignOperator] {
                let what = format!("{}-tolerates-{what}", kind.to_lowercase());
                let object = workload(kind, TENANTS, "b21", &spec);
                attempts.add("B21", actor, "create", &what, Call::create(&object));
            }
        }
    }
}

fn other_schedulers(attempts: &mut Attempts) {
    let mut spec = compliant_spec("Open");
    spec["schedulerName"] = json!("egen-scheduler");
    for kind in kinds() {
        for actor in [Actor::TenantEdit, Actor::ForeignOperator] {
            let what = format!("{}-for-another-scheduler", kind.to_lowercase());
            let object = workload(kind, TENANTS, "b22", &spec);
            attempts.add("B22", actor, "create", &what, Call::create(&object));
        }
    }
}
