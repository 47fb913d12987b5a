//! The objects of a cluster and what an API server does with requests: versions and generations, conflicts, server-side
//! apply that leaves alone what others have set, deletion with a grace period, evictions within a budget.
//!
//! Every request of the operator is held to one invariant at once: it changes nothing that was not made for a model.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use hemvist_api::labels::MODEL_DEPLOYMENT_UID;
use hemvist_core::snapshot::content_hash;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// The moment at which every world begins.
const BEGINNING: &str = "2026-11-23T08:00:00Z";

/// Kind, namespace and name of an object.
pub type Id = (String, String, String);

/// An [`Id`] from its parts.
pub fn id(kind: &str, namespace: &str, name: &str) -> Id {
    (kind.to_owned(), namespace.to_owned(), name.to_owned())
}

/// Why a request was not carried out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The object is another one, or of another version, or is there already.
    Conflict,
    /// There is none.
    NotFound,
    /// A disruption budget does not allow it.
    Budget,
}

/// A cluster.
#[derive(Clone, Debug, Default)]
pub struct World {
    objects: BTreeMap<Id, Rc<Value>>,
    /// What the operator has applied last, by UID of the object.
    applied: BTreeMap<String, Value>,
    revision: u64,
    uids: u64,
    /// How many steps have been made; each takes a second.
    pub step: u64,
    /// Nodes whose kubelets are not heard of.
    pub unreachable: BTreeSet<String>,
    /// How many requests of the operator have changed something.
    pub writes: u64,
    /// UIDs of every model that there ever was.
    models: BTreeSet<String>,
    /// What the operator has done to what is not its own.
    pub foreign_writes: Vec<String>,
    /// What happened, one line each.
    pub log: Vec<String>,
    pods: u64,
    /// The hash of the template of a Deployment, by UID and generation.
    hashes: BTreeMap<(String, i64), String>,
}

impl World {
    /// The moment.
    pub fn now(&self) -> Time {
        let seconds = SignedDuration::from_secs(i64::try_from(self.step).unwrap());
        Time(BEGINNING.parse::<Timestamp>().unwrap() + seconds)
    }

    /// Writes down what somebody has done.
    pub fn record(&mut self, who: &str, what: impl AsRef<str>) {
        self.log.push(format!("{who:<21} {}", what.as_ref()));
    }

    /// Every object, in order.
    pub fn objects(&self) -> impl Iterator<Item = (&Id, &Rc<Value>)> {
        self.objects.iter()
    }

