//! Which accelerators a model needs, and where it may run.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::values::{AcceleratorVendor, DataCentre, ObjectName, Priority};

/// The accelerators of one replica. What is left out is chosen, with the reason in status.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Accelerator {
    /// The vendor. Default: `NVIDIA`. Example: `NVIDIA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<AcceleratorVendor>,

    /// Acceptable products, as in the label `nvidia.com/gpu.product`. Absent: any. Example:
    /// `["NVIDIA-H100-80GB-HBM3"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 16),
        inner(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub products: Option<Vec<String>>,

    /// Accelerators of one replica, all on one node. Default: 1. Example: `4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub count: Option<i32>,

    /// A hardware partition instead of whole devices: a MIG profile such as `1g.10gb`, `1g.10gb+me` or `1g.24gb-me`, or a mode
    /// of AMD's such as `cpx_nps4`. Example: `1g.10gb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[a-z0-9]+([._+-][a-z0-9]+)*$"))]
    pub partition: Option<String>,

    /// Device class, for dynamic resource allocation. Example: `gpu.nvidia.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_class_name: Option<ObjectName>,
}

/// Where a model may be. It can narrow what the policy allows, never widen it.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// Acceptable data centres. Absent: every one that the policy allows. Example: `["jkpg-a"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub data_centres: Option<Vec<DataCentre>>,

    /// Rank in the queue for accelerators. Default: `Normal`. Example: `High`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
}
