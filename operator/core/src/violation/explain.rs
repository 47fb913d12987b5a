//! What a violation says to people: the field, what is wrong, who says so, and what would help.

use std::fmt::Display;

use super::{AllowList, Finding, RuleSource, Violation};

/// The most values that are listed in one sentence.
const MAX_LISTED: usize = 8;

/// The most violations that a summary tells in full.
const MAX_TOLD: usize = 5;

/// The longest summary, in characters.
const MAX_SUMMARY: usize = 1000;

impl Violation {
    /// The violation in one or two sentences.
    pub fn message(&self) -> String {
        let fault = self.fault();
        let help = self.help();
        if help.is_empty() {
            format!("{}: {fault}.", self.field)
        } else {
            format!("{}: {fault}. {help}", self.field)
        }
    }

    /// What is wrong, and who says so.
    fn fault(&self) -> String {
        match &self.finding {
            Finding::NoPolicy { .. }
            | Finding::UngovernedNamespace
            | Finding::PolicyUnreadable { .. }
            | Finding::RiskClassUnacceptable => absolute_fault(&self.finding),
            Finding::NotInList { list, value, allowed } => {
                let allowed = listing(allowed.iter(), "nothing");
                let noun = noun(*list);
                if let Some(RuleSource { namespace, name, field, .. }) = &self.rule {
                    format!(
                        "{noun} {value} is not allowed by AIPolicy {namespace}/{name} ({field}); the policies that \
                         bind here allow {allowed}"
                    )
                } else {
                    format!("{noun} {value} is not allowed; the policies that bind here allow {allowed}")
                }
            }
            Finding::ListNotStated { list, policy_field } => {
                let noun = noun(*list);
                format!("no AIPolicy of the root namespace states {policy_field}, so no {noun} is allowed")
            }
            Finding::NothingLeft { list } => {
                let noun = noun(*list);
                format!(
                    "no {noun} is left that every policy allows{}",
                    self.decided_by("; the last was taken away by")
                )
            }
            Finding::AssessmentMissing { .. }
            | Finding::AssessmentExpired { .. }
            | Finding::AssessmentTooOld { .. }
            | Finding::AssessmentDateInvalid { .. } => {
                format!("{}{}", assessment_fault(&self.finding), self.decided_by(", required by"))
            }
            Finding::HumanOversightMissing => {
                format!("human oversight is not described{}", self.decided_by(", as required by"))
            }
            Finding::TransparencyNoticeMissing => {
                format!("there is no transparency notice{}", self.decided_by(", as required by"))
            }
            Finding::RecordReferenceMissing => {
                format!("there is no record reference{}", self.decided_by(", as required by"))
            }
            Finding::DigestMissing => {
                format!("there is no SHA-256 digest{}", self.decided_by(", as required by"))
            }
            Finding::ArgumentNotAllowed { argument, engine } => format!(
                "argument {argument} is neither in the list of {engine} nor in spec.engines.allowedArgs of the policies"
            ),
            Finding::IsolationTooLow { asked, demanded } => {
                format!(
                    "isolation {asked} is less than {demanded}{}",
                    self.decided_by(", which is demanded by")
                )
            }
            Finding::NotSupported { what, .. } => format!("{what} is not supported in this version"),
            Finding::Invalid { why, .. } => why.trim_end_matches('.').to_owned(),
        }
    }

    /// The rule behind `words`, or nothing where no policy is needed to say it.
    fn decided_by(&self, words: &str) -> String {
        self.rule.as_ref().map_or_else(String::new, |rule| format!("{words} {rule}"))
    }

