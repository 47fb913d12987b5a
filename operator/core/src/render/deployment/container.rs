//! The one container of a replica: the engine.

use k8s_openapi::api::core::v1::{Capabilities, Container, ContainerPort, EnvVar, SecurityContext};

use super::{lifecycle, resources, volumes};
use crate::render::engine::{EngineDescription, port};
use crate::render::service::SERVING_PORT_NAME;
use crate::validate::ValidatedModel;

/// The name of the container.
const NAME: &str = "engine";

/// The container of `engine`. Its image must be there already or come from the registry that its reference names; with a
/// digest in the reference, pulling again could give nothing else.
pub fn container(model: &ValidatedModel, engine: &EngineDescription) -> Container {
    let weights = volumes::weights_path(&model.source);
    let arguments = engine.argument_list(model, &weights, &volumes::adapters(model));
    Container {
        name: NAME.to_owned(),
        image: Some(model.engine.image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: engine.program(model),
        args: Some(arguments).filter(|arguments| !arguments.is_empty()),
        env: Some(environment(engine, model, &weights)),
        ports: Some(vec![ContainerPort {
            name: Some(SERVING_PORT_NAME.to_owned()),
            container_port: port(model),
            protocol: Some("TCP".to_owned()),
            ..Default::default()
        }]),
        resources: Some(resources::resources(model, engine)),
        startup_probe: Some(lifecycle::startup_probe(model, engine)),
        readiness_probe: Some(lifecycle::readiness_probe(model, engine)),
        liveness_probe: Some(lifecycle::liveness_probe(model, engine)),
        lifecycle: Some(lifecycle::lifecycle(model, engine)),
        security_context: Some(security()),
        volume_mounts: Some(volumes::mounts(model)),
        ..Default::default()
    }
}

fn environment(engine: &EngineDescription, model: &ValidatedModel, weights: &str) -> Vec<EnvVar> {
    let fixed = engine.environment.iter().map(|(name, value)| (*name, (*value).to_owned()));
    fixed
        .chain((engine.variables)(model, weights))
        .map(|(name, value)| EnvVar { name: name.to_owned(), value: Some(value), ..Default::default() })
        .collect()
}

/// What no container of Hemvist may do.
pub fn security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        privileged: Some(false),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Default::default() }),
        ..Default::default()
    }
}
