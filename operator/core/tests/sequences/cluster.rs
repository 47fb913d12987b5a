//! What happens in a cluster besides the operator: the controllers of Kubernetes, each doing one thing at a time.
//!
//! A Deployment makes its pods itself, without ReplicaSets between; what was made for an object that is gone is collected
//! later. The scheduler honours required node affinity and anti-affinity, taints and extended resources, and a kubelet
//! refuses a pod whose affinity its node does not meet.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};

use super::world::{Id, World, has_ended, id_of, is_leaving, is_ready, selects, text};

/// The label with which a Deployment tells its pods of one template from those of another.
const TEMPLATE: &str = "pod-template-hash";

/// The label with the name of a node.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// Chooses one of so many.
pub type Choice<'a> = &'a mut dyn FnMut(usize) -> usize;

/// A controller of Kubernetes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Actor {
    /// Makes and ends pods, and counts them.
    Deployments,
    /// Binds pods to nodes.
    Scheduler,
    /// Starts and ends what is bound.
    Kubelet,
    /// Takes away what was made for what is gone.
    GarbageCollector,
    /// Says which nodes are not heard of, and takes their pods away.
    Nodes,
}

impl Actor {
    /// Every one of them.
    pub const ALL: [Self; 5] =
        [Self::Deployments, Self::Scheduler, Self::Kubelet, Self::GarbageCollector, Self::Nodes];

    /// Does one thing; says whether there was one to do.
    pub fn act(self, world: &mut World, choose: Choice<'_>) -> bool {
        match self {
            Self::Deployments => deployments(world),
            Self::Scheduler => schedule(world, choose),
            Self::Kubelet => kubelets(world, choose),
            Self::GarbageCollector => collect(world, choose),
            Self::Nodes => nodes(world, choose),
        }
    }
}

fn pick<T>(mut all: Vec<T>, choose: Choice<'_>) -> Option<T> {
    if all.is_empty() {
        return None;
    }
    let position = choose(all.len());
    Some(all.swap_remove(position))
}

fn deployments(world: &mut World) -> bool {
    let all: Vec<Id> = world.of_kind("Deployment").map(|one| id_of(one)).collect();
    all.iter().any(|id| {
        let deployment = world.get(id).cloned().unwrap();
        let hash = world.template_hash(&deployment);
        // Of one that is being deleted only the status follows.
        (!is_leaving(&deployment) && roll(world, &deployment, &hash)) || count(world, &deployment, &hash)
    })
}

/// The pods of a Deployment that are to live on, those of the newest template first.
fn pods_of<'a>(world: &'a World, deployment: &Value, hash: &str) -> (Vec<&'a Rc<Value>>, Vec<&'a Rc<Value>>) {
    let lives = |pod: &&Rc<Value>| {
        pod["metadata"]["ownerReferences"][0]["uid"] == deployment["metadata"]["uid"]
            && !is_leaving(pod)
            && !has_ended(pod)
    };
    world.of_kind("Pod").filter(lives).partition(|pod| pod["metadata"]["labels"][TEMPLATE] == hash)
}

/// Makes or ends one pod, as the rollout of Kubernetes does: what is not ready goes first, and never more are away at the
/// same time than the strategy allows.
fn roll(world: &mut World, deployment: &Value, hash: &str) -> bool {
    let (new, old) = pods_of(world, deployment, hash);
    let wanted = usize::try_from(deployment["spec"]["replicas"].as_u64().unwrap_or(1)).unwrap();
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    let number = |value: &Value| value.as_u64().and_then(|value| usize::try_from(value).ok());
    let (surge, away) =
        (number(&rolling["maxSurge"]).unwrap_or(0), number(&rolling["maxUnavailable"]).unwrap_or(1));
    let total = new.len() + old.len();
    if new.len() < wanted && total < wanted + surge {
        return make_pod(world, deployment, hash);
    }
    let mut surplus: Vec<&Rc<Value>> = Vec::new();
    if new.len() > wanted {
        surplus.extend(new.iter().copied());
    } else {
        let least = wanted.saturating_sub(away);
        let ready = new.iter().chain(&old).filter(|pod| is_ready(pod)).count();
        let starting = new.iter().filter(|pod| !is_ready(pod)).count();
        if total > least + starting {
            surplus.extend(old.iter().copied().filter(|pod| !is_ready(pod)));
        }
        if ready > least {
            surplus.extend(old.iter().copied().filter(|pod| is_ready(pod)));
        }
    }
    let Some(pod) = surplus.iter().min_by_key(|pod| is_ready(pod)).map(|pod| id_of(pod)) else {
        return false;
    };
    world.record("deployment controller", format!("delete pod {}", pod.2));
    world.delete(&pod, None).is_ok()
}

