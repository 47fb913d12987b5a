//! llama.cpp: `llama-server`, OpenAI-compatible, for GGUF files.
//!
//! Checked against the argument parser in the source of llama.cpp that llama-cpp-python 0.3.36 carries, of October 2026.
//!
//! Host, port and the web interface have changed their defaults over time, so everything that matters is stated.

use crate::accelerator::vendor;
use hemvist_api::values::{EngineType, KeyValueCacheType, ModelFormat, RequestLogging};

use super::ArgumentValue::{Integer, OneOf, Switch, Thousandths};
use super::Instead::{Advice, Field};
use super::interface::OPENAI;
use super::{
    Argument, ArgumentRule, ArgumentSyntax, Drain, ENGINE_ADDRESS, ENGINE_PORT, EngineDescription, Instead,
    LoadMeasures, MountedAdapter, Question, Serving,
};

/// llama.cpp.
pub const DESCRIPTION: EngineDescription = EngineDescription {
    engine: EngineType::LlamaCpp,
    formats: &[ModelFormat::GGUF],
    command: &["/app/llama-server"],
    // The parser knows no `--name=value`. Values come from typed fields and typed rules, and none begins with a dash.
    syntax: ArgumentSyntax::Separate,
    arguments,
    adapters: Some(adapters),
    environment: ENVIRONMENT,
    variables: |_, _| Vec::new(),
    paths: OPENAI,
    question,
    connections: Some(connections),
    health_path: "/health",
    metrics_path: "/metrics",
    load: Some(LoadMeasures {
        waiting: "llamacpp:requests_deferred",
        running: "llamacpp:requests_processing",
        tokens: ["llamacpp:prompt_tokens_total", "llamacpp:tokens_predicted_total"],
        cache_used: None,
    }),
    drain: Drain::BeforeStop,
    // The image has no user of its own, so nothing in it belongs to a group that would be needed.
    group: 2000,
    cache_gibibytes: 1,
    temporary_gibibytes: 1,
    // The library of the accelerators, the cache of prompts, and requests under way.
    base_gibibytes: 5,
    // The file is mapped as a whole, and its pages count as the container's.
    weights_per_host_byte: 1,
    rules: RULES,
    reserved: RESERVED,
    instead: INSTEAD,
    abbreviates: false,
    drives: |vendor| vendor.llama_cpp.is_some(),
    spreads_heads: false,
    not_in_names: &[],
};

const ENVIRONMENT: &[(&str, &str)] = &[
    ("DO_NOT_TRACK", "1"),
    ("HF_HOME", "/cache/huggingface"),
    ("HF_HUB_OFFLINE", "1"),
    ("HOME", "/cache"),
    ("LLAMA_CACHE", "/cache/llama.cpp"),
    ("TMPDIR", "/tmp"),
    ("USER", "hemvist"),
    ("XDG_CACHE_HOME", "/cache/xdg"),
    ("XDG_CONFIG_HOME", "/cache/xdg-config"),
];

/// Mebibytes of the host's memory in which prompts are kept for reuse. The engine's own choice of 8 GiB would fill what
/// is set aside for everything besides the weights.
const PROMPT_CACHE_MEBIBYTES: u32 = 2048;

/// Connections to those who ask how it is, for whom a thread has to be left whatever else is asked.
const OTHER_CONNECTIONS: i32 = 64;

/// Requests that are answered or wait for it. A thread serves one connection until that is closed; beyond their number nobody is
/// served, and neither health nor metrics would be served while many clients ask.
fn connections(model: &Serving<'_>) -> i32 {
    model.engine.concurrency.unwrap_or(0).max(192)
}

/// What the typed fields become.
fn arguments(model: &Serving<'_>, weights: &str) -> Vec<Argument> {
    let mut arguments = vec![
        Argument::value("model", weights),
        Argument::value("alias", model.model_name),
        Argument::value("host", ENGINE_ADDRESS),
        Argument::value("port", ENGINE_PORT),
        // All layers or none: layers that are left to the processor make a model that runs and is of no use.
        Argument::value("n-gpu-layers", "all"),
        devices(model),
        Argument::value("cache-ram", PROMPT_CACHE_MEBIBYTES),
        Argument::value("threads-http", connections(model).saturating_add(OTHER_CONNECTIONS)),
        Argument::switch("metrics"),
        Argument::switch("offline"),
        Argument::switch("no-ui"),
        // The list of slots shows the prompts that are being worked on.
        Argument::switch("no-slots"),
        // Otherwise any page in the browser of somebody with access could ask the model.
        Argument::value("cors-origins", "localhost"),
        // 2 is warnings and errors, 3 adds a line for each request; content is logged from 5 on.
        Argument::value("log-verbosity", if model.request_logging == RequestLogging::None { 2 } else { 3 }),
    ];
    arguments.extend(context(model.engine.context_length, model.engine.concurrency));
    if let Some(name) = cache_type(model.engine.key_value_cache_type) {
        arguments.extend([Argument::value("cache-type-k", name), Argument::value("cache-type-v", name)]);
    }
    arguments
}

