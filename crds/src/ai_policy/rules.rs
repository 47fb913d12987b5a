//! The rules that an AIPolicy can state.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::values::{
    AssessmentType, DataCentre, Date, Decimal, EngineType, ExpiryAction, InformationClass, Isolation,
    Licence, ModelFormat, NamespaceName, ObjectName, Principle, Reference, Region, RegistryPrefix, RiskClass,
};

/// The decision that a policy carries out.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Its title. Example: `AI-policy för regionen`.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,

    /// Its registry number. Example: `RJL 2026/100`.
    pub reference: Reference,

    /// Who decided. Example: `Regionfullmäktige`.
    #[schemars(length(min = 1, max = 200))]
    pub decided_by: String,

    /// The day of the decision. Example: `2026-06-16`.
    pub decided_on: Date,

    /// The day by which it is to be reviewed. Example: `2027-06-16`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_by: Option<Date>,
}

/// What an information class needs.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InformationClassRule {
    /// The class. Example: `Sensitive`.
    pub class: InformationClass,

    /// The data centres where models of the class may be. Absent: no opinion. Empty: nowhere. Example: `["jkpg-a"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub data_centres: Option<Vec<DataCentre>>,

    /// The weakest isolation that is allowed for the class. Example: `WholeNode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,

    /// Nodes have to be labelled `hemvist.node-restriction.kubernetes.io/devices=Whole`, which only the group that clears nodes
    /// can do. For clusters whose devices can be shared in ways that nothing announces. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_devices_label: Option<bool>,

    /// What has to be in place before a model of the class is introduced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires: Option<Requirements>,

    /// What an expired duty does to a model that runs already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_expiry: Option<OnExpiry>,

    /// The principles that the rule serves; for the report. Example: `["Privacy", "Security"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub principles: Option<Vec<Principle>>,
}

/// What has to be in place before a model of an information class is introduced.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Requirements {
    /// The assessments. Example: `["DPIA", "InformationSecurity"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub assessments: Option<Vec<AssessmentType>>,

    /// Somebody oversees the model by a written procedure. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_oversight: Option<bool>,

    /// People are informed that they use an AI system. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transparency_notice: Option<bool>,

    /// The use has a registry number. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_reference: Option<bool>,

    /// The greatest age of an assessment, in days from its decision. Example: `365`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36500))]
    pub max_assessment_age_days: Option<i32>,
}

/// What an expired duty does to a model that runs already.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OnExpiry {
    /// `Warn` keeps the model and warns; `Stop` stops it. Example: `Warn`.
    pub action: ExpiryAction,

    /// Days after the expiry before `Stop` stops it. Example: `30`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 365))]
    pub grace_days: Option<i32>,
}

/// What a risk class of the AI Act needs.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RiskClassRule {
    /// The class. Example: `High`.
    pub class: RiskClass,

    /// What has to be in place before a model of the class is introduced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires: Option<RiskClassRequirements>,

    /// The principles that the rule serves; for the report. Example: `["HumanControl"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub principles: Option<Vec<Principle>>,
}

/// What has to be in place before a model of a risk class is introduced.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RiskClassRequirements {
    /// The assessments. Example: `["FRIA"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub assessments: Option<Vec<AssessmentType>>,

    /// Somebody oversees the model by a written procedure. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_oversight: Option<bool>,

    /// People are informed that they use an AI system. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transparency_notice: Option<bool>,

    /// The use has a registry number. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_reference: Option<bool>,

    /// The greatest age of an assessment, in days from its decision. Example: `365`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36500))]
    pub max_assessment_age_days: Option<i32>,

    /// The day from which these duties bind. Absent: now. Example: `2027-12-02`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Date>,
}

/// Where models may be.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Residency {
    /// The regions, ISO 3166-2 in lower case. Absent: no opinion. Empty: nowhere. Example: `["se-f"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub regions: Option<Vec<Region>>,

    /// The data centres. Absent: no opinion. Empty: nowhere. Example: `["jkpg-a", "jkpg-b"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub data_centres: Option<Vec<DataCentre>>,

    /// The principles that the rule serves; for the report. Example: `["Privacy"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub principles: Option<Vec<Principle>>,
}

/// Which models may be served.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Models {
    /// The licences, as SPDX identifiers or `LicenseRef-…`. Example: `["Apache-2.0", "MIT"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub licences: Option<Vec<Licence>>,

    /// The file formats. Example: `["Safetensors", "GGUF"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub formats: Option<Vec<ModelFormat>>,

    /// The weights are named by digest. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_digest: Option<bool>,

    /// The principles that the rule serves; for the report. Example: `["Transparency"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub principles: Option<Vec<Principle>>,
}

/// Where images may come from.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    /// The registries, with an optional path prefix. Example: `["registry.region.example"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub registries: Option<Vec<RegistryPrefix>>,

    /// Images are named by digest. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_digest: Option<bool>,

    /// The principles that the rule serves; for the report. Example: `["Security"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub principles: Option<Vec<Principle>>,
}

/// Which engines may serve.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Engines {
    /// The engines. Example: `["VLLM", "LlamaCpp"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub types: Option<Vec<EngineType>>,

    /// Arguments that are allowed besides the engine's own allow-list. Example: `["enable-prefix-caching"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 64),
        inner(length(min = 1, max = 63), regex(pattern = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_args: Option<Vec<String>>,

    /// The principles that the rule serves; for the report. Example: `["Security"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub principles: Option<Vec<Principle>>,
}

/// How much each namespace may use.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccelerationQuota {
    /// Accelerators at the same time. Example: `16`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub accelerators: Option<i32>,

    /// The principles that the rule serves; for the report. Example: `["Sustainability"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub principles: Option<Vec<Principle>>,
}

/// Limits and factors for energy and climate.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Climate {
    /// Greenhouse gases of the electricity, in grams of CO2 equivalent per kWh. Example: `25`.
    #[serde(default, rename = "gramsCO2ePerKWh", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 5000))]
    pub grams_co2e_per_kwh: Option<i32>,

    /// All the energy of the data centre for each unit that reaches the machines, at least 1. Example: `"1.2"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_usage_effectiveness: Option<Decimal>,

    /// The most energy that each namespace may use in a month, in kWh. Example: `4000`.
    #[serde(default, rename = "monthlyKWh", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub monthly_kwh: Option<i64>,

    /// The principles that the rule serves; for the report. Example: `["Sustainability"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub principles: Option<Vec<Principle>>,
}

/// An exception for one model, for a time.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exception {
    /// The namespace of the model. Example: `halsa`.
    pub namespace: NamespaceName,

    /// The ModelDeployment. Example: `pilot`.
    pub model_deployment: ObjectName,

    /// The duties that are waived. Residency, clearance and unacceptable risk cannot be. Example: `["Assessment/DPIA"]`.
    #[schemars(
        length(min = 1, max = 16),
        inner(length(min = 1, max = 63), regex(pattern = r"^[A-Z][A-Za-z]*(/[A-Z][A-Za-z]*)?$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub waives: Vec<String>,

    /// Why. Example: `Pilot utan patientuppgifter under hösten.`
    #[schemars(length(min = 1, max = 1000))]
    pub reason: String,

    /// Who approved it. Example: `Informationssäkerhetschef`.
    #[schemars(length(min = 1, max = 200))]
    pub approved_by: String,

    /// The last day it holds. Example: `2026-12-31`.
    pub expires_on: Date,
}
