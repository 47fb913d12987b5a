//! The status of a ModelDeployment.
//!
//! ```text
//! Accepted ──┐
//! Placed ────┼──▶ Ready          Isolated, Routed, Autoscaled and DutiesCurrent stand beside: they inform
//! Available ─┘
//! ```

use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason, transition};
use hemvist_api::labels::MODEL_DEPLOYMENT_UID;
use hemvist_api::model_deployment::{
    ChildStatus, ResolvedAccelerator, ResolvedNumber, ResolvedSettings, ResolvedText,
};
use hemvist_api::{ModelDeploymentSpec, ModelDeploymentStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::autoscaled::autoscaled;
use super::available::available;
use super::duties::duties_current;
use super::isolated::{isolated, served_context};
use super::placed::placed;
use super::routed::routed;
use super::weights::{fetching, while_fetching};
use super::{Application, WriteFailure, draft};
use crate::decide::{Decision, Plan, wanted};
use crate::engine::SERVING_PORT;
use crate::placement::{Verdict, bounded, grouped};
use crate::request::{RouteSettings, ScalingSettings, suspension};
use crate::snapshot::{ChildFacts, ChildKind, DeploymentFacts, Snapshot, Subject};
use crate::violation::{primary, summary};

/// The status of a ModelDeployment: what was decided, what came of it, and what is observed.
pub fn model(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    decision: &Decision,
    application: &Application,
) -> ModelDeploymentStatus {
    let metadata = &subject.model.metadata;
    let previous = subject.model.status.as_ref();
    let plan = decision.plan();
    let deployment = deployment(application);
    let wanted = plan.map_or(0, |plan| wanted(subject, &plan.model));
    let ready = deployment.map_or(0, |deployment| deployment.ready);
    let drafts = conditions(snapshot, subject, decision, application);
    let placed = drafts
        .iter()
        .any(|draft| draft.type_ == ConditionType::Placed && draft.status == ConditionStatus::True);
    let unplaced = plan.filter(|_| !placed);
    ModelDeploymentStatus {
        observed_generation: metadata.generation,
        conditions: Some(transition(old_conditions(subject), drafts, metadata.generation, &snapshot.now)),
        model_name: subject.model.spec.model.name.clone().or_else(|| metadata.name.clone()),
        replicas: Some(deployment.map_or(0, |deployment| deployment.replicas)),
        ready_replicas: Some(ready),
        replica_summary: Some(match plan {
            Some(_) => format!("{ready}/{wanted}"),
            None => format!("0/{}", asked_for(&subject.model.spec)),
        }),
        accelerators: Some(plan.map_or(0, |plan| held(subject, plan))),
        selector: Some(format!("{MODEL_DEPLOYMENT_UID}={}", metadata.uid.as_deref().unwrap_or_default())),
        endpoint: plan.map(|plan| endpoint(&plan.model.key.name, &plan.model.key.namespace)),
        resolved: plan.map(|plan| resolved(plan, &subject.model.spec, served_context(&subject.pods))),
        fit: None,
        waiting_for: unplaced
            .filter(|plan| plan.placement.verdict() == Verdict::Waiting)
            .map(|plan| plan.placement.waiting_for()),
        exclusions: unplaced.map(|plan| grouped(&plan.placement)).filter(|groups| !groups.is_empty()),
        policies: Some(decision.policies.clone()).filter(|policies| !policies.is_empty()),
        exceptions: Some(decision.exceptions.clone()).filter(|exceptions| !exceptions.is_empty()),
        children: match application {
            Application::Applied(objects) => Some(objects.facts().map(child).collect()),
            Application::Pruned => None,
            Application::Failed { .. } => previous.and_then(|status| status.children.clone()),
        },
        usage: previous.and_then(|status| status.usage.clone()),
    }
}

/// The status of a ModelDeployment that this version cannot read: it is refused, and says so.
pub fn unreadable_model(
    previous: &[Condition],
    generation: Option<i64>,
    error: &str,
    now: &Time,
) -> ModelDeploymentStatus {
    let message = bounded(
        &format!(
            "This version of Hemvist cannot read the object, so nothing is deployed: {error}. Fix that field."
        ),
        1000,
    );
    let drafts = vec![
        draft(ConditionType::Ready, ConditionStatus::False, Reason::Unreadable, message.clone()),
        draft(ConditionType::Accepted, ConditionStatus::False, Reason::Unreadable, message.clone()),
        draft(ConditionType::Stalled, ConditionStatus::True, Reason::Unreadable, message),
    ];
    ModelDeploymentStatus {
        observed_generation: generation,
        conditions: Some(transition(previous, drafts, generation, now)),
        ..ModelDeploymentStatus::default()
    }
}

fn old_conditions<'a>(subject: &'a Subject<'_>) -> &'a [Condition] {
    subject.model.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default()
}

fn deployment(application: &Application) -> Option<&DeploymentFacts> {
    match application {
        Application::Applied(objects) => objects.find(ChildFacts::deployment),
        Application::Pruned | Application::Failed { .. } => None,
    }
}

fn conditions(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    decision: &Decision,
    application: &Application,
) -> Vec<ConditionDraft> {
    let accepted = accepted(decision);
    let fetching = fetching(subject, decision, application);
    let placed = while_fetching(placed(snapshot, subject, decision), fetching.as_ref());
    let available = while_fetching(available(snapshot, subject, decision, application), fetching.as_ref());
    let isolated = isolated(&snapshot.settings, subject, decision, application);
    let rolling_out = available.reason == Reason::RollingOut || fetching.is_some();
    let beside = [routed(subject, decision, application), autoscaled(decision, application)];
    let mut ready = ready(subject, decision, application, [&accepted, &placed, &available]);
    if ready.status == ConditionStatus::True {
        ready.message.extend(beside.iter().flatten().filter_map(beside_ready));
    }
    let stalled = is_stalled(decision, application, &placed);
    let suspended = matches!(ready.reason, Reason::Suspended | Reason::IncidentOpen);
    let reconciling = !stalled && !suspended && (ready.status != ConditionStatus::True || rolling_out);

    let duties = duties_current(decision);
    let mut drafts = vec![ready.clone(), accepted, placed, available, isolated, duties];
    drafts.extend(beside.into_iter().flatten());
    if reconciling {
        let (reason, message) = if let Some(fetching) = fetching {
            (fetching.reason, fetching.message)
        } else if rolling_out && ready.status == ConditionStatus::True {
            (Reason::RollingOut, "A new version is rolling out.".to_owned())
        } else {
            (ready.reason, ready.message.clone())
        };
        drafts.push(draft(ConditionType::Reconciling, ConditionStatus::True, reason, message));
    }
    if stalled {
        drafts.push(draft(ConditionType::Stalled, ConditionStatus::True, ready.reason, ready.message));
    }
    drafts
}

fn accepted(decision: &Decision) -> ConditionDraft {
    let type_ = ConditionType::Accepted;
    let found = summary(&decision.violations);
    match (decision.plan(), primary(&decision.violations)) {
        (None, Some(violation)) => draft(type_, ConditionStatus::False, violation.reason(), found),
        // Nothing is refused without a finding; if it ever were, it would be as a value that cannot be carried out.
        (None, None) => {
            draft(type_, ConditionStatus::False, Reason::Invalid, "The object was refused.".to_owned())
        }
        (Some(_), Some(_)) => draft(type_, ConditionStatus::True, Reason::AcceptedWithFindings, found),
        (Some(_), None) => {
            let policies: Vec<_> = decision
                .policies
                .iter()
                .map(|policy| format!("{}/{}", policy.namespace, policy.name))
                .collect();
            let text = format!("Every AIPolicy of this namespace allows it: {}.", policies.join(", "));
            draft(type_, ConditionStatus::True, Reason::Accepted, bounded(&text, 1000))
        }
    }
}

/// The summary: the first of the others that does not hold, or that it serves.
fn ready(
    subject: &Subject<'_>,
    decision: &Decision,
    application: &Application,
    parts: [&ConditionDraft; 3],
) -> ConditionDraft {
    let type_ = ConditionType::Ready;
    let Some(plan) = decision.plan() else {
        return draft(type_, ConditionStatus::False, parts[0].reason, parts[0].message.clone());
    };
    if let Application::Failed { kind, name, cause } = application {
        let (reason, text) = not_written(*kind, name, cause);
        return draft(type_, ConditionStatus::False, reason, bounded(&text, 1000));
    }
    if let Some((reason, text)) = suspension(&subject.model.spec) {
        return draft(type_, ConditionStatus::False, reason, text);
    }
    if let Some(missing) = parts.into_iter().find(|part| part.status != ConditionStatus::True) {
        return draft(type_, ConditionStatus::False, missing.reason, missing.message.clone());
    }
    let wanted = wanted(subject, &plan.model);
    if wanted == 0 {
        let again =
            if plan.model.scaling.is_some() { " KEDA starts a replica when it is needed." } else { "" };
        let text = format!("Scaled to zero.{again}");
        return draft(type_, ConditionStatus::True, Reason::ScaledToZero, text);
    }
    let text = format!(
        "{wanted} of {wanted} replicas serve {} at {}.",
        plan.model.model_name,
        endpoint(&plan.model.key.name, &plan.model.key.namespace)
    );
    draft(type_, ConditionStatus::True, Reason::Serving, text)
}

/// What a model that serves says of what stands beside and does not hold.
fn beside_ready(condition: &ConditionDraft) -> Option<&'static str> {
    match (condition.status, condition.type_) {
        (ConditionStatus::False, ConditionType::Routed) => {
            Some(" The route through the gateway does not work: see the condition Routed.")
        }
        (ConditionStatus::False, ConditionType::Autoscaled) => {
            Some(" Autoscaling does not work: see the condition Autoscaled.")
        }
        _ => None,
    }
}

