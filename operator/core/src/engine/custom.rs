//! A custom engine: an image of which Hemvist knows only what the ModelDeployment says.
//!
//! What holds for every engine holds for it: isolation, rights, placement, weights by digest and read-only, offline. What it
//! is told of its model is in its environment, because nobody knows how it wants its arguments; whether it reads it is up to
//! its author.

use hemvist_api::values::{EngineType, ModelFormat};

use super::Instead::Advice;
use super::interface::OPENAI;
use super::{
    ArgumentSyntax, Drain, ENGINE_ADDRESS, EngineDescription, Instead, Question, Serving, description,
};

/// An engine of the user's own.
pub const DESCRIPTION: EngineDescription = EngineDescription {
    engine: EngineType::Custom,
    formats: &[ModelFormat::Safetensors, ModelFormat::GGUF],
    command: &[],
    syntax: ArgumentSyntax::Joined,
    arguments: |_, _| Vec::new(),
    // Nobody knows which arguments it reads them from.
    adapters: None,
    environment: ENVIRONMENT,
    variables,
    paths: OPENAI,
    question: |model| Question::health(description(EngineType::Custom).health_path(model)),
    connections: None,
    health_path: "/health",
    metrics_path: "/metrics",
    load: None,
    // Whether it lets requests end is not known, so it gets its time before it is told to stop.
    drain: Drain::BeforeStop,
    group: 2000,
    cache_gibibytes: 10,
    temporary_gibibytes: 2,
    // As much as the engines that are known.
    base_gibibytes: 8,
    // Whether it streams its weights or maps them is not known, so there is room for all of them.
    weights_per_host_byte: 1,
    // Every argument is for the policy to allow.
    rules: &[],
    reserved: RESERVED,
    instead: INSTEAD,
    abbreviates: false,
    drives: |_| true,
    spreads_heads: false,
    not_in_names: &[],
};

/// What engines that are built on common libraries read.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("DO_NOT_TRACK", "1"),
    ("HF_HOME", "/cache/huggingface"),
    ("HF_HUB_DISABLE_TELEMETRY", "1"),
    ("HF_HUB_OFFLINE", "1"),
    ("HOME", "/cache"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("TMPDIR", "/tmp"),
    ("TRANSFORMERS_OFFLINE", "1"),
    ("TRITON_CACHE_DIR", "/cache/triton"),
    ("USER", "hemvist"),
    ("XDG_CACHE_HOME", "/cache/xdg"),
    ("XDG_CONFIG_HOME", "/cache/xdg-config"),
];

/// What the typed fields become. A field that the model leaves out is no variable.
fn variables(model: &Serving<'_>, weights: &str) -> Vec<(&'static str, String)> {
    let engine = &model.engine;
    let mut variables = vec![
        ("HEMVIST_ACCELERATORS", model.accelerators.to_string()),
        ("HEMVIST_DRAIN_SECONDS", model.drain_seconds.max(0).to_string()),
        ("HEMVIST_KEY_VALUE_CACHE_TYPE", engine.key_value_cache_type.to_string()),
        ("HEMVIST_MODEL_FORMAT", model.format.to_string()),
        ("HEMVIST_MODEL_NAME", model.model_name.to_owned()),
        ("HEMVIST_MODEL_PATH", weights.to_owned()),
        ("HEMVIST_HOST", ENGINE_ADDRESS.to_owned()),
        ("HEMVIST_PORT", model.port().to_string()),
        ("HEMVIST_REQUEST_LOGGING", model.request_logging.to_string()),
    ];
    variables.extend(engine.context_length.map(|tokens| ("HEMVIST_CONTEXT_LENGTH", tokens.to_string())));
    variables.extend(engine.concurrency.map(|requests| ("HEMVIST_CONCURRENCY", requests.to_string())));
    variables
}

/// What no policy can allow, by the names that it has in the engines that are known: code from the weights, secrets in plain
/// sight, and tools that act on the node.
const RESERVED: &[&str] = &[
    "admin-api-key",
    "agent",
    "api-key",
    "hf-token",
    "middleware",
    "rpc",
    "tool-server",
    "tools",
    "trust-remote-code",
];

const INSTEAD: &[(&str, Instead)] =
    &[("api-key", Advice("List the namespaces that may reach the model in spec.access.consumers."))];
