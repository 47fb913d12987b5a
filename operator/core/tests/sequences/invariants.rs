//! What has to hold at every step and at the end, by a reading of the objects that knows nothing of the core.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use hemvist_api::labels::{
    MODEL_DEPLOYMENT_UID, NODE_CLEARANCE, NODE_DATA_CENTRE, NODE_REGION, RENDERED_HASH,
};
use hemvist_core::snapshot::Key;
use serde_json::{Value, json};

use super::operator::Operator;
use super::world::{Id, World, has_ended, id, id_of, is_leaving, is_ready, selects, text};

/// Information classes, from the one that demands least.
const CLASSES: [&str; 4] = ["Open", "Internal", "Sensitive", "Secret"];

/// The kinds of children of a model that brings its weights as an image and is scaled by nobody else.
const CHILDREN: [&str; 5] =
    ["Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"];

/// What the checks remember from step to step.
#[derive(Debug, Default)]
pub struct Invariants {
    /// What nobody but its maker may change.
    foreign: BTreeMap<Id, Rc<Value>>,
    /// Pods whose binding was looked at, by UID.
    bound: BTreeSet<String>,
    /// The last step at which a pod of a model was ready, by the UID of the model.
    ready: BTreeMap<String, u64>,
    /// For each version of a Deployment, the step at which its pods were counted last.
    counted: BTreeMap<(String, String), u64>,
    /// The last status of each Deployment, and since when it stands.
    statuses: BTreeMap<String, (Value, u64)>,
    /// The version of each model whose status was looked at.
    said: BTreeMap<Id, String>,
    /// The revision of the world that was looked at last.
    looked_at: u64,
}

impl Invariants {
    /// Invariants for a world in which these objects are somebody else's.
    pub fn new(world: &World, foreign: &[Id]) -> Self {
        let foreign = foreign.iter().map(|id| (id.clone(), world.get(id).cloned().unwrap()));
        Self { foreign: foreign.collect(), ..Self::default() }
    }

