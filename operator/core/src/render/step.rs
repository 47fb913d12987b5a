//! What is written for a model, in which order, and what has to be there before: data that whoever writes goes through from
//! the first step to the last.

use hemvist_api::labels::RENDERED_HASH;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;

use super::{Applied, Child, DesiredObjects, fetch, retry};
use crate::snapshot::{ChildFacts, ChildKind, Observed, content_hash};

/// A rendered object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its kind.
    pub kind: ChildKind,
    /// The object. It carries the hash of itself, so that an unchanged one is not written again.
    pub json: Value,
}

impl Object {
    /// The object as JSON, with the hash of itself, which is taken before it is there.
    pub(super) fn of<K: Child>(object: &K) -> Self {
        // These types always have a JSON form: their maps have text for keys.
        let mut json = serde_json::to_value(object).unwrap_or_default();
        let hash = content_hash(&json);
        json["metadata"]["annotations"][RENDERED_HASH] = Value::String(hash);
        Self { kind: K::KIND, json }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.json["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// The hash of itself.
    pub fn rendered_hash(&self) -> Option<&str> {
        self.json["metadata"]["annotations"][RENDERED_HASH].as_str()
    }

    /// The object as its type; `None` where it is of another kind.
    pub fn typed<K: Child>(&self) -> Option<K> {
        (self.kind == K::KIND).then(|| serde_json::from_value(self.json.clone()).ok()).flatten()
    }
}

/// One step of writing what a model becomes. [`Step::todo`] says what it comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The model is to have none of this kind: what there is goes.
    Remove(ChildKind),
    /// The object is written where it differs.
    Put(Object),
    /// The object makes the replicas. It is written when their weights are there, after every other one of its kind has gone:
    /// its name changes when the class of the model does, and what the old one holds is what the new one waits for.
    PutReplicas(Object),
    /// A Job cannot be changed: every one goes that is not to stay beside, or in the place of, this one.
    PruneJobs(Option<Object>),
    /// The Job is written unless one is there that stays.
    PutJob(Object),
    /// The isolation of pods that fetch, of this name, goes when none of them can be left.
    RemoveFetchIsolation(String),
}

/// What is there when a step is taken.
pub struct There<'a> {
    /// The objects of a kind that were made for the model, those that are being deleted included.
    pub children: &'a dyn Fn(ChildKind) -> Vec<ChildFacts>,
    /// Whether pods are seen that fetch weights for the model.
    pub has_fetchers: bool,
    /// What the steps before have come to.
    pub applied: &'a DesiredObjects<Applied>,
    /// The moment of the decision that is carried out.
    pub now: &'a Time,
}

/// What a step comes to: first what goes, then the rest.
#[derive(Debug, PartialEq)]
pub struct Todo<'a> {
    /// What is deleted, in order.
    pub delete: Vec<Deletion>,
    /// What is done after it.
    pub then: Then<'a>,
}

/// What is done after what goes is deleted.
#[derive(Debug, PartialEq)]
pub enum Then<'a> {
    /// The object is written where it differs; the answer is what was applied.
    Put(&'a Object),
    /// This one is there and stays: it is what was applied.
    Keep(Box<ChildFacts>),
    /// Nothing.
    Nothing,
}

/// An object that is to be deleted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deletion {
    /// The object; no other one of its name is meant.
    pub child: ChildFacts,
    /// What becomes of what it has made.
    pub propagation: Propagation,
    /// Why, for the log.
    pub why: &'static str,
}

/// What becomes of what a deleted object has made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Propagation {
    /// The object goes at once, and what it has made after it.
    Background,
    /// What it has made goes first, so that the object is seen until then.
    Foreground,
}

impl Propagation {
    /// How objects of a kind are deleted. What makes pods is seen until they are gone: a pod may be there that nobody has
    /// seen, and the isolation of its network stays as long.
    pub const fn of(kind: ChildKind) -> Self {
        if kind.makes_pods() { Self::Foreground } else { Self::Background }
    }
}

impl Deletion {
    fn new(child: ChildFacts, why: &'static str) -> Self {
        Self { propagation: Propagation::of(child.kind), child, why }
    }
}

const NO_LONGER_NEEDED: &str = "pruning an object that the model no longer needs";
const JOB_NOT_NEEDED: &str = "pruning a Job that failed or is no longer needed";
const MAY_NOT_STAY: &str = "pruning an old version that may not stay where it runs";

