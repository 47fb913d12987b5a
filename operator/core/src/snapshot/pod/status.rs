//! The fields of a pod's status that are read.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;

/// What the cluster says of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    #[serde(default)]
    phase: String,
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) message: String,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    #[serde(default)]
    conditions: Vec<PodCondition>,
    #[serde(default)]
    pub(super) container_statuses: Vec<ContainerStatus>,
    #[serde(default)]
    pub(super) init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodCondition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) message: String,
    last_transition_time: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerStatus {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    ready: bool,
    started: Option<bool>,
    #[serde(default)]
    state: ContainerState,
    #[serde(default)]
    last_state: ContainerState,
    #[serde(default)]
    pub(super) restart_count: i32,
    #[serde(default)]
    pub(super) allocated_resources_status: Vec<ResourceStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct ContainerState {
    waiting: Option<Waiting>,
    terminated: Option<Ended>,
}

/// Why a container does not run yet, or not again.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Waiting {
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) message: String,
}

/// One run of a container, from its start to its end.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ended {
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) exit_code: i32,
    started_at: Option<Time>,
    finished_at: Option<Time>,
}

/// The devices of one resource that a container holds.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ResourceStatus {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) resources: Vec<DeviceHealth>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct DeviceHealth {
    #[serde(rename = "resourceID", default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) health: String,
    #[serde(default)]
    pub(super) message: String,
}

impl PodStatus {
    /// Every container, those that prepare and stand beside first.
    pub(super) fn containers(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.init_container_statuses.iter().chain(&self.container_statuses)
    }

    /// Whether the pod has succeeded or failed.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }

    /// The address by which the pod is reached.
    pub(super) fn address(&self) -> Option<String> {
        self.pod_ip.clone().filter(|address| !address.is_empty())
    }

    /// Whether the pod takes requests.
    pub(super) fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|ready| ready.status == "True")
    }

    pub(super) fn condition(&self, type_: &str) -> Option<&PodCondition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }

    /// Whether the pod took requests during a run of a container that has ended; `None` where the times are not known.
    ///
    /// Nothing in a pod's status says it outright. But a pod that was ready stopped being so at the end of that run at
    /// the latest, and one that never was has been unready since before its containers were started.
    pub(super) fn was_ready_during(&self, run: &Ended) -> Option<bool> {
        let unready_since = self.condition("Ready")?.last_transition_time.as_ref()?;
        Some(unready_since.0 > run.started_at.as_ref()?.0)
    }
}

impl ContainerStatus {
    /// Why it does not run, where it does not.
    pub(super) const fn waiting(&self) -> Option<&Waiting> {
        self.state.waiting.as_ref()
    }

    /// Its last run, where it has not been up since: it has ended, waits to be started again, or was started again and
    /// has not answered its startup probe.
    ///
    /// What comes of this stays the same through every attempt of the kubelet, and ends with the one that succeeds.
    pub(super) fn last_run_before_it_is_up(&self) -> Option<&Ended> {
        let over = self.state.terminated.as_ref();
        let runs = over.is_none() && self.state.waiting.is_none();
        if self.ready || (runs && self.started == Some(true)) {
            return None;
        }
        over.or(self.last_state.terminated.as_ref())
    }

    /// The run that failed last, unless one has succeeded since.
    pub(super) fn failed_run(&self) -> Option<&Ended> {
        let run = self.state.terminated.as_ref().or(self.last_state.terminated.as_ref())?;
        (run.exit_code != 0).then_some(run)
    }
}

impl Ended {
    /// When it ended, as the API server writes moments; empty where that is not known.
    pub(super) fn moment(&self) -> String {
        self.finished_at.as_ref().map(|time| time.0.to_string()).unwrap_or_default()
    }

    /// How long it ran, in seconds; 0 where the times are not known.
    pub(super) fn seconds(&self) -> i64 {
        let (Some(started), Some(finished)) = (&self.started_at, &self.finished_at) else { return 0 };
        finished.0.duration_since(started.0).as_secs()
    }
}
