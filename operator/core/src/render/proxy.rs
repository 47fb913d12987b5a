//! The reverse proxy beside every engine: Envoy, as a sidecar. It is the only one that can be reached from outside the pod,
//! and it lets through what a client of a model needs, and nothing else.
//!
//! The engine listens on the loopback of the pod. Isolation of the network is up to a plug-in that a cluster may not have; the
//! list of paths holds without one. Decision 0013 says why it is Envoy and what it costs.

mod configuration;

use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, HTTPGetAction, Probe, ResourceRequirements, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::engine::{EngineDescription, SERVING_PORT, SERVING_PORT_NAME, STATUS_PORT, STATUS_PORT_NAME};
use crate::request::ModelRequest;
use crate::snapshot::Settings;

/// The name of the container.
pub const PROXY: &str = "proxy";

/// Answers 200 when the model has answered.
pub const READY_PATH: &str = "/ready";

/// Answers as the engine answers for its health.
pub const LIVE_PATH: &str = "/live";

/// Answers with the names of the models that the engine serves, and what it says of them.
pub const MODELS_PATH: &str = "/v1/models";

/// Answers 200 as soon as the proxy is there.
const UP_PATH: &str = "/up";

/// What stands for the image where none is set: `hemvist check` and `hemvist render` can do without it.
pub const EXAMPLE_PROXY_IMAGE: &str = "registry.region.example/envoyproxy/envoy@sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// The program in every image that the Envoy project publishes. Their entry point would be a shell.
const PROGRAM: &str = "/usr/local/bin/envoy";

/// Threads that pass on requests. One passes on some twenty thousand pieces of answers a second.
const THREADS: &str = "2";

/// Memory of the proxy: 70 MB with its program, 15 MB without, and some 40 KiB for each request under way.
const MEMORY: &str = "256Mi";

/// The proxy as a sidecar: it starts before the engine and ends after it, so that requests under way can end.
pub fn container(model: &ModelRequest, engine: &EngineDescription, settings: &Settings) -> Container {
    let configuration = configuration::configuration(model, engine).to_string();
    Container {
        name: PROXY.to_owned(),
        image: Some(settings.proxy_image.clone().unwrap_or_else(|| EXAMPLE_PROXY_IMAGE.to_owned())),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        restart_policy: Some("Always".to_owned()),
        command: Some(vec![PROGRAM.to_owned()]),
        args: Some(arguments(configuration)),
        ports: Some(vec![port(SERVING_PORT_NAME, SERVING_PORT), port(STATUS_PORT_NAME, STATUS_PORT)]),
        resources: Some(resources()),
        startup_probe: Some(Probe { period_seconds: Some(1), failure_threshold: Some(60), ..up() }),
        liveness_probe: Some(Probe { period_seconds: Some(10), failure_threshold: Some(3), ..up() }),
        security_context: Some(security()),
        ..Default::default()
    }
}

/// The arguments, each value by itself: the parser takes no `--name=value`.
fn arguments(configuration: String) -> Vec<String> {
    // In the template and not in a ConfigMap: whoever changes it makes another pod, and every rule for pods holds.
    let mut arguments = vec!["--config-yaml".to_owned(), configuration];
    // Two processes that hand over to each other would need shared memory and a writable folder.
    arguments.push("--disable-hot-restart".to_owned());
    // At `debug` it would log what is asked.
    let others = ["--concurrency", THREADS, "--log-level", "warning"];
    arguments.extend(others.map(str::to_owned));
    arguments
}

/// A probe of the engine, asked through the proxy: nobody outside the pod can ask the engine itself.
pub fn probe(path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::Int(STATUS_PORT),
            ..Default::default()
        }),
        timeout_seconds: Some(5),
        ..Default::default()
    }
}

fn up() -> Probe {
    probe(UP_PATH)
}

fn port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..Default::default()
    }
}

/// Like the engine's: what can be divided is not limited, what is given is requested.
fn resources() -> ResourceRequirements {
    let quantity = |name: &str, amount: &str| (name.to_owned(), Quantity(amount.to_owned()));
    let limits = [quantity("memory", MEMORY), quantity("ephemeral-storage", "64Mi")];
    let requests = [limits.to_vec(), vec![quantity("cpu", "100m")]].concat();
    ResourceRequirements {
        limits: Some(limits.into()),
        requests: Some(requests.into_iter().collect()),
        ..Default::default()
    }
}

/// As the engine's, and its own user: what is in one container cannot reach into the other.
fn security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        privileged: Some(false),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Default::default() }),
        ..Default::default()
    }
}

/// The user of the proxy.
const USER: i64 = 2001;
