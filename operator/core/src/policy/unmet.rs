//! Duties that a model does not meet on a day, and since when.
//!
//! A duty that is not met was either never met, or it has lapsed: an assessment has expired or grown too old, the first
//! day of the duty has come, or the exception that waived it has ended. The day on which it lapsed is a matter of what
//! stands in the objects, so it is the same whenever it is calculated.

use hemvist_api::model_deployment::{Assessment, Purpose};
use hemvist_api::values::{AssessmentType, Date as WrittenDate};
use k8s_openapi::jiff::civil::Date;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::EffectivePolicy;
use super::duties::{Demand, Duty};
use super::exception::{Waiver, ended, waived};
use super::limit::Statement;
use crate::date;
use crate::violation::{Finding, RuleSource, Violation};

/// A duty that is not met.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Unmet {
    /// What is said of it.
    pub violation: Violation,
    /// The first day on which it was not met, where it has lapsed; `None` where it cannot have been met before.
    pub lapsed_on: Option<Date>,
}

/// The greatest age of an assessment, and the first day from which it counts.
struct GreatestAge<'a> {
    days: i32,
    source: &'a RuleSource,
    begins: Option<Date>,
}

/// A model whose duties are judged on a day.
struct Judged<'a> {
    policy: &'a EffectivePolicy,
    name: &'a str,
    purpose: &'a Purpose,
    today: Date,
}

/// The duties of the model `name` with `purpose` that are not met on `today`.
pub(super) fn unmet(policy: &EffectivePolicy, name: &str, purpose: &Purpose, today: Date) -> Vec<Unmet> {
    let judged = Judged { policy, name, purpose, today };
    judged
        .binding()
        .filter(|duty| !judged.is_waived(duty, &[Waiver::of(duty.value.demand)]))
        .flat_map(|duty| match duty.value.demand {
            Demand::Assessment(type_) => judged.check_assessment(type_, duty),
            Demand::MaxAssessmentAge(_) => Vec::new(),
            demand => judged.check_description(demand, duty).into_iter().collect(),
        })
        .collect()
}

