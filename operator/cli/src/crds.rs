//! `hemvist crds`.

use hemvist_api::all_definitions;

use crate::outcome::{Exit, Outcome};
use crate::yaml;

/// The CustomResourceDefinitions as YAML.
pub fn crds() -> Outcome {
    match all_definitions().iter().map(yaml::document).collect::<Result<String, _>>() {
        Ok(text) => Outcome::result(text),
        Err(error) => {
            Outcome::failure(Exit::Input, format!("error: a CRD cannot be written as YAML: {error}\n"))
        }
    }
}
