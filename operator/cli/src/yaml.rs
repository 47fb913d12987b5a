//! Objects as YAML that kubectl reads.

use serde::Serialize;

/// An object as a document with its marker. Long lines are not folded, so that a value can be searched for.
///
/// # Errors
///
/// Where the object has no form in YAML, which no Kubernetes object is known to lack.
pub fn document<T: Serialize>(object: &T) -> Result<String, String> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let body = serde_saphyr::to_string_with_options(object, options).map_err(|error| error.to_string())?;
    Ok(format!("---\n{body}"))
}