/// Why an object is not written, and what to do.
fn not_written(kind: ChildKind, name: &str, cause: &WriteFailure) -> (Reason, String) {
    match cause {
        WriteFailure::NotOurs => (
            Reason::NameConflict,
            format!(
                "{kind} {name} exists and was not created by Hemvist, so Hemvist leaves it alone. Rename the model, or delete that {kind}."
            ),
        ),
        WriteFailure::Leaving => (
            Reason::WaitingForPredecessor,
            format!(
                "The previous {kind} {name} is being deleted, with all that belongs to it; Hemvist writes the new one when it is gone. If that lasts, check its finalizers and its pods."
            ),
        ),
        WriteFailure::Call(message) => {
            (Reason::ApplyFailed, format!("Writing {kind} {name} failed; Hemvist retries: {message}"))
        }
    }
}

/// Whether nothing more will happen until a user changes something.
fn is_stalled(decision: &Decision, application: &Application, placed: &ConditionDraft) -> bool {
    decision.plan().is_none()
        || matches!(application, Application::Failed { cause: WriteFailure::NotOurs, .. })
        || placed.reason == Reason::NoEligibleNode
}

fn held(subject: &Subject<'_>, plan: &Plan) -> i32 {
    let pods = subject.pods.iter().filter(|pod| pod.node.is_some() && !pod.ended);
    let held: i64 = pods.filter_map(|pod| pod.devices.get(&plan.model.accelerator.resource)).sum();
    i32::try_from(held).unwrap_or(i32::MAX)
}

