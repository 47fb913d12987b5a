//! The facts of a model that its engine needs.

use std::collections::BTreeMap;

use hemvist_api::values::{AcceleratorVendor, EngineType, KeyValueCacheType, ModelFormat, RequestLogging};

use super::ENGINE_PORT;

/// The facts of a model that its engine needs. Descriptions of engines see this much of a model and no more.
#[derive(Clone, Copy, Debug)]
pub struct Serving<'a> {
    /// The name that clients ask for.
    pub model_name: &'a str,
    /// File format of the weights.
    pub format: ModelFormat,
    /// Who makes the accelerators.
    pub vendor: AcceleratorVendor,
    /// Accelerators of one replica.
    pub accelerators: i32,
    /// How long requests may go on when a replica stops, in seconds.
    pub drain_seconds: i32,
    /// What the engine may log of requests.
    pub request_logging: RequestLogging,
    /// The engine's own settings.
    pub engine: &'a EngineSettings,
}

impl Serving<'_> {
    /// The port on which the engine listens, in the loopback of its pod.
    pub fn port(&self) -> i32 {
        self.engine.custom.as_ref().map_or(ENGINE_PORT, |custom| custom.port)
    }

    /// Whether the model requests the engine's argument `name`.
    pub(super) fn asks_for(&self, name: &str) -> bool {
        self.engine.args.contains_key(name)
    }
}

/// An engine with all of its settings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EngineSettings {
    /// The engine.
    pub engine: EngineType,
    /// Its image.
    pub image: String,
    /// The longest context, in tokens; `None` leaves it to the engine.
    pub context_length: Option<i32>,
    /// Requests at the same time; `None` leaves it to the engine.
    pub concurrency: Option<i32>,
    /// Number format of the key-value cache.
    pub key_value_cache_type: KeyValueCacheType,
    /// Further arguments that were found to be allowed, by name; `None` for a switch.
    pub args: BTreeMap<String, Option<String>>,
    /// How an engine is started and asked that is not described here; `None` for all others.
    pub custom: Option<CustomSettings>,
}

/// How an engine of the user's own is started and asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CustomSettings {
    /// The program with its fixed arguments; empty for that of the image.
    pub command: Vec<String>,
    /// The port on which it listens.
    pub port: i32,
    /// The path that answers when the model can be asked.
    pub health_path: String,
    /// The paths that clients may ask; empty for those of the OpenAI interface.
    pub paths: Vec<String>,
}
