//! Whether the API server itself refuses what an AIPolicy forbids.

use std::fmt::Write;

use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason};
use hemvist_api::values::Enforcement;

use super::draft;
use crate::admission::{Compiled, Scope};
use crate::rules::listing;

/// What is known of how the API server enforces an AIPolicy as it is now.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Compilation {
    /// Nothing is compiled.
    #[default]
    Off,
    /// It is not known yet to be in force.
    NotYet {
        /// What is under way, as a sentence.
        why: String,
    },
    /// It is not in force, and not for want of time.
    Failed {
        /// What is wrong, as a sentence.
        why: String,
    },
    /// Everything of it that can be probed has refused a probe.
    Proven {
        /// The names of what was tried.
        policies: Vec<String>,
        /// Where a breach is only warned about, or only noted.
        lenient: Vec<(Enforcement, Scope)>,
    },
}

impl Compilation {
    /// What an AIPolicy is compiled to has been tried and refused what it should; `tried` are the names of what could be.
    pub fn proven(compiled: &[Compiled], tried: Vec<String>) -> Self {
        let mut lenient: Vec<(Enforcement, Scope)> = Vec::new();
        for (enforcement, scope) in compiled.iter().flat_map(|one| &one.actions) {
            let entry = (*enforcement, scope.clone());
            if *enforcement != Enforcement::Deny && !scope.is_nowhere() && !lenient.contains(&entry) {
                lenient.push(entry);
            }
        }
        Self::Proven { policies: tried, lenient }
    }
}

/// The condition that says so.
pub(super) fn enforced(compilation: &Compilation) -> ConditionDraft {
    let (status, reason, message) = match compilation {
        Compilation::Off => (
            ConditionStatus::False,
            Reason::ControllerOnly,
            "Only the controller enforces this policy: compiling policies into the API server is off (admission.enabled in the chart)."
                .to_owned(),
        ),
        Compilation::NotYet { why } => (
            ConditionStatus::False,
            Reason::NotYetEnforced,
            format!("{why} Until then only the controller enforces it."),
        ),
        Compilation::Failed { why } => (ConditionStatus::False, Reason::EnforcementFailed, why.clone()),
        Compilation::Proven { policies, lenient } => {
            (ConditionStatus::True, Reason::Enforced, proven(policies, lenient))
        }
    };
    draft(ConditionType::Enforced, status, reason, message)
}

fn proven(policies: &[String], lenient: &[(Enforcement, Scope)]) -> String {
    let tried = listing(policies.iter(), "nothing");
    let mut message = format!("The API server enforces the policy. Verified by dry run: {tried}.");
    for (enforcement, scope) in lenient {
        let what = match enforcement {
            Enforcement::Audit => "only recorded in the audit log",
            Enforcement::Warn | Enforcement::Deny => "only warned about",
        };
        // Writing to a String cannot fail.
        let _ = write!(
            message,
            " In {}, violations by ModelDeployments are {what}, because the strictest enforcement there is {enforcement}.",
            in_words(scope)
        );
    }
    message
}

fn in_words(scope: &Scope) -> String {
    match scope {
        Scope::Only(names) => listing(names.iter(), "no namespace"),
        Scope::AllBut(names) if names.is_empty() => "every namespace".to_owned(),
        Scope::AllBut(names) => format!("every namespace except {}", listing(names.iter(), "none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(compilation: &Compilation) -> String {
        let draft = enforced(compilation);
        format!("{} {}: {}", draft.status.as_str(), draft.reason, draft.message)
    }

    #[test]
    fn warnings_are_reported() {
        let only = |name: &str| Scope::Only([name.to_owned()].into());
        let lenient =
            vec![(Enforcement::Warn, only("halsa")), (Enforcement::Audit, only("teknik").complement())];
        let proven = Compilation::Proven { policies: vec!["a".to_owned(), "b".to_owned()], lenient };
        assert_eq!(
            reported(&proven),
            "True Enforced: The API server enforces the policy. Verified by dry run: a, b. In halsa, \
             violations by ModelDeployments are only warned about, because the strictest enforcement there is Warn. In every \
             namespace except teknik, violations by ModelDeployments are only recorded in the audit log, because the \
             strictest enforcement there is Audit."
        );
    }

    #[test]
    fn what_is_not_proven_is_not_enforced() {
        assert!(reported(&Compilation::Off).starts_with("False ControllerOnly: "));
        let why = || "It is being tried.".to_owned();
        assert_eq!(
            reported(&Compilation::NotYet { why: why() }),
            "False NotYetEnforced: It is being tried. Until then only the controller enforces it."
        );
        assert_eq!(
            reported(&Compilation::Failed { why: why() }),
            "False EnforcementFailed: It is being tried."
        );
    }
}