fn endpoint(name: &str, namespace: &str) -> String {
    format!("http://{name}.{namespace}.svc:{SERVING_PORT}/v1")
}

fn resolved(plan: &Plan, spec: &ModelDeploymentSpec, served_context: Option<i64>) -> ResolvedSettings {
    let model = &plan.model;
    let data_centres: Vec<_> = model.clearance.data_centres.iter().map(String::as_str).collect();
    ResolvedSettings {
        accelerator: Some(ResolvedAccelerator {
            vendor: model.accelerator.vendor,
            resource: model.accelerator.resource.clone(),
            count: model.accelerator.count,
            reason: bounded(&model.accelerator.reason, 512),
        }),
        parallelism: Some(ResolvedNumber {
            value: i64::from(model.accelerator.count),
            reason: "One replica is spread over all its accelerators.".to_owned(),
        }),
        context_length: context_length(model.engine.context_length.map(i64::from), served_context),
        data_centres: Some(ResolvedText {
            value: bounded(&data_centres.join(","), 1024),
            reason: bounded(&model.clearance.reason, 1024),
        }),
        gateway: gateway(plan, spec),
        scaling: model.scaling.as_ref().map(scaling),
    }
}

/// The context that is served. What the engine says outranks what was requested of it.
fn context_length(asked: Option<i64>, served: Option<i64>) -> Option<ResolvedNumber> {
    let (value, reason) = match (asked, served) {
        (Some(asked), Some(served)) if served < asked => {
            let reason =
                format!("spec.engine.contextLength is {asked}; the engine reports this lower limit.");
            (served, reason)
        }
        (Some(asked), _) => (asked, "Set in spec.engine.contextLength.".to_owned()),
        (None, Some(served)) => (served, "Reported by the engine.".to_owned()),
        (None, None) => return None,
    };
    Some(ResolvedNumber { value, reason })
}

/// Where a gateway routes to the model. Whether it does is said in `Routed`.
fn gateway(plan: &Plan, spec: &ModelDeploymentSpec) -> Option<String> {
    spec.access.as_ref()?.gateway.as_ref()?;
    Some(match &plan.model.route {
        Some(RouteSettings { hostname, path, .. }) => format!("{hostname}{path}/v1"),
        None => "none: the cluster does not serve HTTPRoute, or InferencePool, which endpointPicker needs"
            .to_owned(),
    })
}

fn scaling(settings: &ScalingSettings) -> ResolvedText {
    let ScalingSettings { by, min_replicas, max_replicas, followed, .. } = settings;
    ResolvedText {
        value: format!("{}, {min_replicas} to {max_replicas} replicas by {followed}", by.kind()),
        reason: settings.reason.clone(),
    }
}

/// Replicas that a model requests at least.
fn asked_for(spec: &ModelDeploymentSpec) -> i32 {
    spec.scaling.as_ref().map_or_else(|| spec.replicas.unwrap_or(1), |scaling| scaling.min_replicas)
}

fn child(facts: &ChildFacts) -> ChildStatus {
    ChildStatus {
        kind: facts.kind.as_str().to_owned(),
        name: facts.key.name.clone(),
        content: facts.content.clone(),
    }
}
