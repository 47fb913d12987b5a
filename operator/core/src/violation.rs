//! What is wrong with a ModelDeployment: a code with its facts. Text is made from it last, in [`explain`].

mod explain;

pub(crate) use explain::{help_with_list, listing, noun, shortened};
pub use explain::{primary, summary};

use std::fmt;

use hemvist_api::condition::Reason;
use hemvist_api::values::{AssessmentType, Isolation};

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

/// A list of what is allowed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AllowList {
    /// Information classes.
    InformationClasses,
    /// Risk classes.
    RiskClasses,
    /// Regions.
    Regions,
    /// Data centres.
    DataCentres,
    /// Licences.
    Licences,
    /// Formats.
    Formats,
    /// Registries.
    Registries,
    /// Engines.
    Engines,
}

/// What is wrong.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Finding {
    /// No policy of the root namespace binds the namespace.
    NoPolicy {
        /// The root namespace.
        root_namespace: String,
    },
    /// The namespace is not governed, so nothing may be served in it.
    UngovernedNamespace,
    /// A policy that may bind the namespace cannot be read.
    PolicyUnreadable {
        /// Namespace and name of the policy.
        policy: String,
        /// Why not.
        error: String,
    },
    /// The risk class is forbidden by AI Act Article 5, whatever a policy says.
    RiskClassUnacceptable,
    /// A value is not in a list.
    NotInList {
        /// The list.
        list: AllowList,
        /// The value.
        value: String,
        /// What all policies together allow, in order.
        allowed: Vec<String>,
    },
    /// No policy of the root namespace states a list, so it allows nothing.
    ListNotStated {
        /// The list.
        list: AllowList,
        /// The field in which a policy of the root namespace would state it.
        policy_field: String,
    },
    /// All policies together leave nothing of a list.
    NothingLeft {
        /// The list.
        list: AllowList,
    },
    /// A required assessment is missing.
    AssessmentMissing {
        /// The kind of assessment.
        assessment: AssessmentType,
    },
    /// The last day of a required assessment has passed.
    AssessmentExpired {
        /// The kind of assessment.
        assessment: AssessmentType,
        /// Its last day.
        valid_until: String,
    },
    /// A required assessment was decided too long ago, or on a day that has not come.
    AssessmentTooOld {
        /// The kind of assessment.
        assessment: AssessmentType,
        /// The day of its decision.
        decided_on: String,
        /// The greatest age, in days.
        max_age_days: i32,
    },
    /// A required assessment is dated in the future or on a day that does not exist.
    AssessmentDateInvalid {
        /// The kind of assessment.
        assessment: AssessmentType,
        /// The date.
        date: String,
    },
    /// Human oversight is required and not described.
    HumanOversightMissing,
    /// A transparency notice is required and missing.
    TransparencyNoticeMissing,
    /// A record reference is required and missing.
    RecordReferenceMissing,
    /// A digest is required and missing.
    DigestMissing,
    /// An argument is neither in the engine's allow-list nor in the policy's.
    ArgumentNotAllowed {
        /// Name of the argument.
        argument: String,
        /// Name of the engine.
        engine: String,
    },
    /// Less isolation is asked for than the class demands.
    IsolationTooLow {
        /// What is asked for.
        asked: Isolation,
        /// What is demanded.
        demanded: Isolation,
    },
    /// Something is asked for that this version does not carry out.
    NotSupported {
        /// What it is.
        what: String,
        /// What to write instead.
        instead: String,
    },
    /// A value that cannot be carried out.
    Invalid {
        /// Why.
        why: String,
        /// What to write instead.
        instead: String,
    },
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

    /// The reason that stands in a condition.
    pub const fn reason(&self) -> Reason {
        match &self.finding {
            Finding::NoPolicy { .. } | Finding::UngovernedNamespace => Reason::NoPolicy,
            Finding::PolicyUnreadable { .. } => Reason::PolicyUnreadable,
            Finding::RiskClassUnacceptable => Reason::RiskClassUnacceptable,
            Finding::NotInList { list, .. }
            | Finding::ListNotStated { list, .. }
            | Finding::NothingLeft { list } => list.reason(),
            Finding::AssessmentMissing { .. } => Reason::AssessmentMissing,
            Finding::AssessmentExpired { .. }
            | Finding::AssessmentTooOld { .. }
            | Finding::AssessmentDateInvalid { .. } => Reason::AssessmentExpired,
            Finding::HumanOversightMissing => Reason::HumanOversightMissing,
            Finding::TransparencyNoticeMissing => Reason::TransparencyNoticeMissing,
            Finding::RecordReferenceMissing => Reason::RecordReferenceMissing,
            Finding::DigestMissing => Reason::DigestMissing,
            Finding::ArgumentNotAllowed { .. } => Reason::ArgumentNotAllowed,
            Finding::IsolationTooLow { .. } => Reason::IsolationTooLow,
            Finding::NotSupported { .. } => Reason::NotSupported,
            Finding::Invalid { .. } => Reason::Invalid,
        }
    }

    /// Whether it is a duty that is not met. Of violations only these can be waived, and can lapse.
    pub const fn is_duty(&self) -> bool {
        matches!(
            self.finding,
            Finding::AssessmentMissing { .. }
                | Finding::AssessmentExpired { .. }
                | Finding::AssessmentTooOld { .. }
                | Finding::AssessmentDateInvalid { .. }
                | Finding::HumanOversightMissing
                | Finding::TransparencyNoticeMissing
                | Finding::RecordReferenceMissing
        )
    }

    /// Whether the violation refuses even where every policy only warns. What nobody may allow, what no policy speaks of,
    /// and what cannot be carried out is refused always.
    pub const fn is_absolute(&self) -> bool {
        matches!(
            self.finding,
            Finding::NoPolicy { .. }
                | Finding::UngovernedNamespace
                | Finding::PolicyUnreadable { .. }
                | Finding::RiskClassUnacceptable
                | Finding::ListNotStated { .. }
                | Finding::ArgumentNotAllowed { .. }
                | Finding::NotSupported { .. }
                | Finding::Invalid { .. }
        )
    }
}

impl AllowList {
    const fn reason(self) -> Reason {
        match self {
            Self::InformationClasses => Reason::InformationClassNotAllowed,
            Self::RiskClasses => Reason::RiskClassNotAllowed,
            Self::Regions => Reason::RegionNotAllowed,
            Self::DataCentres => Reason::DataCentreNotAllowed,
            Self::Licences => Reason::LicenceNotAllowed,
            Self::Formats => Reason::FormatNotAllowed,
            Self::Registries => Reason::RegistryNotAllowed,
            Self::Engines => Reason::EngineNotAllowed,
        }
    }
}
