//! What is wrong with a pod, from its status alone.
//!
//! What is said stays the same from one attempt of the kubelet to the next: no number of restarts, no time to wait.

use hemvist_api::condition::Reason;

use super::status::{ContainerStatus, Ended, PodStatus, Waiting};
use super::weights::WeightsFailure;
use super::{PodContainer, PodSpec, StartupProbe};
use crate::snapshot::words::{ending, shortened};

/// What is wrong with a pod. Ordered by how much it explains: the first kind hides the later ones.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TroubleKind {
    /// Weights were verified and are not those that the model states.
    DigestMismatch,
    /// Weights could not be verified.
    WeightsUnreadable,
    /// An accelerator that a container holds is broken.
    AcceleratorUnhealthy,
    /// A container was ended because it used too much memory.
    OutOfMemory,
    /// An image is for processors of another kind.
    ArchitectureMismatch,
    /// The image of a container or of a volume cannot be pulled.
    ImagePullFailed,
    /// A container cannot be made or its program not be started.
    ContainerStartFailed,
    /// A container ran for all the time it has to start and did not answer.
    StartupTimeout,
    /// A container ends again and again.
    CrashLoop,
    /// A container ended while it took requests, and starts again.
    Restarting,
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
    /// What was found, with what the kubelet, the scheduler or the engine said: one line of bounded length.
    pub message: String,
}

/// How long a container has to run before the kubelet counts its end as the first one again and restarts it at once:
/// twice the longest time that it waits.
const FORGIVEN_AFTER_SECONDS: i64 = 600;

/// What Kubernetes takes where a probe does not say how often it is tried, and how often it may fail.
const PERIOD_SECONDS: i64 = 10;
const FAILURE_THRESHOLD: i64 = 3;

/// What is wrong with the pod, if anything is.
pub(super) fn of(spec: &PodSpec, status: &PodStatus) -> Option<PodTrouble> {
    let pod = Pod { spec, status };
    let of_containers = status.containers().filter_map(|container| pod.trouble(container)).min();
    of_containers.or_else(|| pod.evicted()).or_else(|| pod.unschedulable())
}

/// A pod and what the cluster says of it.
struct Pod<'a> {
    spec: &'a PodSpec,
    status: &'a PodStatus,
}

impl Pod<'_> {
    fn evicted(&self) -> Option<PodTrouble> {
        let evicted = self.status.reason == "Evicted";
        evicted.then(|| PodTrouble::new(TroubleKind::Evicted, shortened(&self.status.message)))
    }

    fn unschedulable(&self) -> Option<PodTrouble> {
        let condition = self.status.condition("PodScheduled")?;
        // What follows is about other pods that could make room, and repeats what was said.
        let words = condition.message.split(" preemption: ").next().unwrap_or_default();
        (condition.reason == "Unschedulable")
            .then(|| PodTrouble::new(TroubleKind::Unschedulable, shortened(words)))
    }

    fn trouble(&self, container: &ContainerStatus) -> Option<PodTrouble> {
        let of_its_state = || {
            let waiting = container.waiting().and_then(|waiting| self.cannot_be_made(container, waiting));
            waiting.or_else(|| self.ended(container, container.last_run_before_it_is_up()?))
        };
        broken_accelerator(container).or_else(|| of_weights(container)).or_else(of_its_state)
    }

    fn cannot_be_made(&self, container: &ContainerStatus, waiting: &Waiting) -> Option<PodTrouble> {
        let name = &container.name;
        match waiting.reason.as_str() {
            "ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull"
            | "ImageInspectError" => Some(self.not_pulled(name, waiting)),
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                Some(not_started(name, &waiting.message))
            }
            _ => None,
        }
    }

    /// The kubelet tells of every image by the container that needs it; the weights are a volume's.
    fn not_pulled(&self, container: &str, waiting: &Waiting) -> PodTrouble {
        let images = self.spec.volumes.iter().filter_map(|volume| volume.image.as_ref());
        let weights = images
            .map(|image| image.reference.as_str())
            .find(|reference| !reference.is_empty() && waiting.message.contains(reference));
        let which = weights.map_or_else(
            || format!("the image of container {container}"),
            |reference| format!("the weights' image {reference}"),
        );
        // While it waits to try again the kubelet puts that it waits before the cause.
        let cause =
            waiting.message.split_once(": ErrImagePull: ").map_or(&*waiting.message, |(_, cause)| cause);
        let words = if cause.is_empty() { &waiting.reason } else { cause };
        let kind = if is_of_another_architecture(words) {
            TroubleKind::ArchitectureMismatch
        } else {
            TroubleKind::ImagePullFailed
        };
        PodTrouble::new(kind, format!("{which}: {}{}", who_failed(words), shortened(words)))
    }

    /// What the end of a container's last run comes to.
    fn ended(&self, container: &ContainerStatus, run: &Ended) -> Option<PodTrouble> {
        let name = &container.name;
        if run.exit_code == 0 && self.is_to_end(name) {
            return None;
        }
        let was_ready = self.status.was_ready_during(run);
        // What the kubelet or the runtime says of a program that never ran.
        if matches!(run.reason.as_str(), "StartError" | "ContainerCannotRun") {
            return Some(not_started(name, &run.message));
        }
        if run.reason == "OOMKilled" {
            let text = format!(
                "container {name} used more memory than its limit and ended with exit code {}",
                run.exit_code
            );
            return Some(PodTrouble::new(TroubleKind::OutOfMemory, text));
        }
        if was_ready == Some(false) && is_of_another_architecture(&run.message) {
            return Some(not_started(name, &run.message));
        }
        if self.is_to_run_once() {
            return None;
        }
        if let Some(probe) = self.startup_probe(name).filter(|_| was_ready == Some(false))
            && run.seconds() >= probe.seconds_until_the_last_attempt()
        {
            let text =
                format!("container {name} has {} seconds to start{}", probe.seconds(), last_words(run));
            return Some(PodTrouble::new(TroubleKind::StartupTimeout, text));
        }
        let alone = container.restart_count <= 1 || run.seconds() >= FORGIVEN_AFTER_SECONDS;
        if was_ready == Some(true) && alone {
            let text = format!("container {name} ended with exit code {}", run.exit_code);
            return Some(PodTrouble::new(TroubleKind::Restarting, text));
        }
        // The last log lines of a crashing engine can contain a request, so its words are shown only of a run without any.
        let words = if was_ready == Some(false) { last_words(run) } else { String::new() };
        let text = format!("container {name} ended with exit code {}{words}", run.exit_code);
        Some(PodTrouble::new(TroubleKind::CrashLoop, text))
    }

    /// Whether the end of a container is what it is there for: it prepares something and does not serve.
    fn is_to_end(&self, container: &str) -> bool {
        let prepares =
            |one: &PodContainer| one.name == container && one.restart_policy.as_deref() != Some("Always");
        self.is_to_run_once() || self.spec.init_containers.iter().any(prepares)
    }

    /// Whether its containers are never restarted: it is a Job's. Their ends are the pod's own, a moment later, and what
    /// they come to is the Job's to say.
    fn is_to_run_once(&self) -> bool {
        self.spec.restart_policy.as_deref() == Some("Never")
    }

    fn startup_probe(&self, container: &str) -> Option<StartupProbe> {
        let mut containers = self.spec.init_containers.iter().chain(&self.spec.containers);
        containers.find(|one| one.name == container)?.startup_probe
    }
}