/// The devices by the names that the engine has for them. It stops where one is not there; left to itself it would go on with
/// the processor, serve, and be of no use. The devices of each vendor need the image with the library of that vendor.
fn devices(model: &Serving<'_>) -> Argument {
    // A model with devices that it has no library for is refused before.
    let name = vendor(model.vendor).llama_cpp.unwrap_or_default();
    let all: Vec<_> = (0..model.accelerators.max(1)).map(|place| format!("{name}{place}")).collect();
    Argument::value("device", all.join(","))
}

/// One token; of a model that makes no text, one embedding or one order.
fn question(model: &Serving<'_>) -> Question {
    if model.asks_for("reranking") {
        Question::ranking(model)
    } else if model.asks_for("embeddings") {
        Question::embedding(model)
    } else {
        Question::token(model)
    }
}

/// The context. To this engine it is one buffer for all requests together, so the longest context of *one* request is
/// multiplied by their number, and each gets its own part; with the longest context unknown they share what there is.
fn context(context_length: Option<i32>, concurrency: Option<i32>) -> Vec<Argument> {
    let total = |tokens: i32| tokens.saturating_mul(concurrency.unwrap_or(1));
    let mut arguments = Vec::new();
    arguments.extend(context_length.map(|tokens| Argument::value("ctx-size", total(tokens))));
    if let Some(requests) = concurrency {
        let shared = if context_length.is_some() { "no-kv-unified" } else { "kv-unified" };
        arguments.extend([Argument::value("parallel", requests), Argument::switch(shared)]);
    }
    arguments
}

/// The engine's name for a number format, where one is requested. It has no 8-bit floating-point cache; its 8-bit format
/// takes about the same room.
fn cache_type(kind: KeyValueCacheType) -> Option<&'static str> {
    match kind {
        KeyValueCacheType::Auto => None,
        KeyValueCacheType::FP8 => Some("q8_0"),
        KeyValueCacheType::FP16 => Some("f16"),
    }
}

