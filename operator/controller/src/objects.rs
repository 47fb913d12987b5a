//! Objects as they come over the wire, and the facts that are kept of them.

pub mod compiled;
pub mod quota;
pub mod wire;

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use hemvist_api::labels::HEMVIST;
use hemvist_api::{AIPolicy, AIPolicyStatus, GROUP, ModelDeployment, ModelDeploymentStatus};
use hemvist_core::render::Child;
use hemvist_core::snapshot::{ChildFacts, PolicyEntry, child_kinds};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::object::HasStatus;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use self::wire::{Reading, Wire};
use crate::cache::Change;
use crate::managed_fields::has_foreign_fields;

/// A copy of the whole object, which `kubectl apply` leaves behind. Nothing here reads it.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object of an own kind that may be one that this build cannot read. Decoding it never fails, so that one bad object
/// does not stop the watch of all others.
#[derive(Clone, Debug)]
pub enum Lenient<K: HasStatus> {
    /// It could be read.
    Readable(Box<K>),
    /// It could not.
    Unreadable {
        /// Its metadata, as far as they are of use.
        metadata: Box<ObjectMeta>,
        /// Its status, where at least that could be read.
        status: Option<K::Status>,
        /// Why not.
        error: String,
    },
}

impl<'de, K> Deserialize<'de> for Lenient<K>
where
    K: DeserializeOwned + HasStatus + Resource,
    K::Status: DeserializeOwned,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove(LAST_APPLIED);
            }
        }
        match K::deserialize(&value) {
            Ok(object) => Ok(Self::Readable(Box::new(object))),
            Err(error) => Ok(Self::Unreadable {
                metadata: Box::new(ObjectMeta::deserialize(&value["metadata"]).map_err(D::Error::custom)?),
                status: K::Status::deserialize(&value["status"]).ok(),
                error: error.to_string(),
            }),
        }
    }
}

impl<K: HasStatus + Resource> Resource for Lenient<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dynamic: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
        K::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Readable(object) => object.meta(),
            Self::Unreadable { metadata, .. } => metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Readable(object) => object.meta_mut(),
            Self::Unreadable { metadata, .. } => metadata,
        }
    }
}

/// What is kept of a ModelDeployment.
pub type SeenModel = Seen<Result<Arc<ModelDeployment>, String>, ModelDeploymentStatus>;

/// What is kept of an AIPolicy.
pub type SeenPolicy = Seen<PolicyEntry, AIPolicyStatus>;

/// What is kept of an object of an own kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen<C, S> {
    /// Its UID.
    pub uid: String,
    /// Its generation.
    pub generation: Option<i64>,
    /// Its resource version, so that no two versions are taken for the same.
    version: Option<String>,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// The last status of one that cannot be read; otherwise it stands in the object.
    unreadable_status: Option<S>,
    /// The object itself, or why it could not be read.
    pub content: C,
}

impl From<Lenient<ModelDeployment>> for SeenModel {
    fn from(object: Lenient<ModelDeployment>) -> Self {
        match object {
            Lenient::Readable(model) => Seen::of(&model.metadata, None).holding(Ok(Arc::from(model))),
            Lenient::Unreadable { metadata, status, error } => {
                Seen::of(&metadata, status).holding(Err(error))
            }
        }
    }
}

impl SeenModel {
    /// Its last status.
    pub fn status(&self) -> Option<&ModelDeploymentStatus> {
        self.content.as_ref().map_or(self.unreadable_status.as_ref(), |model| model.status.as_ref())
    }
}

impl From<Lenient<AIPolicy>> for SeenPolicy {
    fn from(object: Lenient<AIPolicy>) -> Self {
        match object {
            Lenient::Readable(policy) => {
                Seen::of(&policy.metadata, None).holding(PolicyEntry::Readable(policy))
            }
            Lenient::Unreadable { metadata, status, error } => {
                Seen::of(&metadata, status).holding(PolicyEntry::Unreadable { error })
            }
        }
    }
}