    /// The objects of a kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Rc<Value>> {
        self.objects.iter().filter(move |(id, _)| id.0 == kind).map(|(_, object)| object)
    }

    /// An object.
    pub fn get(&self, id: &Id) -> Option<&Rc<Value>> {
        self.objects.get(id)
    }

    /// Grows with every change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// A number for the next pod.
    pub fn next_pod(&mut self) -> u64 {
        self.pods += 1;
        self.pods
    }

    /// The hash of the template of a Deployment, as it stands on its pods.
    pub fn template_hash(&mut self, deployment: &Value) -> String {
        let generation = deployment["metadata"]["generation"].as_i64().unwrap_or_default();
        let key = (text(deployment, "/metadata/uid").to_owned(), generation);
        self.hashes.entry(key).or_insert_with(|| template_hash(&deployment["spec"]["template"])).clone()
    }

    /// Makes an object.
    pub fn create(&mut self, mut object: Value) -> Result<Rc<Value>, Refusal> {
        let id = id_of(&object);
        if self.objects.contains_key(&id) {
            return Err(Refusal::Conflict);
        }
        self.uids += 1;
        let uid = format!("uid-{}", self.uids);
        if id.0 == "ModelDeployment" {
            self.models.insert(uid.clone());
        }
        if id.0 == "Deployment" && object["spec"]["replicas"].is_null() {
            object["spec"]["replicas"] = json!(1);
        }
        let moment = self.now().0.to_string();
        let metadata = &mut object["metadata"];
        metadata["uid"] = json!(uid);
        metadata["generation"] = json!(1);
        metadata["creationTimestamp"] = json!(moment);
        Ok(self.store(id, object))
    }

    fn store(&mut self, id: Id, mut object: Value) -> Rc<Value> {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let object = Rc::new(object);
        self.objects.insert(id, object.clone());
        object
    }

    /// Changes an object. One that stays as it is gets no new version, and a new generation comes of a new spec alone.
    pub fn update(&mut self, id: &Id, change: impl FnOnce(&mut Value)) -> Result<Rc<Value>, Refusal> {
        let old = self.objects.get(id).ok_or(Refusal::NotFound)?;
        let mut new = Value::clone(old);
        change(&mut new);
        if new == **old {
            return Ok(old.clone());
        }
        if new["spec"] != old["spec"] {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(1) + 1;
            new["metadata"]["generation"] = json!(generation);
        }
        Ok(self.store(id.clone(), new))
    }

    /// Deletes an object. A pod that is on a node ends there first.
    pub fn delete(&mut self, id: &Id, uid: Option<&str>) -> Result<(), Refusal> {
        let object = self.objects.get(id).ok_or(Refusal::NotFound)?;
        if uid.is_some_and(|uid| object["metadata"]["uid"] != uid) {
            return Err(Refusal::Conflict);
        }
        let runs = id.0 == "Pod" && object["spec"]["nodeName"].is_string() && !has_ended(object);
        if runs {
            self.mark_deleted(id)
        } else {
            self.remove(id);
            Ok(())
        }
    }

    /// An object is being deleted from now on.
    fn mark_deleted(&mut self, id: &Id) -> Result<(), Refusal> {
        let moment = self.now().0.to_string();
        let terminating = |object: &mut Value| {
            let stamp = &mut object["metadata"]["deletionTimestamp"];
            if stamp.is_null() {
                *stamp = json!(moment);
            }
        };
        self.update(id, terminating).map(|_| ())
    }

    /// Takes an object away at once.
    pub fn remove(&mut self, id: &Id) {
        self.revision += 1;
        self.objects.remove(id);
    }

    /// The operator applies an object; where `only_if_absent`, one that is there is a conflict.
    pub fn apply(&mut self, object: &Value, only_if_absent: bool) -> Result<Rc<Value>, Refusal> {
        let id = id_of(object);
        let before = self.revision;
        let written = match self.objects.get(&id).cloned() {
            None => self.create(object.clone())?,
            Some(_) if only_if_absent => return Err(Refusal::Conflict),
            Some(old) => {
                self.hold_to_own(&id, &old);
                let last = self.applied.get(text(&old, "/metadata/uid")).cloned().unwrap_or(json!({}));
                self.update(&id, |live| merge(live, &last, object))?
            }
        };
        self.applied.insert(text(&written, "/metadata/uid").to_owned(), object.clone());
        self.writes += u64::from(self.revision > before);
        Ok(written)
    }

    /// The operator puts an object in the place of another, with nothing in it but what it says.
    pub fn replace(&mut self, object: &Value, version: &Value) -> Result<Rc<Value>, Refusal> {
        let id = id_of(object);
        let old = self.objects.get(&id).cloned().ok_or(Refusal::NotFound)?;
        if old["metadata"]["resourceVersion"] != *version {
            return Err(Refusal::Conflict);
        }
        self.hold_to_own(&id, &old);
        self.writes += 1;
        let kept = ["uid", "generation", "creationTimestamp", "resourceVersion"];
        self.update(&id, |live| {
            let mut new = object.clone();
            for field in kept {
                new["metadata"][field] = old["metadata"][field].clone();
            }
            if !old["status"].is_null() {
                new["status"] = old["status"].clone();
            }
            *live = new;
        })
    }

    /// Whether others have set fields of an object that the operator has applied.
    pub fn has_foreign_fields(&self, object: &Value) -> bool {
        let Some(applied) = self.applied.get(text(object, "/metadata/uid")) else { return false };
        let mut content = object.clone();
        merge(&mut content, applied, &json!({}));
        let metadata = content["metadata"].as_object().cloned().unwrap_or_default();
        let own = ["uid", "generation", "creationTimestamp", "resourceVersion"];
        metadata.iter().any(|(field, value)| !own.contains(&field.as_str()) && !is_empty(value))
            || content.as_object().is_some_and(|fields| {
                fields.iter().any(|(field, value)| {
                    !["metadata", "status"].contains(&field.as_str()) && !is_empty(value)
                })
            })
    }

    /// The operator writes the status of a model.
    pub fn write_status(&mut self, id: &Id, uid: &str, status: &Value) -> Result<Rc<Value>, Refusal> {
        let object = self.objects.get(id).ok_or(Refusal::NotFound)?;
        if object["metadata"]["uid"] != uid {
            return Err(Refusal::Conflict);
        }
        let before = self.revision;
        let written = self.update(id, |object| object["status"] = status.clone());
        self.writes += u64::from(self.revision > before);
        written
    }

    /// The operator deletes an object that it knows by its UID: in the foreground, so that it stays until what it has made is
    /// gone, or at once.
    pub fn delete_own(&mut self, id: &Id, uid: &str, in_foreground: bool) -> Result<(), Refusal> {
        if let Some(object) = self.objects.get(id).filter(|object| object["metadata"]["uid"] == uid).cloned()
        {
            self.hold_to_own(id, &object);
        }
        if in_foreground {
            self.get(id).filter(|object| object["metadata"]["uid"] == uid).ok_or(Refusal::NotFound)?;
            self.mark_deleted(id)?;
        } else {
            self.delete(id, Some(uid))?;
        }
        self.writes += 1;
        Ok(())
    }

    /// The operator asks for the eviction of a pod. A pod that is not ready protects nobody.
    pub fn evict(&mut self, id: &Id, uid: &str) -> Result<(), Refusal> {
        let pod = self.objects.get(id).ok_or(Refusal::NotFound)?;
        let budget = self.of_kind("PodDisruptionBudget").find(|budget| {
            budget["metadata"]["namespace"] == id.1.as_str() && selects(&budget["spec"]["selector"], pod)
        });
        if let Some(budget) = budget.filter(|_| is_ready(pod)) {
            let may_lack = budget["spec"]["maxUnavailable"].as_u64().unwrap_or(0);
            let of_budget = |pod: &&Rc<Value>| {
                pod["metadata"]["namespace"] == id.1.as_str() && selects(&budget["spec"]["selector"], pod)
            };
            let healthy =
                self.of_kind("Pod").filter(of_budget).filter(|pod| is_ready(pod) && !is_leaving(pod));
            let expected =
                self.deployment_of(pod).map_or(0, |one| one["spec"]["replicas"].as_u64().unwrap_or(1));
            if u64::try_from(healthy.count()).unwrap() + may_lack <= expected {
                return Err(Refusal::Budget);
            }
        }
        self.delete_own(id, uid, false)
    }

    /// The Deployment that has made a pod.
    pub fn deployment_of(&self, pod: &Value) -> Option<&Rc<Value>> {
        self.of_kind("Deployment")
            .find(|one| one["metadata"]["uid"] == pod["metadata"]["ownerReferences"][0]["uid"])
    }

    /// Notes where the operator is about to change what was not made for a model.
    fn hold_to_own(&mut self, id: &Id, object: &Value) {
        let owner = text(object, "/metadata/ownerReferences/0/uid");
        let label = object["metadata"]["labels"][MODEL_DEPLOYMENT_UID].as_str().unwrap_or_default();
        let is_own = self.models.contains(owner) || (id.0 == "Pod" && self.models.contains(label));
        if !is_own {
            self.foreign_writes.push(format!("{} {}/{}", id.0, id.1, id.2));
        }
    }
}

