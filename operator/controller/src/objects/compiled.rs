//! The objects that a compiled policy consists of: a ValidatingAdmissionPolicy, and bindings that put it into force.

use std::fmt::{self, Debug};
use std::marker::PhantomData;

use hemvist_api::labels::{
    APP_COMPONENT, APP_MANAGED_BY, APP_NAME, APP_PART_OF, COMPILED_FROM, COMPILED_GENERATION,
};
use hemvist_core::admission::{COMPONENT, Compiled};
use hemvist_core::snapshot::{Key, content_hash};
use k8s_openapi::ClusterResourceScope;
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::wire::{Reading, Wire};

/// The labels and annotations that Hemvist gives. What others add to them is theirs.
const LABELS: [&str; 4] = [APP_NAME, APP_COMPONENT, APP_PART_OF, APP_MANAGED_BY];
const ANNOTATIONS: [&str; 3] = [COMPILED_FROM, COMPILED_GENERATION, RESOURCE_POLICY];

/// Helm deletes at an upgrade what a chart has brought and brings no more, unless the object itself says otherwise. The
/// chart brings what is always there only as long as it is not there.
const RESOURCE_POLICY: &str = "helm.sh/resource-policy";

/// Which of the two kinds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CompiledKind {
    /// What is judged, and how.
    Policy,
    /// Where it is in force, and what a breach leads to.
    Binding,
}

impl CompiledKind {
    /// The kind as Kubernetes writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "ValidatingAdmissionPolicy",
            Self::Binding => "ValidatingAdmissionPolicyBinding",
        }
    }
}

/// Which object.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CompiledId {
    /// Its kind.
    pub kind: CompiledKind,
    /// Its name.
    pub name: String,
}

impl CompiledId {
    /// Its key in a cache.
    pub fn key(&self) -> Key {
        Key::new("", &self.name)
    }
}

impl fmt::Display for CompiledId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind.as_str(), self.name)
    }
}

/// One of the two kinds, as a type.
pub trait CompiledType:
    Clone
    + Debug
    + DeserializeOwned
    + Resource<DynamicType = (), Scope = ClusterResourceScope>
    + Send
    + Sync
    + 'static
{
    /// Which.
    const KIND: CompiledKind;
}

impl CompiledType for ValidatingAdmissionPolicy {
    const KIND: CompiledKind = CompiledKind::Policy;
}

impl CompiledType for ValidatingAdmissionPolicyBinding {
    const KIND: CompiledKind = CompiledKind::Binding;
}

/// What is kept of such an object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenCompiled {
    /// Its UID.
    pub uid: String,
    /// Hash of all of it that Hemvist writes.
    pub hash: String,
    /// Whether it says that it is a part of what Hemvist compiles. Others may use the label by which it is found.
    pub compiled: bool,
}

/// How such an object becomes facts.
#[derive(Clone, Debug)]
pub struct CompiledReading<K>(PhantomData<K>);

/// Such an object as it comes over the wire.
pub type CompiledObject<K> = Wire<CompiledReading<K>>;

impl<K: CompiledType> Reading for CompiledReading<K> {
    type Kind = K;
    type Seen = SeenCompiled;

    fn read(object: Value) -> SeenCompiled {
        SeenCompiled {
            uid: object["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
            hash: hash(&object),
            compiled: object["metadata"]["labels"][APP_COMPONENT] == COMPONENT,
        }
    }
}

/// Hash of what Hemvist writes of an object. The whole spec is in it, also fields that this version does not know: one of
/// them may be what weakens it.
fn hash(object: &Value) -> String {
    let metadata = &object["metadata"];
    let known = |values: &Value, names: &[&str]| -> Map<String, Value> {
        names.iter().filter_map(|name| Some(((*name).to_owned(), values.get(*name)?.clone()))).collect()
    };
    content_hash(&json!({
        "labels": known(&metadata["labels"], &LABELS),
        "annotations": known(&metadata["annotations"], &ANNOTATIONS),
        "spec": object["spec"],
    }))
}

/// An object as it is to be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which.
    pub id: CompiledId,
    /// The AIPolicy that it carries out; `None` for what is always there.
    pub author: Option<Key>,
    /// Hash of all of it.
    pub hash: String,
    /// The object.
    pub object: Value,
}

impl Wanted {
    /// The objects of a compiled policy, in the order in which they are written: the bindings first, so that a policy that
    /// answers a trial is bound as it is to be.
    ///
    /// # Errors
    /// Where one cannot be written as JSON.
    pub fn of(compiled: &Compiled) -> Result<Vec<Self>, serde_json::Error> {
        let bindings = compiled.bindings();
        let bindings = bindings.iter().map(|binding| Self::new(compiled, CompiledKind::Binding, binding));
        bindings
            .chain(std::iter::once(Self::new(compiled, CompiledKind::Policy, &compiled.policy())))
            .collect()
    }

    fn new(
        compiled: &Compiled,
        kind: CompiledKind,
        object: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        let mut object = serde_json::to_value(object)?;
        if compiled.author.is_none() {
            object["metadata"]["annotations"][RESOURCE_POLICY] = json!("keep");
        }
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let author = compiled.author.as_ref().map(|(key, _)| key.clone());
        Ok(Self { id: CompiledId { kind, name }, author, hash: hash(&object), object })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_note_down_is_theirs_and_what_weakens_is_seen() {
        let plain = json!({"metadata": {"labels": {(APP_MANAGED_BY): "hemvist"}, "annotations": {(COMPILED_FROM): "a/b"}},
            "spec": {"failurePolicy": "Fail"}});
        let with = |pointer: &str, name: &str, value: &str| {
            let mut object = plain.clone();
            object.pointer_mut(pointer).unwrap()[name] = json!(value);
            hash(&object)
        };
        assert_eq!(with("/metadata/labels", "theirs", "x"), hash(&plain));
        assert_eq!(with("/metadata/annotations", "argocd.argoproj.io/tracking-id", "x"), hash(&plain));
        assert_ne!(with("/metadata/labels", APP_MANAGED_BY, "other"), hash(&plain));
        assert_ne!(with("/spec", "failurePolicy", "Ignore"), hash(&plain));
        assert_ne!(with("/spec", "ofTomorrow", "x"), hash(&plain));
    }
}
