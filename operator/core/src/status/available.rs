//! `Available`: whether the replicas that were requested take requests, and if not, what is wrong with them.

use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason};

use super::obstacle::{predecessor, unreachable_node};
use super::{Application, draft};
use crate::decide::{Decision, Plan, wanted};
use crate::snapshot::{ChildFacts, DeploymentFacts, PodFacts, PodTrouble, Snapshot, Subject, TroubleKind};

pub(super) fn available(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    decision: &Decision,
    application: &Application,
) -> ConditionDraft {
    let type_ = ConditionType::Available;
    let Some(plan) = decision.plan() else {
        return draft(
            type_,
            ConditionStatus::Unknown,
            Reason::NotAccepted,
            "The model is not accepted.".to_owned(),
        );
    };
    let Application::Applied(objects) = application else {
        return draft(
            type_,
            ConditionStatus::Unknown,
            application.reason_of_failure(),
            "Objects of the model are not written: see the condition Ready.".to_owned(),
        );
    };
    let wanted = wanted(subject, &plan.model);
    if wanted == 0 {
        return draft(type_, ConditionStatus::True, Reason::ScaledToZero, "Scaled to zero.".to_owned());
    }
    let seen = objects.find(ChildFacts::deployment).cloned().unwrap_or_default();
    let current = seen.observed_generation >= seen.generation;
    if current && seen.available >= wanted {
        if seen.updated < wanted || seen.replicas > seen.updated {
            let text = format!("{} of {wanted} replicas run the new version.", seen.updated.min(wanted));
            return draft(type_, ConditionStatus::True, Reason::RollingOut, text);
        }
        return all_available(snapshot, subject, plan);
    }
    unavailable(snapshot, subject, plan, &seen)
}

/// Every replica takes requests, as far as the cluster knows. It counts replicas as ready whose node became unreachable after
/// it said that it is not ready, and an accelerator can break under a replica that has not noticed.
fn all_available(snapshot: &Snapshot, subject: &Subject<'_>, plan: &Plan) -> ConditionDraft {
    let wanted = wanted(subject, &plan.model);
    let text = format!("{wanted} of {wanted} replicas are available.");
    let available = |reason, text| draft(ConditionType::Available, ConditionStatus::True, reason, text);
    if let Some(unreachable) = unreachable_node(snapshot, subject, plan) {
        return available(Reason::NodeNotReady, format!("{text} {unreachable}"));
    }
    let broken = subject.pods.iter().filter(|pod| pod.holds_a_place()).filter_map(|pod| pod.trouble.as_ref());
    match broken.filter(|trouble| trouble.kind == TroubleKind::AcceleratorUnhealthy).min() {
        Some(trouble) => available(reason(trouble), format!("{text} {}", sentence(trouble))),
        None => available(Reason::ReplicasAvailable, text),
    }
}

fn unavailable(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    plan: &Plan,
    seen: &DeploymentFacts,
) -> ConditionDraft {
    let not_available = |reason, text| draft(ConditionType::Available, ConditionStatus::False, reason, text);
    if let Some(text) = unreachable_node(snapshot, subject, plan) {
        return not_available(Reason::NodeNotReady, text);
    }
    let wanted = wanted(subject, &plan.model);
    let worst = worst(subject, wanted);
    if let Some(trouble) = worst.filter(|trouble| trouble.kind != TroubleKind::Unschedulable) {
        return not_available(reason(trouble), sentence(trouble));
    }
    if let Some(text) = predecessor(snapshot, subject, plan) {
        return not_available(Reason::WaitingForPredecessor, text);
    }
    if let Some(trouble) = worst {
        return not_available(reason(trouble), sentence(trouble));
    }
    if let Some(failure) = &seen.replica_failure {
        return not_available(Reason::ApplyFailed, format!("A pod could not be created: {failure}"));
    }
    let text = if seen.observed_generation < seen.generation {
        "Replicas are being created or updated.".to_owned()
    } else {
        let ready = seen.ready.min(wanted);
        format!("{ready} of {wanted} replicas are available; the others are loading the model.")
    };
    not_available(Reason::Starting, text)
}

/// What explains most of what is wrong. A pod that has ended stays for a while and reports the past, unless nothing has
/// taken its place.
fn worst<'a>(subject: &'a Subject<'_>, wanted: i32) -> Option<&'a PodTrouble> {
    let lives = |pod: &&PodFacts| !pod.ended && !pod.terminating;
    let replaced = i32::try_from(subject.pods.iter().filter(lives).count()).unwrap_or(i32::MAX) >= wanted;
    let pods = subject.pods.iter().filter(|pod| !pod.terminating && (!pod.ended || !replaced));
    pods.filter_map(|pod| pod.trouble.as_ref()).min()
}

pub(super) const fn reason(trouble: &PodTrouble) -> Reason {
    match trouble.kind {
        TroubleKind::DigestMismatch => Reason::ModelDigestMismatch,
        TroubleKind::WeightsUnreadable => Reason::WeightsUnreadable,
        TroubleKind::AcceleratorUnhealthy => Reason::AcceleratorUnhealthy,
        TroubleKind::OutOfMemory => Reason::OutOfMemory,
        TroubleKind::ArchitectureMismatch => Reason::ArchitectureMismatch,
        TroubleKind::ImagePullFailed => Reason::ImagePullFailed,
        TroubleKind::ContainerStartFailed => Reason::ContainerStartFailed,
        TroubleKind::StartupTimeout => Reason::StartupTimeout,
        TroubleKind::CrashLoop => Reason::CrashLoop,
        TroubleKind::Restarting => Reason::Restarting,
        TroubleKind::Evicted => Reason::Evicted,
        TroubleKind::Unschedulable => Reason::Unschedulable,
    }
}

/// What is wrong, why, and what helps where the cluster's words do not say it.
pub(super) fn sentence(trouble: &PodTrouble) -> String {
    let (what, help) = match trouble.kind {
        TroubleKind::DigestMismatch => ("The weights do not match their digest, so they are not served", ""),
        TroubleKind::WeightsUnreadable => {
            ("The weights could not be verified, so they are not served", "The kubelet retries.")
        }
        TroubleKind::AcceleratorUnhealthy => (
            "An accelerator of a replica is unhealthy",
            "If the replica stops serving, Hemvist evicts its pod once another accelerator is free.",
        ),
        TroubleKind::OutOfMemory => (
            "A replica ran out of memory",
            "Lower spec.engine.contextLength or the concurrency, or correct spec.model.facts.weights.",
        ),
        TroubleKind::ArchitectureMismatch => (
            "An image is built for another CPU architecture than the node's",
            "Reference the image for the node's architecture, or a multi-architecture index, by digest.",
        ),
        TroubleKind::ImagePullFailed => ("An image cannot be pulled", "The kubelet retries."),
        TroubleKind::ContainerStartFailed => ("A container cannot be started", "The kubelet retries."),
        TroubleKind::StartupTimeout => (
            "A replica did not become ready within its start-up time and is restarted",
            "The weights may load too slowly, or the engine may listen on another port.",
        ),
        TroubleKind::CrashLoop => ("A replica exits again and again", "See kubectl logs --previous."),
        TroubleKind::Restarting => {
            ("A replica exited while it was serving", "It restarts and loads the model.")
        }
        TroubleKind::Evicted => ("The node evicted a replica", "A new pod replaces it."),
        TroubleKind::Unschedulable => ("The scheduler found no node for a replica", ""),
    };
    let text = format!("{what}: {}", trouble.message);
    if help.is_empty() { text } else { format!("{}. {help}", text.trim_end_matches('.')) }
}
