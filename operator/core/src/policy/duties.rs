//! What has to be in place before a model is introduced.

use hemvist_api::ai_policy::{Requirements, RiskClassRequirements};
use hemvist_api::model_deployment::{Assessment, Purpose};
use hemvist_api::values::{AssessmentType, Date as WrittenDate, InformationClass, RiskClass};
use k8s_openapi::jiff::civil::Date;

use super::EffectivePolicy;
use super::limit::Statement;
use crate::date;
use crate::violation::{Finding, RuleSource, Violation};

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

/// The duties of `purpose` that are not met.
pub(super) fn check(policy: &EffectivePolicy, purpose: &Purpose, today: Date) -> Vec<Violation> {
    let concerns = |duty: &&Statement<Duty>| {
        duty.value.concerns(purpose.information_class, purpose.risk_class) && duty.value.binds_on(today)
    };
    let duties: Vec<&Statement<Duty>> = policy.duties.iter().filter(concerns).collect();
    let greatest_age = duties
        .iter()
        .filter_map(|duty| match duty.value.demand {
            Demand::MaxAssessmentAge(days) => Some((days, &duty.source)),
            _ => None,
        })
        .min();
    let mut violations = Vec::new();
    for duty in duties {
        let Statement { source, value, .. } = duty;
        match value.demand {
            Demand::Assessment(type_) => {
                violations.extend(check_assessment(purpose, type_, source, greatest_age, today));
            }
            Demand::MaxAssessmentAge(_) => {}
            demand => violations.extend(check_description(purpose, demand, source)),
        }
    }
    violations
}

fn check_description(purpose: &Purpose, demand: Demand, source: &RuleSource) -> Option<Violation> {
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
            let met =
                purpose.record_reference.as_ref().is_some_and(|reference| says_something(reference.as_str()));
            ("spec.purpose.recordReference", met, Finding::RecordReferenceMissing)
        }
        Demand::Assessment(_) | Demand::MaxAssessmentAge(_) => return None,
    };
    (!met).then(|| Violation::of_rule(field, finding, source.clone()))
}

/// Whether a text has a letter or a digit. Spaces, also invisible ones, and dashes stand for nothing.
fn says_something(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

fn check_assessment(
    purpose: &Purpose,
    type_: AssessmentType,
    source: &RuleSource,
    greatest_age: Option<(i32, &RuleSource)>,
    today: Date,
) -> Vec<Violation> {
    let made: Vec<&Assessment> =
        purpose.assessments.iter().flatten().filter(|assessment| assessment.type_ == type_).collect();
    if made.is_empty() {
        let missing = Finding::AssessmentMissing { assessment: type_ };
        return vec![Violation::of_rule("spec.purpose.assessments", missing, source.clone())];
    }
    made.into_iter().flat_map(|assessment| check_dates(assessment, source, greatest_age, today)).collect()
}

/// What is wrong with the dates of an assessment that is required.
fn check_dates(
    assessment: &Assessment,
    source: &RuleSource,
    greatest_age: Option<(i32, &RuleSource)>,
    today: Date,
) -> Vec<Violation> {
    let type_ = assessment.type_;
    let field = |name: &str| format!("spec.purpose.assessments[type={type_}].{name}");
    let invalid = |name: &str, written: &WrittenDate| {
        let finding = Finding::AssessmentDateInvalid { assessment: type_, date: written.to_string() };
        Violation::of_rule(field(name), finding, source.clone())
    };
    let mut violations = Vec::new();

    let written = &assessment.decided_on;
    match (date::parse(written.as_str()).filter(|decided| *decided <= today), greatest_age) {
        (None, _) => violations.push(invalid("decidedOn", written)),
        (Some(decided), Some((max_age_days, rule)))
            if date::days_between(decided, today) > i64::from(max_age_days) =>
        {
            let decided_on = written.to_string();
            let finding = Finding::AssessmentTooOld { assessment: type_, decided_on, max_age_days };
            violations.push(Violation::of_rule(field("decidedOn"), finding, rule.clone()));
        }
        _ => {}
    }

    if let Some(written) = &assessment.valid_until {
        match date::parse(written.as_str()) {
            None => violations.push(invalid("validUntil", written)),
            Some(last) if last < today => {
                let finding =
                    Finding::AssessmentExpired { assessment: type_, valid_until: written.to_string() };
                violations.push(Violation::of_rule(field("validUntil"), finding, source.clone()));
            }
            Some(_) => {}
        }
    }
    violations
}
