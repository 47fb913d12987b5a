//! The status of a ModelDeployment. At most 32 KiB; every list is bounded; no field changes by the passing of time alone.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::values::AcceleratorVendor;

/// What is observed of a ModelDeployment.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelDeploymentStatus {
    /// The generation of the object that this status is about; -1 before the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready` sums up `Accepted`, `Placed` and `Available`; `Isolated` reports on the network, `Routed` on the gateway,
    /// `Autoscaled` on what scales it, `DutiesCurrent` on assessments and other duties. `Reconciling` and `Stalled` are present only while they hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<Condition>>,

    /// The name that clients ask for. Example: `llama-3.3-70b-instruct`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub model_name: Option<String>,

    /// Replicas that exist. Example: `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,

    /// Replicas that are ready. Example: `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,

    /// Ready and desired replicas. Example: `1/2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub replica_summary: Option<String>,

    /// Accelerators that are held by replicas on nodes. Example: `8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerators: Option<i32>,

    /// Label selector of the replicas, for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub selector: Option<String>,

    /// Where consumers reach the model. Example: `http://journal.halsa.svc:8000/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub endpoint: Option<String>,

    /// What was chosen, each with its reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<ResolvedSettings>,

    /// How the model fits in the memory of the accelerators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,

    /// What the model waits for. Example: `4 × nvidia.com/gpu on one node in jkpg-a: at most 2 are free, of 8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub waiting_for: Option<String>,

    /// Why nodes were not chosen, while the model is not placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub exclusions: Option<Vec<Exclusion>>,

    /// Which AIPolicies, at which generation, set the limits of this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub policies: Option<Vec<PolicyUse>>,

    /// The exceptions from duties that hold for this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub exceptions: Option<Vec<ExceptionUse>>,

    /// The objects that were made, as they were when they were last written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub children: Option<Vec<ChildStatus>>,

    /// This month's use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// What was chosen, each with its reason.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedSettings {
    /// The accelerators of one replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<ResolvedAccelerator>,

    /// Over how many accelerators one copy of the model is spread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<ResolvedNumber>,

    /// The context that is served, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_length: Option<ResolvedNumber>,

    /// The data centres where the model may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_centres: Option<ResolvedText>,

    /// Where a gateway serves the model, or why none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub gateway: Option<String>,

    /// What scales the model, and between which numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ResolvedText>,
}

/// The accelerators of one replica, and why.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedAccelerator {
    /// The vendor.
    pub vendor: AcceleratorVendor,

    /// The resource that is asked for. Example: `nvidia.com/gpu`.
    #[schemars(length(max = 253))]
    pub resource: String,

    /// How many of it. Example: `4`.
    pub count: i32,

    /// Why.
    #[schemars(length(max = 512))]
    pub reason: String,
}

/// A number that was chosen, and why.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedNumber {
    /// The number.
    pub value: i64,

    /// Why.
    #[schemars(length(max = 512))]
    pub reason: String,
}

/// Words that were chosen, and why.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedText {
    /// The values, comma-separated.
    #[schemars(length(max = 1024))]
    pub value: String,

    /// Why.
    #[schemars(length(max = 1024))]
    pub reason: String,
}

/// How a model fits in the memory of one accelerator. Amounts are Kubernetes quantities.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fit {
    /// Memory that one accelerator gives the engine. Example: `73Gi`.
    #[schemars(length(max = 24))]
    pub budget: String,

    /// Share of the weights. Example: `36Gi`.
    #[schemars(length(max = 24))]
    pub weights: String,

    /// Key-value cache for the context and the concurrency asked for. Example: `20Gi`.
    #[schemars(length(max = 24))]
    pub key_value_cache: String,

    /// What the engine needs besides. Example: `4Gi`.
    #[schemars(length(max = 24))]
    pub overhead: String,

    /// Whether it fits.
    #[schemars(length(max = 512))]
    pub verdict: String,
}

/// Nodes that were not chosen for the same reason.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exclusion {
    /// The reason. Example: `DataCentreNotAllowed`.
    #[schemars(length(max = 64))]
    pub reason: String,

    /// How many nodes. Example: `6`.
    pub nodes: i32,

    /// The reason as a sentence, with the first of the nodes.
    #[schemars(length(max = 512))]
    pub message: String,
}

/// An AIPolicy that set limits of a model.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyUse {
    /// Its namespace.
    #[schemars(length(max = 63))]
    pub namespace: String,

    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,

    /// Its generation when it was judged by.
    pub generation: i64,

    /// The fields of it that set a limit of this model. Example: `["spec.residency.dataCentres"]`.
    #[schemars(length(max = 32), inner(length(max = 256)))]
    pub fields: Vec<String>,
}

/// An exception from duties that holds for a model.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionUse {
    /// Namespace of the AIPolicy that states it.
    #[schemars(length(max = 63))]
    pub namespace: String,

    /// Name of the AIPolicy.
    #[schemars(length(max = 253))]
    pub name: String,

    /// The duties that are waived. Example: `["Assessment/DPIA"]`.
    #[schemars(length(max = 16), inner(length(max = 63)))]
    pub waives: Vec<String>,

    /// Why: the beginning of the reason in the policy.
    #[schemars(length(max = 256))]
    pub reason: String,

    /// Who approved it.
    #[schemars(length(max = 200))]
    pub approved_by: String,

    /// The last day it holds. Example: `2026-12-31`.
    #[schemars(length(max = 10))]
    pub expires_on: String,
}

/// An object that was made for a model, as it was when it was last written.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChildStatus {
    /// Its kind. Example: `Deployment`.
    #[schemars(length(max = 63))]
    pub kind: String,

    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,

    /// Hash of its content after the write; another hash means that somebody else changed it.
    #[schemars(length(max = 64))]
    pub content: String,
}

/// Use in one month.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The month. Example: `2026-11`.
    #[schemars(length(max = 7))]
    pub month: String,

    /// Hours of accelerators. Example: `720`.
    #[schemars(length(max = 24))]
    pub accelerator_hours: String,

    /// Energy in kWh. Example: `310.5`.
    #[serde(rename = "kWh")]
    #[schemars(length(max = 24))]
    pub kwh: String,

    /// Greenhouse gases in grams of CO2 equivalent. Example: `7762`.
    #[serde(rename = "gramsCO2e")]
    #[schemars(length(max = 24))]
    pub grams_co2e: String,
}
