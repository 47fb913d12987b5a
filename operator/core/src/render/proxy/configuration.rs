//! The configuration of the proxy: who may send requests, which paths it forwards, and how it checks that the model answers.
//!
//! Fields and their meaning: Envoy's API v3, `config.bootstrap.v3.Bootstrap`. Durations are texts in seconds.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::{LIVE_PATH, MODELS_PATH, READY_PATH, UP_PATH};
use crate::engine::{ENGINE_ADDRESS, EngineDescription, Method, Question, SERVING_PORT, STATUS_PORT};
use crate::request::ModelRequest;

/// The engine, while the model answers.
const MODEL: &str = "model";

/// The engine, while it says that it is well.
const ENGINE: &str = "engine";

/// How often a question is asked, and how patiently.
struct Asking {
    /// Seconds until it is asked again, where it was answered.
    interval: u32,
    /// Seconds until it is asked again, where it was not.
    retry: u32,
    /// Seconds that an answer may take.
    timeout: u32,
}

/// One token is requested. Each costs a little, so it is done seldom once the model has answered; and an engine that has as
/// much to do as it can answers late and is not stuck.
const A_TOKEN: Asking = Asking { interval: 60, retry: 2, timeout: 120 };

/// The engine is asked whether it is well, which costs nothing. Between a start and the first token, this tells an engine that
/// has just been restarted from the one that answered before.
const HEALTH: Asking = Asking { interval: 1, retry: 1, timeout: 5 };

/// After how many questions in a row that were not answered the engine is out of service. A wrong answer counts at once.
const UNANSWERED: u32 = 3;

/// More requests at the same time than an engine can keep in its queue; how many it takes is for the engine to say.
const MAX_REQUESTS: u32 = 65_536;

/// How long a connection to the engine is kept for the next request. Engines close theirs after five seconds, and a request that
/// sets out at that moment would be lost.
const IDLE: &str = "2s";

/// The whole configuration.
pub fn configuration(model: &ModelRequest, engine: &EngineDescription) -> Value {
    let connections = engine.connections.map_or(json!(MAX_REQUESTS), |limit| json!(limit(&model.serving())));
    json!({
        "static_resources": {
            "listeners": [
                listener("http", SERVING_PORT, &[], &routes(model, engine)),
                listener("status", STATUS_PORT, &status_filters(), &status_routes(engine)),
            ],
            "clusters": [
                cluster(MODEL, model, &connections, &(engine.question)(&model.serving()), &A_TOKEN),
                cluster(ENGINE, model, &json!(MAX_REQUESTS), &Question::health(engine.health_path(&model.serving())), &HEALTH),
            ],
        },
        // No `admin` listener: it has no authentication, and can show and change everything.
        "overload_manager": {
            "resource_monitors": [{
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": MAX_REQUESTS,
                },
            }],
        },
    })
}

/// What clients may ask. There is no route for anything else, so anything else is not found.
fn routes(model: &ModelRequest, engine: &EngineDescription) -> Vec<Value> {
    engine.paths(&model.serving()).into_iter().map(|(method, path)| route(method, path, MODEL)).collect()
}

fn status_routes(engine: &EngineDescription) -> Vec<Value> {
    let up = json!({"match": {"path": UP_PATH}, "direct_response": {"status": 200}});
    // What the engine says of its model, for those who may not ask the model itself.
    vec![up, route(Method::Get, engine.metrics_path, ENGINE), route(Method::Get, MODELS_PATH, MODEL)]
}

/// A path and nothing below it, with one method. An answer may take as long as it takes.
fn route(method: Method, path: &str, cluster: &str) -> Value {
    json!({
        "match": {
            "path": path,
            "headers": [{"name": ":method", "string_match": {"exact": method.as_str()}}],
        },
        "route": {"cluster": cluster, "timeout": "0s"},
    })
}

