//! The inference engine of a model.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::values::{AbsolutePath, EngineType, ImageReference, KeyValueCacheType};

/// The inference engine that serves a model.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[x_kube(validation = Rule::new("!has(self.custom) || self.type == 'Custom'")
    .message("custom must not be set for an engine that Hemvist knows").field_path(".custom"))]
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

    /// How an engine of your own is started and asked, where the type is `Custom`. Absent: its image's own program, on
    /// port 8080, asked for its health at `/health`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomEngine>,
}

/// An engine of your own. It finds the settings of the model in environment variables that begin with `HEMVIST_`.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomEngine {
    /// The program with its fixed arguments; never a shell. Default: that of the image. Example: `[/app/serve, --warm]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 32),
        inner(length(min = 1, max = 256), regex(pattern = r"^[A-Za-z0-9._:,=/@+-]+$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Atomic, validation = Rule::new("!self[0].matches('^(.*/)?(busybox|(a|ba|c|da|fi|k|z)?sh)$')")
        .message("command must not begin with a shell: name the program itself"))]
    pub command: Option<Vec<String>>,

    /// The port on which it listens, at the address 127.0.0.1: clients ask port 8000 of the Service, and the proxy passes
    /// on what they may ask. 8000 and 8001 are the proxy's own. Default: 8080. Example: `3000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024, max = 65_535))]
    #[x_kube(validation = Rule::new("self != 8000 && self != 8001")
        .message("port must not be 8000 or 8001, which are the proxy's: choose another, such as 8080"))]
    pub port: Option<i32>,

    /// The path that answers 200 when the model can be asked, and not before. Default: `/health`. Example: `/ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_path: Option<AbsolutePath>,

    /// Paths that clients may ask, exactly as they stand here; nothing else is passed on. Default: those of the OpenAI
    /// interface for text, embeddings and ranking. Example: `[/v1/chat/completions, /embed]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub paths: Option<Vec<AbsolutePath>>,
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
