//! vLLM: `vllm serve`, OpenAI-compatible, for safetensors on one or several accelerators of a node.
//!
//! Checked against the argument parser of version 0.33.0; the newest option used is `--shutdown-timeout`, of 0.18.

use hemvist_api::values::{EngineType, KeyValueCacheType, ModelFormat, RequestLogging};

use super::ArgumentValue::{Identifier, Integer, OneOf, Switch, Thousandths};
use super::Instead::{Advice, Field};
use super::interface::OPENAI_WITH_SPEECH;
use super::{
    Argument, ArgumentRule, ArgumentSyntax, Drain, ENGINE_ADDRESS, ENGINE_PORT, EngineDescription, Instead,
    LoadMeasures, MountedAdapter, Question, Serving,
};

/// vLLM.
pub const DESCRIPTION: EngineDescription = EngineDescription {
    engine: EngineType::VLLM,
    formats: &[ModelFormat::Safetensors],
    command: &["vllm", "serve"],
    syntax: ArgumentSyntax::Joined,
    arguments,
    adapters: Some(adapters),
    environment: ENVIRONMENT,
    variables: |_, _| Vec::new(),
    paths: OPENAI_WITH_SPEECH,
    question,
    connections: None,
    health_path: "/health",
    metrics_path: "/metrics",
    load: Some(LoadMeasures {
        waiting: "vllm:num_requests_waiting",
        running: "vllm:num_requests_running",
        tokens: ["vllm:prompt_tokens_total", "vllm:generation_tokens_total"],
        cache_used: Some("vllm:kv_cache_usage_perc"),
    }),
    drain: Drain::ByEngine,
    // The image's own user is 2000 in group 0; users outside group 0 are not supported by its authors.
    group: 0,
    // Compiled kernels and graphs of one model.
    cache_gibibytes: 10,
    temporary_gibibytes: 2,
    // The interpreter, the libraries of the accelerators (about one gibibyte for each process), tokeniser and requests.
    base_gibibytes: 8,
    // Weights are streamed to the accelerators shard by shard; a quarter covers the shards on their way, one from each
    // worker, with the buffers that are pinned for them.
    weights_per_host_byte: 4,
    rules: RULES,
    reserved: RESERVED,
    instead: INSTEAD,
    abbreviates: true,
    drives: |_| true,
    spreads_heads: true,
    not_in_names: &[],
};

/// Reports of use are on by default and are turned off twice; the hub is never asked; nothing is written but under the
/// two volumes. Not in the list, and so never set: `VLLM_SERVER_DEV_MODE`, `VLLM_ALLOW_RUNTIME_LORA_UPDATING`, every
/// token, and every variable that picks devices.
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
    // The name of the user is looked up for a cache folder, and an image need not have a user of our number.
    ("USER", "hemvist"),
    ("VLLM_CACHE_ROOT", "/cache/vllm"),
    ("VLLM_CONFIG_ROOT", "/cache/vllm-config"),
    // Workers of one node talk over the loopback; what they say is neither authenticated nor encrypted.
    ("VLLM_HOST_IP", "127.0.0.1"),
    // At DEBUG the engine would log prompts.
    ("VLLM_LOGGING_LEVEL", "INFO"),
    // A redirect would lead past the check of an address in a request.
    ("VLLM_MEDIA_URL_ALLOW_REDIRECTS", "0"),
    ("VLLM_NO_USAGE_STATS", "1"),
    ("XDG_CACHE_HOME", "/cache/xdg"),
    ("XDG_CONFIG_HOME", "/cache/xdg-config"),
];

