//! The AIPolicy kind.

mod rules;
mod status;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

pub use rules::{
    AccelerationQuota, Climate, Decision, Engines, Exception, Images, InformationClassRule, Models, OnExpiry,
    Requirements, Residency, RiskClassRequirements, RiskClassRule,
};
pub use status::{AIPolicyStatus, FieldWithoutEffect};

use crate::values::{Enforcement, NamespaceName, UnmanagedAccelerators};

/// What is allowed where.
///
/// In the root namespace it binds every governed namespace, or those it names. Elsewhere it binds its own namespace and
/// can only tighten. A list that is absent is no opinion; one that is empty allows nothing. A list that no policy of the
/// root namespace states allows nothing either: the default is deny.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "hemvist.dev",
    version = "v1alpha1",
    kind = "AIPolicy",
    plural = "aipolicies",
    singular = "aipolicy",
    namespaced,
    doc = "What is allowed where. In the root namespace it binds every governed namespace, or those it names; elsewhere it binds its own namespace and can only tighten. An absent list is no opinion, an empty one allows nothing.",
    derive = "PartialEq",
    shortname = "aip",
    category = "hemvist",
    status = "AIPolicyStatus",
    selectable = ".spec.enforcement",
    printcolumn(
        name = "Accepted",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].status",
        type_ = "string"
    ),
    printcolumn(
        name = "Reason",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].reason",
        type_ = "string"
    ),
    printcolumn(
        name = "Namespaces",
        json_path = ".status.boundNamespaces",
        type_ = "integer",
        description = "Namespaces with models that it binds"
    ),
    printcolumn(
        name = "Models",
        json_path = ".status.boundModelDeployments",
        type_ = "integer",
        description = "ModelDeployments that it binds"
    ),
    printcolumn(
        name = "Refused",
        json_path = ".status.refused",
        type_ = "integer",
        description = "ModelDeployments that it refuses"
    ),
    printcolumn(name = "Review-By", json_path = ".spec.decision.reviewBy", type_ = "string"),
    printcolumn(name = "Age", json_path = ".metadata.creationTimestamp", type_ = "date"),
    printcolumn(
        name = "Enforced",
        json_path = ".status.conditions[?(@.type==\"Enforced\")].reason",
        type_ = "string",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].message",
        type_ = "string",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct AIPolicySpec {
    /// The decision that this policy carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,

    /// What a breach leads to. The strictest of the policies that bind wins; `Deny` where none states it.
    /// Example: `Deny`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforcement: Option<Enforcement>,

    /// The namespaces that the policy binds; in the root namespace only. Absent: all that are governed. Example:
    /// `["halsa"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub namespaces: Option<Vec<NamespaceName>>,

    /// What each information class needs. A class that is not listed is not allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["class".into()]))]
    pub information_classes: Option<Vec<InformationClassRule>>,

    /// What each risk class of the AI Act needs. A class that is not listed is not allowed; `Unacceptable` never is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["class".into()]))]
    pub risk_classes: Option<Vec<RiskClassRule>>,

    /// Where models may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<Residency>,

    /// Which models may be served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Models>,

    /// Where images may come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Images>,

    /// Which engines may serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engines: Option<Engines>,

    /// How much each namespace may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<AccelerationQuota>,

    /// What happens to pods that use an accelerator and that no ModelDeployment made. Example: `Deny`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmanaged_accelerators: Option<UnmanagedAccelerators>,

    /// Limits and factors for energy and climate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub climate: Option<Climate>,

    /// Exceptions for single models, for a time; in the root namespace only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["namespace".into(), "modelDeployment".into()]))]
    pub exceptions: Option<Vec<Exception>>,
}
