//! Whether the duties of a model are met, and how long they will be.

use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason};

use super::draft;
use crate::date;
use crate::decide::Decision;
use crate::placement::bounded;
use crate::policy::{DutyStanding, Lapse};
use crate::violation::{Violation, summary};

/// The longest message, in characters.
const MAX_MESSAGE: usize = 1000;

/// What is said of the duties of a model. Only days stand in it and no numbers of days, so that it does not tick.
pub(super) fn duties_current(decision: &Decision) -> ConditionDraft {
    let (status, reason, message) = reported(decision);
    draft(ConditionType::DutiesCurrent, status, reason, bounded(&message, MAX_MESSAGE))
}

fn reported(decision: &Decision) -> (ConditionStatus, Reason, String) {
    let DutyStanding { refuses, lapses, next, rule } = &decision.duties;
    if decision.plan().is_none() {
        return (ConditionStatus::Unknown, Reason::NotAccepted, "The model is not accepted.".to_owned());
    }
    if *refuses {
        let unmet: Vec<Violation> =
            decision.violations.iter().filter(|violation| violation.is_duty()).cloned().collect();
        let message = format!(
            "A duty is not met; the strictest enforcement here is Warn or Audit. {}",
            summary(&unmet)
        );
        return (ConditionStatus::False, Reason::DutiesNotMet, message);
    }
    if !lapses.is_empty() {
        let by = rule.as_ref().map_or_else(String::new, |rule| format!(" ({rule})"));
        let (reason, how_long) = match lapses.iter().filter_map(|lapse| lapse.until).min() {
            Some(last) => (
                Reason::GraceRunning,
                format!(
                    "A duty is no longer met. The model keeps running through {last} and is stopped after that day{by}."
                ),
            ),
            None => (
                Reason::ExpiredAndKept,
                format!(
                    "A duty is no longer met. The model keeps running; as a new model it would be refused{by}."
                ),
            ),
        };
        let unmet: Vec<Violation> = lapses.iter().map(|lapse| lapse.violation.clone()).collect();
        return (ConditionStatus::False, reason, format!("{how_long} {}", summary(&unmet)));
    }
    if let Some(Lapse { violation, day, .. }) = next {
        let last = date::days_after(*day, -1);
        let message =
            format!("All duties are met through {last}. From {day} on one is not: {}", violation.message());
        return (ConditionStatus::True, Reason::ExpiresSoon, message);
    }
    let message = "All duties are met, and none ends within 30 days.";
    (ConditionStatus::True, Reason::DutiesCurrent, message.to_owned())
}