    /// What has to hold after every step.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&mut self, world: &World, operator: &Operator) -> Result<(), String> {
        if self.looked_at == world.revision() {
            return Ok(());
        }
        self.looked_at = world.revision();
        if let Some(object) = world.foreign_writes.first() {
            return Err(format!("foreign: the operator changed {object}"));
        }
        for (id, object) in &self.foreign {
            if world.get(id) != Some(object) {
                return Err(format!("foreign: {id:?} is not what it was"));
            }
        }
        isolated(world)?;
        self.bound_where_cleared(world, operator)?;
        self.ready_because_ready(world, operator)
    }

    /// Every pod that was bound since the last step is on a node which the policies that its template was written by clear.
    fn bound_where_cleared(&mut self, world: &World, operator: &Operator) -> Result<(), String> {
        for pod in world.of_kind("Pod").filter(|pod| !pod["spec"]["nodeName"].is_null()) {
            if !self.bound.insert(text(pod, "/metadata/uid").to_owned()) {
                continue;
            }
            let template = text(pod, "/metadata/labels/pod-template-hash");
            let Some((policies, model)) = operator.templates.get(template) else {
                return Err(format!(
                    "bound: nobody wrote the template of pod {}",
                    text(pod, "/metadata/name")
                ));
            };
            let node = world.get(&node_of(pod)).cloned().unwrap_or_default();
            if !clears(policies, model, text(pod, "/metadata/namespace"), &node) {
                return Err(format!("bound: pod {} to {}", text(pod, "/metadata/name"), node_of(pod).2));
            }
        }
        Ok(())
    }

    /// A model says that it is ready only if a pod of it was ready when the pods of its Deployment were counted, or later.
    fn ready_because_ready(&mut self, world: &World, operator: &Operator) -> Result<(), String> {
        for pod in world.of_kind("Pod").filter(|pod| is_ready(pod) && !has_ended(pod)) {
            let model = pod["metadata"]["labels"][MODEL_DEPLOYMENT_UID].as_str().unwrap_or_default();
            self.ready.insert(model.to_owned(), world.step);
        }
        for deployment in world.of_kind("Deployment") {
            let uid = text(deployment, "/metadata/uid").to_owned();
            let version = (uid.clone(), text(deployment, "/metadata/resourceVersion").to_owned());
            if self.counted.contains_key(&version) {
                continue;
            }
            let status = &deployment["status"];
            let since = match self.statuses.get(&uid) {
                Some((old, since)) if old == status => *since,
                _ => world.step,
            };
            self.statuses.insert(uid, (status.clone(), since));
            self.counted.insert(version, since);
        }
        for model in world.of_kind("ModelDeployment") {
            let id = id_of(model);
            let version = text(model, "/metadata/resourceVersion");
            if self.said.insert(id.clone(), version.to_owned()).as_deref() == Some(version) {
                continue;
            }
            let uid = text(model, "/metadata/uid");
            let seen = operator.cached().find(|one| {
                one["kind"] == "Deployment" && one["metadata"]["ownerReferences"][0]["uid"] == uid
            });
            let version = |one: &Value| {
                (text(one, "/metadata/uid").to_owned(), text(one, "/metadata/resourceVersion").to_owned())
            };
            let counted = seen.and_then(|one| self.counted.get(&version(one))).copied().unwrap_or(world.step);
            let says = condition(model, "Ready");
            let is_ready = says.starts_with("True/") && says != "True/ScaledToZero";
            if is_ready && self.ready.get(uid).is_none_or(|ready| *ready < counted) {
                return Err(format!("ready: {} says {says} and no pod was ready", id.2));
            }
        }
        Ok(())
    }

    /// What has to hold after a reconcile that saw the world as it was, and came to its end.
    ///
    /// # Errors
    /// What does not.
    pub fn check_reconciled(world: &World, key: &Key) -> Result<(), String> {
        let Some(model) = world.get(&id("ModelDeployment", &key.namespace, &key.name)) else { return Ok(()) };
        if condition(model, "Accepted").starts_with("False/") {
            let makes_pods = |one: &&Rc<Value>| is_child_of(model, one) && !is_leaving(one);
            let deployments = world.of_kind("Deployment").filter(makes_pods).count();
            return if deployments == 0 { Ok(()) } else { Err(format!("pruned: {key} is refused and runs")) };
        }
        let policies: Vec<Rc<Value>> = world.of_kind("AIPolicy").cloned().collect();
        let stays =
            |pod: &&Rc<Value>| !is_leaving(pod) && !has_ended(pod) && world.get(&node_of(pod)).is_some();
        for pod in pods_of(world, model).filter(stays) {
            let node = world.get(&node_of(pod)).cloned().unwrap_or_default();
            if !clears(&policies, &model["spec"], &key.namespace, &node) {
                return Err(format!("left: pod {} stays on {}", text(pod, "/metadata/name"), node_of(pod).2));
            }
        }
        Ok(())
    }

    /// What has to hold when nothing happens any more.
    ///
    /// # Errors
    /// What does not.
    pub fn check_settled(world: &World) -> Result<(), String> {
        for model in world.of_kind("ModelDeployment") {
            let name = text(model, "/metadata/name");
            let ready = condition(model, "Ready");
            let children = |kind: &str| world.of_kind(kind).filter(|one| is_child_of(model, one)).count();
            let counts: Vec<_> = CHILDREN.iter().map(|kind| children(kind)).collect();
            let serves = pods_of(world, model).filter(|pod| is_ready(pod) && !is_leaving(pod)).count();
            let wanted = usize::try_from(model["spec"]["replicas"].as_u64().unwrap_or(1)).unwrap();
            let as_it_should = if condition(model, "Accepted").starts_with("False/") {
                counts.iter().all(|count| *count == 0) && serves == 0 && ready.starts_with("False/")
            } else if ready == "False/NameConflict" {
                serves == 0
            } else {
                counts.iter().all(|count| *count == 1) && serves == wanted && ready.starts_with("True/")
            };
            if !as_it_should {
                return Err(format!(
                    "settled: {name} is {ready} with {serves} of {wanted} pods and {counts:?} children"
                ));
            }
        }
        Ok(())
    }
}

/// Every pod of a model that is there has a NetworkPolicy that chooses it. That of a model which is deleted itself goes by
/// its owner, in no order.
fn isolated(world: &World) -> Result<(), String> {
    for model in world.of_kind("ModelDeployment") {
        for pod in pods_of(world, model) {
            let protects = |policy: &Rc<Value>| {
                policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
                    && selects(&policy["spec"]["podSelector"], pod)
            };
            if !world.of_kind("NetworkPolicy").any(protects) {
                return Err(format!("isolated: pod {} is not", text(pod, "/metadata/name")));
            }
        }
    }
    Ok(())
}

