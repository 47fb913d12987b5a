//! What happens to pods that are there: the scheduler, kubelets, controllers, drains, and people who look for faults.

use http::Method;
use serde_json::{Value, json};

use crate::bypass::actor::Actor;
use crate::bypass::attempt::Attempts;
use crate::bypass::call::{Call, binding};
use crate::bypass::change::{every_way, every_way_at};
use crate::bypass::kinds;
use crate::bypass::situation::{ModelObjects, Situation};
use crate::models::image;
use crate::objects::text;

/// All of them.
pub fn requests(situation: &Situation) -> Attempts {
    let mut requests = Attempts::default();
    scheduled(&mut requests, situation);
    if let Some(pod) = situation.own.get("Pod") {
        own_pods(&mut requests, pod);
    }
    for (id, model) in &situation.models {
        of_models(&mut requests, id, model);
    }
    if let Some(model) = situation.models.get("sensitive") {
        by_its_kubelet(&mut requests, &model.pod);
    }
    if let Some(job) = situation.own.get("Job") {
        let change = json!({"status": {"ready": 0, "terminating": 0}});
        let ways = every_way(job, "/status", &change).into_iter().filter(|(way, _)| *way == "put");
        requests.add_ways("L08", Actor::JobController, "job-status", ways.collect());
    }
    requests
}

fn scheduled(requests: &mut Attempts, situation: &Situation) {
    for (what, pod) in [("own", &situation.own_waiting_pod), ("model", &situation.waiting_pod)] {
        let (namespace, name) = (text(&pod["metadata"]["namespace"]), text(&pod["metadata"]["name"]));
        let body = binding(namespace, name, situation.node());
        let path = format!("{}/binding", kinds::item_of(pod));
        requests.add("L08", Actor::Scheduler, "binding", what, Call::post(&path, &body));
        let conditions = json!({"status": {
            "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
            "nominatedNodeName": situation.node(),
        }});
        let path = format!("{}/status", kinds::item_of(pod));
        requests.add("L08", Actor::Scheduler, "status", what, Call::strategic_patch(&path, &conditions));
    }
}

fn own_pods(requests: &mut Attempts, pod: &Value) {
    let path = kinds::item_of(pod);
    for actor in [Actor::TenantEdit, Actor::TenantAdmin, Actor::ForeignOperator] {
        for (what, change) in [
            ("labels", json!({"metadata": {"labels": {"lag": "b"}}})),
            ("deadline", json!({"spec": {"activeDeadlineSeconds": 3600}})),
        ] {
            requests.add_ways("L09", actor, what, every_way(pod, "", &change));
        }
        let container =
            json!({"name": "felsok", "image": image("appar/felsok", 'd'), "stdin": true, "tty": true});
        let change = json!({"spec": {"ephemeralContainers": [container]}});
        let ways = every_way_at(&format!("{path}/ephemeralcontainers"), pod, &change);
        requests.add_ways("L09", actor, "debugging-container", ways);
        requests.add("L09", actor, "delete", "pod", Call::delete(&path));
        requests.add("L09", actor, "evict", "pod", evict(pod));
        for (what, rest) in [
            ("exec", "exec?command=id&stdout=true"),
            ("attach", "attach?stdout=true"),
            ("portforward", "portforward?ports=8000"),
        ] {
            for method in [Method::GET, Method::POST] {
                let call = Call::connect(method.clone(), &format!("{path}/{rest}"));
                requests.add("L09", actor, method.as_str(), what, call);
            }
        }
    }
}

fn evict(pod: &Value) -> Call {
    let metadata = &pod["metadata"];
    let eviction = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"namespace": metadata["namespace"], "name": metadata["name"]},
    });
    Call::post(&format!("{}/eviction", kinds::item_of(pod)), &eviction)
}