/// What the typed fields become.
fn arguments(model: &Serving<'_>, weights: &str) -> Vec<Argument> {
    let engine = &model.engine;
    let mut arguments = vec![
        Argument::Positional(weights.to_owned()),
        Argument::value("served-model-name", model.model_name),
        Argument::value("host", ENGINE_ADDRESS),
        Argument::value("port", ENGINE_PORT),
        // Left to itself the engine would also take weights in formats that carry code.
        Argument::value("load-format", load_format(model.format)),
        Argument::value("tensor-parallel-size", model.accelerators),
        Argument::value("shutdown-timeout", model.drain_seconds.max(0)),
        Argument::switch("disable-fastapi-docs"),
        Argument::switch("no-enable-log-requests"),
        match model.request_logging {
            RequestLogging::None => Argument::switch("disable-uvicorn-access-log"),
            // Method, path and status of each request; those of probes and metrics would drown the others.
            RequestLogging::Metadata => {
                Argument::value("disable-access-log-for-endpoints", "/health,/metrics,/ping")
            }
        },
    ];
    arguments.extend(engine.context_length.map(|tokens| Argument::value("max-model-len", tokens)));
    arguments.extend(engine.concurrency.map(|requests| Argument::value("max-num-seqs", requests)));
    arguments
        .extend(cache_type(engine.key_value_cache_type).map(|name| Argument::value("kv-cache-dtype", name)));
    arguments
}

/// One token, or one embedding of a model that makes no text. Without the name of the model it would not answer.
fn question(model: &Serving<'_>) -> Question {
    let args = &model.engine.args;
    let pools = ["runner", "convert"].iter().any(|name| {
        let value = args.get(*name).and_then(Option::as_deref);
        matches!(value, Some("pooling" | "embed" | "classify"))
    });
    if pools { Question::embedding(model) } else { Question::token(model) }
}

/// The loader for a format.
fn load_format(format: ModelFormat) -> &'static str {
    match format {
        ModelFormat::Safetensors => "safetensors",
        ModelFormat::GGUF => "gguf",
    }
}

/// The engine's name for a number format, where one is requested.
fn cache_type(kind: KeyValueCacheType) -> Option<&'static str> {
    match kind {
        KeyValueCacheType::Auto => None,
        KeyValueCacheType::FP8 => Some("fp8"),
        KeyValueCacheType::FP16 => Some("float16"),
    }
}

/// The greatest ranks for which the engine can set room aside.
const RANKS: [i32; 9] = [1, 8, 16, 32, 64, 128, 256, 320, 512];

/// Adapters for which there is room on the accelerators at the same time; further ones wait in the host's memory.
const MAX_ADAPTERS_AT_ONCE: usize = 8;

