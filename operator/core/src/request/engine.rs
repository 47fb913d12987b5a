//! The engine of a model, with all of its settings.

use std::collections::{BTreeMap, BTreeSet};

use hemvist_api::ModelDeploymentSpec;
use hemvist_api::model_deployment::{CustomEngine, EngineArgument};
use hemvist_api::values::{EngineType, KeyValueCacheType};

use crate::engine::{
    ArgumentVerdict, CustomSettings, ENGINE_PORT, EngineDescription, EngineSettings, SERVING_PORT,
    STATUS_PORT, TAKES_NO_VALUE, allowed_argument, description,
};
use crate::policy::EffectivePolicy;
use crate::violation::{Finding, RequestFinding, RuleSource, Violation};

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
    let mut args = BTreeMap::new();
    for argument in engine.args.iter().flatten() {
        match argument_fault(type_, argument, policy) {
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
    let served = formats.join(" or ");
    let finding = RequestFinding::FormatNotServed { engine: description.engine, served, format: asked };
    vec![Violation::of_request("spec.model.format", finding)]
}

fn name(model_name: &str, description: &EngineDescription) -> Option<Violation> {
    let unfit = model_name.chars().find(|letter| description.not_in_names.contains(letter))?;
    let (name, character) = (format!("{model_name:?}"), format!("{unfit:?}"));
    let finding = RequestFinding::NameMisread { name, character, engine: description.engine };
    Some(Violation::of_request("spec.model.name", finding))
}

fn custom_fault(engine: EngineType, custom: Option<&CustomEngine>) -> Option<Violation> {
    let custom = custom?;
    if engine != EngineType::Custom {
        return Some(Violation::of_request("spec.engine.custom", RequestFinding::EngineNotCustom { engine }));
    }
    if let Some(port) = custom.port.filter(|port| [SERVING_PORT, STATUS_PORT].contains(port)) {
        let finding = RequestFinding::PortTaken { port, free: ENGINE_PORT };
        return Some(Violation::of_request("spec.engine.custom.port", finding));
    }
    let program = custom.command.as_ref()?.first()?;
    let name = program.rsplit('/').next().unwrap_or(program);
    SHELLS.contains(&name).then(|| {
        let finding = RequestFinding::ShellCommand { program: format!("{program:?}") };
        Violation::of_request("spec.engine.custom.command", finding)
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

fn argument_fault(
    engine: EngineType,
    argument: &EngineArgument,
    policy: &EffectivePolicy,
) -> Option<Violation> {
    let name = argument.name.as_str();
    let field = argument_field(name);
    if !is_argument_name(name) {
        let finding = RequestFinding::ArgumentMiswritten {
            argument: format!("{name:?}"),
            way: rewritten(name, argument.value.as_deref()),
        };
        return Some(Violation::of_request(field, finding));
    }
    match allowed_argument(engine, name, argument.value.as_deref()) {
        ArgumentVerdict::Allowed => None,
        ArgumentVerdict::BadValue { why } => {
            let is_switch = why == TAKES_NO_VALUE;
            let way = if is_switch { "Remove the value." } else { "Use a value that the engine accepts." };
            let (argument, way) = (name.to_owned(), way.to_owned());
            let finding = RequestFinding::ArgumentValueUnfit { argument, expectation: why, way };
            Some(Violation::of_request(format!("{field}.value"), finding))
        }
        ArgumentVerdict::Reserved => Some(Violation::plain(field, reserved(engine, name))),
        ArgumentVerdict::Unknown if policy.allowed_args().contains(name) => None,
        ArgumentVerdict::Unknown => {
            let mut refusing = policy.argument_lists().into_iter().filter(|_| policy.lists_arguments());
            let refused = refusing.find_map(|(rule, list)| refused_argument(engine, name, rule, list));
            refused.or_else(|| unlisted_argument(engine, name, policy.root_namespace()))
        }
    }
}

/// The violation of an argument that is not the engine's own and not in `list`, which stands at `rule`. What an engine
/// reserves is in no list.
pub(crate) fn refused_argument(
    engine: EngineType,
    name: &str,
    rule: &RuleSource,
    list: &BTreeSet<String>,
) -> Option<Violation> {
    let finding = match allowed_argument(engine, name, None) {
        ArgumentVerdict::Allowed | ArgumentVerdict::BadValue { .. } => return None,
        ArgumentVerdict::Reserved => reserved(engine, name),
        ArgumentVerdict::Unknown if list.contains(name) => return None,
        ArgumentVerdict::Unknown => Finding::ArgumentNotAllowed { argument: name.to_owned(), engine },
    };
    Some(Violation::of_rule(argument_field(name), finding, rule.clone()))
}

/// The violation of an argument that is not the engine's own, where no policy of the root namespace lists any.
pub(crate) fn unlisted_argument(engine: EngineType, name: &str, root_namespace: &str) -> Option<Violation> {
    let finding = match allowed_argument(engine, name, None) {
        ArgumentVerdict::Allowed | ArgumentVerdict::BadValue { .. } => return None,
        ArgumentVerdict::Reserved => reserved(engine, name),
        ArgumentVerdict::Unknown => Finding::ArgumentNotStated {
            argument: name.to_owned(),
            engine,
            root_namespace: root_namespace.to_owned(),
        },
    };
    Some(Violation::plain(argument_field(name), finding))
}

fn reserved(engine: EngineType, name: &str) -> Finding {
    let way = description(engine).instead_of(name);
    Finding::ArgumentReserved { argument: name.to_owned(), engine, way }
}

fn argument_field(name: &str) -> String {
    format!("spec.engine.args[name={name}]")
}

/// Whether it is a name as the schema wants it: lower-case words joined by `-`, the first of which begins with a letter.
fn is_argument_name(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.split('-').all(is_word)
}

/// How an argument is written that somebody wrote as for a shell.
fn rewritten(text: &str, value: Option<&str>) -> String {
    let (name, joined) = match text.split_once(['=', ' ']) {
        Some((name, value)) => (name, Some(value.trim())),
        None => (text, None),
    };
    let name = name.trim_matches('-').replace('_', "-").to_ascii_lowercase();
    if !is_argument_name(&name) {
        return "Write the name of the argument in name and its value in value.".to_owned();
    }
    match joined.filter(|value| !value.is_empty()).or(value) {
        Some(value) => format!("Write {{name: {name}, value: {value:?}}}."),
        None => format!("Write {{name: {name}}}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_as_for_a_shell_is_rewritten() {
        for (text, value, way) in [
            ("--enable-prefix-caching", None, "Write {name: enable-prefix-caching}."),
            ("--seed=1", None, "Write {name: seed, value: \"1\"}."),
            ("--seed 1", None, "Write {name: seed, value: \"1\"}."),
            ("gpu_memory_utilization", Some("0.9"), "Write {name: gpu-memory-utilization, value: \"0.9\"}."),
            ("-tp", Some("2"), "Write {name: tp, value: \"2\"}."),
            ("--", None, "Write the name of the argument in name and its value in value."),
        ] {
            assert!(!is_argument_name(text), "{text}");
            assert_eq!(rewritten(text, value), way);
        }
        assert!(is_argument_name("max-num-batched-tokens") && is_argument_name("enable-p2p-check"));
    }
}