fn make_pod(world: &mut World, deployment: &Value, hash: &str) -> bool {
    let template = &deployment["spec"]["template"];
    let name = format!("{}-{}", text(deployment, "/metadata/name"), world.next_pod());
    let mut metadata = template["metadata"].clone();
    metadata["name"] = json!(name);
    metadata["namespace"] = deployment["metadata"]["namespace"].clone();
    metadata["labels"][TEMPLATE] = json!(hash);
    metadata["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "Deployment", "controller": true,
        "name": deployment["metadata"]["name"], "uid": deployment["metadata"]["uid"],
    }]);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"], "status": {"phase": "Pending"},
    });
    world.record("deployment controller", format!("create pod {name}"));
    world.create(pod).is_ok()
}

/// Writes down how many pods there are.
fn count(world: &mut World, deployment: &Value, hash: &str) -> bool {
    let (new, old) = pods_of(world, deployment, hash);
    let ready = new.iter().chain(&old).filter(|pod| is_ready(pod)).count();
    let status = json!({
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": new.len() + old.len(),
        "updatedReplicas": new.len(),
        "readyReplicas": ready,
        "availableReplicas": ready,
    });
    if deployment["status"] == status {
        return false;
    }
    let (name, new, all) = (text(deployment, "/metadata/name"), new.len(), new.len() + old.len());
    world.record(
        "deployment controller",
        format!("status of {name}: {ready} of {all} pods ready, {new} of the new version"),
    );
    world.update(&id_of(deployment), |object| object["status"] = status).is_ok()
}

fn schedule(world: &mut World, choose: Choice<'_>) -> bool {
    let is_due = |pod: &&Rc<Value>| pod["spec"]["nodeName"].is_null() && !is_leaving(pod) && !has_ended(pod);
    let waiting: Vec<Rc<Value>> = world.of_kind("Pod").filter(is_due).cloned().collect();
    for pod in waiting {
        let fitting: Vec<String> = world
            .of_kind("Node")
            .filter(|node| fits(world, &pod, node))
            .map(|node| text(node, "/metadata/name").to_owned())
            .collect();
        let id = id_of(&pod);
        if let Some(node) = pick(fitting, choose) {
            world.record("scheduler", format!("bind pod {} to {node}", id.2));
            return world.update(&id, |pod| pod["spec"]["nodeName"] = json!(node)).is_ok();
        }
        let refused = json!([{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node fits",
        }]);
        if pod["status"]["conditions"] != refused {
            world.record("scheduler", format!("no node for pod {}", id.2));
            return world.update(&id, |pod| pod["status"]["conditions"] = refused).is_ok();
        }
    }
    false
}

/// Whether the scheduler may bind a pod to a node.
fn fits(world: &World, pod: &Value, node: &Value) -> bool {
    let tolerated = |taint: &Value| {
        let tolerations = pod["spec"]["tolerations"].as_array().into_iter().flatten();
        tolerations.into_iter().any(|one| one["key"] == taint["key"])
    };
    let taints = node["spec"]["taints"].as_array().into_iter().flatten();
    node["spec"]["unschedulable"] != true
        && taints.into_iter().all(tolerated)
        && meets_affinity(pod, node)
        && has_room(world, pod, node)
        && others_of(world, node).all(|other| !repels(pod, other) && !repels(other, pod))
}

