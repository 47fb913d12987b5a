//! The container of a replica that serves: the engine. Beside it is the proxy alone.

use hemvist_api::values::InformationClass;
use k8s_openapi::api::core::v1::{Capabilities, Container, EnvVar, SecurityContext};

use super::{lifecycle, resources, volumes};
use crate::decide::Plan;
use crate::engine::EngineDescription;
use crate::request::ModelRequest;

/// The name of the container.
pub const ENGINE: &str = "engine";

/// The container of `engine`. Its image must be there already or come from the registry that its reference names; with a
/// digest in the reference, pulling again could give nothing else.
pub fn container(plan: &Plan, engine: &EngineDescription) -> Container {
    let model = &plan.model;
    let weights = volumes::weights_path(&model.source);
    let arguments = engine.argument_list(&model.serving(), &weights, &volumes::adapters(model));
    Container {
        name: ENGINE.to_owned(),
        image: Some(model.engine.image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: engine.program(&model.serving()),
        args: Some(arguments).filter(|arguments| !arguments.is_empty()),
        env: Some(environment(engine, model, &weights)),
        resources: Some(resources::resources(plan, engine)),
        startup_probe: Some(lifecycle::startup_probe(model)),
        readiness_probe: Some(lifecycle::readiness_probe()),
        liveness_probe: Some(lifecycle::liveness_probe()),
        lifecycle: Some(lifecycle::lifecycle(model, engine)),
        security_context: Some(security()),
        volume_mounts: Some(volumes::mounts(model)),
        termination_message_policy: Some(last_words(model.information_class).to_owned()),
        ..Default::default()
    }
}

/// Whether the end of the log becomes part of the pod when the engine fails.
///
/// It says why an engine cannot start, which its exit code never does. But logging of requests being off does not keep
/// them out of it: a stack trace shows values, and what an engine of the user's own logs is not known. So it is left out
/// where that would be sensitive, and elsewhere status shows it of starts alone, before the first request. Those who read
/// the pod may read its log; the pod is also in the API server's storage and its backups.
const fn last_words(class: InformationClass) -> &'static str {
    match class {
        InformationClass::Open | InformationClass::Internal => "FallbackToLogsOnError",
        InformationClass::Sensitive | InformationClass::Secret => "File",
    }
}

fn environment(engine: &EngineDescription, model: &ModelRequest, weights: &str) -> Vec<EnvVar> {
    let fixed = engine.environment.iter().map(|(name, value)| (*name, (*value).to_owned()));
    fixed
        .chain((engine.variables)(&model.serving(), weights))
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
