//! ModelDeployment: one open-weights model to serve, for whom, and on which grounds.

mod accelerator;
mod engine;
mod model;
mod purpose;
mod service;
mod status;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

pub use accelerator::{Accelerator, Placement};
pub use engine::{CustomEngine, Engine, EngineArgument};
pub use model::{
    Adapter, AdapterSource, HubMirror, ImageSource, MirrorSource, Model, ModelFacts, ModelSource,
    ObjectStoreMirror, VolumeClaimSource,
};
pub use purpose::{Assessment, HumanOversight, Incident, Owner, Purpose};
pub use service::{
    Access, Consumer, EndpointPicker, GatewayAccess, Records, Rollout, Scaling, ScheduleWindow,
};
pub use status::{
    ChildStatus, ExceptionUse, Exclusion, Fit, ModelDeploymentStatus, PolicyUse, ResolvedAccelerator,
    ResolvedNumber, ResolvedSettings, ResolvedText, Usage,
};

/// One open-weights model to serve: what it is for, which model, on which engine, and for whom.
///
/// Hemvist turns it into a Deployment with its ServiceAccount, Service, NetworkPolicy and PodDisruptionBudget, and an
/// autoscaler where it scales, if the AIPolicies that bind the namespace allow it, on nodes that are cleared for its
/// information class.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "hemvist.dev",
    version = "v1alpha1",
    kind = "ModelDeployment",
    namespaced,
    doc = "One open-weights model to serve: what it is for, which model, on which engine, and for whom. Hemvist runs it on nodes that are cleared for its information class, if the AIPolicies that bind the namespace allow it.",
    derive = "PartialEq",
    shortname = "mdep",
    category = "hemvist",
    status = "ModelDeploymentStatus",
    selectable = ".spec.purpose.informationClass",
    selectable = ".spec.purpose.riskClass",
    selectable = ".spec.engine.type",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    validation = Rule::new("self.metadata.name.size() <= 40")
        .message("metadata.name must be at most 40 characters, because the names of the objects made from it are derived from it"),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must be a DNS label that begins with a letter, because it becomes the name of a Service"),
    printcolumn(name = "Model", json_path = ".status.modelName", type_ = "string", description = "Name that clients ask for"),
    printcolumn(name = "Class", json_path = ".spec.purpose.informationClass", type_ = "string", description = "Information class"),
    printcolumn(name = "Ready", json_path = ".status.conditions[?(@.type==\"Ready\")].status", type_ = "string"),
    printcolumn(name = "Reason", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", type_ = "string"),
    printcolumn(name = "Replicas", json_path = ".status.replicaSummary", type_ = "string", description = "Ready of wanted"),
    printcolumn(name = "GPUs", json_path = ".status.accelerators", type_ = "integer", description = "Accelerators held by its replicas"),
    printcolumn(name = "Age", json_path = ".metadata.creationTimestamp", type_ = "date"),
    printcolumn(name = "Data-Centre", json_path = ".status.resolved.dataCentres.value", type_ = "string", priority = 1),
    printcolumn(name = "Endpoint", json_path = ".status.endpoint", type_ = "string", priority = 1),
    printcolumn(name = "Message", json_path = ".status.conditions[?(@.type==\"Ready\")].message", type_ = "string", priority = 1)
)]
#[x_kube(validation = Rule::new("!(has(self.replicas) && has(self.scaling))")
    .message("replicas and scaling must not both be set: leave out replicas to let scaling decide"))]
#[serde(rename_all = "camelCase")]
pub struct ModelDeploymentSpec {
    /// What the model is for, who answers for it and on which assessments it rests. The policy judges it and the
    /// register shows it.
    pub purpose: Purpose,

    /// Which model is served, and where its weights are.
    pub model: Model,

    /// The inference engine that serves the model.
    pub engine: Engine,

    /// The accelerators of one replica. What is left out is chosen, with the reason in status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<Accelerator>,

    /// Where the model may be. It can narrow what the policy allows, never widen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,

    /// Number of replicas; 1 where neither replicas nor scaling is set. Example: `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: Option<i32>,

    /// Lets the number of replicas follow the load. Excludes `replicas`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,

    /// How a new version takes over from the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,

    /// Who may reach the model. Absent: nobody outside the monitoring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,

    /// What is kept of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Records>,

    /// Incidents with the model. An open one of kind `SeriousAI` keeps the model suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["reference".into()]))]
    pub incidents: Option<Vec<Incident>>,

    /// Stops every replica and keeps everything else. Example: `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}
