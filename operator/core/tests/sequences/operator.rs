//! The operator without its shell: the functions of the core, called in the order in which the controller calls them
//! (`reconcilers/model.rs`, `apply.rs`, `prune.rs`, `evict.rs` and `status.rs` in `operator/controller/src/`). What is
//! written, and in which order, is that of the core: both take the steps that it gives.
//!
//! It sees the world through a cache that may lag behind, and loses all of it in a crash. The models here bring their
//! weights as images and are not scaled by others, so that no Job and no autoscaler is written.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use hemvist_api::{ModelDeployment, ModelDeploymentStatus};
use hemvist_core::decide::{Decision, Plan, decide, to_prune};
use hemvist_core::render::{
    Applied, DesiredObjects, Object, Propagation, Rendered, Step, Then, There, render,
};
use hemvist_core::schedule::schedule;
use hemvist_core::snapshot::{ChildFacts, ChildKind, Key, Manifests, Settings, Snapshot, Subject};
use hemvist_core::status::{self, Application, WriteFailure};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::fault::{Fault, as_wished};
use super::world::{Id, Refusal, World, id, id_of, is_leaving, template_hash, text};

/// Kinds that the operator may see late.
const SEEN_LATE: [&str; 7] =
    ["ModelDeployment", "AIPolicy", "Node", "Pod", "Deployment", "Service", "NetworkPolicy"];

/// Why a reconcile ended before its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stop {
    /// The process has died.
    Crashed,
    /// An object could not be written.
    Failed(Refusal),
}

/// Why an object could not be written.
enum PutError {
    Stop(Stop),
    NotOurs,
    Leaving,
}

impl From<Stop> for PutError {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// A process of the operator.
#[derive(Debug, Default)]
pub struct Operator {
    cache: BTreeMap<Id, Rc<Value>>,
    /// The same, as the core reads it.
    known: Manifests,
    /// The mistake that it makes.
    fault: Option<Fault>,
    /// After how many more writes it dies.
    pub crash_after: Option<u64>,
    /// The revision of the world that it has seen whole.
    seen: u64,
    remembered: BTreeSet<Id>,
    sealed: BTreeSet<String>,
    /// For each template that was ever written, the policies that it was written by, and the model.
    pub templates: BTreeMap<String, (Vec<Rc<Value>>, Value)>,
}

impl Operator {
    /// The first process.
    pub fn new(fault: Option<Fault>) -> Self {
        Self { fault, ..Self::default() }
    }

    /// The next process: what the last one knew is lost. What the checks know is not.
    pub fn restarted(self) -> Self {
        Self { fault: self.fault, templates: self.templates, ..Self::default() }
    }

    /// Sees the world as it is. Of objects that are not Kubernetes' own kinds of children it sees all, of children those that
    /// were made for a model.
    pub fn watch(&mut self, world: &World) {
        self.watch_those(world, |_| true);
        self.seen = world.revision();
    }

    /// Sees objects of some kinds as they are; those of the others stay as it knows them.
    pub fn watch_some(&mut self, world: &World, chosen: u8) {
        self.watch_those(world, |kind| {
            let position = SEEN_LATE.iter().position(|late| *late == kind);
            position.is_some_and(|position| chosen >> position & 1 == 1)
        });
    }

    /// Sees the world as it is, but objects of one kind.
    pub fn watch_all_but(&mut self, world: &World, unseen: &str) {
        self.watch_those(world, |kind| kind != unseen);
    }

    fn watch_those(&mut self, world: &World, is_seen: impl Fn(&str) -> bool) {
        let gone: Vec<Id> =
            self.cache.keys().filter(|id| is_seen(&id.0) && world.get(id).is_none()).cloned().collect();
        for id in gone {
            self.forget(&id);
        }
        for (id, object) in world.objects().filter(|(id, object)| is_seen(&id.0) && is_concerned(id, object))
        {
            let version = &object["metadata"]["resourceVersion"];
            if self.cache.get(id).is_none_or(|known| known["metadata"]["resourceVersion"] != *version) {
                self.note(object);
            }
        }
    }

