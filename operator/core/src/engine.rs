//! The inference engines, as data: one description each, and a new engine is a file here.
//!
//! What a typed field of a `ModelDeployment` says is turned into arguments here and nowhere else. Further arguments pass an
//! allow-list with types; none of them can name a file, an address or code.

mod argument;
mod custom;
mod interface;
mod llama_cpp;
mod ports;
mod serving;
mod sglang;
mod vllm;

use hemvist_api::values::{EngineType, ModelFormat};

use crate::accelerator::Vendor;

pub use argument::{
    Argument, ArgumentRule, ArgumentSyntax, ArgumentValue, ArgumentVerdict, Instead, TAKES_NO_VALUE,
};
pub use interface::{Method, Path, Question};
pub use ports::{ENGINE_PORT, SERVING_PORT, SERVING_PORT_NAME, STATUS_PORT, STATUS_PORT_NAME};
pub use serving::{CustomSettings, EngineSettings, Serving};

/// Where every engine listens: in its own pod alone. What may be asked from outside, the proxy beside it passes on.
pub const ENGINE_ADDRESS: &str = "127.0.0.1";

/// Where every engine keeps what it may write and does not need: its home, compiled kernels, downloads that never come.
pub const CACHE_PATH: &str = "/cache";

/// What to do with a reserved argument in whose place nothing can be set.
pub const REMOVE: &str = "Remove it.";

/// Below which folder the adapters of a model are mounted, each by its name.
pub const ADAPTERS_PATH: &str = "/adapters";

/// Where every engine keeps sockets and other passing files.
pub const TEMPORARY_PATH: &str = "/tmp";

/// Everything that is known of an engine.
#[derive(Debug)]
pub struct EngineDescription {
    /// The engine.
    pub engine: EngineType,
    /// The formats of weights that it serves.
    pub formats: &'static [ModelFormat],
    /// The program with what always comes first. Never a shell. Empty where the image itself says.
    pub command: &'static [&'static str],
    /// How it wants its arguments written.
    pub syntax: ArgumentSyntax,
    /// What the typed fields of a model become, where the weights are at the given path.
    pub arguments: fn(&Serving<'_>, weights: &str) -> Vec<Argument>,
    /// What the adapters of a model become, if it takes any. Asked only of a model that has some.
    pub adapters: Option<AdapterArguments>,
    /// Names and values of its environment.
    pub environment: &'static [(&'static str, &'static str)],
    /// Further variables of its environment, where an engine reads its model from them and not from arguments.
    pub variables: fn(&Serving<'_>, weights: &str) -> Vec<(&'static str, String)>,
    /// What clients may ask, in order.
    pub paths: &'static [Path],
    /// What it is asked to show that the model answers.
    pub question: fn(&Serving<'_>) -> Question,
    /// Requests that it takes at the same time, where that is limited. Further ones wait in the proxy.
    pub connections: Option<fn(&Serving<'_>) -> i32>,
    /// The path that answers when the engine is well.
    pub health_path: &'static str,
    /// The path of its metrics.
    pub metrics_path: &'static str,
    /// What it measures of its load, by its own names; `None` where nobody knows.
    pub load: Option<LoadMeasures>,
    /// How it lets requests end that are under way.
    pub drain: Drain,
    /// The group that its image is made for.
    pub group: i64,
    /// Size of the volume at [`CACHE_PATH`], in gibibytes.
    pub cache_gibibytes: u64,
    /// Size of the volume at [`TEMPORARY_PATH`], in gibibytes.
    pub temporary_gibibytes: u64,
    /// Memory of the host that it needs besides weights and shared memory, in gibibytes.
    pub base_gibibytes: u64,
    /// Of how many bytes of weights one is in the host's memory while they are loaded and served.
    pub weights_per_host_byte: u64,
    /// Arguments that a `ModelDeployment` may add, in order of their names.
    pub rules: &'static [ArgumentRule],
    /// Arguments that nobody may add, whatever a policy says: a typed field sets them, or they give the engine code,
    /// files, addresses, secrets or the content of requests to log.
    pub reserved: &'static [&'static str],
    /// What to do instead of some reserved arguments, in order of their names. Of the others there is nothing to do.
    pub instead: &'static [(&'static str, Instead)],
    /// Whether its parser takes the beginning of a name for the name.
    pub abbreviates: bool,
    /// Whether it has a library for the devices of a vendor.
    pub drives: fn(&Vendor) -> bool,
    /// Whether it spreads the attention heads evenly over the accelerators of a replica.
    pub spreads_heads: bool,
    /// Characters that the name of a model may not have, because they mean something else to it.
    pub not_in_names: &'static [char],
}

