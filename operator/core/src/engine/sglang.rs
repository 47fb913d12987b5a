//! SGLang: OpenAI-compatible, for safetensors on one or several accelerators of a node.
//!
//! Checked against the argument parser of version 0.5.23. It is started as a module and not by `sglang serve`, which first
//! looks at the weights for what kind of model they are, and asks the hub where it does not know.

use hemvist_api::values::{EngineType, KeyValueCacheType, ModelFormat, RequestLogging};

use super::ArgumentValue::{Identifier, Integer, OneOf, Switch, Thousandths};
use super::Instead::{Advice, Field};
use super::interface::OPENAI;
use super::{
    Argument, ArgumentRule, ArgumentSyntax, Drain, ENGINE_ADDRESS, ENGINE_PORT, EngineDescription, Instead,
    LoadMeasures, MountedAdapter, Question, Serving,
};

/// SGLang.
pub const DESCRIPTION: EngineDescription = EngineDescription {
    engine: EngineType::SGLang,
    formats: &[ModelFormat::Safetensors],
    command: &["python3", "-m", "sglang.launch_server"],
    syntax: ArgumentSyntax::Joined,
    arguments,
    adapters: Some(adapters),
    environment: ENVIRONMENT,
    variables: |_, _| Vec::new(),
    // It lets the model generate one token, unless it is generating anyway, and answers 503 while it starts or stops.
    paths: OPENAI,
    question,
    connections: None,
    health_path: "/health",
    metrics_path: "/metrics",
    load: Some(LoadMeasures {
        waiting: "sglang:num_queue_reqs",
        running: "sglang:num_running_reqs",
        tokens: ["sglang:prompt_tokens_total", "sglang:generation_tokens_total"],
        cache_used: Some("sglang:token_usage"),
    }),
    // On SIGTERM it answers 503 to probes and ends when no request is under way, however long that takes; the end of the
    // grace period is the limit.
    drain: Drain::ByEngine,
    // The image has no user of its own, so nothing in it belongs to a group that would be needed.
    group: 2000,
    // Compiled kernels and graphs of one model.
    cache_gibibytes: 10,
    temporary_gibibytes: 2,
    // The interpreter, the libraries of the accelerators (about one gibibyte for each process), tokeniser and requests.
    base_gibibytes: 8,
    // Weights are streamed to the accelerators shard by shard, as by vLLM.
    weights_per_host_byte: 4,
    rules: RULES,
    reserved: RESERVED,
    instead: INSTEAD,
    abbreviates: true,
    drives: |_| true,
    spreads_heads: true,
    // `model:adapter` is how a request asks for an adapter.
    not_in_names: &[':'],
};

