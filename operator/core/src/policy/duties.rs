//! Duties as policies set them: what must be in place before a model is put into service.

use hemvist_api::ai_policy::{Requirements, RiskClassRequirements};
use hemvist_api::values::{AssessmentType, Date as WrittenDate, InformationClass, RiskClass};
use k8s_openapi::jiff::civil::Date;

/// The class whose rule makes a duty.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Scope {
    Information(InformationClass),
    Risk(RiskClass),
}

/// What a duty demands.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Demand {
    Assessment(AssessmentType),
    /// The greatest age of every assessment that the model has to have, in days.
    MaxAssessmentAge(i32),
    HumanOversight,
    TransparencyNotice,
    RecordReference,
}

/// A demand on the models of a class, from a day on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Duty {
    pub scope: Scope,
    pub demand: Demand,
    /// The first day that it binds; `None` for always.
    pub not_before: Option<Date>,
}

/// The `requires` of a rule, the same for information classes and risk classes.
#[derive(Default)]
pub(super) struct StatedDuties<'a> {
    pub assessments: &'a [AssessmentType],
    pub human_oversight: Option<bool>,
    pub transparency_notice: Option<bool>,
    pub record_reference: Option<bool>,
    pub max_assessment_age_days: Option<i32>,
    pub not_before: Option<&'a WrittenDate>,
}

impl Scope {
    /// The rule of the class in an AIPolicy.
    pub fn path(self) -> String {
        match self {
            Self::Information(class) => format!("spec.informationClasses[class={class}]"),
            Self::Risk(class) => format!("spec.riskClasses[class={class}]"),
        }
    }
}

impl Duty {
    /// Whether it concerns a model of these classes.
    pub fn concerns(&self, class: InformationClass, risk: RiskClass) -> bool {
        self.scope == Scope::Information(class) || self.scope == Scope::Risk(risk)
    }

    /// Whether its day has come.
    pub fn binds_on(&self, today: Date) -> bool {
        self.not_before.is_none_or(|first| today >= first)
    }
}

impl StatedDuties<'_> {
    /// The demands, each with its field below `requires`.
    pub fn demands(&self) -> Vec<(&'static str, Demand)> {
        let mut demands: Vec<_> =
            self.assessments.iter().map(|type_| ("assessments", Demand::Assessment(*type_))).collect();
        let age = self.max_assessment_age_days.map(Demand::MaxAssessmentAge);
        demands.extend(age.map(|age| ("maxAssessmentAgeDays", age)));
        let switches = self.switches().into_iter().filter(|(_, stated, _)| *stated == Some(true));
        demands.extend(switches.map(|(field, _, demand)| (field, demand)));
        demands
    }

    /// The demands that are made by `true`, each with its field and what is stated.
    pub const fn switches(&self) -> [(&'static str, Option<bool>, Demand); 3] {
        [
            ("humanOversight", self.human_oversight, Demand::HumanOversight),
            ("transparencyNotice", self.transparency_notice, Demand::TransparencyNotice),
            ("recordReference", self.record_reference, Demand::RecordReference),
        ]
    }
}

impl<'a> From<&'a Requirements> for StatedDuties<'a> {
    fn from(requires: &'a Requirements) -> Self {
        Self {
            assessments: requires.assessments.as_deref().unwrap_or_default(),
            human_oversight: requires.human_oversight,
            transparency_notice: requires.transparency_notice,
            record_reference: requires.record_reference,
            max_assessment_age_days: requires.max_assessment_age_days,
            not_before: None,
        }
    }
}

impl<'a> From<&'a RiskClassRequirements> for StatedDuties<'a> {
    fn from(requires: &'a RiskClassRequirements) -> Self {
        Self {
            assessments: requires.assessments.as_deref().unwrap_or_default(),
            human_oversight: requires.human_oversight,
            transparency_notice: requires.transparency_notice,
            record_reference: requires.record_reference,
            max_assessment_age_days: requires.max_assessment_age_days,
            not_before: requires.not_before.as_ref(),
        }
    }
}
