//! How a model is run and reached: scaling, rollout, access and records.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::values::{NamespaceName, RequestLogging, RolloutStrategy, ScalingMetric};

/// Lets the number of replicas follow the load.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[x_kube(validation = Rule::new("self.minReplicas <= self.maxReplicas")
    .message("minReplicas must not be greater than maxReplicas").field_path(".minReplicas"))]
#[x_kube(validation = Rule::new("!has(self.schedule) || self.schedule.all(w, w.replicas <= self.maxReplicas)")
    .message("schedule must not ask for more than maxReplicas").field_path(".schedule"))]
#[serde(rename_all = "camelCase")]
pub struct Scaling {
    /// The fewest replicas; 0 lets an idle model stop, which needs KEDA. Example: `0`.
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

    /// How long less is asked for before a replica stops, in seconds; at most 3600 count where it is not the last one.
    /// Default: as long as a start may take. Example: `1800`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 604_800))]
    pub idle_seconds: Option<i32>,

    /// Times of more replicas than `minReplicas`. Needs KEDA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub schedule: Option<Vec<ScheduleWindow>>,
}

/// A time that comes again and again, in which replicas are kept.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[x_kube(validation = Rule::new("self.start != self.end").message("start and end must not be the same").field_path(".end"))]
#[serde(rename_all = "camelCase")]
pub struct ScheduleWindow {
    /// Its name. Example: `kontorstid`.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,

    /// When it begins, as a cron expression of five fields. Example: `30 6 * * 1-5`.
    #[schemars(length(max = 64), regex(pattern = CRON))]
    pub start: String,

    /// When it ends, likewise. Example: `0 18 * * 1-5`.
    #[schemars(length(max = 64), regex(pattern = CRON))]
    pub end: String,

    /// The time zone of both. Example: `Europe/Stockholm`.
    #[schemars(length(max = 64), regex(pattern = r"^[A-Za-z]+([/_+-][A-Za-z0-9]+)*$"))]
    pub time_zone: String,

    /// The fewest replicas. Example: `2`.
    #[schemars(range(min = 1, max = 1000))]
    pub replicas: i32,
}

/// Five fields of cron, of numbers, names, lists, ranges and steps.
const CRON: &str = "^[0-9A-Za-z*/,-]+( [0-9A-Za-z*/,-]+){4}$";

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

    /// Lets the installation's gateway lead requests to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayAccess>,
}

/// Where a gateway serves a model.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayAccess {
    /// The host that clients ask. Example: `journal.ai.region.example`.
    #[schemars(
        length(max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$")
    )]
    pub hostname: String,

    /// The path prefix of the model. Example: `/journal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = r"^(/[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$"))]
    pub path: Option<String>,

    /// Who chooses the replica for each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_picker: Option<EndpointPicker>,
}

/// Who chooses the replica for each request, beside the model.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointPicker {
    /// Its Service. Example: `journal-picker`.
    #[schemars(length(min = 1, max = 63))]
    pub service: String,

    /// Its port. Example: `9002`.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
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
