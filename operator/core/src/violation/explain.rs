//! The message of a violation: that of its rule, with the facts in it.

use hemvist_api::condition::Reason;

use super::{Finding, Violation};
use crate::rules::{listing, shortened};

/// The most violations that a summary has in full.
const MAX_IN_FULL: usize = 5;

/// The longest summary, in characters.
const MAX_SUMMARY: usize = 1000;

/// The way out where an image has no digest.
const IMAGE_BY_DIGEST: &str = "Reference the image by digest: NAME@sha256:DIGEST.";

/// The way out where weights on a volume have no digest.
const WEIGHTS_BY_DIGEST: &str = "Set it to sha256: and 64 hexadecimal digits.";

impl Violation {
    /// The violation in one line: the field, what is wrong, which rule says so, and the way out.
    pub fn message(&self) -> String {
        self.finding.rule().text(&self.facts())
    }

    /// The facts of the message, by name.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = self.finding.stated();
        facts.push(("field", self.field.clone()));
        facts
            .push(("rule", self.rule.as_ref().map_or_else(|| "no AIPolicy".to_owned(), ToString::to_string)));
        match &self.finding {
            Finding::NotInList { list, allowed, listed, .. } => {
                facts.push(("together", together(allowed, &listed.0)));
                facts.push(("way", list.way_out().to_owned()));
            }
            Finding::DigestMissing => {
                let is_volume = self.field.ends_with(".digest");
                let way = if is_volume { WEIGHTS_BY_DIGEST } else { IMAGE_BY_DIGEST };
                facts.push(("way", way.to_owned()));
            }
            _ => {}
        }
        facts
    }

    /// How severe it is: the smaller, the earlier it is listed.
    fn rank(&self) -> u8 {
        match self.reason() {
            Reason::NoPolicy | Reason::PolicyUnreadable => 0,
            Reason::RiskClassUnacceptable => 1,
            Reason::InformationClassNotAllowed => 2,
            Reason::RiskClassNotAllowed => 3,
            Reason::RegionNotAllowed | Reason::DataCentreNotAllowed => 4,
            Reason::AssessmentMissing | Reason::AssessmentExpired => 5,
            Reason::HumanOversightMissing
            | Reason::TransparencyNoticeMissing
            | Reason::RecordReferenceMissing => 6,
            Reason::RegistryNotAllowed | Reason::DigestMissing => 7,
            Reason::LicenceNotAllowed | Reason::FormatNotAllowed => 8,
            Reason::EngineNotAllowed | Reason::ArgumentNotAllowed => 9,
            _ => 10,
        }
    }
}

/// What all policies together allow, where that is less than what the one that refuses allows.
fn together(allowed: &[String], listed: &[String]) -> String {
    if allowed == listed {
        return String::new();
    }
    format!("; all AIPolicies of this namespace together allow {}", listing(allowed.iter(), "nothing"))
}

/// The most severe violation, whose reason stands for all; the first of several that are equally severe.
pub fn primary(violations: &[Violation]) -> Option<&Violation> {
    violations.iter().min_by_key(|violation| violation.rank())
}

/// The violations in at most 1,000 characters, the most severe first.
pub fn summary(violations: &[Violation]) -> String {
    let mut ordered: Vec<&Violation> = violations.iter().collect();
    ordered.sort_by_key(|violation| violation.rank());
    let in_full: Vec<String> =
        ordered.iter().take(MAX_IN_FULL).map(|violation| violation.message()).collect();
    let rest = match violations.len().saturating_sub(MAX_IN_FULL) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let room = MAX_SUMMARY.saturating_sub(rest.chars().count());
    shortened(&in_full.join(" "), room) + &rest
}

#[cfg(test)]
mod tests {
    use hemvist_api::values::AssessmentType;

    use super::*;
    use crate::rules::RequestFinding;

    #[test]
    fn the_most_severe_is_reported_first_and_the_rest_is_counted() {
        let missing = |assessment| {
            Violation::plain("spec.purpose.assessments", Finding::AssessmentMissing { assessment })
        };
        let mut violations: Vec<Violation> = AssessmentType::ALL.iter().copied().map(missing).collect();
        violations.push(Violation::plain("spec.purpose.riskClass", Finding::RiskClassUnacceptable));
        assert_eq!(primary(&violations).map(|first| first.field.as_str()), Some("spec.purpose.riskClass"));
        let text = summary(&violations);
        assert!(text.starts_with("spec.purpose.riskClass: ") && text.ends_with(". and 2 more"), "{text}");
        assert_eq!(primary(&[]), None);
        assert_eq!(summary(&[]), "");
    }

    #[test]
    fn a_summary_is_cut_between_letters() {
        let path = "å".repeat(400);
        let invalid =
            |field: &str| Violation::of_request(field, RequestFinding::FileNotNamed { path: path.clone() });
        let violations: Vec<Violation> = ["a", "b", "c", "d", "e", "f"].into_iter().map(invalid).collect();
        let text = summary(&violations);
        assert_eq!(text.chars().count(), MAX_SUMMARY);
        assert!(text.ends_with("… and 1 more"), "{text}");
        assert!(invalid("a").message().ends_with("for a split model, its first part."));
    }

    #[test]
    fn what_all_policies_allow_is_reported_only_where_it_is_less() {
        let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        assert_eq!(together(&values(&["a"]), &values(&["a"])), "");
        assert_eq!(
            together(&values(&["a"]), &values(&["a", "b"])),
            "; all AIPolicies of this namespace together allow a"
        );
        assert!(together(&[], &values(&["a"])).ends_with("together allow nothing"));
    }
}
