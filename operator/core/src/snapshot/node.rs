//! What a decision knows of a node.

use std::collections::BTreeMap;

use hemvist_api::labels::{NODE_CLEARANCE, NODE_DATA_CENTRE, NODE_REGION};
use hemvist_api::values::InformationClass;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use crate::accelerator::{accelerator_resources, product_label_of};

/// The fields of a Node that are read; the rest is never decoded.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = Node)]
pub struct NodeObject {
    /// Name, UID and labels.
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
    /// Resources that pods can ask for, as quantities.
    #[serde(default)]
    allocatable: BTreeMap<String, String>,
    /// Resources that there are, also those that are broken.
    #[serde(default)]
    capacity: BTreeMap<String, String>,
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
#[derive(Clone, Debug, Default, Eq, PartialEq)]
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
    /// Whether it takes new pods.
    pub schedulable: bool,
    /// Whether its kubelet says that it is ready.
    pub ready: bool,
    /// What a pod has to tolerate.
    pub taints: Vec<Taint>,
    /// Accelerators that pods can ask for, by resource name.
    pub accelerators: BTreeMap<String, i64>,
    /// Accelerators that are there and cannot be asked for, because they are broken, by resource name.
    pub broken_accelerators: BTreeMap<String, i64>,
    /// The product of the accelerators, by the label that names it.
    pub products: BTreeMap<String, String>,
}

impl NodeFacts {
    /// The highest information class that the node may hold, or `None` where it may hold none.
    pub fn clearance(&self) -> Option<InformationClass> {
        self.clearance.as_deref().and_then(InformationClass::parse)
    }
}

impl From<NodeObject> for NodeFacts {
    fn from(node: NodeObject) -> Self {
        let labels = node.metadata.labels.unwrap_or_default();
        let label = |key: &str| labels.get(key).cloned();
        let accelerators: BTreeMap<_, _> = accelerator_resources(&node.status.allocatable).collect();
        Self {
            region: label(NODE_REGION),
            data_centre: label(NODE_DATA_CENTRE),
            clearance: label(NODE_CLEARANCE),
            schedulable: !node.spec.unschedulable,
            ready: node
                .status
                .conditions
                .iter()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True"),
            products: accelerators
                .keys()
                .filter_map(|resource| product_label_of(resource))
                .filter_map(|key| label(key).map(|product| (key.to_owned(), product)))
                .collect(),
            taints: node.spec.taints,
            broken_accelerators: accelerator_resources(&node.status.capacity)
                .map(|(resource, total)| {
                    let usable = accelerators.get(&resource).copied().unwrap_or_default();
                    (resource, total - usable)
                })
                .filter(|(_, broken)| *broken > 0)
                .collect(),
            accelerators,
            name: node.metadata.name.unwrap_or_default(),
            uid: node.metadata.uid.unwrap_or_default(),
        }
    }
}
