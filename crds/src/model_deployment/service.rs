//! How a model is run and reached: scaling, rollout, access and records.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::values::{NamespaceName, RequestLogging, RolloutStrategy, ScalingMetric};

/// Lets the number of replicas follow the load.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[x_kube(validation = Rule::new("self.minReplicas <= self.maxReplicas")
    .message("minReplicas must not be greater than maxReplicas").field_path(".minReplicas"))]
#[serde(rename_all = "camelCase")]
pub struct Scaling {
    /// The fewest replicas; 0 lets an idle model stop. Example: `0`.
    #[schemars(range(min = 0, max = 1000))]
    pub min_replicas: i32,

    /// The most replicas. Example: `3`.
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: i32,

    /// The measure that is followed. Example: `QueueDepth`.
    pub metric: ScalingMetric,

    /// The value per replica that is aimed at; requests for `QueueDepth`, per cent for `KeyValueCacheUsage`.
    /// Example: `4`.
    #[schemars(range(min = 1, max = 10000))]
    pub target: i32,

    /// How long a model is idle before it stops, in seconds, where `minReplicas` is 0. Example: `1800`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 604_800))]
    pub idle_seconds: Option<i32>,
}

/// How a new version takes over from the old one.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// The strategy. Default: `Auto`, which needs no spare accelerator. Example: `Auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<RolloutStrategy>,

    /// How long requests that are under way may go on when a replica stops, in seconds. Default: 45. Example: `45`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub drain_seconds: Option<i32>,
}

/// Who may reach a model.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// The namespaces whose pods may reach the model. Absent or empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["namespace".into()]))]
    pub consumers: Option<Vec<Consumer>>,
}

/// A namespace whose pods may reach a model.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Consumer {
    /// The namespace; unique within the list. Example: `journal-app`.
    pub namespace: NamespaceName,
}

/// What is kept of requests.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Records {
    /// What the engine may log of requests; never their content. Default: `None`. Example: `Metadata`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_logging: Option<RequestLogging>,
}
