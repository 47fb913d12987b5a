//! Whether an autoscaler works: the status of a HorizontalPodAutoscaler or of KEDA's ScaledObject.

use serde_json::Value;

use super::ChildKind;
use super::words::shortened;

/// What an autoscaler says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AutoscalerFacts {
    /// Whether it says that it works.
    pub works: bool,
    /// Why it does not: its word for it, and its sentence.
    pub fault: Option<(String, String)>,
}

/// The conditions that have to hold. Kubernetes': `AbleToScale` and `ScalingActive`. KEDA's: `Ready` for what it asks itself, and
/// `HPAActive` for the HorizontalPodAutoscaler that it makes.
const fn conditions(kind: ChildKind) -> Option<[&'static str; 2]> {
    match kind {
        ChildKind::HorizontalPodAutoscaler => Some(["AbleToScale", "ScalingActive"]),
        ChildKind::ScaledObject => Some(["Ready", "HPAActive"]),
        _ => None,
    }
}

impl AutoscalerFacts {
    /// The facts of an object as the API server gives it; `None` where it is no autoscaler.
    pub(super) fn of(kind: ChildKind, object: &Value) -> Option<Self> {
        let found = conditions(kind)?
            .map(|type_| object["status"]["conditions"].as_array()?.iter().find(|one| one["type"] == type_));
        let words = |one: &Value| shortened(one.as_str().unwrap_or_default());
        let mut faults = found.into_iter().flatten().filter(|one| is_fault(one));
        let fault = faults.next().map(|one| (words(&one["reason"]), words(&one["message"])));
        let holds = |one: Option<&Value>| one.is_some_and(|one| one["status"] == "True");
        // What decides how many replicas there are: Kubernetes says it last, KEDA first.
        let decides = if kind == ChildKind::ScaledObject { found[0] } else { found[1] };
        Some(Self { works: fault.is_none() && holds(decides), fault })
    }
}

/// Whether a condition reports a fault. KEDA says `Unknown` with a reason where some of what it asks does not answer, and
/// without one where it has not looked yet.
fn is_fault(condition: &Value) -> bool {
    let has_reason = condition["reason"].as_str().is_some_and(|reason| !reason.is_empty());
    condition["status"] == "False" || condition["status"] == "Unknown" && has_reason
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts(kind: ChildKind, conditions: &[[&str; 3]]) -> AutoscalerFacts {
        let conditions: Vec<_> = conditions
            .iter()
            .map(|[type_, status, reason]| {
                json!({"type": type_, "status": status, "reason": reason, "message": "Its  words.\n"})
            })
            .collect();
        AutoscalerFacts::of(kind, &json!({"status": {"conditions": conditions}})).unwrap_or_default()
    }

    fn fault(reason: &str) -> AutoscalerFacts {
        AutoscalerFacts { works: false, fault: Some((reason.to_owned(), "Its words.".to_owned())) }
    }

    const WORKS: AutoscalerFacts = AutoscalerFacts { works: true, fault: None };
    const UNKNOWN: AutoscalerFacts = AutoscalerFacts { works: false, fault: None };

    #[test]
    fn what_kubernetes_says_of_its_own() {
        let of = |conditions: &[[&str; 3]]| facts(ChildKind::HorizontalPodAutoscaler, conditions);
        let able = ["AbleToScale", "True", "ReadyForNewScale"];
        let limited = ["ScalingLimited", "False", "DesiredWithinRange"];
        assert_eq!(of(&[able, ["ScalingActive", "True", "ValidMetricFound"], limited]), WORKS);
        assert_eq!(
            of(&[able, ["ScalingActive", "False", "FailedGetPodsMetric"]]),
            fault("FailedGetPodsMetric")
        );
        assert_eq!(of(&[["AbleToScale", "False", "FailedGetScale"]]), fault("FailedGetScale"));
        assert_eq!(of(&[able]), UNKNOWN);
        assert_eq!(of(&[]), UNKNOWN);
    }

    #[test]
    fn what_keda_says() {
        let of = |conditions: &[[&str; 3]]| facts(ChildKind::ScaledObject, conditions);
        let ready = ["Ready", "True", "ScaledObjectReady"];
        assert_eq!(of(&[ready, ["Active", "False", "ScalerNotActive"]]), WORKS);
        assert_eq!(of(&[ready, ["HPAActive", "True", "ScalingDisabled"]]), WORKS);
        assert_eq!(of(&[["Ready", "False", "TriggerError"]]), fault("TriggerError"));
        assert_eq!(of(&[["Ready", "Unknown", "PartialTriggerError"]]), fault("PartialTriggerError"));
        assert_eq!(
            of(&[ready, ["HPAActive", "False", "HPAMetricsUnavailable"]]),
            fault("HPAMetricsUnavailable")
        );
        assert_eq!(of(&[["Ready", "Unknown", ""]]), UNKNOWN);
    }

    #[test]
    fn nothing_else_is_an_autoscaler() {
        assert_eq!(AutoscalerFacts::of(ChildKind::Service, &json!({})), None);
    }
}