impl SeenPolicy {
    /// Its last status.
    pub fn status(&self) -> Option<&AIPolicyStatus> {
        match &self.content {
            PolicyEntry::Readable(policy) => policy.status.as_ref(),
            PolicyEntry::Unreadable { .. } => self.unreadable_status.as_ref(),
        }
    }
}

impl<S> Seen<(), S> {
    fn of(metadata: &ObjectMeta, unreadable_status: Option<S>) -> Self {
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            generation: metadata.generation,
            version: metadata.resource_version.clone(),
            terminating: metadata.deletion_timestamp.is_some(),
            unreadable_status,
            content: (),
        }
    }

    fn holding<C>(self, content: C) -> Seen<C, S> {
        let Self { uid, generation, version, terminating, unreadable_status, content: () } = self;
        Seen { uid, generation, version, terminating, unreadable_status, content }
    }
}

impl<C, S> Seen<C, S> {
    /// Whether more than status and bookkeeping is the same in both.
    pub fn asks_the_same(&self, other: &Self) -> bool {
        self.uid == other.uid && self.generation == other.generation && self.terminating == other.terminating
    }
}

impl<C, S> Change<Seen<C, S>> {
    /// Whether no more than status and bookkeeping has changed.
    pub fn asks_the_same(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Set { old: Some(old), new } => old.asks_the_same(new),
            Self::Set { old: None, .. } | Self::Gone { .. } => false,
        }
    }
}

/// Gives each kind of child its type. What is done for a kind that is only known at run time is written as
/// `child_type!(kind, Type => expression)`.
macro_rules! dispatch {
    ($($(#[$doc:meta])* $kind:ident => $facts:expr;)+) => {
        macro_rules! child_type {
            ($of:expr, $type:ident => $do:expr) => {
                match $of {
                    $(hemvist_core::snapshot::ChildKind::$kind => {
                        type $type = hemvist_core::render::$kind;
                        $do
                    })+
                }
            };
        }
    };
}

child_kinds!(dispatch);

pub(crate) use child_type;

/// What is kept of a child.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenChild {
    /// What decisions know of it.
    pub facts: ChildFacts,
    /// Name of the ModelDeployment that owns it, whichever incarnation.
    pub owner_name: Option<String>,
    /// Whether somebody else has set fields in it that a write of ours would leave standing.
    pub foreign_fields: bool,
}

/// How a child becomes facts; `None` where it has no name.
#[derive(Clone, Debug)]
pub struct ChildReading<K>(PhantomData<K>);

/// A child as it comes over the wire.
pub type ChildObject<K> = Wire<ChildReading<K>>;

impl<K: Child> Reading for ChildReading<K> {
    type Kind = K;
    type Seen = Option<SeenChild>;

    fn read(mut object: Value) -> Option<SeenChild> {
        // In a list the items lack them; the hash of the content must not depend on how the object was read.
        if let Some(fields) = object.as_object_mut() {
            fields.remove("apiVersion");
            fields.remove("kind");
        }
        let managed_fields = object
            .get_mut("metadata")
            .and_then(Value::as_object_mut)
            .and_then(|metadata| metadata.remove("managedFields"))
            .unwrap_or_default();
        Some(SeenChild {
            facts: ChildFacts::of(K::KIND, &object)?,
            owner_name: owner_name(&object),
            foreign_fields: has_foreign_fields(&managed_fields, HEMVIST),
        })
    }
}

/// The ModelDeployment that controls an object.
fn owner_name(object: &Value) -> Option<String> {
    let prefix = format!("{GROUP}/");
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|owner| {
        owner["controller"] == Value::Bool(true)
            && owner["kind"] == "ModelDeployment"
            && owner["apiVersion"].as_str().is_some_and(|version| version.starts_with(&prefix))
    })?;
    owner["name"].as_str().map(str::to_owned)
}

#[cfg(test)]
#[path = "objects_tests.rs"]
mod tests;
