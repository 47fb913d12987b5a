//! Kubernetes objects as YAML, as Helm and `hemvist render` print them.

use anyhow::{Context, Result};
use serde_json::Value;

/// The objects of a text with any number of documents; empty documents are left out.
///
/// # Errors
/// Where it is not YAML.
pub fn objects(text: &str) -> Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).context("reading YAML")?;
    Ok(documents.into_iter().filter(|object| !object.is_null()).collect())
}
