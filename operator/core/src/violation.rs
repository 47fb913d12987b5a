//! What is wrong with a ModelDeployment: a finding of the catalogue, with its field and the policy that says so.

mod explain;

pub use explain::{primary, summary};

use std::fmt;

use hemvist_api::condition::Reason;

pub use crate::rules::{AllowList, Finding, RequestFinding};

/// The place of a rule: a field of an AIPolicy at a generation.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RuleSource {
    /// Namespace of the policy.
    pub namespace: String,
    /// Name of the policy.
    pub name: String,
    /// Generation of the policy when it was read.
    pub generation: i64,
    /// The field, such as `spec.informationClasses[class=Sensitive].requires.assessments`.
    pub field: String,
}

impl fmt::Display for RuleSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AIPolicy {}/{} ({})", self.namespace, self.name, self.field)
    }
}

/// Something that is wrong with a ModelDeployment, where, and who says so.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Violation {
    /// The field of the ModelDeployment, such as `spec.engine.image`.
    pub field: String,
    /// What is wrong.
    pub finding: Finding,
    /// The rule that says so; `None` where no policy is needed to say it.
    pub rule: Option<RuleSource>,
}

impl Violation {
    /// A violation of a rule of a policy.
    pub fn of_rule(field: impl Into<String>, finding: Finding, rule: RuleSource) -> Self {
        Self { field: field.into(), finding, rule: Some(rule) }
    }

    /// A violation that needs no policy.
    pub fn plain(field: impl Into<String>, finding: Finding) -> Self {
        Self { field: field.into(), finding, rule: None }
    }

    /// A field that cannot work, whatever the policies say.
    pub fn of_request(field: impl Into<String>, finding: RequestFinding) -> Self {
        Self::plain(field, Finding::Request(finding))
    }

    /// The reason that stands in a condition.
    pub fn reason(&self) -> Reason {
        match &self.finding {
            Finding::NotInList { list, .. }
            | Finding::ListNotStated { list, .. }
            | Finding::NothingLeft { list } => list.reason(),
            other => other.rule().reasons.first().copied().unwrap_or(Reason::Invalid),
        }
    }

    /// Whether it is a duty that is not met. Of violations only these can be waived, and can lapse.
    pub fn is_duty(&self) -> bool {
        matches!(
            self.reason(),
            Reason::AssessmentMissing
                | Reason::AssessmentExpired
                | Reason::HumanOversightMissing
                | Reason::TransparencyNoticeMissing
                | Reason::RecordReferenceMissing
        )
    }

    /// Whether the violation refuses even where every policy only warns: nobody may allow it, no policy allows it, or it
    /// cannot work.
    pub const fn is_absolute(&self) -> bool {
        self.finding.rule().absolute
    }
}
