//! `Isolated`: the isolation that was rendered for a model, and whether a probe has seen the network enforce it.

use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason};

use super::{Application, draft};
use crate::decide::{Decision, Plan};
use crate::placement::bounded;
use crate::snapshot::{Isolation, PodFacts, ProbeResult, Settings, Subject};

/// The condition. It informs and holds nothing back: a model on a network that does not enforce NetworkPolicies is refused by no policy yet.
pub(super) fn isolated(
    settings: &Settings,
    subject: &Subject<'_>,
    decision: &Decision,
    application: &Application,
) -> ConditionDraft {
    let type_ = ConditionType::Isolated;
    let unknown = |reason, text: &str| draft(type_, ConditionStatus::Unknown, reason, text.to_owned());
    match (decision.plan(), application) {
        (Some(plan), Application::Applied(_)) => {
            let (status, reason, seen) = seen(settings, subject, plan);
            draft(type_, status, reason, bounded(&format!("{} {seen}", rendered(plan)), 1000))
        }
        (Some(_), _) => unknown(application.reason_of_failure(), "The objects are not written."),
        (None, _) => unknown(Reason::NotAccepted, "The model is not accepted."),
    }
}

fn rendered(plan: &Plan) -> String {
    let let_in: Vec<_> = let_in(plan).collect();
    let whom = if let_in.is_empty() { "no namespace".to_owned() } else { let_in.join(", ") };
    format!("A NetworkPolicy denies all egress and allows ingress from {whom}.")
}

/// The namespaces that may ask the model.
fn let_in(plan: &Plan) -> impl Iterator<Item = &str> {
    let gateway = plan.model.route.iter().map(|route| route.gateway.namespace.as_str());
    plan.model.consumers.iter().map(String::as_str).chain(gateway)
}

/// What was seen of it at the replicas that serve.
fn seen(settings: &Settings, subject: &Subject<'_>, plan: &Plan) -> (ConditionStatus, Reason, String) {
    let not_tried = |why: &str| {
        let text = format!("Whether the network enforces it has not been probed{why}.");
        (ConditionStatus::Unknown, Reason::EnforcementNotProbed, text)
    };
    if settings.inspector().is_none_or(|namespace| let_in(plan).any(|one| one == namespace)) {
        return not_tried(if settings.inspects {
            ": the operator's own namespace is allowed in"
        } else {
            ""
        });
    }
    let looked_at: Vec<_> = subject
        .pods
        .iter()
        .filter(|pod| pod.ready && !pod.terminating)
        .filter_map(|pod| Some((pod, pod.probe.as_ref()?)))
        .collect();
    let found = |isolation| looked_at.iter().find(|(_, probe)| probe.isolation() == isolation);
    if let Some((pod, _)) = found(Isolation::NotEnforced) {
        let text = format!(
            "The cluster's network does not enforce it: the operator, which it does not let in, reached {}. Whoever is in \
             the cluster can ask the model. Use a network plug-in that enforces NetworkPolicies.",
            pod.key.name
        );
        return (ConditionStatus::False, Reason::NotEnforced, text);
    }
    if found(Isolation::Unknown).is_some() {
        return not_tried(": the operator cannot reach even the open status port of a replica");
    }
    if found(Isolation::Enforced).is_none() {
        return not_tried(" yet");
    }
    let text = "The cluster's network was seen to keep the operator out of the model's port, and to let it in to that of its \
                status. Traffic out was not tried.";
    (ConditionStatus::True, Reason::EnforcementSeen, text.to_owned())
}

/// The longest context that every replica that was looked at serves, in tokens.
pub(super) fn served_context(pods: &[PodFacts]) -> Option<i64> {
    let seen = pods.iter().filter(|pod| pod.ready && !pod.terminating);
    let served = |probe: &ProbeResult| probe.served.as_ref()?.context_length;
    seen.filter_map(|pod| served(pod.probe.as_ref()?)).min()
}