    /// What would help, as a sentence of its own; empty where nothing can be advised.
    fn help(&self) -> String {
        match &self.finding {
            Finding::NoPolicy { root_namespace } => {
                format!("Create an AIPolicy in {root_namespace} that binds this namespace.")
            }
            Finding::UngovernedNamespace => "Move the ModelDeployment to a governed namespace.".to_owned(),
            Finding::PolicyUnreadable { policy, .. } => {
                format!("Correct AIPolicy {policy}, or use a version of Hemvist that can read it.")
            }
            Finding::RiskClassUnacceptable => "No policy can allow it.".to_owned(),
            Finding::NotInList { list, .. } => help_with_list(*list).to_owned(),
            Finding::ListNotStated { policy_field, .. } => {
                format!("State {policy_field} in an AIPolicy of the root namespace.")
            }
            Finding::NothingLeft { .. } => "The policies have to agree on at least one.".to_owned(),
            Finding::AssessmentMissing { assessment } => {
                format!("Make the assessment and record it with type {assessment}.")
            }
            Finding::AssessmentExpired { .. } | Finding::AssessmentTooOld { .. } => {
                "Renew the assessment and record the new decision.".to_owned()
            }
            Finding::AssessmentDateInvalid { .. } => {
                "Write the day of the calendar as YYYY-MM-DD; a decision cannot be dated in the future."
                    .to_owned()
            }
            Finding::HumanOversightMissing => "State responsible and procedure.".to_owned(),
            Finding::TransparencyNoticeMissing => "State what people who meet the model are told.".to_owned(),
            Finding::RecordReferenceMissing => "State the number in the diary.".to_owned(),
            Finding::DigestMissing if self.field.ends_with(".digest") => {
                "State sha256: and 64 digits.".to_owned()
            }
            Finding::DigestMissing => "Name the image by digest, as in NAME@sha256:DIGEST.".to_owned(),
            Finding::ArgumentNotAllowed { .. } => {
                "Leave it out, or have every policy that lists arguments allow it.".to_owned()
            }
            Finding::IsolationTooLow { demanded, .. } => format!("Ask for {demanded}."),
            Finding::NotSupported { instead, .. } | Finding::Invalid { instead, .. } => sentence(instead),
        }
    }

    /// How grave it is: the smaller, the sooner it is told.
    const fn rank(&self) -> u8 {
        match &self.finding {
            Finding::UngovernedNamespace | Finding::PolicyUnreadable { .. } | Finding::NoPolicy { .. } => 0,
            Finding::RiskClassUnacceptable => 1,
            Finding::NotInList { list, .. }
            | Finding::ListNotStated { list, .. }
            | Finding::NothingLeft { list } => match list {
                AllowList::InformationClasses => 2,
                AllowList::RiskClasses => 3,
                AllowList::Regions | AllowList::DataCentres => 4,
                AllowList::Registries => 7,
                AllowList::Licences | AllowList::Formats => 8,
                AllowList::Engines => 9,
            },
            Finding::AssessmentMissing { .. }
            | Finding::AssessmentExpired { .. }
            | Finding::AssessmentTooOld { .. }
            | Finding::AssessmentDateInvalid { .. } => 5,
            Finding::HumanOversightMissing
            | Finding::TransparencyNoticeMissing
            | Finding::RecordReferenceMissing => 6,
            Finding::DigestMissing => 7,
            Finding::ArgumentNotAllowed { .. } => 9,
            Finding::IsolationTooLow { .. } | Finding::NotSupported { .. } | Finding::Invalid { .. } => 10,
        }
    }
}

/// The gravest violation, whose reason stands for all; the first of several that are equally grave.
pub fn primary(violations: &[Violation]) -> Option<&Violation> {
    violations.iter().min_by_key(|violation| violation.rank())
}

/// The violations in at most 1,000 characters, the gravest first.
pub fn summary(violations: &[Violation]) -> String {
    let mut ordered: Vec<&Violation> = violations.iter().collect();
    ordered.sort_by_key(|violation| violation.rank());
    let told: Vec<String> = ordered.iter().take(MAX_TOLD).map(|violation| violation.message()).collect();
    let rest = match violations.len().saturating_sub(MAX_TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let room = MAX_SUMMARY.saturating_sub(rest.chars().count());
    shortened(&told.join(" "), room) + &rest
}

/// At most `longest` characters of `text`, with `…` at the end where it was cut.
pub(crate) fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(1)).chain(['…']).collect()
}

/// The values with commas, `none` where there is none; of many, the first and the number of the others.
pub(crate) fn listing<T: Display>(values: impl ExactSizeIterator<Item = T>, none: &str) -> String {
    let count = values.len();
    if count == 0 {
        return none.to_owned();
    }
    let listed: Vec<String> = values.take(MAX_LISTED).map(|value| value.to_string()).collect();
    let more = match count.saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    listed.join(", ") + &more
}

