//! A snapshot from manifests, without a cluster: for the command line and the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use hemvist_api::{AIPolicy, ModelDeployment};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    ChildFacts, ChildKind, Key, ModelFacts, NodeFacts, NodeObject, PodFacts, PodObject, Settings, Snapshot,
    Subject, Usage,
};
use super::{PolicyBook, PolicyEntry};
use crate::accelerator::{DeviceClass, DeviceClassObject, ResourceSliceObject, SliceFacts};

/// The namespace of a manifest that names none, as kubectl has it.
const DEFAULT_NAMESPACE: &str = "default";

/// The UID of a manifest that no API server has seen.
const NO_UID: &str = "00000000-0000-0000-0000-000000000000";

/// Objects from manifests, by kind.
#[derive(Debug, Default)]
pub struct Manifests {
    /// Models that could be read.
    pub models: BTreeMap<Key, ModelDeployment>,
    /// Models that could not be read, with the reason.
    pub unreadable_models: BTreeMap<Key, String>,
    /// Policies, readable or not.
    pub policies: PolicyBook,
    /// Nodes.
    pub nodes: BTreeMap<String, NodeFacts>,
    /// Devices that nodes publish for dynamic resource allocation, by node.
    pub slices: BTreeMap<String, Vec<SliceFacts>>,
    /// Device classes, by name.
    pub device_classes: BTreeMap<String, DeviceClass>,
    /// Pods.
    pub pods: Vec<PodFacts>,
    /// Objects made for models.
    pub children: Vec<ChildFacts>,
    /// Kinds of children that are not Kubernetes' own and whose definitions are there.
    pub served: BTreeSet<ChildKind>,
    /// How many objects were of kinds that no decision looks at.
    pub ignored: usize,
}

/// A manifest that is no Kubernetes object at all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ManifestError {
    /// What is missing or wrong.
    pub message: String,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for ManifestError {}

impl Manifests {
    /// Adds an object, or every object of a list.
    ///
    /// # Errors
    ///
    /// Where the value has no `kind` or no `metadata.name`, or where a Node or Pod cannot be read. A ModelDeployment or
    /// AIPolicy that cannot be read is no error: it is kept as unreadable, and denies.
    pub fn add(&mut self, mut object: Value) -> Result<(), ManifestError> {
        if object.is_null() {
            return Ok(());
        }
        let kind = object["kind"].as_str().ok_or_else(|| fault("an object has no kind"))?.to_owned();
        if let Some(items) =
            object.get_mut("items").and_then(Value::as_array_mut).filter(|_| kind.ends_with("List"))
        {
            return std::mem::take(items).into_iter().try_for_each(|item| self.add(item));
        }
        let name = object["metadata"]["name"]
            .as_str()
            .ok_or_else(|| fault(&format!("a {kind} has no metadata.name")))?;
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or(DEFAULT_NAMESPACE);
        let key = Key::new(namespace, name);
        match (object["apiVersion"].as_str().unwrap_or_default(), kind.as_str()) {
            ("hemvist.dev/v1alpha1", "ModelDeployment") => self.add_model(key, object),
            ("hemvist.dev/v1alpha1", "AIPolicy") => self.add_policy(key, object),
            ("v1", "Node") => {
                let node = NodeFacts::from(read::<NodeObject>(&key, object)?);
                self.nodes.insert(node.name.clone(), node);
            }
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition") => self.add_definition(&key.name),
            ("resource.k8s.io/v1", "ResourceSlice") => {
                if let Some(slice) = read::<ResourceSliceObject>(&key, object)?.facts() {
                    self.slices.entry(slice.node.clone()).or_default().push(slice);
                }
            }
            ("resource.k8s.io/v1", "DeviceClass") => {
                let class = DeviceClass::from(read::<DeviceClassObject>(&key, object)?);
                self.device_classes.insert(class.name.clone(), class);
            }
            ("v1", "Pod") => self.pods.push(PodFacts::from(read::<PodObject>(&key, object)?)),
            _ => self.add_child(&kind, &object),
        }
        Ok(())
    }

