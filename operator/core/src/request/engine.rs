//! The engine of a model, with everything it is told.

use std::collections::BTreeMap;

use hemvist_api::ModelDeploymentSpec;
use hemvist_api::model_deployment::{CustomEngine, EngineArgument};
use hemvist_api::values::{EngineType, KeyValueCacheType};

use super::check::invalid;
use crate::engine::{
    ArgumentVerdict, CustomSettings, ENGINE_PORT, EngineDescription, EngineSettings, SERVING_PORT,
    STATUS_PORT, allowed_argument, description,
};
use crate::policy::EffectivePolicy;
use crate::violation::{Finding, Violation};

/// Programs that carry out whatever text they are given. A model that begins with one would carry code that nobody reviews.
const SHELLS: [&str; 9] = ["ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "sh", "zsh"];

/// The engine of the model that clients ask for as `model_name`.
pub(super) fn engine(
    spec: &ModelDeploymentSpec,
    model_name: &str,
    policy: &EffectivePolicy,
) -> Result<EngineSettings, Vec<Violation>> {
    let engine = &spec.engine;
    let type_ = engine.type_;
    let description = description(type_);
    let mut faults = format(spec, description);
    faults.extend(name(model_name, description));
    faults.extend(custom_fault(type_, engine.custom.as_ref()));
    let from_policy = policy.allowed_args();
    let mut args = BTreeMap::new();
    for argument in engine.args.iter().flatten() {
        match argument_fault(type_, argument, from_policy.contains(&argument.name)) {
            Some(fault) => faults.push(fault),
            None => drop(args.insert(argument.name.clone(), argument.value.clone())),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(EngineSettings {
        engine: type_,
        image: engine.image.as_str().to_owned(),
        context_length: engine.context_length,
        concurrency: engine.concurrency,
        key_value_cache_type: engine.key_value_cache_type.unwrap_or(KeyValueCacheType::Auto),
        args,
        custom: (type_ == EngineType::Custom).then(|| custom(engine.custom.as_ref(), description)),
    })
}

fn format(spec: &ModelDeploymentSpec, description: &EngineDescription) -> Vec<Violation> {
    let asked = spec.model.format;
    if description.formats.contains(&asked) {
        return Vec::new();
    }
    let formats: Vec<_> = description.formats.iter().map(|format| format.as_str()).collect();
    let suits = formats.join(" or ");
    vec![invalid(
        "spec.model.format",
        format!("{} serves {suits}, not {asked}", description.engine),
        format!("Use weights in {suits}, or another engine."),
    )]
}

fn name(model_name: &str, description: &EngineDescription) -> Option<Violation> {
    let unfit = model_name.chars().find(|letter| description.not_in_names.contains(letter))?;
    let engine = description.engine;
    Some(invalid(
        "spec.model.name",
        format!("{model_name:?} has {unfit:?} in it, which means something else to {engine}"),
        format!("Leave {unfit:?} out of the name."),
    ))
}

fn custom_fault(engine: EngineType, custom: Option<&CustomEngine>) -> Option<Violation> {
    let custom = custom?;
    if engine != EngineType::Custom {
        return Some(invalid(
            "spec.engine.custom",
            format!("{engine} is an engine that Hemvist knows how to start"),
            "Leave it out, or set spec.engine.type to Custom.",
        ));
    }
    if let Some(port) = custom.port.filter(|port| [SERVING_PORT, STATUS_PORT].contains(port)) {
        return Some(invalid(
            "spec.engine.custom.port",
            format!("port {port} of the pod is the proxy's, through which the engine is asked"),
            format!("Let the engine listen on another port, such as {ENGINE_PORT}, at HEMVIST_HOST."),
        ));
    }
    let program = custom.command.as_ref()?.first()?;
    let name = program.rsplit('/').next().unwrap_or(program);
    SHELLS.contains(&name).then(|| {
        invalid(
            "spec.engine.custom.command",
            format!("{program:?} is a shell, which carries out any text"),
            "Name the program itself, or leave it out to start that of the image.",
        )
    })
}

fn custom(asked: Option<&CustomEngine>, description: &EngineDescription) -> CustomSettings {
    let asked = asked.cloned().unwrap_or_default();
    CustomSettings {
        command: asked.command.unwrap_or_default(),
        port: asked.port.unwrap_or(ENGINE_PORT),
        health_path: asked
            .health_path
            .map_or_else(|| description.health_path.to_owned(), |path| path.as_str().to_owned()),
        paths: asked.paths.iter().flatten().map(|path| path.as_str().to_owned()).collect(),
    }
}

fn argument_fault(engine: EngineType, argument: &EngineArgument, policy_allows: bool) -> Option<Violation> {
    let field = format!("spec.engine.args[name={}]", argument.name);
    match allowed_argument(engine, &argument.name, argument.value.as_deref()) {
        ArgumentVerdict::Allowed => None,
        ArgumentVerdict::Unknown if policy_allows => None,
        ArgumentVerdict::BadValue { why } => {
            Some(invalid(format!("{field}.value"), why, "Give a value that the engine takes."))
        }
        ArgumentVerdict::Unknown | ArgumentVerdict::Reserved => Some(Violation::plain(
            field,
            Finding::ArgumentNotAllowed { argument: argument.name.clone(), engine: engine.to_string() },
        )),
    }
}