/// Whether a node meets the required affinity of a pod: one of the terms, and all of its expressions.
pub fn meets_affinity(pod: &Value, node: &Value) -> bool {
    let required =
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let Some(terms) = pod.pointer(required).and_then(Value::as_array) else { return true };
    terms.iter().any(|term| {
        let mut expressions = term["matchExpressions"].as_array().into_iter().flatten();
        expressions.all(|expression| meets(expression, &node["metadata"]["labels"]))
    })
}

fn meets(expression: &Value, labels: &Value) -> bool {
    let label = &labels[text(expression, "/key")];
    let listed = expression["values"].as_array().is_some_and(|values| values.contains(label));
    match text(expression, "/operator") {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => !label.is_null(),
        _ => label.is_null(),
    }
}

fn others_of<'a>(world: &'a World, node: &'a Value) -> impl Iterator<Item = &'a Rc<Value>> {
    world.of_kind("Pod").filter(|pod| pod["spec"]["nodeName"] == node["metadata"]["name"] && !has_ended(pod))
}

/// Whether the required anti-affinity of a pod keeps another one from its node.
fn repels(pod: &Value, other: &Value) -> bool {
    let required = "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let terms = pod.pointer(required).and_then(Value::as_array).into_iter().flatten();
    terms.into_iter().filter(|term| term["topologyKey"] == HOSTNAME).any(|term| {
        let selector = &term["labelSelector"];
        let mut expressions = selector["matchExpressions"].as_array().into_iter().flatten();
        expressions.all(|one| meets(one, &other["metadata"]["labels"]))
            && (selector["matchLabels"].is_null() || selects(selector, other))
    })
}

/// Extended resources of a pod: what its containers ask for together.
fn asked(pod: &Value) -> BTreeMap<String, u64> {
    let mut sum = BTreeMap::new();
    for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
        for (resource, count) in container["resources"]["limits"].as_object().into_iter().flatten() {
            if resource.contains('/') {
                *sum.entry(resource.clone()).or_default() += number(count);
            }
        }
    }
    sum
}