impl<'a> Judged<'a> {
    /// The duties of the model that bind today, waived ones too.
    fn binding(&self) -> impl Iterator<Item = &'a Statement<Duty>> {
        let (class, risk, today) = (self.purpose.information_class, self.purpose.risk_class, self.today);
        let duties = self.policy.duties.iter();
        duties.filter(move |duty| duty.value.concerns(class, risk) && duty.value.binds_on(today))
    }

    fn is_waived(&self, duty: &Statement<Duty>, waivers: &[Waiver]) -> bool {
        waived(&self.policy.exceptions, self.name, duty, waivers, self.today)
    }

    /// The first day on which `duty` binds the model, if there was a time before it: its own first day, or the day after
    /// the last exception from it.
    fn begins(&self, duty: &Statement<Duty>, waivers: &[Waiver]) -> Option<Date> {
        let after = ended(&self.policy.exceptions, self.name, duty, waivers, self.today);
        duty.value.not_before.max(after.map(|last| date::days_after(last, 1)))
    }

    fn check_description(&self, demand: Demand, duty: &Statement<Duty>) -> Option<Unmet> {
        let purpose = self.purpose;
        let (field, met, finding) = match demand {
            Demand::HumanOversight => {
                let oversight = purpose.human_oversight.as_ref();
                let met = oversight.is_some_and(|oversight| {
                    says_something(&oversight.responsible) && says_something(oversight.procedure.as_str())
                });
                ("spec.purpose.humanOversight", met, Finding::HumanOversightMissing)
            }
            Demand::TransparencyNotice => {
                let met = purpose.transparency_notice.as_deref().is_some_and(says_something);
                ("spec.purpose.transparencyNotice", met, Finding::TransparencyNoticeMissing)
            }
            Demand::RecordReference => {
                let reference = purpose.record_reference.as_ref();
                let met = reference.is_some_and(|reference| says_something(reference.as_str()));
                ("spec.purpose.recordReference", met, Finding::RecordReferenceMissing)
            }
            Demand::Assessment(_) | Demand::MaxAssessmentAge(_) => return None,
        };
        let lapsed_on = self.begins(duty, &[Waiver::of(demand)]);
        (!met)
            .then(|| Unmet { violation: Violation::of_rule(field, finding, duty.source.clone()), lapsed_on })
    }

    fn check_assessment(&self, type_: AssessmentType, duty: &Statement<Duty>) -> Vec<Unmet> {
        let begins = self.begins(duty, &[Waiver::Assessment(type_)]);
        let made: Vec<&Assessment> = self
            .purpose
            .assessments
            .iter()
            .flatten()
            .filter(|assessment| assessment.type_ == type_)
            .collect();
        if made.is_empty() {
            let missing = Finding::AssessmentMissing { assessment: type_ };
            let violation = Violation::of_rule("spec.purpose.assessments", missing, duty.source.clone());
            return vec![Unmet { violation, lapsed_on: begins }];
        }
        let ages = self.greatest_ages(type_);
        made.into_iter()
            .flat_map(|assessment| {
                let decided = self.check_decided(assessment, &duty.source, &ages, begins);
                decided.into_iter().chain(self.check_valid(assessment, &duty.source, begins))
            })
            .collect()
    }

    /// The greatest ages that bind assessments of this type, the least first. An exception from the assessment is one
    /// from its age too.
    fn greatest_ages(&self, type_: AssessmentType) -> Vec<GreatestAge<'a>> {
        let waivers = [Waiver::AssessmentAge, Waiver::Assessment(type_)];
        let unwaived = self.binding().filter(|duty| !self.is_waived(duty, &waivers));
        let mut ages: Vec<_> = unwaived
            .filter_map(|duty| match duty.value.demand {
                Demand::MaxAssessmentAge(days) => {
                    Some(GreatestAge { days, source: &duty.source, begins: self.begins(duty, &waivers) })
                }
                _ => None,
            })
            .collect();
        ages.sort_by_key(|age| (age.days, age.source));
        ages
    }

    /// What is wrong with the day on which an assessment was decided.
    fn check_decided(
        &self,
        assessment: &Assessment,
        source: &RuleSource,
        ages: &[GreatestAge<'_>],
        begins: Option<Date>,
    ) -> Option<Unmet> {
        let written = &assessment.decided_on;
        let Some(decided) = date::parse(written.as_str()).filter(|decided| *decided <= self.today) else {
            return Some(Unmet {
                violation: invalid(assessment, "decidedOn", written, source),
                lapsed_on: begins,
            });
        };
        let age = date::days_between(decided, self.today);
        let too_old: Vec<_> = ages.iter().filter(|greatest| age > i64::from(greatest.days)).collect();
        let least = too_old.first()?;
        let finding = Finding::AssessmentTooOld {
            assessment: assessment.type_,
            decided_on: written.to_string(),
            max_age_days: least.days,
        };
        let violation = Violation::of_rule(field(assessment, "decidedOn"), finding, least.source.clone());
        // It has been too old since the first of the ages that were passed, and is told by the least of them.
        let passed = |greatest: &&GreatestAge<'_>| {
            let first = date::days_after(decided, i64::from(greatest.days) + 1);
            greatest.begins.map_or(first, |begins| begins.max(first))
        };
        let first = too_old.iter().copied().map(|greatest| passed(&greatest)).min();
        Some(Unmet { violation, lapsed_on: first.max(begins) })
    }

    /// What is wrong with the last day of an assessment.
    fn check_valid(
        &self,
        assessment: &Assessment,
        source: &RuleSource,
        begins: Option<Date>,
    ) -> Option<Unmet> {
        let written = assessment.valid_until.as_ref()?;
        let Some(last) = date::parse(written.as_str()) else {
            return Some(Unmet {
                violation: invalid(assessment, "validUntil", written, source),
                lapsed_on: begins,
            });
        };
        if last >= self.today {
            return None;
        }
        let finding =
            Finding::AssessmentExpired { assessment: assessment.type_, valid_until: written.to_string() };
        let violation = Violation::of_rule(field(assessment, "validUntil"), finding, source.clone());
        Some(Unmet { violation, lapsed_on: Some(date::days_after(last, 1)).max(begins) })
    }
}

fn invalid(assessment: &Assessment, name: &str, written: &WrittenDate, source: &RuleSource) -> Violation {
    let finding = Finding::AssessmentDateInvalid { assessment: assessment.type_, date: written.to_string() };
    Violation::of_rule(field(assessment, name), finding, source.clone())
}

fn field(assessment: &Assessment, name: &str) -> String {
    format!("spec.purpose.assessments[type={}].{name}", assessment.type_)
}

/// Whether a text has a letter or a number. Spaces, also invisible ones, marks and dashes stand for nothing.
///
/// It is the class `[\p{L}\p{N}]` of the API server's regular expressions, so that rules in the API server can ask the
/// same, but for letters that a version of Unicode has added which only one of the two knows. The standard library's
/// `is_alphanumeric` takes some marks and symbols for letters too.
fn says_something(text: &str) -> bool {
    text.chars().any(|character| {
        let group = character.general_category_group();
        matches!(group, GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_numbers_say_something_and_nothing_else_does() {
        for text in ["a", "Å", "ß", "字", "ʰ", "7", "٣", "²", "½", "Ⅷ", " - x"] {
            assert!(says_something(text), "{text:?}");
        }
        // The circled letters and the Greek iota below are alphabetic to the standard library, and no letters.
        for text in [
            "",
            " ",
            "\u{a0}\u{200b}\u{2060}\u{feff}",
            "-–—",
            "…",
            "€",
            "\u{301}",
            "\u{345}",
            "Ⓐ",
            "😀",
            "\u{e000}",
        ] {
            assert!(!says_something(text), "{text:?}");
        }
    }
}
