//! The status of an AIPolicy.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What is observed of an AIPolicy.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AIPolicyStatus {
    /// The generation of the object that this status is about; -1 before the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready` sums up; `Accepted` says whether every field has effect; `Enforced` by whom it is enforced; `ReviewDue`
    /// whether the date of review has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<Condition>>,

    /// Namespaces with ModelDeployments that the policy binds. Example: `4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_namespaces: Option<i32>,

    /// ModelDeployments that the policy binds. Example: `8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_model_deployments: Option<i32>,

    /// ModelDeployments that the policy refuses. Example: `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<i32>,

    /// ModelDeployments that an exception of the policy lets pass. Example: `0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excepted: Option<i32>,

    /// Fields that would allow more than the policies of the root namespace, and therefore have no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub without_effect: Option<Vec<FieldWithoutEffect>>,
}

/// A field of a policy that has no effect.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldWithoutEffect {
    /// The field. Example: `spec.residency.dataCentres`.
    #[schemars(length(max = 256))]
    pub field: String,

    /// Why.
    #[schemars(length(max = 512))]
    pub message: String,
}
