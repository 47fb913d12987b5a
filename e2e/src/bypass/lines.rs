//! The attempts of each line of the catalogue.

pub mod autoscalers;
pub mod beyond;
pub mod bindings;
pub mod children;
pub mod connections;
pub mod content;
pub mod models;
pub mod namespaces;
pub mod nodes;
pub mod pods;
pub mod status;
pub mod workloads;

use serde_json::{Value, json};

use super::call::Call;
use super::kinds;

/// The ways to make an object, each with its name.
pub fn creations(object: &Value) -> Vec<(&'static str, Call)> {
    let mut generated = object.clone();
    if let Some(metadata) = generated["metadata"].as_object_mut() {
        let name = metadata.remove("name").unwrap_or_default();
        metadata.insert("generateName".to_owned(), json!(format!("{}-", name.as_str().unwrap_or_default())));
    }
    vec![
        ("create", Call::create(object)),
        ("generate-name", Call::create(&generated)),
        ("apply", Call::apply(&kinds::item_of(object), object)),
        ("create-as-yaml", Call::post_yaml(&kinds::collection_of(object), object)),
    ]
}