/// The hash of a template, as it stands on its pods.
pub fn template_hash(template: &Value) -> String {
    content_hash(template).chars().take(10).collect()
}

/// The identity of an object.
pub fn id_of(object: &Value) -> Id {
    id(text(object, "/kind"), text(object, "/metadata/namespace"), text(object, "/metadata/name"))
}

/// A text of an object, or an empty one.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a selector with labels alone chooses an object.
pub fn selects(selector: &Value, object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    selector["matchLabels"]
        .as_object()
        .is_some_and(|all| all.iter().all(|(key, value)| labels[key] == *value))
}

/// Whether a pod takes requests.
pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// Whether an object is being deleted.
pub fn is_leaving(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// Whether a pod has succeeded or failed.
pub fn has_ended(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Failed" | "Succeeded")
}

/// Makes `live` say what `new` says, takes away what `last` said and `new` does not, and leaves the rest. Lists are one
/// value.
fn merge(live: &mut Value, last: &Value, new: &Value) {
    let (Some(last), Some(new)) = (last.as_object(), new.as_object()) else { return };
    if !live.is_object() {
        *live = Value::Object(Map::new());
    }
    let Some(fields) = live.as_object_mut() else { return };
    for (name, value) in last.iter().filter(|(name, _)| !new.contains_key(*name)) {
        match fields.get_mut(name) {
            Some(below) if value.is_object() && below.is_object() => {
                merge(below, value, &json!({}));
                if is_empty(below) {
                    fields.remove(name);
                }
            }
            _ => drop(fields.remove(name)),
        }
    }
    for (name, value) in new.iter().filter(|(_, value)| !value.is_null()) {
        if value.is_object() {
            let before = last.get(name).cloned().unwrap_or(json!({}));
            merge(fields.entry(name.clone()).or_insert(json!({})), &before, value);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}