    fn add_model(&mut self, key: Key, object: Value) {
        match serde_json::from_value::<ModelDeployment>(object) {
            Ok(mut model) => {
                model.metadata.namespace.get_or_insert_with(|| key.namespace.clone());
                model.metadata.uid.get_or_insert_with(|| NO_UID.to_owned());
                model.metadata.generation.get_or_insert(1);
                self.models.insert(key, model);
            }
            Err(error) => drop(self.unreadable_models.insert(key, error.to_string())),
        }
    }

    fn add_policy(&mut self, key: Key, object: Value) {
        let entry = match serde_json::from_value::<AIPolicy>(object) {
            Ok(mut policy) => {
                policy.metadata.namespace.get_or_insert_with(|| key.namespace.clone());
                policy.metadata.generation.get_or_insert(1);
                PolicyEntry::Readable(Box::new(policy))
            }
            Err(error) => PolicyEntry::Unreadable { error: error.to_string() },
        };
        self.policies.entries.insert(key, entry);
    }

    fn add_definition(&mut self, name: &str) {
        match ChildKind::optional().find(|kind| kind.definition().as_deref() == Some(name)) {
            Some(kind) => drop(self.served.insert(kind)),
            None => self.ignored += 1,
        }
    }

    fn add_child(&mut self, kind: &str, object: &Value) {
        let kind = ChildKind::ALL.into_iter().find(|known| known.as_str() == kind);
        match kind.and_then(|kind| ChildFacts::of(kind, object)) {
            Some(child) if child.owner_uid.is_some() => self.children.push(child),
            _ => self.ignored += 1,
        }
    }

    /// The snapshot of these objects at `now`.
    pub fn snapshot(&self, now: Time, settings: Settings) -> Snapshot {
        let nodes = self.nodes.iter().map(|(name, node)| (name.clone(), Arc::new(node.clone())));
        Snapshot {
            now,
            usage: Usage::of(&self.pods, &settings),
            settings: Arc::new(settings),
            policies: Arc::new(self.policies.clone()),
            models: self.models.iter().map(|(key, model)| (key.clone(), self.model_facts(model))).collect(),
            nodes: nodes.collect(),
            slices: Arc::new(self.slices.clone()),
            device_classes: Arc::new(self.device_classes.clone()),
            served: self.served.clone(),
        }
    }

    fn model_facts(&self, model: &ModelDeployment) -> Arc<ModelFacts> {
        let uid = model.metadata.uid.as_deref();
        let deployment = self
            .children
            .iter()
            .find(|child| child.kind == ChildKind::Deployment && child.owner_uid.as_deref() == uid);
        Arc::new(ModelFacts::new(Arc::new(model.clone()), deployment))
    }

    /// A model with what is observed of it.
    pub fn subject(&self, key: &Key) -> Option<Subject<'_>> {
        let model = self.models.get(key)?;
        let uid = model.metadata.uid.as_deref();
        let here = || self.pods.iter().filter(|pod| pod.key.namespace == key.namespace);
        let children = self.children.iter().filter(|child| child.owner_uid.as_deref() == uid);
        Some(Subject {
            model,
            children: children.map(|child| (child.kind, child.clone())).collect(),
            pods: here().filter(|pod| pod.model_uid.as_deref() == uid).cloned().collect(),
            fetchers: here().filter(|pod| pod.weights_of.as_deref() == uid).cloned().collect(),
        })
    }
}

fn fault(message: &str) -> ManifestError {
    ManifestError { message: message.to_owned() }
}

fn read<T: DeserializeOwned>(key: &Key, object: Value) -> Result<T, ManifestError> {
    serde_json::from_value(object).map_err(|error| fault(&format!("{key}: {error}")))
}