    /// Whether nothing has happened that it has not seen.
    pub fn has_seen_all_of(&self, world: &World) -> bool {
        self.seen == world.revision()
    }

    fn note(&mut self, object: &Rc<Value>) -> Option<ChildFacts> {
        let id = id_of(object);
        self.forget(&id);
        let mut read = Manifests::default();
        read.add(Value::clone(object)).ok()?;
        let facts = read.children.first().cloned();
        self.cache.insert(id, object.clone());
        self.known.models.append(&mut read.models);
        self.known.policies.entries.append(&mut read.policies.entries);
        self.known.nodes.append(&mut read.nodes);
        self.known.pods.append(&mut read.pods);
        self.known.children.append(&mut read.children);
        facts
    }

    fn forget(&mut self, id: &Id) {
        if self.cache.remove(id).is_none() {
            return;
        }
        let key = Key::new(id.1.as_str(), id.2.as_str());
        match id.0.as_str() {
            "ModelDeployment" => drop(self.known.models.remove(&key)),
            "AIPolicy" => drop(self.known.policies.entries.remove(&key)),
            "Node" => drop(self.known.nodes.remove(&id.2)),
            "Pod" => self.known.pods.retain(|pod| pod.key != key),
            kind => self.known.children.retain(|child| child.kind.as_str() != kind || child.key != key),
        }
    }

    /// What is known of an object that was made for a model.
    fn child(&self, id: &Id) -> Option<&ChildFacts> {
        self.known.children.iter().find(|child| {
            child.kind.as_str() == id.0 && child.key.namespace == id.1 && child.key.name == id.2
        })
    }

    /// The objects that it knows, as it knows them.
    pub fn cached(&self) -> impl Iterator<Item = &Rc<Value>> {
        self.cache.values()
    }

    /// Every model that it knows.
    pub fn models(&self) -> Vec<Key> {
        self.known.models.keys().cloned().collect()
    }

    /// Counts a write; the process may die of it, after the API server has carried it out and before it has answered.
    fn wrote(&mut self) -> Result<(), Stop> {
        if let Some(left) = &mut self.crash_after {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return Err(Stop::Crashed);
            }
        }
        Ok(())
    }

    /// Does what is to be done about a model.
    pub fn reconcile(&mut self, world: &mut World, key: &Key) -> Result<(), Stop> {
        let Some(model) = self.known.models.get(key).cloned() else { return Ok(()) };
        let subject = self.subject(&model, key);
        let snapshot = self.known.snapshot(world.now(), Settings::default());
        let decision = decide(&snapshot, &schedule(&snapshot), &subject);
        let carried_out = self.carry_out(world, &snapshot, &subject, &decision);
        if matches!(carried_out, Err(Stop::Crashed)) {
            return Err(Stop::Crashed);
        }
        // A pod has to leave whether or not its model could be written.
        let evicted = self.evict(world, &decision);
        let application = carried_out?;
        evicted?;
        let subject = self.subject(&model, key);
        let status = status::model(&snapshot, &subject, &decision, &application);
        self.write_status(world, &subject, &status)
    }

