//! The ResourceQuota that limits the accelerators of a namespace, as it comes over the wire.

use hemvist_api::labels::{APP_MANAGED_BY, POLICY_RULE, RENDERED_HASH};
use hemvist_core::snapshot::content_hash;
use k8s_openapi::api::core::v1::ResourceQuota;
use serde_json::{Value, json};

use super::wire::{Reading, Wire};

/// What is kept of a quota.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenQuota {
    /// Its UID.
    pub uid: String,
    /// Hash of all of it that Hemvist writes.
    pub hash: String,
}

/// How a quota becomes facts.
#[derive(Clone, Debug)]
pub struct QuotaReading;

/// A quota as it comes over the wire.
pub type QuotaObject = Wire<QuotaReading>;

impl Reading for QuotaReading {
    type Kind = ResourceQuota;
    type Seen = SeenQuota;

    fn read(object: Value) -> SeenQuota {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        SeenQuota { uid, hash: hash(&object) }
    }
}

/// Hash of all of a quota that Hemvist writes.
pub fn hash(object: &Value) -> String {
    let metadata = &object["metadata"];
    content_hash(&json!([
        metadata["labels"][APP_MANAGED_BY],
        metadata["annotations"][POLICY_RULE],
        metadata["annotations"][RENDERED_HASH],
        object["spec"],
    ]))
}