impl StartupProbe {
    /// How long a container has to start, as it was meant.
    fn seconds(self) -> i64 {
        let attempts = self.failure_threshold.unwrap_or(FAILURE_THRESHOLD);
        self.initial_delay_seconds.saturating_add(attempts.saturating_mul(self.period()))
    }

    /// How long it runs at least until the kubelet ends it: the first attempt comes at once and not after a period.
    fn seconds_until_the_last_attempt(self) -> i64 {
        self.seconds().saturating_sub(self.period())
    }

    fn period(self) -> i64 {
        self.period_seconds.unwrap_or(PERIOD_SECONDS)
    }
}

impl PodTrouble {
    const fn new(kind: TroubleKind, message: String) -> Self {
        Self { kind, message }
    }
}

fn of_weights(container: &ContainerStatus) -> Option<PodTrouble> {
    let WeightsFailure { reason, message, .. } = WeightsFailure::of(container)?;
    let mismatch = reason == Reason::ModelDigestMismatch;
    let kind = if mismatch { TroubleKind::DigestMismatch } else { TroubleKind::WeightsUnreadable };
    Some(PodTrouble::new(kind, message))
}

fn broken_accelerator(container: &ContainerStatus) -> Option<PodTrouble> {
    let mut broken: Vec<_> = container
        .allocated_resources_status
        .iter()
        .flat_map(|resource| resource.resources.iter().map(move |device| (&resource.name, device)))
        .filter(|(_, device)| device.health == "Unhealthy")
        .map(|(resource, device)| (resource, &device.id, &device.message))
        .collect();
    // The kubelet lists devices in no order.
    broken.sort();
    let (resource, id, words) = broken.first()?;
    let more = if broken.len() > 1 { format!(" and {} more", broken.len() - 1) } else { String::new() };
    let words = if words.is_empty() { String::new() } else { format!(": {}", shortened(words)) };
    let text = format!("{} {}{more} of container {}{words}", resource, shortened(id), container.name);
    Some(PodTrouble::new(TroubleKind::AcceleratorUnhealthy, text))
}

fn not_started(container: &str, words: &str) -> PodTrouble {
    let kind = if is_of_another_architecture(words) {
        TroubleKind::ArchitectureMismatch
    } else {
        TroubleKind::ContainerStartFailed
    };
    PodTrouble::new(kind, format!("container {container}: {}", shortened(words)))
}

/// Whether somebody says that an image or a program is for other processors: the runtime where an image has a list of them,
/// the kernel where it has not.
fn is_of_another_architecture(words: &str) -> bool {
    ["exec format error", "no match for platform"].iter().any(|sign| words.contains(sign))
}

/// Who is in the way of a pull, with a colon behind it; empty where it cannot be told from the words.
fn who_failed(words: &str) -> &'static str {
    const SIGNS: [(&str, &[&str]); 3] = [
        (
            "the registry does not answer: ",
            &["no such host", "dial tcp", "i/o timeout", "server misbehaving"],
        ),
        (
            "the registry refuses: ",
            &["401 Unauthorized", "403 Forbidden", "authorization failed", "access denied"],
        ),
        ("the registry does not have it: ", &["not found", "manifest unknown"]),
    ];
    let of = |signs: &[&str]| signs.iter().any(|sign| words.contains(sign));
    SIGNS.iter().find(|(_, signs)| of(signs)).map_or("", |(who, _)| who)
}

/// The end of what a container left behind, with a beginning; empty where there is nothing.
fn last_words(run: &Ended) -> String {
    let words = ending(&run.message);
    if words.is_empty() { words } else { format!("; last output: {words}") }
}