/// The adapters, in order: a request asks for them by their places, and those that it does not name are not applied.
/// Left to itself the engine would apply all of them to every request.
fn adapters(adapters: &[MountedAdapter<'_>]) -> Vec<Argument> {
    let each = adapters.iter().map(|adapter| Argument::value("lora", &adapter.path));
    each.chain([Argument::switch("lora-init-without-apply")]).collect()
}

const RULES: &[ArgumentRule] = &[
    ArgumentRule { name: "batch-size", value: Integer { min: 1, max: 65_536 } },
    ArgumentRule { name: "cache-reuse", value: Integer { min: 0, max: 1_000_000 } },
    ArgumentRule { name: "check-tensors", value: Switch },
    ArgumentRule { name: "context-shift", value: Switch },
    ArgumentRule { name: "embeddings", value: Switch },
    ArgumentRule { name: "flash-attn", value: OneOf(&["on", "off", "auto"]) },
    ArgumentRule { name: "ignore-eos", value: Switch },
    ArgumentRule { name: "jinja", value: Switch },
    ArgumentRule { name: "main-gpu", value: Integer { min: 0, max: 63 } },
    ArgumentRule { name: "min-p", value: Thousandths { min: 0, max: 1000 } },
    ArgumentRule { name: "no-cache-prompt", value: Switch },
    ArgumentRule { name: "no-cont-batching", value: Switch },
    ArgumentRule { name: "no-context-shift", value: Switch },
    ArgumentRule { name: "no-warmup", value: Switch },
    ArgumentRule { name: "pooling", value: OneOf(&["none", "mean", "cls", "last", "rank"]) },
    ArgumentRule { name: "predict", value: Integer { min: 1, max: 100_000_000 } },
    ArgumentRule { name: "reasoning-format", value: OneOf(&["none", "deepseek", "deepseek-legacy"]) },
    ArgumentRule { name: "reranking", value: Switch },
    ArgumentRule { name: "rope-scaling", value: OneOf(&["none", "linear", "yarn"]) },
    ArgumentRule { name: "seed", value: Integer { min: 0, max: 4_294_967_295 } },
    ArgumentRule { name: "special", value: Switch },
    ArgumentRule { name: "split-mode", value: OneOf(&["none", "layer", "row"]) },
    ArgumentRule { name: "swa-full", value: Switch },
    ArgumentRule { name: "temp", value: Thousandths { min: 0, max: 5000 } },
    ArgumentRule { name: "threads", value: Integer { min: 1, max: 512 } },
    ArgumentRule { name: "threads-batch", value: Integer { min: 1, max: 512 } },
    ArgumentRule { name: "timeout", value: Integer { min: 1, max: 86_400 } },
    ArgumentRule { name: "top-k", value: Integer { min: 0, max: 1_000_000 } },
    ArgumentRule { name: "top-p", value: Thousandths { min: 0, max: 1000 } },
    ArgumentRule { name: "ubatch-size", value: Integer { min: 1, max: 65_536 } },
];

const RESERVED: &[&str] = &[
    "agent",
    "alias",
    "api-key",
    "api-key-file",
    "api-prefix",
    "binary-file",
    "cache-list",
    "cache-ram",
    "cache-type-k",
    "cache-type-v",
    "chat-template-file",
    "context-file",
    "control-vector",
    "control-vector-scaled",
    "cors-credentials",
    "cors-headers",
    "cors-methods",
    "cors-origins",
    "cpu-moe",
    "ctx-size",
    "device",
    "docker-repo",
    "file",
    "gpu-layers",
    "grammar-file",
    "hf-file",
    "hf-file-v",
    "hf-repo",
    "hf-repo-draft",
    "hf-repo-v",
    "hf-token",
    "host",
    "in-file",
    "json-schema-file",
    "kv-offload",
    "kv-unified",
    "kv-unified-per-slot",
    "list-devices",
    "load-mode",
    "log-disable",
    "log-file",
    "log-jsonl",
    "log-prompts-dir",
    "log-verbose",
    "log-verbosity",
    "logits-output-dir",
    "lookup-cache-dynamic",
    "lookup-cache-static",
    "lora",
    "lora-init-without-apply",
    "lora-scaled",
    "mcp-servers-config",
    "mcp-servers-json",
    "media-path",
    "metrics",
    "mlock",
    "mmap",
    "mmproj",
    "mmproj-auto",
    "mmproj-url",
    "model",
    "model-draft",
    "model-url",
    "model-vocoder",
    "models-autoload",
    "models-dir",
    "models-max",
    "models-preset",
    "n-cpu-ffn",
    "n-cpu-moe",
    "n-gpu-layers",
    "negative-file",
    "offline",
    "output",
    "output-file",
    "override-kv",
    "override-tensor",
    "parallel",
    "path",
    "port",
    "positive-file",
    "prompt-cache",
    "props",
    "reuse-port",
    "rpc",
    "slot-save-path",
    "slots",
    "spec-draft-hf",
    "spec-draft-model",
    "ssl-cert-file",
    "ssl-key-file",
    "system-prompt-file",
    "threads-http",
    "tools",
    "tools-runtime",
    "tts-speaker-file",
    "ui",
    "ui-config",
    "ui-config-file",
    "ui-mcp-proxy",
    "verbose",
    "verbosity",
    "video-ffmpeg-dir",
    "webui",
    "webui-config",
    "webui-config-file",
    "webui-mcp-proxy",
];

const INSTEAD: &[(&str, Instead)] = &[
    ("alias", Field("spec.model.name")),
    ("api-key", Advice("List the namespaces that may reach the model in spec.access.consumers.")),
    ("cache-type-k", Field("spec.engine.keyValueCacheType")),
    ("cache-type-v", Field("spec.engine.keyValueCacheType")),
    ("ctx-size", Field("spec.engine.contextLength")),
    ("device", Field("spec.accelerator")),
    ("gpu-layers", Advice("Remove it; Hemvist puts all layers on the accelerators.")),
    ("log-verbosity", Field("spec.records.requestLogging")),
    ("lora", Field("spec.model.adapters")),
    ("model", Field("spec.model.source")),
    ("n-gpu-layers", Advice("Remove it; Hemvist puts all layers on the accelerators.")),
    ("parallel", Field("spec.engine.concurrency")),
    ("verbosity", Field("spec.records.requestLogging")),
];
