//! The ResourceQuota that limits the accelerators of a namespace, as it comes over the wire.

use hemvist_api::labels::{APP_MANAGED_BY, POLICY_RULE, RENDERED_HASH};
use hemvist_core::snapshot::content_hash;
use k8s_openapi::api::core::v1::ResourceQuota;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// What is kept of a quota.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenQuota {
    /// Its UID.
    pub uid: String,
    /// Hash of all of it that Hemvist writes.
    pub hash: String,
}

/// A quota as it comes over the wire.
#[derive(Clone, Debug, Resource)]
#[resource(inherit = ResourceQuota)]
pub struct QuotaObject {
    metadata: ObjectMeta,
    /// What is kept of it.
    pub seen: SeenQuota,
}

impl<'de> Deserialize<'de> for QuotaObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        let text = |name: &str| object["metadata"][name].as_str().map(str::to_owned);
        let metadata = ObjectMeta {
            name: text("name"),
            namespace: text("namespace"),
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            ..ObjectMeta::default()
        };
        let seen = SeenQuota { uid: metadata.uid.clone().unwrap_or_default(), hash: hash(&object) };
        Ok(Self { metadata, seen })
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
