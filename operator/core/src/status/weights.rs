//! What is said while weights are fetched, and where they could not be.

use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason};

use super::{Application, available, draft};
use crate::decide::Decision;
use crate::placement::bounded;
use crate::snapshot::Subject;

/// The longest message, in characters.
const MAX_MESSAGE: usize = 1000;

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
    let job = objects.fetch.as_ref()?.job.job.as_ref()?;
    if job.complete || wanted == 0 {
        return None;
    }
    let failure = subject.fetchers.iter().filter_map(|pod| pod.weights_failure.as_ref()).max();
    let given_up = job.failed.as_ref();
    let told = |reason, text: String| Some(Fetching { reason, message: bounded(&text, MAX_MESSAGE) });
    match (failure, given_up) {
        (Some(failure), given_up) => {
            let again =
                if given_up.is_some() { "It is fetched anew after an hour." } else { "It is tried again." };
            told(failure.reason, format!("The weights could not be fetched: {}. {again}", failure.message))
        }
        (None, Some((_, why))) => told(
            Reason::FetchFailed,
            format!("The Job that fetches the weights was given up: {why}. It is made anew after an hour."),
        ),
        (None, None) => {
            let trouble =
                subject.fetchers.iter().filter(|pod| !pod.ended).filter_map(|pod| pod.trouble.as_ref());
            match trouble.min() {
                Some(trouble) => told(
                    available::reason(trouble),
                    format!("The weights cannot be fetched yet. {}", available::sentence(trouble)),
                ),
                None => told(
                    Reason::FetchingWeights,
                    "The weights are fetched from their mirror and verified; replicas are made of them then."
                        .to_owned(),
                ),
            }
        }
    }
}

/// A condition as it is while weights are fetched: what serves goes on serving, and nothing else is there to be placed.
pub(super) fn while_fetching(condition: ConditionDraft, fetching: Option<&Fetching>) -> ConditionDraft {
    let Some(Fetching { reason, message }) = fetching else { return condition };
    let ConditionDraft { type_, status, reason: before, message: said } = condition;
    match (type_, status) {
        (ConditionType::Available, ConditionStatus::True) => {
            draft(type_, status, *reason, format!("{message} The old version goes on serving."))
        }
        (ConditionType::Available, _) => draft(type_, ConditionStatus::False, *reason, message.clone()),
        (ConditionType::Placed, ConditionStatus::False) if before == Reason::Scheduling => {
            draft(type_, ConditionStatus::Unknown, *reason, message.clone())
        }
        _ => draft(type_, status, before, said),
    }
}
