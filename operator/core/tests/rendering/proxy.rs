//! The contract of the proxy beside every engine: what it lets through, whom it asks, and what it is allowed itself.

#![allow(clippy::disallowed_types, reason = "the real proxy is a program")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use hemvist_api::values::EngineType;
use hemvist_core::request::ModelRequest;
use serde_json::{Value, json};

use crate::contract::Check;
use crate::fixtures::{Case, every_case};

pub const CHECKS: &[Check] = &[
    ("the proxy starts before the engine and ends after it", |case| {
        let proxy = proxy(case);
        proxy["name"] == "proxy" && proxy["restartPolicy"] == "Always" && proxy.get("lifecycle").is_none()
    }),
    ("the proxy has nothing but its configuration", |case| {
        let fields = [
            "args",
            "command",
            "image",
            "imagePullPolicy",
            "livenessProbe",
            "name",
            "ports",
            "resources",
            "restartPolicy",
            "securityContext",
            "startupProbe",
        ];
        let found: Vec<_> = proxy(case).as_object().into_iter().flatten().map(|(name, _)| name).collect();
        found == fields && proxy(case)["command"] == json!(["/usr/local/bin/envoy"])
    }),
    ("the proxy is another user than the engine", |case| {
        let user = proxy(case)["securityContext"]["runAsUser"].as_i64();
        user.is_some_and(|user| user > 0) && user != case.pod()["securityContext"]["runAsUser"].as_i64()
    }),
    ("the proxy has no accelerator", |case| {
        let limits: Vec<_> = proxy(case)["resources"]["limits"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .collect();
        limits == ["ephemeral-storage", "memory"]
    }),
    ("the proxy listens for clients and for probes, and nowhere else", |case| {
        let listeners: Vec<_> =
            list(&configuration(case)["static_resources"]["listeners"]).iter().map(port_of).collect();
        let ports: Vec<_> =
            list(&proxy(case)["ports"]).iter().map(|port| port["containerPort"].as_i64()).collect();
        listeners == [Some(8000), Some(8001)] && ports == listeners
    }),
    ("nobody can administer the proxy", |case| configuration(case).get("admin").is_none()),
    ("the engine listens in its pod alone", engine_is_inside),
    ("the proxy asks the engine of its pod and nobody else", |case| {
        list(&configuration(case)["static_resources"]["clusters"]).iter().all(|cluster| {
            cluster["type"] == "STATIC"
                && addresses(cluster) == [("127.0.0.1".to_owned(), engine_port(&case.model))]
        })
    }),
    ("clients are let through to listed paths, with listed methods, and to nothing below them", |case| {
        routes(case, "http") == expected_routes(&case.model)
    }),
    ("a connection ends with its answer, so that none is left to a replica that goes", |case| {
        filter(case, "http")["common_http_protocol_options"]["max_requests_per_connection"] == 1
    }),
    ("clients leave the engine threads for those who ask how it is", |case| {
        let clusters = &configuration(case)["static_resources"]["clusters"];
        let model =
            list(clusters).iter().find(|cluster| cluster["name"] == "model").cloned().unwrap_or_default();
        let clients = model["circuit_breakers"]["thresholds"][0]["max_connections"].as_i64();
        let arguments = list(&case.container()["args"]);
        let place = arguments.iter().position(|argument| argument == "--threads-http");
        let threads = place.and_then(|place| arguments[place + 1].as_str()?.parse::<i64>().ok());
        match case.model.engine.engine {
            EngineType::LlamaCpp => {
                threads >= clients.map(|clients| clients + 32)
                    && clients >= case.model.engine.concurrency.map(i64::from)
            }
            _ => threads.is_none() && clients == Some(65_536),
        }
    }),
    ("metrics are all that can be read besides", |case| {
        let up = ("/up".to_owned(), String::new());
        let metrics = ("/metrics".to_owned(), "GET".to_owned());
        let models = ("/v1/models".to_owned(), "GET".to_owned());
        routes(case, "status") == BTreeSet::from([up, metrics, models])
    }),
    ("a replica is ready when the model has answered and its engine is well", readiness),
    ("the model is asked by its name for one token", question),
];

/// Paths that engines have and no client needs: they change or stop the model, or show what others asked.
const CONTROL: [&str; 24] = [
    "/",
    "/abort_request",
    "/apply-template",
    "/collective_rpc",
    "/completion",
    "/detokenize",
    "/docs",
    "/flush_cache",
    "/get_server_info",
    "/invocations",
    "/load_lora_adapter",
    "/lora-adapters",
    "/metrics",
    "/openapi.json",
    "/pause",
    "/props",
    "/release_memory_occupation",
    "/scale_elastic_ep",
    "/sleep",
    "/slots",
    "/tokenize",
    "/update_weights_from_disk",
    "/v1/load_lora_adapter",
    "/v1/responses",
];

fn proxy(case: &Case) -> &Value {
    // What verifies weights comes before it and has ended when it begins.
    let beside = case.pod()["initContainers"].as_array().and_then(|all| all.last());
    beside.filter(|container| container["name"] == "proxy").unwrap()
}

fn configuration(case: &Case) -> Value {
    let args = list(&proxy(case)["args"]);
    let place = args.iter().position(|arg| arg == "--config-yaml").unwrap();
    serde_json::from_str(args[place + 1].as_str().unwrap()).unwrap()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn port_of(listener: &Value) -> Option<i64> {
    let address = &listener["address"]["socket_address"];
    address["port_value"].as_i64().filter(|_| address["address"] == "0.0.0.0")
}

fn addresses(cluster: &Value) -> Vec<(String, i64)> {
    let endpoints = list(&cluster["load_assignment"]["endpoints"]);
    let endpoints = endpoints.iter().flat_map(|endpoints| list(&endpoints["lb_endpoints"]));
    let address = |endpoint: Value| {
        let address = &endpoint["endpoint"]["address"]["socket_address"];
        Some((address["address"].as_str()?.to_owned(), address["port_value"].as_i64()?))
    };
    endpoints.filter_map(address).collect()
}

/// The filter that speaks HTTP at the listener of this name.
fn filter(case: &Case, listener: &str) -> Value {
    let listeners = list(&configuration(case)["static_resources"]["listeners"]);
    let found = listeners.iter().find(|one| one["name"] == listener).unwrap();
    let filters = list(&found["filter_chains"][0]["filters"]);
    assert_eq!((list(&found["filter_chains"]).len(), filters.len()), (1, 1));
    filters[0]["typed_config"].clone()
}

/// Path and method of every route; a route that matches anything else than a whole path is seen as one of its own.
fn routes(case: &Case, listener: &str) -> BTreeSet<(String, String)> {
    let hosts = list(&filter(case, listener)["route_config"]["virtual_hosts"]);
    let routes = hosts.iter().flat_map(|host| list(&host["routes"]));
    routes
        .map(|route| {
            let matches = &route["match"];
            let others = matches.as_object().into_iter().flatten();
            let exact = others.into_iter().all(|(name, _)| ["path", "headers"].contains(&name.as_str()));
            let path =
                matches["path"].as_str().filter(|_| exact).map_or_else(|| matches.to_string(), str::to_owned);
            let method = &matches["headers"][0];
            let method = method["string_match"]["exact"].as_str().filter(|_| method["name"] == ":method");
            (path, method.unwrap_or_default().to_owned())
        })
        .collect()
}

pub fn expected_routes(model: &ModelRequest) -> BTreeSet<(String, String)> {
    let mut posts = vec!["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/rerank"];
    let mut gets = vec!["/v1/models"];
    match model.engine.engine {
        EngineType::VLLM => posts.extend(["/v1/audio/transcriptions", "/v1/audio/translations"]),
        EngineType::SGLang | EngineType::LlamaCpp => {}
        EngineType::Custom => {
            posts = vec!["/v1/audio/transcriptions", "/tolka"];
            gets.clone_from(&posts);
        }
    }
    assert!(CONTROL.iter().all(|path| !posts.contains(path) && !gets.contains(path)));
    let with = |method: &'static str| move |path: &str| (path.to_owned(), method.to_owned());
    posts.into_iter().map(with("POST")).chain(gets.into_iter().map(with("GET"))).collect()
}

fn engine_port(model: &ModelRequest) -> i64 {
    model.engine.custom.as_ref().map_or(8080, |custom| i64::from(custom.port))
}

fn engine_is_inside(case: &Case) -> bool {
    let args: Vec<String> =
        list(&case.container()["args"]).iter().filter_map(|arg| arg.as_str().map(str::to_owned)).collect();
    let has_setting = |name: &str, value: &str| {
        args.contains(&format!("--{name}={value}"))
            || args.windows(2).any(|pair| pair[0] == format!("--{name}") && pair[1] == value)
    };
    let variable = json!({"name": "HEMVIST_HOST", "value": "127.0.0.1"});
    let inside = match case.model.engine.engine {
        EngineType::Custom => list(&case.container()["env"]).contains(&variable),
        _ => has_setting("host", "127.0.0.1") && has_setting("port", "8080"),
    };
    inside && case.container().get("ports").is_none()
}

fn readiness(case: &Case) -> bool {
    let probe = |name: &str| case.container()[name]["httpGet"].clone();
    let asks = |path: &str| json!({"path": path, "port": 8001});
    let answers = |path: &str| {
        let filters = list(&filter(case, "status")["http_filters"]);
        let found =
            filters.iter().find(|one| one["typed_config"]["headers"][0]["string_match"]["exact"] == path);
        found.unwrap()["typed_config"]["cluster_min_healthy_percentages"].clone()
    };
    probe("startupProbe") == asks("/ready")
        && probe("readinessProbe") == asks("/ready")
        && probe("livenessProbe") == asks("/live")
        && answers("/ready") == json!({"model": {"value": 100}, "engine": {"value": 100}})
        && answers("/live") == json!({"engine": {"value": 100}})
        && (600..=10_800).contains(&case.startup_seconds())
}

fn question(case: &Case) -> bool {
    let clusters = list(&configuration(case)["static_resources"]["clusters"]);
    let asked = |name: &str| {
        let cluster = clusters.iter().find(|cluster| cluster["name"] == name).unwrap();
        cluster["health_checks"][0]["http_health_check"].clone()
    };
    let health = case.model.engine.custom.as_ref().map_or("/health", |custom| &custom.health_path);
    let well = json!({"path": health, "method": "GET"});
    if case.model.engine.engine == EngineType::Custom {
        return asked("model") == well && asked("engine") == well;
    }
    let question = asked("model");
    let body = question["send"]["text"].as_str().unwrap_or_default();
    let bytes = body
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair)?, 16).map_err(Into::into));
    let bytes: Vec<u8> = bytes.collect::<Result<_, Box<dyn std::error::Error>>>().unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    question["path"] == "/v1/completions"
        && question["method"] == "POST"
        && body["model"] == case.model.model_name.as_str()
        && body["max_tokens"] == 1
        && asked("engine") == well
}

#[test]
#[ignore = "needs Envoy: make node"]
fn the_real_proxy_takes_every_configuration() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/node/envoy/usr/local/bin/envoy");
    let distinct: BTreeSet<_> = every_case().iter().map(|case| proxy(case)["args"].to_string()).collect();
    for arguments in &distinct {
        let arguments: Vec<String> = serde_json::from_str(arguments).unwrap();
        let output = Command::new(&program).args(["--mode", "validate"]).args(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.trim().is_empty(), "{arguments:?}: {said}");
    }
    println!("Envoy takes {} configurations without a word of warning", distinct.len());
}
