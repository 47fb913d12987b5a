//! Which changes of a status are worth an event. The state itself is in the status.

use hemvist_api::condition::{ConditionType, Reason};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// Reasons of `Ready` that are good news.
const GOOD: [Reason; 3] = [Reason::Serving, Reason::Suspended, Reason::ScaledToZero];

/// Reasons of `Ready` that are the ordinary way to good news, and no event.
const ON_THE_WAY: [Reason; 5] =
    [Reason::Accepted, Reason::Placed, Reason::Scheduling, Reason::Starting, Reason::RollingOut];

/// The conditions beside `Ready`, with the reasons that are a warning.
const BESIDE: [(ConditionType, &[Reason]); 3] = [
    (
        ConditionType::DutiesCurrent,
        &[Reason::ExpiresSoon, Reason::GraceRunning, Reason::ExpiredAndKept, Reason::DutiesNotMet],
    ),
    (ConditionType::Routed, &[Reason::RouteRefused, Reason::RouteUnresolved, Reason::RouteNotServed]),
    (ConditionType::Autoscaled, &[Reason::AutoscalerFailing]),
];

/// A change of a status that is worth an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transition {
    /// Whether it is a warning.
    pub warning: bool,
    /// The reason of the condition.
    pub reason: String,
    /// The message of the condition.
    pub message: String,
}

impl Transition {
    fn of(condition: &Condition, warning: bool) -> Self {
        Self { warning, reason: condition.reason.clone(), message: condition.message.clone() }
    }
}

/// The events of a ModelDeployment whose conditions were `old` and are `new`: one for each condition that has another
/// reason than before, and one that matters.
pub fn model_transitions(old: &[Condition], new: &[Condition]) -> Vec<Transition> {
    let is_in = |reasons: &[Reason], reason: &str| reasons.iter().any(|one| one.as_str() == reason);
    let ready = changed(ConditionType::Ready, old, new)
        .filter(|ready| !is_in(&ON_THE_WAY, &ready.reason))
        .map(|ready| Transition::of(ready, !is_in(&GOOD, &ready.reason)));
    let beside = BESIDE.iter().filter_map(|(type_, reasons)| {
        let condition = changed(*type_, old, new)?;
        is_in(reasons, &condition.reason).then(|| Transition::of(condition, true))
    });
    ready.into_iter().chain(beside).collect()
}

/// The event of an AIPolicy whose conditions were `old` and are `new`: a warning when it is no longer accepted, or for
/// another reason.
pub fn policy_transition(old: &[Condition], new: &[Condition]) -> Option<Transition> {
    let accepted = changed(ConditionType::Accepted, old, new)?;
    (accepted.status != "True").then(|| Transition::of(accepted, true))
}

/// The condition of this type, if its reason is another one than before.
fn changed<'a>(type_: ConditionType, old: &[Condition], new: &'a [Condition]) -> Option<&'a Condition> {
    let is_of_type = |one: &&Condition| one.type_ == type_.as_str();
    let condition = new.iter().find(is_of_type)?;
    let is_news = old.iter().find(is_of_type).is_none_or(|before| before.reason != condition.reason);
    is_news.then_some(condition)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn condition(type_: ConditionType, status: &str, reason: &str) -> Condition {
        Condition {
            type_: type_.as_str().to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: format!("because of {reason}"),
            observed_generation: None,
            last_transition_time: Time("2026-11-23T12:00:00Z".parse().unwrap()),
        }
    }

    fn ready(reason: Reason) -> Condition {
        condition(ConditionType::Ready, "False", reason.as_str())
    }

    /// The events, each with whether it is a warning.
    fn of_model(old: &[Condition], new: &[Condition]) -> Vec<(String, bool)> {
        model_transitions(old, new).into_iter().map(|one| (one.reason, one.warning)).collect()
    }

    #[test]
    fn only_good_and_bad_news_are_reported() {
        for (reason, expected) in [
            (Reason::Serving.as_str(), Some(false)),
            (Reason::Starting.as_str(), None),
            (Reason::AssessmentExpired.as_str(), Some(true)),
            ("SomethingNew", Some(true)),
        ] {
            let found = of_model(&[], &[condition(ConditionType::Ready, "True", reason)]);
            assert_eq!(
                found,
                expected.map(|warning| (reason.to_owned(), warning)).into_iter().collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn a_reason_is_reported_once() {
        let serving = [ready(Reason::Serving)];
        assert_eq!(of_model(&serving, &serving), []);
        assert_eq!(of_model(&[ready(Reason::Starting)], &serving), [("Serving".to_owned(), false)]);
        assert_eq!(of_model(&serving, &[]), []);
    }

    #[test]
    fn a_further_condition_is_reported_where_it_warns() {
        let lapsed = condition(ConditionType::DutiesCurrent, "False", Reason::DutiesNotMet.as_str());
        let routed = condition(ConditionType::Routed, "True", Reason::RouteAccepted.as_str());
        let found = of_model(&[], &[ready(Reason::Starting), lapsed.clone(), routed]);
        assert_eq!(found, [("DutiesNotMet".to_owned(), true)]);
        let old = [lapsed.clone()];
        assert_eq!(of_model(&old, &[ready(Reason::Starting), lapsed]), []);
    }

    #[test]
    fn a_policy_warns_when_it_is_not_accepted() {
        let accepted = |status: &str, reason: &str| [condition(ConditionType::Accepted, status, reason)];
        assert_eq!(policy_transition(&[], &accepted("True", "Accepted")), None);
        let refused = accepted("False", "Unreadable");
        let found = policy_transition(&accepted("True", "Accepted"), &refused).unwrap();
        assert_eq!((found.warning, found.reason.as_str()), (true, "Unreadable"));
        assert_eq!(policy_transition(&refused, &refused), None);
    }
}