/// What adapters become.
pub type AdapterArguments = fn(&[MountedAdapter<'_>]) -> Vec<Argument>;

/// An adapter where the engine finds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MountedAdapter<'a> {
    /// The name by which it is requested.
    pub name: &'a str,
    /// Its folder or file in the container.
    pub path: String,
    /// Its rank, where it is known.
    pub rank: Option<i32>,
}

/// What an engine measures of its load, each as a gauge of one replica under the engine's own name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoadMeasures {
    /// Requests that wait for their turn.
    pub waiting: &'static str,
    /// Requests that are being answered.
    pub running: &'static str,
    /// Tokens that were read, and tokens that were written: counters that only rise.
    pub tokens: [&'static str; 2],
    /// The share of the key-value cache that is used, from 0 to 1, where it measures that.
    pub cache_used: Option<&'static str>,
}

/// How an engine lets requests end that are under way when a replica stops.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Drain {
    /// It takes no new ones and goes on with the others for as long as it was told.
    ByEngine,
    /// It ends them at once, so it is told to stop only when they have had their time.
    BeforeStop,
}

/// The description of an engine.
pub const fn description(engine: EngineType) -> &'static EngineDescription {
    match engine {
        EngineType::VLLM => &vllm::DESCRIPTION,
        EngineType::SGLang => &sglang::DESCRIPTION,
        EngineType::LlamaCpp => &llama_cpp::DESCRIPTION,
        EngineType::Custom => &custom::DESCRIPTION,
    }
}

/// Whether a `ModelDeployment` may give `engine` the argument `name`, with `value` or as a switch.
pub fn allowed_argument(engine: EngineType, name: &str, value: Option<&str>) -> ArgumentVerdict {
    let description = description(engine);
    if description.reserves(name) {
        return ArgumentVerdict::Reserved;
    }
    match description.rules.iter().find(|rule| rule.name == name) {
        Some(rule) => rule.value.verdict(value),
        None => ArgumentVerdict::Unknown,
    }
}

impl EngineDescription {
    /// Every argument of `model` with its weights at `weights` and its adapters where they are mounted, as the program gets
    /// them.
    pub fn argument_list(
        &self,
        model: &Serving<'_>,
        weights: &str,
        adapters: &[MountedAdapter<'_>],
    ) -> Vec<String> {
        // A policy can allow an argument that is not in the list; it cannot allow a reserved one, and neither can a
        // mistake elsewhere.
        let further = model
            .engine
            .args
            .iter()
            .filter(|(name, _)| !self.reserves(name))
            .map(|(name, value)| Argument::Named(name.clone(), value.clone()));
        let of_adapters = self.adapters.filter(|_| !adapters.is_empty()).map(|arguments| arguments(adapters));
        (self.arguments)(model, weights)
            .into_iter()
            .chain(of_adapters.into_iter().flatten())
            .chain(further)
            .flat_map(|argument| argument.spelled(self.syntax))
            .collect()
    }

    /// The program of `model` with what always comes first; `None` for that of the image.
    pub fn program(&self, model: &Serving<'_>) -> Option<Vec<String>> {
        let own = model.engine.custom.iter().flat_map(|custom| custom.command.iter().cloned());
        let words: Vec<String> = self.command.iter().map(|word| (*word).to_owned()).chain(own).collect();
        (!words.is_empty()).then_some(words)
    }

    /// What clients of `model` may ask: what it says itself, or else what is known of the engine.
    pub fn paths<'a>(&'a self, model: &Serving<'a>) -> Vec<(Method, &'a str)> {
        let own = model.engine.custom.iter().flat_map(|custom| &custom.paths);
        let own: Vec<_> =
            own.flat_map(|path| [Method::Get, Method::Post].map(|method| (method, path.as_str()))).collect();
        if own.is_empty() { self.paths.iter().map(|path| (path.method, path.path)).collect() } else { own }
    }

