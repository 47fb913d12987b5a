//! The message while weights are fetched, and when that fails.

use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason};

use super::{Application, available, draft};
use crate::decide::Decision;
use crate::placement::bounded;
use crate::snapshot::{ChildFacts, PodTrouble, Subject, TroubleKind};

/// The longest message, in characters.
const MAX_MESSAGE: usize = 1000;

/// Reasons after which another try would end alike: the Job makes none.
const FINAL: [Reason; 2] = [Reason::ModelDigestMismatch, Reason::MirrorContentRefused];

/// Why replicas wait for weights.
pub(super) struct Fetching {
    /// What they wait for, or what went wrong with it.
    pub reason: Reason,
    /// The same in a sentence.
    pub message: String,
}

/// Why the replicas of the model wait for its weights, if they do.
pub(super) fn fetching(
    subject: &Subject<'_>,
    decision: &Decision,
    application: &Application,
) -> Option<Fetching> {
    let Application::Applied(objects) = application else { return None };
    let wanted = decision.plan()?.model.replicas;
    let job = objects.find(ChildFacts::job)?;
    if job.complete || wanted == 0 {
        return None;
    }
    let failure = subject.fetchers.iter().filter_map(|pod| pod.weights_failure.as_ref()).max();
    let given_up = job.failed.as_ref();
    let (reason, text) = match (failure, given_up) {
        (Some(failure), given_up) => {
            // The cluster gives such a Job up as well, a moment after its pod has ended.
            let over = given_up.is_some() || FINAL.contains(&failure.reason);
            let again = if over { "Hemvist fetches them again after an hour." } else { "The Job retries." };
            (failure.reason, format!("Fetching the weights failed: {}. {again}", failure.message))
        }
        (None, Some((_, why))) => (
            Reason::FetchFailed,
            format!(
                "The Job that fetches the weights failed: {why}. Hemvist creates a new one after an hour."
            ),
        ),
        (None, None) => match trouble(subject) {
            Some(trouble) => (available::reason(trouble), without_weights(trouble)),
            None => (
                Reason::FetchingWeights,
                "A Job fetches and verifies the weights; replicas start after that.".to_owned(),
            ),
        },
    };
    Some(Fetching { reason, message: bounded(&text, MAX_MESSAGE) })
}

/// What keeps the program that fetches from running. An attempt that has ended says it as long as no later one says anything
/// else.
fn trouble<'a>(subject: &'a Subject<'_>) -> Option<&'a PodTrouble> {
    let of = |ended: bool| {
        let pods = subject.fetchers.iter().filter(move |pod| pod.ended == ended);
        pods.filter_map(|pod| pod.trouble.as_ref()).min()
    };
    of(false).or_else(|| of(true))
}

fn without_weights(trouble: &PodTrouble) -> String {
    // What helps a replica that needs too much memory does not help here.
    let sentence = match trouble.kind {
        TroubleKind::OutOfMemory => format!("The Job retries: {}.", trouble.message),
        _ => available::sentence(trouble),
    };
    format!("Fetching the weights has not started. {sentence}")
}

/// A condition as it is while weights are fetched: what serves goes on serving, and nothing else is there to be placed.
pub(super) fn while_fetching(condition: ConditionDraft, fetching: Option<&Fetching>) -> ConditionDraft {
    let Some(Fetching { reason, message }) = fetching else { return condition };
    let ConditionDraft { type_, status, reason: before, message: said } = condition;
    match (type_, status) {
        (ConditionType::Available, ConditionStatus::True) => {
            draft(type_, status, *reason, format!("{message} The old version keeps serving."))
        }
        (ConditionType::Available, _) => draft(type_, ConditionStatus::False, *reason, message.clone()),
        (ConditionType::Placed, ConditionStatus::False) if before == Reason::Scheduling => {
            draft(type_, ConditionStatus::Unknown, *reason, message.clone())
        }
        _ => draft(type_, status, before, said),
    }
}