/// Answers for the engine by what has been found, without asking it again.
fn status_filters() -> [Value; 2] {
    [(READY_PATH, [MODEL, ENGINE].as_slice()), (LIVE_PATH, &[ENGINE])].map(|(path, clusters)| {
        let all: Map<String, Value> =
            clusters.iter().map(|cluster| ((*cluster).to_owned(), json!({"value": 100}))).collect();
        json!({
            "name": path.trim_start_matches('/'),
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck",
                "pass_through_mode": false,
                "headers": [{"name": ":path", "string_match": {"exact": path}}],
                "cluster_min_healthy_percentages": all,
            },
        })
    })
}

fn listener(name: &str, port: i32, filters: &[Value], routes: &[Value]) -> Value {
    let passing_on = json!({
        "name": "router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            // Neither reads nor adds headers with which a client could steer it or learn of it.
            "suppress_envoy_headers": true,
        },
    });
    let filters: Vec<_> = filters.iter().cloned().chain([passing_on]).collect();
    let connections = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        // A path is judged as it will be understood, and one that can be understood in two ways is refused.
        "normalize_path": true,
        "merge_slashes": false,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        // The engine, which could log it, does not learn who asks, and nothing is numbered.
        "use_remote_address": true,
        "skip_xff_append": true,
        "generate_request_id": false,
        "server_header_transformation": "PASS_THROUGH",
        // A client that kept its connection would go on asking a replica that is about to go. One connection for each answer
        // costs a fraction of a millisecond, and nothing is lost.
        "common_http_protocol_options": {"max_requests_per_connection": 1},
        // A model may think for long before the first word.
        "stream_idle_timeout": "0s",
        "http_filters": filters,
        "route_config": {"virtual_hosts": [{"name": name, "domains": ["*"], "routes": routes}]},
    });
    json!({
        "name": name,
        "address": address("0.0.0.0", port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": connections}]}],
    })
}

/// The engine, which counts as healthy while it answers the question.
fn cluster(
    name: &str,
    model: &ModelRequest,
    connections: &Value,
    question: &Question,
    asking: &Asking,
) -> Value {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        // Otherwise an engine that does not answer would be asked all the same, as there is no other.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {"thresholds": [{
            "max_connections": connections,
            "max_pending_requests": MAX_REQUESTS,
            "max_requests": MAX_REQUESTS,
        }]},
        "typed_extension_protocol_options": {options: {
            "@type": format!("type.googleapis.com/{options}"),
            "common_http_protocol_options": {"idle_timeout": IDLE},
            "explicit_http_config": {"http_protocol_options": {}},
        }},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(ENGINE_ADDRESS, model.serving().port())}}]}],
        },
        "health_checks": [health_check(question, asking)],
    })
}

fn health_check(question: &Question, asking: &Asking) -> Value {
    let mut check = json!({"path": question.path, "method": question.method.as_str()});
    if let Some(body) = &question.body {
        check["send"] = json!({"text": hexadecimal(&body.to_string())});
        check["request_headers_to_add"] =
            json!([{"header": {"key": "content-type", "value": "application/json"}}]);
    }
    let seconds = |number: u32| format!("{number}s");
    json!({
        "timeout": seconds(asking.timeout),
        "interval": seconds(asking.interval),
        "unhealthy_interval": seconds(asking.retry),
        "unhealthy_edge_interval": seconds(asking.retry),
        // Left to itself it would ask an engine to which nobody has come yet once a minute.
        "no_traffic_interval": seconds(asking.retry),
        "no_traffic_healthy_interval": seconds(asking.interval),
        "unhealthy_threshold": UNANSWERED,
        "healthy_threshold": 1,
        "http_health_check": check,
    })
}

fn address(host: &str, port: i32) -> Value {
    json!({"socket_address": {"address": host, "port_value": port}})
}

/// Two digits for each byte, as the body of a health check is written.
fn hexadecimal(text: &str) -> String {
    text.bytes().fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
