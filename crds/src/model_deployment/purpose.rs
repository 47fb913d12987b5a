//! What a model is for, who answers for it, and on which grounds.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::values::{
    AssessmentType, Audience, Date, DecisionSupport, IncidentKind, InformationClass, Reference, RiskClass,
};

/// What the model is for, who answers for it and on which assessments it rests.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Purpose {
    /// What the model is used for, in plain language. Example: `Sammanfattning av journaltext`.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,

    /// More about the use, in plain language. Example: `Underlag för läkarens sammanfattning inför utskrivning.`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub description: Option<String>,

    /// Who answers for the use.
    pub owner: Owner,

    /// The highest class of information that the model will be given. Example: `Sensitive`.
    pub information_class: InformationClass,

    /// Whether the model will be given personal data. Example: `true`.
    pub personal_data: bool,

    /// The risk class of the use under the EU AI Act. Example: `High`.
    pub risk_class: RiskClass,

    /// How far the answers take part in decisions about people. Example: `Advisory`.
    pub decision_support: DecisionSupport,

    /// Who meets the model. Example: `Staff`.
    pub audience: Audience,

    /// Who oversees the model, and how. Some classes require it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_oversight: Option<HumanOversight>,

    /// The notice to people who use the model. Example: `Du samtalar med ett AI-system.`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    pub transparency_notice: Option<String>,

    /// The registry number of the decision. Example: `RJL 2026/1234`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_reference: Option<Reference>,

    /// Where the information that the model is given has been mapped. Example: `RJL 2026/77`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub information_plan_reference: Option<Reference>,

    /// The assessments that were made before the model was introduced, one of each type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub assessments: Option<Vec<Assessment>>,
}

/// Who answers for the use of a model.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// The public body. Example: `Region Jönköpings län`.
    #[schemars(length(min = 1, max = 200))]
    pub organisation: String,

    /// The unit within it. Example: `Hälsa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub unit: Option<String>,

    /// Where questions are answered; a function rather than a person. Example: `ai@region.example`.
    #[schemars(length(min = 1, max = 200))]
    pub contact: String,
}

/// Who oversees a model, and by which procedure.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HumanOversight {
    /// The role that oversees the model and can stop it. Example: `Verksamhetschef`.
    #[schemars(length(min = 1, max = 200))]
    pub responsible: String,

    /// Where the procedure is written. Example: `RJL 2026/1240`.
    pub procedure: Reference,
}

/// An assessment that was made of the use.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[x_kube(validation = Rule::new("!has(self.validUntil) || self.validUntil >= self.decidedOn")
    .message("validUntil must not be before decidedOn").field_path(".validUntil"))]
#[serde(rename_all = "camelCase")]
pub struct Assessment {
    /// The kind of assessment. Example: `DPIA`.
    #[serde(rename = "type")]
    pub type_: AssessmentType,

    /// Where it is recorded. Example: `RJL 2026/1235`.
    pub reference: Reference,

    /// The day it was decided. Example: `2026-05-02`.
    pub decided_on: Date,

    /// The last day it is valid. Absent: no end of its own. Example: `2027-05-02`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Date>,
}

/// An incident with a model.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[x_kube(validation = Rule::new("!has(self.reportedOn) || self.reportedOn >= self.occurredOn")
    .message("reportedOn must not be before occurredOn").field_path(".reportedOn"))]
#[x_kube(validation = Rule::new("!has(self.closedOn) || self.closedOn >= self.occurredOn")
    .message("closedOn must not be before occurredOn").field_path(".closedOn"))]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// The kind of incident. Example: `PersonalData`.
    pub kind: IncidentKind,

    /// Where it is recorded; unique within the list. Example: `RJL 2026/1301`.
    pub reference: Reference,

    /// The day it happened. Example: `2026-09-01`.
    pub occurred_on: Date,

    /// The day it was reported to the authority. Example: `2026-09-02`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_on: Option<Date>,

    /// The day it was closed. Absent: it is open. Example: `2026-09-20`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_on: Option<Date>,
}
