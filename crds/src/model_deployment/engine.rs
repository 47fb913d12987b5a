//! The inference engine of a model.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::values::{EngineType, ImageReference, KeyValueCacheType};

/// The inference engine that serves a model.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Engine {
    /// The engine. Example: `VLLM`.
    #[serde(rename = "type")]
    pub type_: EngineType,

    /// Its image. Example: `registry.region.example/vllm/vllm-openai@sha256:…`.
    pub image: ImageReference,

    /// The longest context to serve, in tokens. Default: the engine's own. Example: `32768`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub context_length: Option<i32>,

    /// How many requests one replica works on at the same time. Default: the engine's own. Example: `8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4096))]
    pub concurrency: Option<i32>,

    /// The number format of the key-value cache. Default: `Auto`. Example: `FP8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_value_cache_type: Option<KeyValueCacheType>,

    /// Further arguments of the engine. Each must be in the engine's allow-list or in the policy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub args: Option<Vec<EngineArgument>>,
}

/// One argument of an engine.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineArgument {
    /// Its name without leading dashes; unique within the list. Example: `max-num-batched-tokens`.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"))]
    pub name: String,

    /// Its value; absent for a switch. It must not begin with a dash. Example: `8192`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._:,=/+-]*$"))]
    pub value: Option<String>,
}
