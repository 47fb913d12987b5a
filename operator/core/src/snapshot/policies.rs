//! The AIPolicies of the cluster, readable or not.

use std::collections::BTreeMap;

use hemvist_api::AIPolicy;

use super::Key;

/// Every AIPolicy of the cluster, by namespace and name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyBook {
    /// The policies.
    pub entries: BTreeMap<Key, PolicyEntry>,
}

/// An AIPolicy as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyEntry {
    /// It could be read.
    Readable(Box<AIPolicy>),
    /// It could not, so it denies wherever it may apply.
    Unreadable {
        /// Why not.
        error: String,
    },
}