impl Step {
    /// The kind that it is about.
    pub const fn kind(&self) -> ChildKind {
        match self {
            Self::Remove(kind) => *kind,
            Self::Put(object) | Self::PutReplicas(object) => object.kind,
            Self::PruneJobs(_) | Self::PutJob(_) => ChildKind::Job,
            Self::RemoveFetchIsolation(_) => ChildKind::NetworkPolicy,
        }
    }

    /// The object that is there when all is done.
    pub const fn object(&self) -> Option<&Object> {
        match self {
            Self::Put(object) | Self::PutReplicas(object) | Self::PutJob(object) => Some(object),
            Self::Remove(_) | Self::PruneJobs(_) | Self::RemoveFetchIsolation(_) => None,
        }
    }

    /// What the step comes to.
    pub fn todo(&self, there: &There<'_>) -> Todo<'_> {
        let mut children = (there.children)(self.kind());
        children.retain(|child| !child.terminating);
        match self {
            Self::Remove(_) => Todo::deleting(children, NO_LONGER_NEEDED, Then::Nothing),
            Self::Put(object) => Todo { delete: Vec::new(), then: Then::Put(object) },
            Self::PutReplicas(object) => replicas(object, children, there),
            Self::PruneJobs(wanted) => prune_jobs(wanted.as_ref(), children, there.now),
            Self::PutJob(object) => {
                let stays = children.into_iter().find(|job| stays(job, object, there.now));
                Todo { delete: Vec::new(), then: stays.map_or(Then::Put(object), Then::keep) }
            }
            Self::RemoveFetchIsolation(name) => {
                let fetches = there.has_fetchers || !(there.children)(ChildKind::Job).is_empty();
                children.retain(|policy| policy.key.name == *name && !fetches);
                Todo::deleting(children, NO_LONGER_NEEDED, Then::Nothing)
            }
        }
    }
}

impl<'a> Todo<'a> {
    fn deleting(children: impl IntoIterator<Item = ChildFacts>, why: &'static str, then: Then<'a>) -> Self {
        Self { delete: children.into_iter().map(|child| Deletion::new(child, why)).collect(), then }
    }
}

impl Then<'_> {
    fn keep(child: ChildFacts) -> Self {
        Self::Keep(Box::new(child))
    }
}

fn stays(job: &ChildFacts, wanted: &Object, now: &Time) -> bool {
    retry::job_stays(job, wanted.name(), wanted.rendered_hash(), now)
}

/// One of another name fetches what is not wanted, and goes. One that would be written otherwise today goes too, unless it
/// has done its work. And one that was given up goes after a while and is made anew, because what was in its way may be gone.
fn prune_jobs<'a>(wanted: Option<&Object>, mut jobs: Vec<ChildFacts>, now: &Time) -> Todo<'a> {
    jobs.retain(|job| !wanted.is_some_and(|wanted| stays(job, wanted, now)));
    let mut todo = Todo::deleting(jobs, JOB_NOT_NEEDED, Then::Nothing);
    for deletion in &mut todo.delete {
        // Another one of the name is made at once, within the same isolation.
        if wanted.is_some_and(|wanted| wanted.name() == deletion.child.key.name) {
            deletion.propagation = Propagation::Background;
        }
    }
    todo
}

/// Until the weights are there an old version goes on, if it may be where the new one may be.
fn replicas<'a>(object: &'a Object, children: Vec<ChildFacts>, there: &There<'_>) -> Todo<'a> {
    if fetch::weights_are_there(there.applied, object) {
        let others = children.into_iter().filter(|old| old.key.name != object.name());
        return Todo::deleting(others, NO_LONGER_NEEDED, Then::Put(object));
    }
    let (mut stay, go): (Vec<_>, Vec<_>) = children.into_iter().partition(|old| may_stay(old, object));
    Todo::deleting(go, MAY_NOT_STAY, stay.pop().map_or(Then::Nothing, Then::keep))
}

/// Whether an old version may go on serving while the weights of the new one are fetched: it is of the same class, and its
/// pods may go to the same nodes as those of the new one.
fn may_stay(old: &ChildFacts, new: &Object) -> bool {
    let Observed::Deployment(wanted) = (new.kind.facts().observe)(&new.json) else { return false };
    old.key.name == new.name() && old.deployment().is_some_and(|old| old.affinity == wanted.affinity)
}