fn number(quantity: &Value) -> u64 {
    quantity.as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn has_room(world: &World, pod: &Value, node: &Value) -> bool {
    asked(pod).iter().all(|(resource, count)| {
        let held: u64 = others_of(world, node).filter_map(|other| asked(other).get(resource).copied()).sum();
        held + count <= number(&node["status"]["allocatable"][resource])
    })
}

fn kubelets(world: &mut World, choose: Choice<'_>) -> bool {
    let is_due = |pod: &&Rc<Value>| {
        let node = text(pod, "/spec/nodeName");
        let answers = !node.is_empty() && !world.unreachable.contains(node);
        answers && !has_ended(pod) && (is_leaving(pod) || !is_ready(pod))
    };
    let Some(pod) = pick(world.of_kind("Pod").filter(is_due).cloned().collect(), choose) else {
        return false;
    };
    let (id, node) = (id_of(&pod), text(&pod, "/spec/nodeName").to_owned());
    let node_object = world.get(&super::world::id("Node", "", &node)).cloned().unwrap_or_default();
    if is_leaving(&pod) {
        world.record("kubelet", format!("pod {} on {node} has ended", id.2));
        world.remove(&id);
    } else if text(&pod, "/status/phase") == "Running" {
        world.record("kubelet", format!("pod {} is ready", id.2));
        set_ready(world, &id, "True");
    } else if meets_affinity(&pod, &node_object) {
        world.record("kubelet", format!("start pod {} on {node}", id.2));
        let _ = world.update(&id, |pod| pod["status"]["phase"] = json!("Running"));
    } else {
        world.record("kubelet", format!("refuse pod {} on {node}: NodeAffinity", id.2));
        let failed = json!({"phase": "Failed", "reason": "NodeAffinity"});
        let _ = world.update(&id, |pod| pod["status"] = failed);
    }
    true
}

fn set_ready(world: &mut World, pod: &Id, status: &str) {
    let conditions = json!([{"type": "Ready", "status": status}]);
    let _ = world.update(pod, |pod| pod["status"]["conditions"] = conditions);
}

/// Deletes what was made for what is gone, or is being deleted in the foreground, which goes when nothing is left of it.
fn collect(world: &mut World, choose: Choice<'_>) -> bool {
    let owner = |object: &Value| object["metadata"]["ownerReferences"][0]["uid"].clone();
    let is_of_one_that_goes = |object: &Value| {
        let uid = owner(object);
        let found = world.objects().find(|(_, other)| !uid.is_null() && other["metadata"]["uid"] == uid);
        !uid.is_null() && found.is_none_or(|(_, other)| is_leaving(other))
    };
    let is_due = |id: &Id, object: &Value| {
        if id.0 == "Deployment" && is_leaving(object) {
            !world.objects().any(|(_, made)| owner(made) == object["metadata"]["uid"])
        } else {
            !is_leaving(object) && is_of_one_that_goes(object)
        }
    };
    let due = world.objects().filter(|(id, object)| is_due(id, object)).map(|(id, _)| id.clone()).collect();
    let Some(id) = pick(due, choose) else { return false };
    if world.get(&id).is_some_and(|object| is_leaving(object)) {
        world.record("garbage collector", format!("{} {} is gone with all that it made", id.0, id.2));
        world.remove(&id);
        return true;
    }
    world.record("garbage collector", format!("delete {} {}", id.0, id.2));
    world.delete(&id, None).is_ok()
}

/// A node that is not heard of is not ready, and its pods are asked to go after a while. A node that is gone takes its pods
/// with it.
fn nodes(world: &mut World, choose: Choice<'_>) -> bool {
    let all: Vec<Rc<Value>> = world.of_kind("Node").cloned().collect();
    for node in &all {
        let name = text(node, "/metadata/name");
        let unreachable = world.unreachable.contains(name);
        let taints = json!({"taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]});
        let (ready, spec) = if unreachable { ("Unknown", taints) } else { ("True", json!({})) };
        let conditions = json!([{"type": "Ready", "status": ready}]);
        if node["status"]["conditions"] != conditions {
            world.record(
                "node controller",
                format!("node {name} is {}", if unreachable { "unreachable" } else { "ready" }),
            );
            let id = id_of(node);
            let _ = world.update(&id, |node| {
                node["status"]["conditions"] = conditions;
                node["spec"] = spec;
            });
            return true;
        }
    }
    let here = |pod: &&Rc<Value>| {
        let node = text(pod, "/spec/nodeName");
        world.unreachable.contains(node) && (is_ready(pod) || !is_leaving(pod))
    };
    let lost: Vec<Rc<Value>> = world.of_kind("Pod").filter(here).cloned().collect();
    if let Some(pod) = pick(lost, choose) {
        let id = id_of(&pod);
        if is_ready(&pod) {
            world.record("node controller", format!("pod {} is not ready", id.2));
            set_ready(world, &id, "False");
        } else {
            world.record("node controller", format!("delete pod {} of the unreachable node", id.2));
            let _ = world.delete(&id, None);
        }
        return true;
    }
    let known: Vec<&str> = all.iter().map(|node| text(node, "/metadata/name")).collect();
    let is_lost = |pod: &&Rc<Value>| {
        let node = text(pod, "/spec/nodeName");
        !node.is_empty() && !known.contains(&node)
    };
    let lost: Vec<Id> = world.of_kind("Pod").filter(is_lost).map(|pod| id_of(pod)).collect();
    let Some(id) = pick(lost, choose) else { return false };
    world.record("node controller", format!("delete pod {}, whose node is gone", id.2));
    world.remove(&id);
    true
}
