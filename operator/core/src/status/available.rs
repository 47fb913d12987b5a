//! `Available`: whether the replicas that were asked for take requests, and if not, what is wrong with them.

use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason};

use super::obstacle::{holds_a_place, predecessor, silent_node};
use super::{Application, draft};
use crate::decide::{Decision, Plan, wanted};
use crate::snapshot::{DeploymentFacts, PodFacts, PodTrouble, Snapshot, Subject, TroubleKind};

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
            Reason::ApplyFailed,
            "The objects could not be written.".to_owned(),
        );
    };
    let wanted = wanted(subject, &plan.model);
    if wanted == 0 {
        return draft(type_, ConditionStatus::True, Reason::ScaledToZero, "No replica is wanted.".to_owned());
    }
    let seen = objects.deployment.as_ref().and_then(|child| child.deployment.clone()).unwrap_or_default();
    let current = seen.observed_generation >= seen.generation;
    if current && seen.available >= wanted {
        if seen.updated < wanted || seen.replicas > seen.updated {
            let text = format!("{} of {wanted} replicas are of the new version.", seen.updated.min(wanted));
            return draft(type_, ConditionStatus::True, Reason::RollingOut, text);
        }
        return all_available(snapshot, subject, plan);
    }
    unavailable(snapshot, subject, plan, &seen)
}

/// Every replica takes requests, as far as the cluster knows. It counts replicas as ready whose node has fallen silent after
/// it said that it is not ready, and an accelerator can break under a replica that has not noticed.
fn all_available(snapshot: &Snapshot, subject: &Subject<'_>, plan: &Plan) -> ConditionDraft {
    let wanted = wanted(subject, &plan.model);
    let text = format!("{wanted} of {wanted} replicas take requests.");
    let available = |reason, text| draft(ConditionType::Available, ConditionStatus::True, reason, text);
    if let Some(silence) = silent_node(snapshot, subject, plan) {
        return available(Reason::NodeNotReady, format!("{text} {silence}"));
    }
    let broken = subject.pods.iter().filter(|pod| holds_a_place(pod)).filter_map(|pod| pod.trouble.as_ref());
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
    if let Some(text) = silent_node(snapshot, subject, plan) {
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
        return not_available(Reason::ApplyFailed, format!("A replica could not be made: {failure}"));
    }
    let text = if seen.observed_generation < seen.generation {
        "The replicas are being made or changed.".to_owned()
    } else {
        let ready = seen.ready.min(wanted);
        format!("{ready} of {wanted} replicas take requests; the others start and load the model.")
    };
    not_available(Reason::Starting, text)
}

/// What explains most of what is wrong. A pod that has ended stays for a while and tells of the past, unless nothing has
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
        TroubleKind::DigestMismatch => {
            ("The weights are not those whose digest the model states, and are not served", "")
        }
        TroubleKind::WeightsUnreadable => {
            ("The weights could not be verified, and are not served", "It is tried again.")
        }
        TroubleKind::AcceleratorUnhealthy => (
            "An accelerator that a replica holds is broken",
            "If it fails for it, its pod is moved once another accelerator is free.",
        ),
        TroubleKind::OutOfMemory => (
            "A replica ran out of memory",
            "Set a shorter spec.engine.contextLength or a lower concurrency, or correct spec.model.facts.weights.",
        ),
        TroubleKind::ArchitectureMismatch => (
            "An image is for processors of another kind than the node has",
            "Name the image that is built for the node, by its digest.",
        ),
        TroubleKind::ImagePullFailed => ("An image cannot be pulled", "It is tried again."),
        TroubleKind::ContainerStartFailed => ("A container cannot be started", "It is tried again."),
        TroubleKind::StartupTimeout => (
            "A replica did not answer in the time that it has to start, and is started again",
            "The weights may load too slowly, or the engine may listen on another port.",
        ),
        TroubleKind::CrashLoop => ("A replica ends again and again", "See kubectl logs --previous."),
        TroubleKind::Restarting => {
            ("A replica ended while it took requests", "It starts again and loads the model.")
        }
        TroubleKind::Evicted => ("A replica was evicted by its node", "Another one takes its place."),
        TroubleKind::Unschedulable => ("The scheduler finds no node for a replica", ""),
    };
    let text = format!("{what}: {}", trouble.message);
    if help.is_empty() { text } else { format!("{}. {help}", text.trim_end_matches('.')) }
}