/// The adapters, loaded at the start. They can be asked for like models, by their names. Room is set aside for the greatest
/// rank that is known; where none is known, the engine sets it aside for 16.
fn adapters(adapters: &[MountedAdapter<'_>]) -> Vec<Argument> {
    let rank = adapters.iter().filter_map(|adapter| adapter.rank).max();
    let room = rank.and_then(|rank| RANKS.into_iter().find(|room| *room >= rank));
    let mut arguments = vec![
        Argument::switch("enable-lora"),
        Argument::value("max-loras", adapters.len().min(MAX_ADAPTERS_AT_ONCE)),
        Argument::value("max-cpu-loras", adapters.len()),
    ];
    arguments.extend(room.map(|rank| Argument::value("max-lora-rank", rank)));
    let modules = adapters.iter().map(|adapter| format!("{}={}", adapter.name, adapter.path));
    arguments.push(Argument::several("lora-modules", modules));
    arguments
}

const RULES: &[ArgumentRule] = &[
    ArgumentRule { name: "async-scheduling", value: Switch },
    ArgumentRule { name: "block-size", value: OneOf(&["8", "16", "32", "64", "128"]) },
    ArgumentRule { name: "chat-template-content-format", value: OneOf(&["auto", "string", "openai"]) },
    ArgumentRule { name: "convert", value: OneOf(&["auto", "none", "embed", "classify"]) },
    ArgumentRule { name: "disable-custom-all-reduce", value: Switch },
    ArgumentRule { name: "dtype", value: OneOf(&["auto", "bfloat16", "float16", "float32"]) },
    ArgumentRule { name: "enable-auto-tool-choice", value: Switch },
    ArgumentRule { name: "enable-chunked-prefill", value: Switch },
    ArgumentRule { name: "enable-expert-parallel", value: Switch },
    ArgumentRule { name: "enable-force-include-usage", value: Switch },
    ArgumentRule { name: "enable-prefix-caching", value: Switch },
    ArgumentRule { name: "enable-prompt-tokens-details", value: Switch },
    ArgumentRule { name: "enforce-eager", value: Switch },
    ArgumentRule { name: "generation-config", value: OneOf(&["auto", "vllm"]) },
    ArgumentRule { name: "gpu-memory-utilization", value: Thousandths { min: 100, max: 980 } },
    ArgumentRule { name: "long-prefill-token-threshold", value: Integer { min: 0, max: 100_000_000 } },
    ArgumentRule { name: "max-logprobs", value: Integer { min: 0, max: 1000 } },
    ArgumentRule { name: "max-num-batched-tokens", value: Integer { min: 1, max: 1_048_576 } },
    ArgumentRule { name: "no-async-scheduling", value: Switch },
    ArgumentRule { name: "no-enable-chunked-prefill", value: Switch },
    ArgumentRule { name: "no-enable-prefix-caching", value: Switch },
    ArgumentRule {
        name: "quantization",
        value: OneOf(&[
            "awq",
            "awq_marlin",
            "bitsandbytes",
            "compressed-tensors",
            "fp8",
            "gptq",
            "gptq_marlin",
            "modelopt",
            "mxfp4",
        ]),
    },
    ArgumentRule { name: "reasoning-parser", value: Identifier },
    ArgumentRule { name: "runner", value: OneOf(&["auto", "generate", "pooling"]) },
    ArgumentRule { name: "scheduling-policy", value: OneOf(&["fcfs", "priority"]) },
    ArgumentRule { name: "seed", value: Integer { min: 0, max: 4_294_967_295 } },
    ArgumentRule { name: "stream-interval", value: Integer { min: 1, max: 1000 } },
    ArgumentRule { name: "tokenizer-mode", value: OneOf(&["auto", "mistral", "slow"]) },
    ArgumentRule { name: "tool-call-parser", value: Identifier },
];

const RESERVED: &[&str] = &[
    "additional-config",
    "allow-credentials",
    "allowed-headers",
    "allowed-local-media-path",
    "allowed-media-domains",
    "allowed-methods",
    "allowed-origins",
    "api-key",
    "api-server-count",
    "attention-config",
    "aux-output-config",
    "chat-template",
    "code-revision",
    "collect-detailed-traces",
    "compilation-config",
    "config",
    "config-format",
    "data-parallel-address",
    "data-parallel-backend",
    "data-parallel-external-lb",
    "data-parallel-hybrid-lb",
    "data-parallel-multi-port-external-lb",
    "data-parallel-rank",
    "data-parallel-rpc-port",
    "data-parallel-size",
    "data-parallel-size-local",
    "data-parallel-start-rank",
    "data-parallel-supervisor-port",
    "default-chat-template-kwargs",
    "default-mm-loras",
    "device-ids",
    "diffusion-config",
    "disable-access-log-for-endpoints",
    "disable-fastapi-docs",
    "disable-log-stats",
    "disable-uvicorn-access-log",
    "distributed-executor-backend",
    "download-dir",
    "ec-manager-config",
    "ec-transfer-config",
    "enable-elastic-ep",
    "enable-fault-tolerance",
    "enable-log-deltas",
    "enable-log-outputs",
    "enable-log-requests",
    "enable-lora",
    "enable-mm-embeds",
    "enable-offline-docs",
    "enable-prompt-embeds",
    "enable-request-id-headers",
    "enable-scale-out",
    "enable-server-load-tracking",
    "enable-sleep-mode",
    "enable-ssl-refresh",
    "enable-tokenizer-info-endpoint",
    "enable-trace-replay",
    "engram-config",
    "eplb-config",
    "fault-tolerance-config",
    "grpc",
    "grpc-port",
    "headless",
    "hf-config-path",
    "hf-overrides",
    "hf-token",
    "host",
    "ignore-patterns",
    "io-processor-plugin",
    "kernel-config",
    "kv-cache-dtype",
    "kv-events-config",
    "kv-offloading-backend",
    "kv-transfer-config",
    "load-format",
    "log-config-file",
    "log-error-stack",
    "log-level",
    "logging-config",
    "logits-processor-pattern",
    "logits-processors",
    "lora-modules",
    "master-addr",
    "master-port",
    "max-cpu-loras",
    "max-log-len",
    "max-lora-rank",
    "max-loras",
    "max-model-len",
    "max-num-seqs",
    "media-io-kwargs",
    "middleware",
    "mm-encoder-fp8-scale-path",
    "mm-encoder-fp8-scale-save-path",
    "mm-processor-kwargs",
    "model",
    "model-class-overrides",
    "model-impl",
    "model-loader-extra-config",
    "nnodes",
    "node-rank",
    "otlp-traces-endpoint",
    "override-generation-config",
    "pipeline-parallel-size",
    "pooler-config",
    "port",
    "profiler-config",
    "pt-load-map-location",
    "quantization-config",
    "ray-workers-use-nsight",
    "reasoning-config",
    "reasoning-parser-plugin",
    "revision",
    "root-path",
    "scheduler-cls",
    "served-model-name",
    "shutdown-timeout",
    "spec-method",
    "spec-model",
    "spec-tokens",
    "speculative-config",
    "ssl-ca-certs",
    "ssl-cert-reqs",
    "ssl-certfile",
    "ssl-ciphers",
    "ssl-keyfile",
    "structured-outputs-config",
    "tensor-parallel-size",
    "tokenizer",
    "tokenizer-revision",
    "tokens-only",
    "tool-parser-plugin",
    "tool-server",
    "trust-remote-code",
    "trust-request-chat-template",
    "trust-request-mm-kwargs",
    "uds",
    "uvicorn-log-level",
    "watchdog-config",
    "watermark-config",
    "weight-transfer-config",
    "worker-cls",
    "worker-extension-cls",
];

const INSTEAD: &[(&str, Instead)] = &[
    ("api-key", Advice("List the namespaces that may reach the model in spec.access.consumers.")),
    ("config-format", Advice("Use weights with a config.json, as the Hugging Face libraries write them.")),
    ("disable-access-log-for-endpoints", Field("spec.records.requestLogging")),
    ("disable-uvicorn-access-log", Field("spec.records.requestLogging")),
    ("enable-log-requests", Field("spec.records.requestLogging")),
    ("enable-lora", Field("spec.model.adapters")),
    ("hf-overrides", Advice("Write it into config.json of the weights, and set spec.model.facts to match.")),
    ("kv-cache-dtype", Field("spec.engine.keyValueCacheType")),
    ("load-format", Field("spec.model.format")),
    ("lora-modules", Field("spec.model.adapters")),
    ("max-cpu-loras", Field("spec.model.adapters")),
    ("max-lora-rank", Field("spec.model.adapters")),
    ("max-loras", Field("spec.model.adapters")),
    ("max-model-len", Field("spec.engine.contextLength")),
    ("max-num-seqs", Field("spec.engine.concurrency")),
    ("model", Field("spec.model.source")),
    ("revision", Field("spec.model.source")),
    ("served-model-name", Field("spec.model.name")),
    ("shutdown-timeout", Field("spec.rollout.drainSeconds")),
    ("tensor-parallel-size", Field("spec.accelerator.count")),
];
