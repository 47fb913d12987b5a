//! What a decision knows of a node.

use std::collections::BTreeMap;

use hemvist_api::labels::{NODE_CLEARANCE, NODE_DATA_CENTRE, NODE_DEVICES, NODE_REGION};
use hemvist_api::values::{AcceleratorVendor, InformationClass};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use super::amounts::Amounts;
use super::few::Few;
use super::installation::is_extended;
use crate::accelerator::{Announcements, Offer, VENDORS, all_labelled, offers};

/// The label in which the kubelet writes the architecture of the machine, such as `amd64`.
const ARCHITECTURE: &str = "kubernetes.io/arch";

/// Conditions that keep new pods away while they are `True`.
const PRESSURES: [&str; 4] = ["DiskPressure", "MemoryPressure", "NetworkUnavailable", "PIDPressure"];

/// The fields of a Node that are read; the rest is never decoded.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = Node)]
pub struct NodeObject {
    /// Name, UID, labels and annotations.
    pub metadata: ObjectMeta,
    /// Taints and whether the node takes new pods.
    #[serde(default)]
    pub spec: NodeSpec,
    /// Resources and readiness.
    #[serde(default)]
    pub status: NodeStatus,
}

/// The fields of a node's spec that are read.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NodeSpec {
    /// Whether the node takes new pods.
    #[serde(default)]
    unschedulable: bool,
    /// What a pod has to tolerate.
    #[serde(default)]
    taints: Vec<Taint>,
}

/// The fields of a node's status that are read.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NodeStatus {
    /// Resources that pods can ask for.
    #[serde(default)]
    allocatable: Option<Amounts>,
    /// Resources that there are, also those that are broken.
    #[serde(default)]
    capacity: Option<Amounts>,
    /// Among others whether the node is ready.
    #[serde(default)]
    conditions: Vec<NodeCondition>,
}

/// A condition of a node.
#[derive(Clone, Debug, Default, Deserialize)]
struct NodeCondition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
}

/// What a pod has to tolerate on a node.
#[derive(Clone, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value, empty where there is none.
    #[serde(default)]
    pub value: String,
    /// Its effect, such as `NoSchedule`.
    pub effect: String,
}

/// What a decision knows of a node. Equal facts mean that no decision can differ, whatever else of the node changed.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its region, from the label that only an administrator can set.
    pub region: Option<String>,
    /// Its data centre, from the label that only an administrator can set.
    pub data_centre: Option<String>,
    /// Its clearance as it is written; a text that is no class clears nothing.
    pub clearance: Option<String>,
    /// What an administrator says of its devices, such as `Whole`.
    pub devices_label: Option<String>,
    /// The architecture of the machine, such as `amd64`, where a label says it.
    pub architecture: Option<String>,
    /// Whether it takes new pods.
    pub schedulable: bool,
    /// Whether its kubelet says that it is ready.
    pub ready: bool,
    /// Conditions that keep new pods away, such as `DiskPressure`.
    pub pressures: Vec<String>,
    /// What a pod has to tolerate.
    pub taints: Vec<Taint>,
    /// What it offers of the accelerators of known vendors, by resource.
    pub offers: Few<String, Offer>,
    /// The extended resources of which it has any, whatever they stand for.
    pub extended_resources: Vec<String>,
    /// What labels say of the accelerators of a vendor, whether or not anybody offers them.
    pub labelled: Few<AcceleratorVendor, String>,
    /// The labels by which nodes are chosen for what their devices are, with their values.
    pub device_labels: Few<&'static str, String>,
}

impl NodeFacts {
    /// The highest information class that the node may hold, or `None` where it may hold none.
    pub fn clearance(&self) -> Option<InformationClass> {
        self.clearance.as_deref().and_then(InformationClass::parse)
    }
}

/// The extended resources of a list, in whole units: devices cannot be split.
fn extended(list: Option<&Amounts>) -> BTreeMap<String, i64> {
    let named = list.into_iter().flatten().filter(|(resource, _)| is_extended(resource));
    named.filter_map(|(resource, amount)| Some((resource.clone(), amount.whole()?))).collect()
}

impl From<NodeObject> for NodeFacts {
    fn from(node: NodeObject) -> Self {
        let labels = node.metadata.labels.unwrap_or_default();
        let annotations = node.metadata.annotations.unwrap_or_default();
        let label = |key: &str| labels.get(key).cloned();
        let usable = extended(node.status.allocatable.as_ref());
        let total = extended(node.status.capacity.as_ref());
        let announced = Announcements { labels: &labels, annotations: &annotations };
        let conditions = &node.status.conditions;
        let is_true = |name: &str| conditions.iter().any(|one| one.type_ == name && one.status == "True");
        let products = VENDORS.iter().filter_map(|vendor| vendor.labels.product);
        Self {
            region: label(NODE_REGION),
            data_centre: label(NODE_DATA_CENTRE),
            clearance: label(NODE_CLEARANCE),
            devices_label: label(NODE_DEVICES),
            architecture: label(ARCHITECTURE),
            schedulable: !node.spec.unschedulable,
            ready: is_true("Ready"),
            pressures: PRESSURES.iter().filter(|name| is_true(name)).map(|name| (*name).to_owned()).collect(),
            offers: offers(&usable, &total, announced).into_iter().collect(),
            extended_resources: usable
                .iter()
                .filter(|(_, count)| **count > 0)
                .map(|(name, _)| name.clone())
                .collect(),
            labelled: all_labelled(&labels).collect(),
            device_labels: products.filter_map(|key| Some((key, label(key)?))).collect(),
            taints: node.spec.taints,
            name: node.metadata.name.unwrap_or_default(),
            uid: node.metadata.uid.unwrap_or_default(),
        }
    }
}

impl std::fmt::Display for Taint {
    /// As `kubectl taint` writes it.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key, value, effect } = self;
        if value.is_empty() {
            write!(formatter, "{key}:{effect}")
        } else {
            write!(formatter, "{key}={value}:{effect}")
        }
    }
}
