//! `Autoscaled`: whether the autoscaler of a model works, from its own status.

use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason};

use super::{Application, draft};
use crate::decide::{Decision, Plan};
use crate::placement::bounded;
use crate::render::{Applied, DesiredObjects};
use crate::request::{Autoscaler, ScalingSettings};
use crate::snapshot::ChildFacts;

/// The condition; `None` where nothing is to scale the model. It informs and holds nothing back: the replicas that are there
/// serve.
pub(super) fn autoscaled(decision: &Decision, application: &Application) -> Option<ConditionDraft> {
    let plan = decision.plan()?;
    let settings = plan.model.scaling.as_ref()?;
    let (status, reason, text) = match application {
        Application::Applied(objects) => judged(plan, settings, objects),
        _ => (
            ConditionStatus::Unknown,
            application.reason_of_failure(),
            "The objects are not written.".to_owned(),
        ),
    };
    Some(draft(ConditionType::Autoscaled, status, reason, bounded(&text, 1000)))
}

fn judged(
    plan: &Plan,
    settings: &ScalingSettings,
    objects: &DesiredObjects<Applied>,
) -> (ConditionStatus, Reason, String) {
    let (kind, name) = (settings.by.kind(), &plan.model.key.name);
    let unknown = |text: String| (ConditionStatus::Unknown, Reason::AutoscalerUnanswered, text);
    let Some(facts) = objects.find(ChildFacts::autoscaler) else {
        // It is made when nobody else decides the number of replicas any more.
        return unknown(format!("{kind} {name} does not exist yet."));
    };
    if facts.works {
        let text = format!("{kind} {name} works and follows {}.", settings.followed);
        return (ConditionStatus::True, Reason::AutoscalerWorks, text);
    }
    let Some((word, sentence)) = &facts.fault else {
        let text = format!("{kind} {name} has reported no status. If that lasts, {}.", whose(&settings.by));
        return unknown(text);
    };
    let measured = objects.find(ChildFacts::deployment);
    if settings.by == Autoscaler::HorizontalPodAutoscaler && measured.is_none_or(|facts| facts.ready == 0) {
        return unknown(format!(
            "{kind} {name} follows metrics of the replicas, and no replica is ready yet."
        ));
    }
    let text = format!(
        "{kind} {name} does not work ({word}): {sentence} The number of replicas stays as it is. {}",
        help(settings)
    );
    (ConditionStatus::False, Reason::AutoscalerFailing, text)
}

const fn whose(by: &Autoscaler) -> &'static str {
    match by {
        Autoscaler::HorizontalPodAutoscaler => "kube-controller-manager does not run",
        Autoscaler::ScaledObject(_) => {
            "KEDA's operator does not run, or may not scale (admission.autoscalers in the chart)"
        }
    }
}

/// The way out.
fn help(settings: &ScalingSettings) -> String {
    let followed = settings.followed;
    match &settings.by {
        Autoscaler::HorizontalPodAutoscaler => {
            format!(
                "Serve {followed} from a custom metrics API, or let KEDA scale (load.prometheusAddress in the chart)."
            )
        }
        Autoscaler::ScaledObject(keda) => {
            format!("Check that {} answers KEDA and has the metric {followed}.", keda.prometheus)
        }
    }
}