/// It sends no reports of use; the hub is never asked; every cache is below the two volumes. Not in the list, and so never
/// set: `SGLANG_USE_MODELSCOPE`, `SGLANG_EXTERNAL_MODEL_PACKAGE`, `SGLANG_GRPC_PORT`, `EXA_API_KEY`, every token, and every
/// variable that picks devices.
const ENVIRONMENT: &[(&str, &str)] = &[
    // The pages that describe every path of the server, also those that control it.
    ("DISABLE_OPENAPI_DOC", "1"),
    ("DO_NOT_TRACK", "1"),
    ("HF_HOME", "/cache/huggingface"),
    ("HF_HUB_DISABLE_TELEMETRY", "1"),
    ("HF_HUB_OFFLINE", "1"),
    ("HOME", "/cache"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    // Kernels of Triton, Inductor, TileLang, FlashInfer and CUDA are kept below it as well.
    ("SGLANG_CACHE_DIR", "/cache/sglang"),
    // Workers of one node talk over the loopback.
    // Otherwise it makes a token each time that it is asked whether it is well. The proxy asks it for one now and then.
    ("SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION", "false"),
    ("SGLANG_HOST_IP", "127.0.0.1"),
    ("TMPDIR", "/tmp"),
    ("TRANSFORMERS_OFFLINE", "1"),
    ("TRITON_CACHE_DIR", "/cache/triton"),
    // The name of the user is looked up for a cache folder, and an image need not have a user of our number.
    ("USER", "hemvist"),
    ("XDG_CACHE_HOME", "/cache/xdg"),
    ("XDG_CONFIG_HOME", "/cache/xdg-config"),
];

/// What the typed fields become.
fn arguments(model: &Serving<'_>, weights: &str) -> Vec<Argument> {
    let engine = &model.engine;
    let mut arguments = vec![
        Argument::value("model-path", weights),
        Argument::value("served-model-name", model.model_name),
        Argument::value("host", ENGINE_ADDRESS),
        Argument::value("port", ENGINE_PORT),
        // Left to itself the engine would also take weights in formats that carry code.
        Argument::value("load-format", load_format(model.format)),
        Argument::value("tensor-parallel-size", model.accelerators),
        Argument::switch("enable-metrics"),
        // At `debug` the engine would log prompts.
        Argument::value("log-level", "info"),
    ];
    arguments.extend(engine.context_length.map(|tokens| Argument::value("context-length", tokens)));
    arguments.extend(engine.concurrency.map(|requests| Argument::value("max-running-requests", requests)));
    arguments
        .extend(cache_type(engine.key_value_cache_type).map(|name| Argument::value("kv-cache-dtype", name)));
    arguments.extend(access_log(model.request_logging));
    arguments
}

/// Method, path and status of each request, or of none; those of probes and metrics would drown the others.
fn access_log(logging: RequestLogging) -> Vec<Argument> {
    match logging {
        RequestLogging::None => vec![Argument::value("log-level-http", "warning")],
        RequestLogging::Metadata => {
            let drowning = ["/health", "/metrics"].map(str::to_owned);
            vec![
                Argument::value("log-level-http", "info"),
                Argument::several("uvicorn-access-log-exclude-prefixes", drowning),
            ]
        }
    }
}

/// The adapters, loaded at the start; the engine reads their ranks itself. A request asks for `model:adapter`.
fn adapters(adapters: &[MountedAdapter<'_>]) -> Vec<Argument> {
    let paths = adapters.iter().map(|adapter| format!("{}={}", adapter.name, adapter.path));
    vec![Argument::switch("enable-lora"), Argument::several("lora-paths", paths)]
}

/// One token, or one embedding of a model that makes no text.
fn question(model: &Serving<'_>) -> Question {
    if model.asks_for("is-embedding") { Question::embedding(model) } else { Question::token(model) }
}

/// The loader for a format.
fn load_format(format: ModelFormat) -> &'static str {
    match format {
        ModelFormat::Safetensors => "safetensors",
        ModelFormat::GGUF => "gguf",
    }
}

/// The engine's name for a number format, where one is requested. It has no cache in float16; bfloat16 takes the same room.
fn cache_type(kind: KeyValueCacheType) -> Option<&'static str> {
    match kind {
        KeyValueCacheType::Auto => None,
        KeyValueCacheType::FP8 => Some("fp8_e4m3"),
        KeyValueCacheType::FP16 => Some("bfloat16"),
    }
}

const RULES: &[ArgumentRule] = &[
    ArgumentRule { name: "allow-auto-truncate", value: Switch },
    ArgumentRule {
        name: "attention-backend",
        value: OneOf(&[
            "aiter",
            "cutedsl_mla",
            "fa3",
            "fa4",
            "flashinfer",
            "flashmla",
            "torch_native",
            "triton",
            "trtllm_mha",
            "trtllm_mla",
        ]),
    },
    ArgumentRule { name: "chunked-prefill-size", value: Integer { min: 1, max: 1_048_576 } },
    ArgumentRule { name: "constrained-json-disable-any-whitespace", value: Switch },
    ArgumentRule { name: "cuda-graph-max-bs-decode", value: Integer { min: 1, max: 4096 } },
    ArgumentRule { name: "disable-chunked-prefix-cache", value: Switch },
    ArgumentRule { name: "disable-cuda-graph-padding", value: Switch },
    ArgumentRule { name: "disable-custom-all-reduce", value: Switch },
    ArgumentRule { name: "disable-decode-cuda-graph", value: Switch },
    ArgumentRule { name: "disable-overlap-schedule", value: Switch },
    ArgumentRule { name: "disable-prefill-cuda-graph", value: Switch },
    ArgumentRule { name: "disable-radix-cache", value: Switch },
    ArgumentRule { name: "dtype", value: OneOf(&["auto", "bfloat16", "float16", "float32"]) },
    ArgumentRule { name: "enable-cache-report", value: Switch },
    ArgumentRule { name: "enable-deterministic-inference", value: Switch },
    ArgumentRule { name: "enable-mixed-chunk", value: Switch },
    ArgumentRule { name: "enable-multimodal", value: Switch },
    ArgumentRule { name: "enable-p2p-check", value: Switch },
    ArgumentRule { name: "enable-priority-scheduling", value: Switch },
    ArgumentRule { name: "enable-torch-compile", value: Switch },
    ArgumentRule { name: "ep-size", value: Integer { min: 1, max: 64 } },
    ArgumentRule { name: "grammar-backend", value: OneOf(&["llguidance", "none", "outlines", "xgrammar"]) },
    ArgumentRule { name: "is-embedding", value: Switch },
    ArgumentRule { name: "max-prefill-tokens", value: Integer { min: 1, max: 1_048_576 } },
    ArgumentRule { name: "max-queued-requests", value: Integer { min: 1, max: 1_000_000 } },
    ArgumentRule { name: "max-total-tokens", value: Integer { min: 1, max: 1_000_000_000 } },
    ArgumentRule { name: "mem-fraction-static", value: Thousandths { min: 100, max: 980 } },
    ArgumentRule { name: "num-continuous-decode-steps", value: Integer { min: 1, max: 64 } },
    ArgumentRule { name: "page-size", value: Integer { min: 1, max: 256 } },
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
            "modelopt_fp4",
            "modelopt_fp8",
            "mxfp4",
            "w8a8_fp8",
            "w8a8_int8",
        ]),
    },
    ArgumentRule { name: "random-seed", value: Integer { min: 0, max: 4_294_967_295 } },
    ArgumentRule { name: "reasoning-parser", value: Identifier },
    ArgumentRule { name: "sampling-backend", value: OneOf(&["flashinfer", "pytorch"]) },
    ArgumentRule { name: "sampling-defaults", value: OneOf(&["model", "openai"]) },
    ArgumentRule { name: "schedule-conservativeness", value: Thousandths { min: 0, max: 10_000 } },
    ArgumentRule {
        name: "schedule-policy",
        value: OneOf(&["dfs-weight", "fcfs", "lof", "lpm", "priority", "random"]),
    },
    ArgumentRule { name: "stream-interval", value: Integer { min: 1, max: 1000 } },
    ArgumentRule { name: "stream-response-default-include-usage", value: Switch },
    ArgumentRule { name: "tokenizer-mode", value: OneOf(&["auto", "slow"]) },
    ArgumentRule { name: "tool-call-parser", value: Identifier },
    ArgumentRule { name: "watchdog-timeout", value: Integer { min: 60, max: 86_400 } },
];