    /// A model with what is known of it.
    fn subject<'a>(&self, model: &'a ModelDeployment, key: &Key) -> Subject<'a> {
        let Subject { model: _, children, pods, fetchers } = self.known.subject(key).unwrap();
        Subject { model, children, pods, fetchers }
    }

    fn carry_out(
        &mut self,
        world: &mut World,
        snapshot: &Snapshot,
        subject: &Subject<'_>,
        decision: &Decision,
    ) -> Result<Application, Stop> {
        let Some(plan) = decision.plan() else {
            self.prune_refused(world, subject)?;
            return Ok(Application::Pruned);
        };
        let desired = rendered(plan, &snapshot.settings);
        let mut steps: Vec<&Step> = desired.steps().iter().collect();
        if self.fault == Some(Fault::ReplicasFirst) {
            steps.reverse();
        }
        let mut applied = DesiredObjects::default();
        for step in steps {
            match self.take(world, snapshot, subject, step, &applied) {
                Ok(Some(written)) => applied.add(written),
                Ok(None) => {}
                Err(PutError::Stop(stop)) => return Err(stop),
                Err(error) => {
                    let is_foreign = matches!(error, PutError::NotOurs);
                    let cause = if is_foreign { WriteFailure::NotOurs } else { WriteFailure::Leaving };
                    let name = step.object().map(Object::name).unwrap_or_default().to_owned();
                    return Ok(Application::Failed { kind: step.kind(), name, cause });
                }
            }
        }
        if self.fault == Some(Fault::WishesAsStatus) {
            applied = as_wished(plan.model.replicas, &applied);
        }
        Ok(Application::Applied(applied))
    }

    /// Takes one step: deletes what it says, and writes what it says.
    fn take(
        &mut self,
        world: &mut World,
        snapshot: &Snapshot,
        subject: &Subject<'_>,
        step: &Step,
        applied: &DesiredObjects<Applied>,
    ) -> Result<Option<ChildFacts>, PutError> {
        let uid = subject.model.metadata.uid.as_deref();
        let is_own = |child: &&ChildFacts| child.owner_uid.as_deref() == uid;
        let own: Vec<ChildFacts> = self.known.children.iter().filter(is_own).cloned().collect();
        let children = |kind| own.iter().filter(|child| child.kind == kind).cloned().collect();
        let has_fetchers = !subject.fetchers.is_empty();
        let todo = step.todo(&There { children: &children, has_fetchers, applied, now: &snapshot.now });
        let prunes = self.fault != Some(Fault::NoPruning);
        for deletion in todo.delete.iter().filter(|_| prunes) {
            self.delete(world, &deletion.child, deletion.propagation)?;
        }
        match todo.then {
            Then::Put(object) => self.put(world, subject, object.kind, &object.json).map(Some),
            Then::Keep(child) => Ok(Some(*child)),
            Then::Nothing => Ok(None),
        }
    }

    /// Writes an object where it differs.
    fn put(
        &mut self,
        world: &mut World,
        subject: &Subject<'_>,
        kind: ChildKind,
        object: &Value,
    ) -> Result<ChildFacts, PutError> {
        let id = id_of(object);
        let uid = text(object, "/metadata/ownerReferences/0/uid").to_owned();
        let mut without_affinity = Value::Null;
        let mut object = object;
        if kind == ChildKind::Deployment {
            if self.fault == Some(Fault::NoAffinity) {
                without_affinity.clone_from(object);
                without_affinity["spec"]["template"]["spec"]["affinity"] = Value::Null;
                object = &without_affinity;
            }
            self.remember_template(subject, object);
        }
        let Some(known) = self.child(&id).cloned() else { return self.create(world, &uid, object) };
        if known.owner_uid.as_deref() != Some(uid.as_str()) || known.terminating {
            return Err(PutError::Leaving);
        }
        if is_as_written(subject, &known, object)
            || self.fault == Some(Fault::NoRepair) && known_hash_is(&known, object)
        {
            return Ok(known);
        }
        self.overwrite(world, object)
    }

    /// Remembers, for the checks, by which policies a template is written.
    fn remember_template(&mut self, subject: &Subject<'_>, deployment: &Value) {
        let seal = text(deployment, "/metadata/annotations/hemvist.dev~1rendered-hash");
        let seal = format!("{seal} {}", deployment["spec"]["template"]["spec"]["affinity"]);
        if self.sealed.insert(seal) {
            let policies =
                self.cache.values().filter(|object| object["kind"] == "AIPolicy").cloned().collect();
            let model = serde_json::to_value(&subject.model.spec).unwrap();
            let hash = template_hash(&deployment["spec"]["template"]);
            self.templates.entry(hash).or_insert((policies, model));
        }
    }

    /// Makes an object that is not known to exist, which does not mean that it does not.
    fn create(&mut self, world: &mut World, owner: &str, object: &Value) -> Result<ChildFacts, PutError> {
        let id = id_of(object);
        if let Ok(made) = world.apply(object, true) {
            world.record("operator", format!("create {} {}", id.0, id.2));
            self.wrote()?;
            return Ok(self.note(&made).unwrap());
        }
        let existing = world.get(&id).cloned().unwrap_or_default();
        let is_ours = text(&existing, "/metadata/ownerReferences/0/uid") == owner;
        let is_of_a_namesake = existing["metadata"]["ownerReferences"][0]["kind"] == "ModelDeployment";
        match (is_ours || self.fault == Some(Fault::Adoption), is_of_a_namesake) {
            (true, _) if !is_leaving(&existing) => self.overwrite(world, object),
            (false, false) => Err(PutError::NotOurs),
            _ => Err(PutError::Leaving),
        }
    }

    fn overwrite(&mut self, world: &mut World, object: &Value) -> Result<ChildFacts, PutError> {
        let id = id_of(object);
        let before = world.writes;
        let mut written = world.apply(object, false).map_err(Stop::Failed)?;
        if world.writes > before {
            world.record("operator", format!("update {} {}", id.0, id.2));
            self.wrote()?;
        }
        if world.has_foreign_fields(&written) {
            let version = written["metadata"]["resourceVersion"].clone();
            written = world.replace(object, &version).map_err(Stop::Failed)?;
            world.record("operator", format!("replace {} {}", id.0, id.2));
            self.wrote()?;
        }
        Ok(self.note(&written).unwrap())
    }

    fn prune_refused(&mut self, world: &mut World, subject: &Subject<'_>) -> Result<(), Stop> {
        if self.fault == Some(Fault::RefusedKept) {
            return Ok(());
        }
        let pods: Vec<_> = subject.pods.iter().chain(&subject.fetchers).cloned().collect();
        let mut kinds = to_prune(&subject.children, &pods);
        if self.fault == Some(Fault::IsolationGoesFirst) {
            kinds.insert(0, ChildKind::NetworkPolicy);
        }
        for kind in kinds {
            let owner = subject.model.metadata.uid.as_deref();
            let is_due = |child: &&ChildFacts| child.kind == kind && child.owner_uid.as_deref() == owner;
            let due: Vec<ChildFacts> = self.known.children.iter().filter(is_due).cloned().collect();
            for child in due.iter().filter(|child| !child.terminating) {
                self.delete(world, child, Propagation::of(kind))?;
            }
        }
        Ok(())
    }

    /// Deletes this very object. That it is gone already is as good.
    fn delete(
        &mut self,
        world: &mut World,
        child: &ChildFacts,
        propagation: Propagation,
    ) -> Result<(), Stop> {
        let id = id(child.kind.as_str(), &child.key.namespace, &child.key.name);
        let in_background = self.fault == Some(Fault::DeletionInTheBackground);
        let in_foreground = propagation == Propagation::Foreground && !in_background;
        let deleted = world.delete_own(&id, &child.uid, in_foreground);
        if deleted.is_ok() {
            world.record("operator", format!("delete {} {}", id.0, id.2));
            self.wrote()?;
        }
        match world.get(&id).cloned().filter(|left| deleted.is_ok() && is_leaving(left)) {
            Some(left) => drop(self.note(&left)),
            None => self.forget(&id),
        }
        Ok(())
    }

    /// Makes pods leave: politely, and where a budget says no, without asking.
    fn evict(&mut self, world: &mut World, decision: &Decision) -> Result<(), Stop> {
        if self.fault == Some(Fault::NoEviction) {
            return Ok(());
        }
        for eviction in &decision.evictions {
            let pod = id("Pod", &eviction.pod.namespace, &eviction.pod.name);
            let how = match world.evict(&pod, &eviction.uid) {
                Ok(()) => "evict",
                Err(Refusal::Budget) if world.delete_own(&pod, &eviction.uid, false).is_ok() => {
                    "delete against the budget"
                }
                Err(_) => continue,
            };
            world.record("operator", format!("{how} pod {} on {}: {}", pod.2, eviction.node, eviction.cause));
            self.wrote()?;
        }
        Ok(())
    }

    fn write_status(
        &mut self,
        world: &mut World,
        subject: &Subject<'_>,
        status: &ModelDeploymentStatus,
    ) -> Result<(), Stop> {
        let metadata = &subject.model.metadata;
        let id = id(
            "ModelDeployment",
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default(),
        );
        let first = self.fault == Some(Fault::MemoryInTheProcess) && self.remembered.insert(id.clone());
        let anyway = first || self.fault == Some(Fault::StatusAlways);
        if !anyway && !differs(subject.model.status.as_ref(), status) {
            return Ok(());
        }
        let mut status = serde_json::to_value(status).unwrap();
        if anyway {
            // What makes such a write one: a moment that is always another.
            status["conditions"][0]["lastTransitionTime"] = json!(world.now());
        }
        let uid = metadata.uid.as_deref().unwrap_or_default();
        let Ok(written) = world.write_status(&id, uid, &status) else { return Ok(()) };
        world.record("operator", status_line(&id, &status));
        self.wrote()?;
        self.note(&written);
        Ok(())
    }
}