/// The fault of a finding that no policy can change.
fn absolute_fault(finding: &Finding) -> String {
    match finding {
        Finding::NoPolicy { root_namespace } => {
            format!("no AIPolicy of {root_namespace} binds the namespace, so nothing is allowed in it")
        }
        Finding::UngovernedNamespace => {
            "the namespace is not governed, so no model is served in it".to_owned()
        }
        Finding::PolicyUnreadable { policy, error } => {
            format!(
                "AIPolicy {policy} may bind the namespace and cannot be read: {}",
                error.trim_end_matches('.')
            )
        }
        _ => "Unacceptable risk is forbidden by AI Act (Regulation (EU) 2024/1689) Article 5".to_owned(),
    }
}

fn assessment_fault(finding: &Finding) -> String {
    match finding {
        Finding::AssessmentMissing { assessment } => format!("there is no assessment of type {assessment}"),
        Finding::AssessmentExpired { assessment, valid_until } => {
            format!("the assessment of type {assessment} was valid until {valid_until}")
        }
        Finding::AssessmentTooOld { assessment, decided_on, max_age_days } => format!(
            "the assessment of type {assessment} was decided on {decided_on}, more than {max_age_days} days ago"
        ),
        Finding::AssessmentDateInvalid { assessment, date } => {
            format!("the assessment of type {assessment} has {date} for a date, which cannot be")
        }
        _ => String::new(),
    }
}

/// What a value of the list is called.
pub(crate) const fn noun(list: AllowList) -> &'static str {
    match list {
        AllowList::InformationClasses => "information class",
        AllowList::RiskClasses => "risk class",
        AllowList::Regions => "region",
        AllowList::DataCentres => "data centre",
        AllowList::Licences => "licence",
        AllowList::Formats => "format",
        AllowList::Registries => "registry",
        AllowList::Engines => "engine",
    }
}

/// What helps where a value is not in the list.
pub(crate) const fn help_with_list(list: AllowList) -> &'static str {
    match list {
        AllowList::InformationClasses => {
            "Use a class that is allowed, or have the class added to the policy."
        }
        AllowList::RiskClasses => "Have the risk class added to the policy, with its duties.",
        AllowList::Regions | AllowList::DataCentres => {
            "Ask for one that every policy allows, or leave it out."
        }
        AllowList::Licences => {
            "Choose a model with a licence that is allowed, or have the licence judged and added."
        }
        AllowList::Formats => "Convert the weights to a format that is allowed.",
        AllowList::Registries => "Mirror the image there and name it by digest.",
        AllowList::Engines => "Use an engine that is allowed.",
    }
}

/// The text as a sentence with one full stop.
fn sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

#[cfg(test)]
mod tests {
    use hemvist_api::values::AssessmentType;

    use super::*;

    fn violation(field: &str, finding: Finding) -> Violation {
        Violation::plain(field, finding)
    }

    #[test]
    fn the_gravest_is_told_first_and_the_rest_is_counted() {
        let missing =
            |assessment| violation("spec.purpose.assessments", Finding::AssessmentMissing { assessment });
        let mut violations: Vec<Violation> = AssessmentType::ALL.iter().copied().map(missing).collect();
        violations.push(violation("spec.purpose.riskClass", Finding::RiskClassUnacceptable));
        assert_eq!(primary(&violations).map(|first| first.field.as_str()), Some("spec.purpose.riskClass"));
        let text = summary(&violations);
        assert!(text.starts_with("spec.purpose.riskClass: ") && text.ends_with(". and 2 more"), "{text}");
        assert_eq!(primary(&[]), None);
        assert_eq!(summary(&[]), "");
    }

    #[test]
    fn a_summary_is_cut_between_letters() {
        let why = "å".repeat(400);
        let invalid = |field: &str| {
            violation(
                field,
                Finding::Invalid { why: why.clone(), instead: "write something else.".to_owned() },
            )
        };
        let violations: Vec<Violation> = ["a", "b", "c", "d", "e", "f"].into_iter().map(invalid).collect();
        let text = summary(&violations);
        assert_eq!(text.chars().count(), MAX_SUMMARY);
        assert!(text.ends_with("… and 1 more"), "{text}");
        assert!(invalid("a").message().ends_with(". Write something else."));
    }
}
