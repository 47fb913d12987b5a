//! Whether an autoscaler works: the status of a HorizontalPodAutoscaler or of KEDA's ScaledObject.

use serde_json::Value;

use super::words::shortened;

/// What an autoscaler says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AutoscalerFacts {
    /// Whether it says that it works.
    pub works: bool,
    /// Why it does not: its word for it, and its sentence.
    pub fault: Option<(String, String)>,
}

impl AutoscalerFacts {
    /// The facts of a HorizontalPodAutoscaler as the API server gives it. Kubernetes says last what decides how many replicas
    /// there are.
    pub(super) fn of_kubernetes(object: &Value) -> Self {
        Self::of(object, ["AbleToScale", "ScalingActive"], "ScalingActive")
    }

    /// The facts of KEDA's ScaledObject as the API server gives it: `Ready` is for what it asks itself, and `HPAActive` for the
    /// HorizontalPodAutoscaler that it makes.
    pub(super) fn of_keda(object: &Value) -> Self {
        Self::of(object, ["Ready", "HPAActive"], "Ready")
    }

    /// No condition of `types` may tell of a fault, and that of the type `decides` has to hold.
    fn of(object: &Value, types: [&str; 2], decides: &str) -> Self {
        let condition =
            |type_: &str| object["status"]["conditions"].as_array()?.iter().find(|one| one["type"] == type_);
        let words = |one: &Value| shortened(one.as_str().unwrap_or_default());
        let mut faults = types.into_iter().filter_map(condition).filter(|one| is_fault(one));
        let fault = faults.next().map(|one| (words(&one["reason"]), words(&one["message"])));
        let holds = condition(decides).is_some_and(|one| one["status"] == "True");
        Self { works: fault.is_none() && holds, fault }
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

    use super::super::{ChildKind, Observed};
    use super::*;

    fn facts(of: fn(&Value) -> AutoscalerFacts, conditions: &[[&str; 3]]) -> AutoscalerFacts {
        let conditions: Vec<_> = conditions
            .iter()
            .map(|[type_, status, reason]| {
                json!({"type": type_, "status": status, "reason": reason, "message": "Its  words.\n"})
            })
            .collect();
        of(&json!({"status": {"conditions": conditions}}))
    }

    fn fault(reason: &str) -> AutoscalerFacts {
        AutoscalerFacts { works: false, fault: Some((reason.to_owned(), "Its words.".to_owned())) }
    }

    const WORKS: AutoscalerFacts = AutoscalerFacts { works: true, fault: None };
    const UNKNOWN: AutoscalerFacts = AutoscalerFacts { works: false, fault: None };

    #[test]
    fn what_kubernetes_says_of_its_own() {
        let of = |conditions: &[[&str; 3]]| facts(AutoscalerFacts::of_kubernetes, conditions);
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
        let of = |conditions: &[[&str; 3]]| facts(AutoscalerFacts::of_keda, conditions);
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
    fn an_autoscaler_is_read_by_its_kind_and_nothing_else_is_one() {
        let autoscalers: Vec<_> = ChildKind::ALL
            .into_iter()
            .filter(|kind| matches!((kind.facts().observe)(&json!({})), Observed::Autoscaler(_)))
            .collect();
        assert_eq!(autoscalers, [ChildKind::HorizontalPodAutoscaler, ChildKind::ScaledObject]);
        let says_ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let works = |kind: ChildKind| (kind.facts().observe)(&says_ready) == Observed::Autoscaler(WORKS);
        assert_eq!(autoscalers.into_iter().map(works).collect::<Vec<_>>(), [false, true]);
    }
}