/// Objects that the operator watches: children are those that were made for a model.
fn is_concerned(id: &Id, object: &Value) -> bool {
    let of_a_model = || object["metadata"]["ownerReferences"][0]["kind"] == "ModelDeployment";
    matches!(id.0.as_str(), "ModelDeployment" | "AIPolicy" | "Node" | "Pod") || of_a_model()
}

fn known_hash_is(known: &ChildFacts, object: &Value) -> bool {
    let wanted = object["metadata"]["annotations"][hemvist_api::labels::RENDERED_HASH].as_str();
    wanted.is_some() && known.rendered_hash.as_deref() == wanted
}

/// Whether the object is what it would be after a write: nothing else is wanted, and nobody has changed it. What was written
/// last stands in the status of the model.
fn is_as_written(subject: &Subject<'_>, known: &ChildFacts, object: &Value) -> bool {
    let status = subject.model.status.as_ref();
    let mut recorded = status.and_then(|status| status.children.as_ref()).into_iter().flatten();
    known_hash_is(known, object)
        && recorded.any(|child| {
            child.kind == known.kind.as_str()
                && child.name == known.key.name
                && child.content == known.content
        })
}

/// The steps of a model, as the core gives them.
type Steps = Rc<DesiredObjects<Rendered>>;

thread_local! {
    /// What was rendered before. Equal models become equal objects, and rendering takes most of the time.
    static RENDERED: RefCell<BTreeMap<String, Steps>> = const { RefCell::new(BTreeMap::new()) };
}

fn rendered(plan: &Plan, settings: &Settings) -> Steps {
    let key = format!("{:?} {:?}", plan.model, plan.workload);
    RENDERED
        .with_borrow_mut(|known| known.entry(key).or_insert_with(|| Rc::new(render(plan, settings))).clone())
}

/// Whether a status says something new. Since when a condition holds is not new as long as it holds.
fn differs(old: Option<&ModelDeploymentStatus>, new: &ModelDeploymentStatus) -> bool {
    let Some(old) = old else { return true };
    let (mut old, mut new) = (old.clone(), new.clone());
    for condition in [&mut old, &mut new].into_iter().flat_map(|status| &mut status.conditions).flatten() {
        condition.last_transition_time = Time(Timestamp::UNIX_EPOCH);
    }
    old != new
}

/// A status in a line: the reasons of what matters.
fn status_line(id: &Id, status: &Value) -> String {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let told =
        conditions.filter(|one| ["Ready", "Accepted", "Placed", "Available"].contains(&text(one, "/type")));
    let told: Vec<_> = told
        .map(|one| format!("{}={}/{}", text(one, "/type"), text(one, "/status"), text(one, "/reason")))
        .collect();
    format!("status of {}: {}", id.2, told.join(" "))
}
