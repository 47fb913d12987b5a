//! What an API server has to say to a ModelDeployment that is created, judged from what the core finds in it.
//!
//! The compiled policies know less than the core, and what they do not know is a rule here and not a list of cases:
//!
//! - They have no clock, so an assessment that has ended or is too old is not seen.
//! - Each policy is compiled by itself, so lists that only together leave nothing are not seen.
//! - Whether a model can be carried out is no question of policy. Some of it is a rule of the schema, and then the object
//!   is not valid.
//! - A model that is created does not run yet, so that a duty which was let lapse for a running one refuses it.

use hemvist_api::condition::Reason;
use hemvist_api::values::Enforcement;
use hemvist_core::rules::Found;
use hemvist_core::violation::Violation;

use crate::verdict::Answer;

/// What all compiled policies for ModelDeployments are called in the beginning.
const POLICIES: &str = "hemvist-models";

/// How an answer agrees with what the core finds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Agreement {
    /// Both admit it.
    Admitted,
    /// Both admit it, and the API server warns of what the core finds.
    Warned,
    /// Both refuse it, for a reason that the core has too.
    Refused,
    /// The schema does not let it be written, and the core cannot carry it out.
    Invalid,
}

/// Whether a compiled policy can see it.
fn is_seen(violation: &Violation) -> bool {
    violation.finding.rule().found == Found::Everywhere
}

/// Whether it is no question of policy, so that the schema may speak of it first.
fn cannot_be_carried_out(violation: &Violation) -> bool {
    matches!(violation.reason(), Reason::NotSupported | Reason::Invalid)
}

/// Holds an answer of the API server to what the core finds in the model that was sent.
///
/// # Errors
/// How they differ.
pub fn agree(
    violations: &[Violation],
    enforcement: Enforcement,
    answer: &Answer,
) -> Result<Agreement, String> {
    let seen: Vec<_> = violations.iter().filter(|violation| is_seen(violation)).collect();
    let refusing: Vec<_> = seen
        .iter()
        .copied()
        .filter(|violation| violation.is_absolute() || enforcement == Enforcement::Deny)
        .collect();
    match answer {
        Answer::Invalid(why) if !violations.iter().any(cannot_be_carried_out) => {
            Err(format!("the schema refuses what the core can carry out: {why}"))
        }
        Answer::Invalid(_) => Ok(Agreement::Invalid),
        Answer::Other(status, message) => {
            Err(format!("neither yes nor a refusal by a policy: {status} {message}"))
        }
        Answer::Admitted(_) if !refusing.is_empty() => {
            Err(format!("ADMITTED, and the core finds {refusing:#?}"))
        }
        Answer::Refused { policy, message } => {
            match refusing.iter().find(|one| is_reported(one, policy, message)) {
                Some(_) => Ok(Agreement::Refused),
                None => Err(format!("{policy} refuses with {message:?}, and the core finds {refusing:#?}")),
            }
        }
        Answer::Admitted(warnings) if enforcement == Enforcement::Warn && !seen.is_empty() => {
            let known = |(policy, message): &(String, String)| {
                seen.iter().any(|one| is_reported(one, policy, message))
            };
            if warnings.is_empty() || !warnings.iter().all(known) {
                return Err(format!("the warnings are {warnings:?}, and the core finds {seen:#?}"));
            }
            Ok(Agreement::Warned)
        }
        Answer::Admitted(warnings) if warnings.is_empty() => Ok(Agreement::Admitted),
        Answer::Admitted(warnings) => {
            Err(format!("warns of {warnings:?}, and the core has nothing to warn of"))
        }
    }
}

/// Whether a message of a compiled policy reports a violation: it names the field first, and the policy whose rule it is.
fn is_reported(violation: &Violation, policy: &str, message: &str) -> bool {
    let author = violation.rule.as_ref().map(|rule| (&rule.namespace, &rule.name));
    let names_author = author.is_none_or(|(namespace, name)| {
        policy == format!("{POLICIES}.{namespace}.{name}")
            && message.contains(&format!("AIPolicy {namespace}/{name} ("))
    });
    names_author && policy.starts_with(POLICIES) && message.starts_with(&format!("{}: ", violation.field))
}

#[cfg(test)]
mod tests {
    use hemvist_core::violation::{Finding, RuleSource};

    use super::*;

    fn missing_digest() -> Violation {
        let rule = RuleSource {
            namespace: "root".to_owned(),
            name: "region".to_owned(),
            generation: 1,
            field: "spec.images.requireDigest".to_owned(),
        };
        Violation::of_rule("spec.engine.image", Finding::DigestMissing, rule)
    }

    fn refused(policy: &str, message: &str) -> Answer {
        let by = format!("ValidatingAdmissionPolicy '{policy}' with binding '{policy}' denied request");
        Answer::read(403, &[], &serde_json::json!({ "message": format!("{by}: {message}") }).to_string())
    }

    const SAID: &str =
        "spec.engine.image: no digest, required by AIPolicy root/region (spec.images.requireDigest).";

    #[test]
    fn the_same_reason_agrees() {
        let answer = refused("hemvist-models.root.region.only.1", SAID);
        assert_eq!(agree(&[missing_digest()], Enforcement::Deny, &answer), Ok(Agreement::Refused));
        assert_eq!(agree(&[], Enforcement::Deny, &Answer::Admitted(Vec::new())), Ok(Agreement::Admitted));
    }

    #[test]
    fn a_difference_is_found() {
        let violations = [missing_digest()];
        let differ = |violations: &[Violation], enforcement, answer: &Answer| {
            assert!(agree(violations, enforcement, answer).is_err(), "{answer:?}");
        };
        let admitted = Answer::Admitted(Vec::new());
        differ(&violations, Enforcement::Deny, &admitted);
        differ(&violations, Enforcement::Warn, &admitted);
        differ(&[], Enforcement::Deny, &refused("hemvist-models.root.region", SAID));
        differ(&violations, Enforcement::Warn, &refused("hemvist-models.root.region", SAID));
        differ(&violations, Enforcement::Deny, &refused("hemvist-models.root.other", SAID));
        differ(
            &violations,
            Enforcement::Deny,
            &refused("hemvist-models.root.region", "spec.model.digest: no"),
        );
        differ(&violations, Enforcement::Deny, &Answer::Invalid("too long".to_owned()));
        differ(&violations, Enforcement::Deny, &Answer::Other(403, "no right".to_owned()));
    }

    #[test]
    fn what_needs_a_clock_is_not_seen() {
        let finding = Finding::AssessmentExpired {
            assessment: hemvist_api::values::AssessmentType::DPIA,
            valid_until: "2025-06-01".to_owned(),
        };
        let rule = missing_digest().rule.unwrap();
        let expired = Violation::of_rule("spec.purpose.assessments[type=DPIA].validUntil", finding, rule);
        let answer = Answer::Admitted(Vec::new());
        assert_eq!(agree(&[expired], Enforcement::Deny, &answer), Ok(Agreement::Admitted));
    }
}
