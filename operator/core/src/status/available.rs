//! `Available`: whether the replicas that were asked for take requests, and if not, what is wrong with them.

use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason};

use super::{Application, draft};
use crate::decide::{Decision, wanted};
use crate::snapshot::{DeploymentFacts, PodTrouble, Subject, TroubleKind};

pub(super) fn available(
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
    let seen = objects.deployment.deployment.clone().unwrap_or_default();
    let current = seen.observed_generation >= seen.generation;
    if current && seen.available >= wanted {
        if seen.updated < wanted || seen.replicas > seen.updated {
            let text = format!("{} of {wanted} replicas are of the new version.", seen.updated.min(wanted));
            return draft(type_, ConditionStatus::True, Reason::RollingOut, text);
        }
        let text = format!("{wanted} of {wanted} replicas take requests.");
        return draft(type_, ConditionStatus::True, Reason::ReplicasAvailable, text);
    }
    unavailable(subject, &seen, wanted)
}

fn unavailable(subject: &Subject<'_>, seen: &DeploymentFacts, wanted: i32) -> ConditionDraft {
    let type_ = ConditionType::Available;
    let worst =
        subject.pods.iter().filter(|pod| !pod.terminating).filter_map(|pod| pod.trouble.as_ref()).min();
    if let Some(trouble) = worst {
        return draft(type_, ConditionStatus::False, reason(trouble), sentence(trouble));
    }
    if let Some(failure) = &seen.replica_failure {
        let text = format!("A replica could not be made: {failure}");
        return draft(type_, ConditionStatus::False, Reason::ApplyFailed, text);
    }
    let text = format!(
        "{} of {wanted} replicas take requests; the others start and load the model.",
        seen.ready.min(wanted)
    );
    draft(type_, ConditionStatus::False, Reason::Starting, text)
}

const fn reason(trouble: &PodTrouble) -> Reason {
    match trouble.kind {
        TroubleKind::OutOfMemory => Reason::OutOfMemory,
        TroubleKind::ImagePullFailed => Reason::ImagePullFailed,
        TroubleKind::ContainerStartFailed => Reason::ContainerStartFailed,
        TroubleKind::CrashLoop => Reason::CrashLoop,
        TroubleKind::Evicted => Reason::Evicted,
        TroubleKind::Unschedulable => Reason::Unschedulable,
    }
}

fn sentence(trouble: &PodTrouble) -> String {
    let what = match trouble.kind {
        TroubleKind::OutOfMemory => "A replica ran out of memory",
        TroubleKind::ImagePullFailed => "An image cannot be pulled",
        TroubleKind::ContainerStartFailed => "A container cannot be made",
        TroubleKind::CrashLoop => "A replica ends again and again",
        TroubleKind::Evicted => "A replica was evicted by its node",
        TroubleKind::Unschedulable => "The scheduler finds no node for a replica",
    };
    format!("{what}: {}", trouble.message)
}