    /// The path that answers when the engine of `model` is well.
    pub fn health_path<'a>(&'a self, model: &Serving<'a>) -> &'a str {
        model.engine.custom.as_ref().map_or(self.health_path, |custom| &custom.health_path)
    }

    /// Whether nobody may add `name`: it is reserved, is what turns a reserved switch off or on, or is read as one of these.
    pub fn reserves(&self, name: &str) -> bool {
        let abbreviates = self.abbreviates && !self.lists(name);
        let is = |name: &str| {
            self.reserved.iter().any(|reserved| {
                name == *reserved || (abbreviates && !name.is_empty() && reserved.starts_with(name))
            })
        };
        let name = name.strip_prefix("no-").unwrap_or(name);
        is(name) || opposite(name).is_some_and(|other| is(&other))
    }

    /// What to do instead of giving the engine the reserved argument `name`, as a sentence.
    pub fn instead_of(&self, name: &str) -> String {
        let name = name.strip_prefix("no-").unwrap_or(name);
        let known = self.instead.iter().find(|(reserved, _)| *reserved == name);
        known.map_or_else(|| REMOVE.to_owned(), |(_, instead)| instead.sentence())
    }

    /// Whether `name` is in the allow-list; the whole name of an argument is never read as the beginning of another.
    fn lists(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| rule.name == name)
    }
}

