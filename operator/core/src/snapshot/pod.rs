//! What a decision knows of a pod.

mod status;
mod trouble;
mod weights;

use std::collections::BTreeMap;

use hemvist_api::labels::{INFORMATION_CLASS, MODEL_DEPLOYMENT, MODEL_DEPLOYMENT_UID, WEIGHTS_OF};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

pub use self::status::PodStatus;
pub use self::trouble::{PodTrouble, TroubleKind};
pub use self::weights::WeightsFailure;
use super::{Key, Sighting};
use crate::accelerator::accelerator_resources;

/// The fields of a Pod that are read; the rest is never decoded.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = Pod)]
pub struct PodObject {
    /// Name, UID, labels and whether it is being deleted.
    pub metadata: ObjectMeta,
    /// Node and resources.
    #[serde(default)]
    pub spec: PodSpec,
    /// Phase, conditions and containers.
    #[serde(default)]
    pub status: PodStatus,
}

/// The fields of a pod's spec that are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    node_name: Option<String>,
    restart_policy: Option<String>,
    #[serde(default)]
    containers: Vec<PodContainer>,
    #[serde(default)]
    init_containers: Vec<PodContainer>,
    #[serde(default)]
    volumes: Vec<PodVolume>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodContainer {
    #[serde(default)]
    name: String,
    #[serde(default)]
    resources: PodResources,
    startup_probe: Option<StartupProbe>,
    restart_policy: Option<String>,
}

/// How long a container has until it first answers.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartupProbe {
    #[serde(default)]
    initial_delay_seconds: i64,
    period_seconds: Option<i64>,
    failure_threshold: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct PodVolume {
    image: Option<ImageVolume>,
}

/// A volume that is an image: weights.
#[derive(Clone, Debug, Default, Deserialize)]
struct ImageVolume {
    #[serde(default)]
    reference: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct PodResources {
    #[serde(default)]
    limits: BTreeMap<String, String>,
}

/// What a decision knows of a pod.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PodFacts {
    /// Namespace and name.
    pub key: Key,
    /// Its UID.
    pub uid: String,
    /// The ModelDeployment that its label names. A label is no proof of who made it.
    pub model_name: Option<String>,
    /// The UID of the ModelDeployment that its label names.
    pub model_uid: Option<String>,
    /// The UID of the ModelDeployment whose weights it fetches, that its label names.
    pub weights_of: Option<String>,
    /// How it failed to fetch or to verify weights, if it did.
    pub weights_failure: Option<WeightsFailure>,
    /// The information class that its label names, as it is written.
    pub class: Option<String>,
    /// The node it was bound to.
    pub node: Option<String>,
    /// Whether it has succeeded or failed, and so holds nothing.
    pub ended: bool,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// Whether it takes requests.
    pub ready: bool,
    /// Accelerators it holds, by resource name.
    pub accelerators: BTreeMap<String, i64>,
    /// What is wrong with it, if anything is.
    pub trouble: Option<PodTrouble>,
    /// The address by which it is reached.
    pub address: Option<String>,
    /// What was seen by asking it, where it was asked.
    pub sighting: Option<Sighting>,
}

impl Default for Key {
    fn default() -> Self {
        Self::new("", "")
    }
}

impl From<PodObject> for PodFacts {
    fn from(pod: PodObject) -> Self {
        let trouble = trouble::of(&pod.spec, &pod.status);
        let weights_failure = pod.status.containers().filter_map(WeightsFailure::of).max();
        let labels = pod.metadata.labels.unwrap_or_default();
        Self {
            key: Key::new(pod.metadata.namespace.unwrap_or_default(), pod.metadata.name.unwrap_or_default()),
            uid: pod.metadata.uid.unwrap_or_default(),
            model_name: labels.get(MODEL_DEPLOYMENT).cloned(),
            model_uid: labels.get(MODEL_DEPLOYMENT_UID).cloned(),
            weights_of: labels.get(WEIGHTS_OF).cloned(),
            weights_failure,
            class: labels.get(INFORMATION_CLASS).cloned(),
            node: pod.spec.node_name.filter(|node| !node.is_empty()),
            ended: pod.status.has_ended(),
            terminating: pod.metadata.deletion_timestamp.is_some(),
            ready: pod.status.is_ready(),
            accelerators: held(&pod.spec.containers, &pod.spec.init_containers),
            trouble,
            address: pod.status.address(),
            sighting: None,
        }
    }
}

/// Accelerators of a pod: the containers add up, and the largest init container counts where it is more.
fn held(containers: &[PodContainer], init_containers: &[PodContainer]) -> BTreeMap<String, i64> {
    let mut sum = BTreeMap::new();
    for (resource, count) in
        containers.iter().flat_map(|container| accelerator_resources(&container.resources.limits))
    {
        *sum.entry(resource).or_default() += count;
    }
    for (resource, count) in
        init_containers.iter().flat_map(|container| accelerator_resources(&container.resources.limits))
    {
        let held: &mut i64 = sum.entry(resource).or_default();
        *held = count.max(*held);
    }
    sum
}