/// What the cluster itself does with a model's objects.
fn of_models(requests: &mut Attempts, id: &str, model: &ModelObjects) {
    let annotation = json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "2"}}});
    let replicas = json!({"spec": {"replicas": 1}});
    let (set, deployment) = (&model.replica_set, &model.children["Deployment"]);
    let some = |object: &Value, subresource: &str, change: &Value| {
        let mut ways = every_way(object, subresource, change);
        ways.retain(|(way, _)| *way == "put");
        ways
    };
    for (what, change) in [("revision", &annotation), ("replicas", &replicas)] {
        let actor = Actor::DeploymentController;
        requests.add_ways("L10", actor, &format!("{what}-of-the-replicaset-of-{id}"), some(set, "", change));
    }
    requests.add_ways(
        "L10",
        Actor::DeploymentController,
        &format!("revision-of-the-deployment-of-{id}"),
        some(deployment, "", &annotation),
    );
    let status = json!({"status": {"observedGeneration": 1}});
    requests.add_ways(
        "L10",
        Actor::DeploymentController,
        &format!("status-of-{id}"),
        some(deployment, "/status", &status),
    );
    requests.add_ways(
        "L10",
        Actor::ReplicaSetController,
        &format!("status-of-{id}"),
        some(set, "/status", &status),
    );
    let budget = &model.children["PodDisruptionBudget"];
    let allowed = json!({"status": {"disruptionsAllowed": 1}});
    requests.add_ways(
        "L10",
        Actor::DisruptionController,
        &format!("budget-of-{id}"),
        some(budget, "/status", &allowed),
    );
    pruned(requests, id, model);
}

/// A model that was deleted, a namespace that goes, a node that is drained.
fn pruned(requests: &mut Attempts, id: &str, model: &ModelObjects) {
    let (set, deployment) = (&model.replica_set, &model.children["Deployment"]);
    for actor in [Actor::GarbageCollector, Actor::NamespaceController] {
        for (kind, child) in &model.children {
            let what = format!("{}-of-{id}", kind.to_lowercase());
            requests.add("L10", actor, "delete", &what, Call::delete(&kinds::item_of(child)));
        }
        requests.add(
            "L10",
            actor,
            "delete",
            &format!("replicaset-of-{id}"),
            Call::delete(&kinds::item_of(set)),
        );
        requests.add(
            "L10",
            actor,
            "delete",
            &format!("pod-of-{id}"),
            Call::delete(&kinds::item_of(&model.pod)),
        );
    }
    let orphan = json!({"metadata": {"finalizers": []}});
    let call = Call::merge_patch(&kinds::item_of(deployment), &orphan);
    requests.add("L10", Actor::GarbageCollector, "merge-patch", &format!("finalizers-of-{id}"), call);
    requests.add(
        "L10",
        Actor::ReplicaSetController,
        "delete",
        &format!("pod-of-{id}"),
        Call::delete(&kinds::item_of(&model.pod)),
    );
    // A drain of its node.
    requests.add("L10", Actor::Admin, "evict", &format!("pod-of-{id}"), evict(&model.pod));
}

fn by_its_kubelet(requests: &mut Attempts, pod: &Value) {
    let path = format!("{}/status", kinds::item_of(pod));
    let now = "2026-11-22T10:00:00Z";
    let changes = [
        (
            "ready",
            json!({"status": {"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": now}]}}),
        ),
        ("phase", json!({"status": {"phase": "Failed", "reason": "Evicted"}})),
        ("address", json!({"status": {"podIP": "10.244.9.9", "podIPs": [{"ip": "10.244.9.9"}]}})),
    ];
    for (what, change) in changes {
        // Addresses would be added to those that are there, and a pod has one of each family.
        if what != "address" {
            let call = Call::strategic_patch(&path, &change);
            requests.add("L11", Actor::Kubelet, "strategic-patch", &format!("pod-{what}"), call);
        }
        requests.add(
            "L11",
            Actor::Kubelet,
            "merge-patch",
            &format!("pod-{what}"),
            Call::merge_patch(&path, &change),
        );
    }
    requests.add(
        "L11",
        Actor::Kubelet,
        "delete",
        "pod",
        Call::delete(&format!("{}?gracePeriodSeconds=0", kinds::item_of(pod))),
    );
    requests.add("L11", Actor::Kubelet, "evict", "pod", evict(pod));
}
