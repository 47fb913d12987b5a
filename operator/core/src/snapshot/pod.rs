//! What a decision knows of a pod.

mod devices;
mod status;
mod trouble;
mod weights;

use std::collections::BTreeMap;

use hemvist_api::labels::{INFORMATION_CLASS, MODEL_DEPLOYMENT, MODEL_DEPLOYMENT_UID, WEIGHTS_OF};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;
use serde::de::IgnoredAny;

pub use self::status::PodStatus;
pub use self::trouble::{PodTrouble, TroubleKind};
pub use self::weights::WeightsFailure;
use super::amounts::Amounts;
use super::{Key, OtherDevices, ProbeResult};
use crate::accelerator::Reach;

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
    runtime_class_name: Option<String>,
    #[serde(default)]
    containers: Vec<PodContainer>,
    #[serde(default)]
    init_containers: Vec<PodContainer>,
    #[serde(default)]
    ephemeral_containers: Vec<PodContainer>,
    #[serde(default)]
    resource_claims: Vec<IgnoredAny>,
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
    #[serde(default)]
    env: Vec<Variable>,
    #[serde(default)]
    security_context: SecurityContext,
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
#[serde(rename_all = "camelCase")]
struct PodVolume {
    image: Option<ImageVolume>,
    host_path: Option<HostPath>,
}

/// A volume that is a path of the host.
#[derive(Clone, Debug, Default, Deserialize)]
struct HostPath {
    #[serde(default)]
    path: String,
}

/// A variable of a container's environment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variable {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: String,
    value_from: Option<IgnoredAny>,
}

/// What a container may do on the host.
#[derive(Clone, Debug, Default, Deserialize)]
struct SecurityContext {
    #[serde(default)]
    privileged: Option<bool>,
    #[serde(default)]
    capabilities: Option<Capabilities>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Capabilities {
    #[serde(default)]
    add: Option<Vec<String>>,
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
    limits: Option<Amounts>,
    #[serde(default)]
    requests: Option<Amounts>,
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
    /// Devices that it requests, by extended resource: also those that are no accelerators.
    pub devices: BTreeMap<String, i64>,
    /// Its runtime class, which may give it devices.
    pub runtime_class: Option<String>,
    /// How it reaches accelerators past these, if it does.
    pub reach: Option<Reach>,
    /// What is wrong with it, if anything is.
    pub trouble: Option<PodTrouble>,
    /// The address by which it is reached.
    pub address: Option<String>,
    /// What was seen by asking it, where it was asked.
    pub probe: Option<ProbeResult>,
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
        let devices = devices::asked_for(&pod.spec);
        let reach = devices::reach(&pod.spec, pod.metadata.annotations.as_ref());
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
            devices,
            runtime_class: pod.spec.runtime_class_name,
            reach,
            trouble,
            address: pod.status.address(),
            probe: None,
        }
    }
}

impl PodFacts {
    /// The accelerators that it holds, by resource.
    pub fn accelerators<'a>(&'a self, others: &'a OtherDevices) -> impl Iterator<Item = (&'a str, i64)> {
        let devices = self.devices.iter().map(|(resource, count)| (resource.as_str(), *count));
        devices.filter(|(resource, count)| *count > 0 && others.is_accelerator(resource))
    }

    /// Whether it reaches an accelerator, in whatever way.
    pub fn uses_accelerator(&self, others: &OtherDevices) -> bool {
        let by_runtime = self.runtime_class.as_deref().is_some_and(|class| others.gives_devices(class));
        self.reach.is_some() || by_runtime || self.accelerators(others).next().is_some()
    }

    /// Whether it has a node and is to keep it.
    pub const fn holds_a_place(&self) -> bool {
        self.node.is_some() && !self.ended && !self.terminating
    }

    /// Whether it may reach an accelerator, whatever the installation knows to be none. Of other pods nothing is kept.
    pub fn may_use_accelerator(&self) -> bool {
        self.reach.is_some() || self.runtime_class.is_some() || !self.devices.is_empty()
    }
}