/// Besides what typed fields set: what would give the engine code, files, addresses, other listeners or secrets, write the
/// content of requests anywhere, or hand out what the model works with inside.
const RESERVED: &[&str] = &[
    "admin-api-key",
    "allowed-media-domains",
    "api-key",
    "attention-context-parallel-size",
    "attention-data-parallel-size",
    "attn-cp-size",
    "attn-dp-size",
    "base-gpu-id",
    "chat-template",
    "checkpoint-engine-wait-weights-before-ready",
    "completion-template",
    "config",
    "context-length",
    "crash-dump-folder",
    "cuda-graph-config",
    "custom-weight-loader",
    "data-parallel-size",
    "dcp-size",
    "debug-cuda-graph",
    "debug-tensor-dump-input-file",
    "debug-tensor-dump-layers",
    "debug-tensor-dump-output-folder",
    "decode-context-parallel-size",
    "decoupled-spec-bind-endpoint",
    "decoupled-spec-connect-endpoints",
    "decrypted-config-file",
    "decrypted-draft-config-file",
    "deepep-config",
    "default-chat-template-kwargs",
    "delete-ckpt-after-loading",
    "device",
    "disaggregation-bootstrap-port",
    "disaggregation-ib-device",
    "disaggregation-mode",
    "disaggregation-transfer-backend",
    "dist-init-addr",
    "dllm-algorithm-config",
    "dllm-fdfo",
    "download-dir",
    "dp-size",
    "dwdp-size",
    "elastic-ep-backend",
    "enable-adaptive-dispatch-to-encoder",
    "enable-custom-logit-processor",
    "enable-elastic-expert-backup",
    "enable-flexkv",
    "enable-forward-pass-metrics",
    "enable-http-worker-reuseport",
    "enable-http2",
    "enable-lmcache",
    "enable-lora",
    "enable-memory-saver",
    "enable-metrics",
    "enable-metrics-for-all-schedulers",
    "enable-mm-global-cache",
    "enable-pd-role-switch",
    "enable-pdmux",
    "enable-profile-cuda-graph",
    "enable-request-time-stats-logging",
    "enable-response-store",
    "enable-return-aux-hidden-states",
    "enable-return-hidden-states",
    "enable-return-indexer-topk",
    "enable-return-routed-experts",
    "enable-ssl-refresh",
    "enable-streaming-session",
    "enable-trace",
    "enable-unified-cache-external-linker",
    "enable-weights-cpu-backup",
    "encoder-bootstrap-port",
    "encoder-only",
    "encoder-register-urls",
    "encoder-transfer-backend",
    "encoder-urls",
    "engine-info-bootstrap-port",
    "expert-distribution-recorder-mode",
    "experts-shared-outer-loras",
    "export-metrics-to-file",
    "export-metrics-to-file-dir",
    "extra-metric-labels",
    "fastapi-root-path",
    "file-storage-path",
    "flexkv-config-file",
    "forward-hooks",
    "forward-pass-metrics-ipc-name",
    "forward-pass-metrics-worker-id",
    "gated-launch-port",
    "gpu-id-step",
    "grpc-http-sidecar-port",
    "grpc-mode",
    "grpc-port",
    "hf-chat-template-name",
    "hicache-storage-backend",
    "hicache-storage-backend-extra-config",
    "hierarchical-sparse-attention-extra-config",
    "hisparse-config",
    "host",
    "json-model-override-args",
    "kt-weight-path",
    "kv-cache-dtype",
    "kv-canary-real-data",
    "kv-events-config",
    "lmcache-config-file",
    "load-format",
    "load-publish-endpoint",
    "load-snapshot-publish-interval",
    "log-level",
    "log-level-http",
    "log-requests",
    "log-requests-level",
    "log-requests-target",
    "lora-paths",
    "lora-strict-loading",
    "max-loaded-loras",
    "max-lora-rank",
    "max-loras-per-batch",
    "max-running-requests",
    "mm-enable-dp-encoder",
    "mm-global-cache-backend",
    "mm-process-config",
    "model",
    "model-checksum",
    "model-config-parser",
    "model-impl",
    "model-loader-extra-config",
    "model-path",
    "modelexpress-config",
    "modelopt-checkpoint-restore-path",
    "modelopt-checkpoint-save-path",
    "modelopt-export-path",
    "moe-data-parallel-size",
    "moe-dp-size",
    "mooncake-ib-device",
    "msprobe-dump-config",
    "nccl-init-addr",
    "nccl-port",
    "nnodes",
    "node-rank",
    "otlp-service-name",
    "otlp-traces-endpoint",
    "pdmux-config-path",
    "pipeline-parallel-size",
    "ple-offload-backend",
    "ple-offload-dir",
    "port",
    "pp-size",
    "preferred-sampling-params",
    "quantization-param-path",
    "radix-cache-backend",
    "radix-eviction-policy-config",
    "remote-instance-weight-loader-backend",
    "remote-instance-weight-loader-seed-instance-ip",
    "remote-instance-weight-loader-seed-instance-service-port",
    "remote-instance-weight-loader-send-weights-group-ports",
    "remote-instance-weight-loader-start-seed-via-transfer-engine",
    "return-aux-hidden-state-layer-ids",
    "return-hidden-states-mode",
    "return-input-ids",
    "return-output-ids",
    "revision",
    "served-model-name",
    "show-time-cost",
    "sidecar",
    "sidecar-args",
    "skip-server-warmup",
    "skip-tokenizer-init",
    "smg-grpc-mode",
    "smg-http-sidecar-port",
    "spec-trace-dir",
    "speculative-adaptive-config",
    "speculative-algorithm",
    "speculative-draft-load-format",
    "speculative-draft-model",
    "speculative-draft-model-path",
    "speculative-draft-model-revision",
    "speculative-dspark-confidence-sts-path",
    "speculative-dspark-sps-table-path",
    "speculative-enable-w4a4-mxfp4-megamoe",
    "speculative-ngram-external-corpus-path",
    "speculative-token-map",
    "ssl-ca-certs",
    "ssl-certfile",
    "ssl-keyfile",
    "ssl-keyfile-password",
    "tensor-parallel-size",
    "tokenizer-metrics-allowed-custom-labels",
    "tokenizer-metrics-custom-labels-header",
    "tokenizer-path",
    "tool-server",
    "tp-size",
    "trace-modules",
    "trust-mm-content-hashes",
    "trust-remote-code",
    "trust-request-chat-template",
    "unified-cache-external-linker-backend",
    "unified-cache-external-linker-config",
    "uno-lora-path",
    "use-ray",
    "uvicorn-access-log-exclude-prefixes",
    "warmups",
    "watermark-config",
    "weight-cache-mode",
    "weight-cache-socket",
];

const INSTEAD: &[(&str, Instead)] = &[
    ("api-key", Advice("List the namespaces that may reach the model in spec.access.consumers.")),
    ("context-length", Field("spec.engine.contextLength")),
    ("enable-lora", Field("spec.model.adapters")),
    (
        "json-model-override-args",
        Advice("Write it into config.json of the weights, and set spec.model.facts to match."),
    ),
    ("kv-cache-dtype", Field("spec.engine.keyValueCacheType")),
    ("load-format", Field("spec.model.format")),
    ("log-level-http", Field("spec.records.requestLogging")),
    ("log-requests", Field("spec.records.requestLogging")),
    ("lora-paths", Field("spec.model.adapters")),
    ("max-loaded-loras", Field("spec.model.adapters")),
    ("max-loras-per-batch", Field("spec.model.adapters")),
    ("max-running-requests", Field("spec.engine.concurrency")),
    ("model", Field("spec.model.source")),
    ("model-path", Field("spec.model.source")),
    ("revision", Field("spec.model.source")),
    ("served-model-name", Field("spec.model.name")),
    ("tensor-parallel-size", Field("spec.accelerator.count")),
    ("tp-size", Field("spec.accelerator.count")),
];