/// What switches the same thing the other way: vLLM takes `--disable-x` for every `--enable-x`, and the other way round.
fn opposite(name: &str) -> Option<String> {
    let enabled = name.strip_prefix("enable-").map(|thing| format!("disable-{thing}"));
    enabled.or_else(|| name.strip_prefix("disable-").map(|thing| format!("enable-{thing}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptions() -> impl Iterator<Item = &'static EngineDescription> {
        EngineType::ALL.iter().map(|engine| description(*engine))
    }

    #[test]
    fn every_engine_is_carried_out_and_describes_itself() {
        assert_eq!(descriptions().count(), EngineType::ALL.len());
        for engine in EngineType::ALL {
            assert_eq!(description(*engine).engine, *engine);
        }
    }

    #[test]
    fn the_lists_are_in_order_and_have_nothing_in_common() {
        for description in descriptions() {
            let names: Vec<_> = description.rules.iter().map(|rule| rule.name).collect();
            assert!(names.is_sorted_by(|one, other| one < other), "{names:?}");
            assert!(
                description.reserved.is_sorted_by(|one, other| one < other),
                "{:?}",
                description.reserved
            );
            for name in names {
                assert!(!description.reserves(name), "{name} is both allowed and reserved");
            }
        }
    }

    #[test]
    fn what_stands_in_for_a_reserved_argument_is_a_field_of_the_kind() {
        let definitions = hemvist_api::all_definitions();
        let schema = definitions.iter().find(|one| one.spec.names.kind == "ModelDeployment").unwrap();
        let schema = schema.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
        let mut fields = 0;
        for description in descriptions() {
            let names: Vec<_> = description.instead.iter().map(|(name, _)| *name).collect();
            assert!(names.is_sorted_by(|one, other| one < other), "{names:?}");
            for (name, instead) in description.instead {
                assert!(
                    description.reserved.contains(name),
                    "{name} of {} is not reserved",
                    description.engine
                );
                let Instead::Field(field) = instead else { continue };
                let found = field.split('.').try_fold(schema, |at, name| at.properties.as_ref()?.get(name));
                assert!(found.is_some(), "{field}, instead of {name}, is no field");
                assert!(description.instead_of(name).contains(field));
                fields += 1;
            }
        }
        assert!(fields > 30, "only {fields} fields");
        assert_eq!(description(EngineType::VLLM).instead_of("trust-remote-code"), REMOVE);
    }

    #[test]
    fn no_engine_is_started_by_a_shell() {
        for description in descriptions() {
            assert!(description.command.iter().all(|word| !["sh", "bash", "-c", "/bin/sh"].contains(word)));
        }
    }

    #[test]
    fn what_gives_away_control_is_reserved() {
        for name in [
            "trust-remote-code",
            "api-key",
            "port",
            "host",
            "model",
            "served-model-name",
            "no-enable-log-requests",
        ] {
            assert_eq!(allowed_argument(EngineType::VLLM, name, None), ArgumentVerdict::Reserved, "{name}");
        }
        for name in [
            "trust-remote-code",
            "api-key",
            "admin-api-key",
            "port",
            "host",
            "model-path",
            "model",
            "tokenizer-path",
            "served-model-name",
            "load-format",
            "grpc-port",
            "sidecar",
            "enable-custom-logit-processor",
            "forward-hooks",
            "log-requests",
            "crash-dump-folder",
            "lora-paths",
            "lora-path",
            "dist-init-addr",
            "nccl-init-addr",
            "trust-remote",
        ] {
            assert_eq!(allowed_argument(EngineType::SGLang, name, None), ArgumentVerdict::Reserved, "{name}");
        }
        for name in
            ["tools", "agent", "api-key", "port", "host", "model", "ctx-size", "no-offline", "rpc", "slots"]
        {
            assert_eq!(
                allowed_argument(EngineType::LlamaCpp, name, None),
                ArgumentVerdict::Reserved,
                "{name}"
            );
        }
    }

    #[test]
    fn an_abbreviation_of_a_reserved_argument_is_reserved_where_the_parser_takes_it() {
        assert_eq!(allowed_argument(EngineType::VLLM, "trust-remote", None), ArgumentVerdict::Reserved);
        assert_eq!(allowed_argument(EngineType::VLLM, "served-model", Some("x")), ArgumentVerdict::Reserved);
        assert_eq!(allowed_argument(EngineType::LlamaCpp, "unheard-of", None), ArgumentVerdict::Unknown);
    }

    #[test]
    fn every_rule_takes_a_value_of_its_kind_and_no_other() {
        let mut rules = 0;
        for description in descriptions() {
            for rule in description.rules {
                let verdict = |value: Option<&str>| allowed_argument(description.engine, rule.name, value);
                let (good, bad) = match rule.value {
                    ArgumentValue::Switch => (None, Some("true".to_owned())),
                    ArgumentValue::Integer { min, max } => {
                        (Some(min.to_string()), Some((max + 1).to_string()))
                    }
                    ArgumentValue::Thousandths { min, .. } => {
                        (Some(format!("{}.{:03}", min / 1000, min % 1000)), Some("1000000".to_owned()))
                    }
                    ArgumentValue::OneOf(values) => (Some(values[0].to_owned()), Some("--port".to_owned())),
                    ArgumentValue::Identifier => (Some("qwen3_coder".to_owned()), Some("a/b.py".to_owned())),
                };
                assert_eq!(verdict(good.as_deref()), ArgumentVerdict::Allowed, "{} {good:?}", rule.name);
                assert!(
                    matches!(verdict(bad.as_deref()), ArgumentVerdict::BadValue { .. }),
                    "{} {bad:?}",
                    rule.name
                );
                rules += 1;
            }
        }
        assert!(rules > 90, "only {rules} rules");
    }

    #[test]
    fn the_policy_allows_the_arguments_of_an_unknown_engine() {
        assert_eq!(allowed_argument(EngineType::Custom, "seed", Some("1")), ArgumentVerdict::Unknown);
        assert_eq!(
            allowed_argument(EngineType::Custom, "trust-remote-code", None),
            ArgumentVerdict::Reserved
        );
    }

    #[test]
    fn what_turns_a_reserved_switch_the_other_way_is_reserved() {
        for name in
            ["enable-fastapi-docs", "enable-uvicorn-access-log", "disable-lora", "no-disable-fastapi-docs"]
        {
            assert_eq!(allowed_argument(EngineType::VLLM, name, None), ArgumentVerdict::Reserved, "{name}");
        }
        // Beginnings of these, too.
        for name in ["enable-fastapi", "disable-lor"] {
            assert_eq!(allowed_argument(EngineType::VLLM, name, None), ArgumentVerdict::Reserved, "{name}");
        }
        // The other way of what may be added is for the policy to allow.
        assert_eq!(
            allowed_argument(EngineType::VLLM, "disable-prefix-caching", None),
            ArgumentVerdict::Unknown
        );
    }
}