fn pods_of<'a>(world: &'a World, model: &'a Value) -> impl Iterator<Item = &'a Rc<Value>> {
    world
        .of_kind("Pod")
        .filter(|pod| pod["metadata"]["labels"][MODEL_DEPLOYMENT_UID] == model["metadata"]["uid"])
}

fn is_child_of(model: &Value, object: &Value) -> bool {
    object["metadata"]["ownerReferences"][0]["uid"] == model["metadata"]["uid"]
}

fn node_of(pod: &Value) -> Id {
    id("Node", "", text(pod, "/spec/nodeName"))
}

/// A condition of a model as `Status/Reason`.
fn condition(model: &Value, type_: &str) -> String {
    let conditions = model["status"]["conditions"].as_array().into_iter().flatten();
    let found = conditions.into_iter().find(|one| one["type"] == type_);
    found.map_or_else(String::new, |one| format!("{}/{}", text(one, "/status"), text(one, "/reason")))
}

/// Whether all policies that bind a namespace allow a model to be on a node, and one of the region says where it may be.
fn clears(policies: &[Rc<Value>], model: &Value, namespace: &str, node: &Value) -> bool {
    let label = |label: &str| &node["metadata"]["labels"][label];
    let class = text(model, "/purpose/informationClass");
    let rank = |class: &Value| CLASSES.iter().position(|known| class == known);
    let lists = |list: &Value, value: &Value| list.as_array().is_none_or(|list| list.contains(value));
    let of_root = |policy: &&Rc<Value>| policy["metadata"]["namespace"] == "hemvist-system";
    let binds = |policy: &&Rc<Value>| of_root(policy) || policy["metadata"]["namespace"] == namespace;
    let allows = |policy: &Rc<Value>| {
        let spec = &policy["spec"];
        let rules = spec["informationClasses"].as_array().into_iter().flatten();
        let mut of_class = rules.filter(|rule| rule["class"] == class);
        lists(&spec["residency"]["regions"], label(NODE_REGION))
            && lists(&spec["residency"]["dataCentres"], label(NODE_DATA_CENTRE))
            && of_class.all(|rule| lists(&rule["dataCentres"], label(NODE_DATA_CENTRE)))
    };
    let says_where = |policy: &&Rc<Value>| policy["spec"]["residency"]["dataCentres"].is_array();
    policies.iter().filter(of_root).any(|policy| says_where(&policy))
        && policies.iter().filter(binds).all(allows)
        && lists(&model["placement"]["dataCentres"], label(NODE_DATA_CENTRE))
        && rank(label(NODE_CLEARANCE)).is_some_and(|held| Some(held) >= rank(&json!(class)))
}

/// What a world comes to, without what hangs on the order in which it came about: UIDs, versions, moments, and which of
/// several nodes holds a pod.
pub fn fixed_point(world: &World) -> String {
    let names: BTreeMap<&str, String> = world
        .objects()
        .map(|(id, object)| (text(object, "/metadata/uid"), format!("<{} {}/{}>", id.0, id.1, id.2)))
        .collect();
    let mut lines = Vec::new();
    for (id, object) in world.objects().filter(|(id, _)| !["Pod", "Node"].contains(&id.0.as_str())) {
        let mut object = Value::clone(object);
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.retain(|field, _| ["labels", "annotations", "ownerReferences"].contains(&field.as_str()));
        if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
            annotations.remove(RENDERED_HASH);
        }
        if id.0 == "ModelDeployment" {
            object["status"] =
                json!(["Ready", "Accepted", "Placed", "Available"].map(|type_| condition(&object, type_)));
        }
        if let Some(status) = object["status"].as_object_mut() {
            status.remove("observedGeneration");
        }
        lines.push(format!("{id:?} {object}"));
    }
    for model in world.of_kind("ModelDeployment") {
        let serves = pods_of(world, model).filter(|pod| is_ready(pod)).count();
        lines.push(format!("{} has {serves} ready pods", text(model, "/metadata/name")));
    }
    let mut all = lines.join("\n");
    // The longest first: one can be the beginning of another.
    let mut uids: Vec<_> = names.into_iter().collect();
    uids.sort_by_key(|(uid, _)| std::cmp::Reverse(uid.len()));
    for (uid, name) in uids {
        all = all.replace(uid, &name);
    }
    all
}
