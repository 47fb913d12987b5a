//! `Routed`: whether the gateway routes to the model, from the status that the gateway writes.

use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason};

use super::{Application, draft};
use crate::decide::Decision;
use crate::placement::bounded;
use crate::request::{ModelRequest, RouteSettings};
use crate::snapshot::{ChildFacts, GatewayAnswer, Subject};

/// The condition; `None` where the model requests no gateway. It informs and holds nothing back: consumers in the cluster ask
/// the model's Service.
pub(super) fn routed(
    subject: &Subject<'_>,
    decision: &Decision,
    application: &Application,
) -> Option<ConditionDraft> {
    subject.model.spec.access.as_ref()?.gateway.as_ref()?;
    let (status, reason, text) = match (decision.plan(), application) {
        (None, _) => unknown(Reason::NotAccepted, "The model is not accepted."),
        (Some(plan), application) => match (&plan.model.route, application) {
            (None, _) => (
                ConditionStatus::False,
                Reason::RouteNotServed,
                "The cluster does not serve HTTPRoute, or InferencePool where an endpointPicker is named, so no gateway leads \
                 to the model. Install the kinds of the Gateway API."
                    .to_owned(),
            ),
            (Some(route), Application::Applied(objects)) => {
                let answers = objects.find(ChildFacts::route);
                judged(&plan.model, route, answers.map(|facts| facts.answers.as_slice()).unwrap_or_default())
            }
            (Some(_), _) => unknown(application.reason_of_failure(), "The objects are not written."),
        },
    };
    Some(draft(ConditionType::Routed, status, reason, bounded(&text, 1000)))
}

fn unknown(reason: Reason, text: &str) -> (ConditionStatus, Reason, String) {
    (ConditionStatus::Unknown, reason, text.to_owned())
}

/// What the gateway says. Where several controllers speak for it, a fault outranks a yes.
fn judged(
    model: &ModelRequest,
    route: &RouteSettings,
    answers: &[GatewayAnswer],
) -> (ConditionStatus, Reason, String) {
    let RouteSettings { gateway, hostname, path, .. } = route;
    let its_own = || answers.iter().filter(|answer| answer.gateway == *gateway);
    if let Some((answer, (word, sentence))) =
        its_own().find_map(|answer| Some((answer, answer.fault.as_ref()?)))
    {
        let (reason, does) = if answer.takes_it {
            (Reason::RouteUnresolved, "accepted the route but cannot resolve it")
        } else {
            (Reason::RouteRefused, "did not accept the route")
        };
        let help = help(word, model, route);
        let text = format!("Gateway {gateway} {does} ({word}): {sentence} {help}");
        return (ConditionStatus::False, reason, text);
    }
    if its_own().next().is_some() {
        let text = format!("Gateway {gateway} accepted the route. Send requests to {hostname}{path}/v1.");
        return (ConditionStatus::True, Reason::RouteAccepted, text);
    }
    let text = format!(
        "The gateway {gateway} has not said whether it takes the route. Where that lasts, there is no such Gateway, or nobody \
         carries it out."
    );
    unknown(Reason::RouteUnanswered, &text)
}

/// The way out of a fault, by the words that the Gateway API has for them.
fn help(word: &str, model: &ModelRequest, route: &RouteSettings) -> String {
    let RouteSettings { gateway, hostname, .. } = route;
    match word {
        "NotAllowedByListeners" => format!(
            "Allow routes from namespace {} on a listener of the Gateway (listeners[].allowedRoutes).",
            model.key.namespace
        ),
        "NoMatchingListenerHostname" => {
            format!("Add a listener for {hostname} to the Gateway, or change spec.access.gateway.hostname.")
        }
        "InvalidKind" if route.picker.is_some() => format!(
            "The gateway may not support InferencePools: remove spec.access.gateway.endpointPicker, or ask the owner of {gateway}."
        ),
        _ => format!("Ask the owner of {gateway}."),
    }
}
