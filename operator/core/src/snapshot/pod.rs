//! What a decision knows of a pod, and what is wrong with it.

use std::collections::BTreeMap;

use hemvist_api::condition::Reason;
use hemvist_api::labels::{INFORMATION_CLASS, MODEL_DEPLOYMENT, MODEL_DEPLOYMENT_UID, WEIGHTS_OF};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;
use serde_json::Value;

use super::Key;
use crate::placement::vendor::accelerator_resources;

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
    #[serde(default)]
    containers: Vec<PodContainer>,
    #[serde(default)]
    init_containers: Vec<PodContainer>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct PodContainer {
    #[serde(default)]
    resources: PodResources,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct PodResources {
    #[serde(default)]
    limits: BTreeMap<String, String>,
}

/// The fields of a pod's status that are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    #[serde(default)]
    phase: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    conditions: Vec<PodCondition>,
    #[serde(default)]
    container_statuses: Vec<ContainerStatus>,
    #[serde(default)]
    init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct PodCondition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStatus {
    #[serde(default)]
    name: String,
    #[serde(default)]
    state: ContainerState,
    #[serde(default)]
    last_state: ContainerState,
    #[serde(default)]
    restart_count: i32,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct ContainerState {
    waiting: Option<StateDetail>,
    terminated: Option<StateDetail>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StateDetail {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    exit_code: i32,
    #[serde(default)]
    finished_at: String,
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
}

impl Default for Key {
    fn default() -> Self {
        Self::new("", "")
    }
}

/// How weights could not be fetched or verified, in the words of the program that tried.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct WeightsFailure {
    /// When, in the API server's words for a moment: later ones compare greater.
    pub at: String,
    /// The reason; one of those that the program has.
    pub reason: Reason,
    /// What it said, at most 256 characters.
    pub message: String,
}

impl WeightsFailure {
    /// The names of the containers that fetch and verify weights begin with these; another could say anything.
    pub(crate) const CONTAINERS: [&str; 2] = ["fetch", "verify"];

    /// What a container said when it ended, if it is one of those and has failed.
    fn of(container: &ContainerStatus) -> Option<Self> {
        const REASONS: [Reason; 6] = [
            Reason::ModelDigestMismatch,
            Reason::StorageFull,
            Reason::MirrorUnreachable,
            Reason::MirrorDenied,
            Reason::MirrorContentRefused,
            Reason::WeightsUnreadable,
        ];
        Self::CONTAINERS.iter().find(|name| container.name.starts_with(**name))?;
        let states = [&container.state, &container.last_state].into_iter();
        let ended =
            states.filter_map(|state| state.terminated.as_ref()).find(|ended| ended.exit_code != 0)?;
        let told: Value = serde_json::from_str(&ended.message).ok()?;
        let reason = REASONS.into_iter().find(|reason| told["reason"] == reason.as_str())?;
        Some(Self { at: ended.finished_at.clone(), reason, message: short(told["message"].as_str()?) })
    }
}

/// What is wrong with a pod. Ordered by how much it explains: the first kind hides the later ones.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TroubleKind {
    /// Weights were verified and are not those that the model states.
    DigestMismatch,
    /// Weights could not be verified.
    WeightsUnreadable,
    /// A container was ended because it used too much memory.
    OutOfMemory,
    /// The image of a container cannot be pulled.
    ImagePullFailed,
    /// A container cannot be made.
    ContainerStartFailed,
    /// A container ends again and again.
    CrashLoop,
    /// The node evicted the pod.
    Evicted,
    /// The scheduler finds no node.
    Unschedulable,
}

/// What is wrong with a pod, in the cluster's own words.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct PodTrouble {
    /// The kind.
    pub kind: TroubleKind,
    /// What the kubelet or the scheduler said, at most 256 characters.
    pub message: String,
}

/// The longest text of others that is carried into status.
const MAX_MESSAGE_CHARS: usize = 256;

impl From<PodObject> for PodFacts {
    fn from(pod: PodObject) -> Self {
        let trouble = trouble(&pod.status);
        let containers = pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses);
        let weights_failure = containers.filter_map(WeightsFailure::of).max();
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
            ended: matches!(pod.status.phase.as_str(), "Succeeded" | "Failed"),
            terminating: pod.metadata.deletion_timestamp.is_some(),
            ready: pod
                .status
                .conditions
                .iter()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True"),
            accelerators: held(&pod.spec.containers, &pod.spec.init_containers),
            trouble,
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

fn trouble(status: &PodStatus) -> Option<PodTrouble> {
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses);
    let of_containers = containers.filter_map(container_trouble).min();
    let evicted =
        (status.reason == "Evicted").then(|| PodTrouble::new(TroubleKind::Evicted, &status.message));
    let unschedulable = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "PodScheduled" && condition.reason == "Unschedulable")
        .map(|condition| PodTrouble::new(TroubleKind::Unschedulable, &condition.message));
    of_containers.or(evicted).or(unschedulable)
}

fn container_trouble(container: &ContainerStatus) -> Option<PodTrouble> {
    if let Some(WeightsFailure { reason, message, .. }) = WeightsFailure::of(container) {
        let mismatch = reason == Reason::ModelDigestMismatch;
        let kind = if mismatch { TroubleKind::DigestMismatch } else { TroubleKind::WeightsUnreadable };
        return Some(PodTrouble::new(kind, &message));
    }
    let mut ended =
        [&container.state, &container.last_state].into_iter().filter_map(|state| state.terminated.as_ref());
    if let Some(killed) = ended.clone().find(|ended| ended.reason == "OOMKilled") {
        let text = format!(
            "container {} used more memory than its limit; {}",
            container.name,
            restarts(container, killed)
        );
        return Some(PodTrouble::new(TroubleKind::OutOfMemory, &text));
    }
    let waiting = container.state.waiting.as_ref()?;
    let kind = match waiting.reason.as_str() {
        "ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull"
        | "ImageInspectError" => TroubleKind::ImagePullFailed,
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            TroubleKind::ContainerStartFailed
        }
        "CrashLoopBackOff" => TroubleKind::CrashLoop,
        _ => return None,
    };
    let mut text = format!("container {}: {}", container.name, waiting.reason);
    if !waiting.message.is_empty() {
        text = format!("{text}: {}", waiting.message);
    }
    if let (TroubleKind::CrashLoop, Some(last)) = (kind, ended.next_back()) {
        text = format!("{text}; {}", restarts(container, last));
    }
    Some(PodTrouble::new(kind, &text))
}

/// The restart count is left out on purpose: it would make the status tick.
fn restarts(container: &ContainerStatus, ended: &StateDetail) -> String {
    let times = if container.restart_count > 0 { "it was restarted" } else { "it was not restarted yet" };
    format!("it ended with exit code {}, and {times}", ended.exit_code)
}

impl PodTrouble {
    fn new(kind: TroubleKind, message: &str) -> Self {
        Self { kind, message: short(message) }
    }
}

/// A text of others in one line, and its beginning where it is long.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(MAX_MESSAGE_CHARS).collect()
}
