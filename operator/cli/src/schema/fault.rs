//! What is wrong with an object, and where.

use crate::located::Position;

/// A place where an object is not as the schema of its kind says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Where it stands.
    pub position: Position,
    /// The field with what is wrong about it.
    pub message: String,
}

/// The path of a field of what is at `path`.
pub fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
