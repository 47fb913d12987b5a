//! Keeps the limit to the accelerators of a namespace, which the API server counts for the pods of everybody.

use hemvist_api::labels::{APP_MANAGED_BY, HEMVIST, POLICY_RULE, RENDERED_HASH};
use hemvist_core::render::{RESOURCE_QUOTA, wanted_quota};
use hemvist_core::snapshot::{Key, Snapshot, content_hash};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ResourceQuota;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Resource};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::cache::Stamp;
use crate::call::CallError;
use crate::context::Context;
use crate::reconcile::{Next, ReconcileError};

/// Why a quota could not be written or deleted.
#[derive(Debug, thiserror::Error)]
#[error("ResourceQuota {RESOURCE_QUOTA}: {0}")]
pub struct QuotaError(#[from] CallError);

impl QuotaError {
    /// One word for metrics.
    pub fn category(&self) -> &'static str {
        self.0.category()
    }
}

/// What is kept of a quota.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenQuota {
    /// Its UID.
    pub uid: String,
    /// Hash of all of it that Hemvist writes.
    pub hash: String,
}

/// A quota as it comes over the wire.
#[derive(Clone, Debug)]
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

impl Resource for QuotaObject {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> std::borrow::Cow<'_, str> {
        ResourceQuota::kind(&())
    }

    fn group((): &()) -> std::borrow::Cow<'_, str> {
        ResourceQuota::group(&())
    }

    fn version((): &()) -> std::borrow::Cow<'_, str> {
        ResourceQuota::version(&())
    }

    fn plural((): &()) -> std::borrow::Cow<'_, str> {
        ResourceQuota::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

fn hash(object: &Value) -> String {
    let metadata = &object["metadata"];
    content_hash(&json!([
        metadata["labels"][APP_MANAGED_BY],
        metadata["annotations"][POLICY_RULE],
        metadata["annotations"][RENDERED_HASH],
        object["spec"],
    ]))
}

/// The key of a namespace's quota.
pub fn key(namespace: &str) -> Key {
    Key::new(namespace, RESOURCE_QUOTA)
}

/// Makes the quota of a namespace be as its policies say.
///
/// # Errors
/// Where the machine failed.
pub async fn reconcile(context: &Context, key: &Key) -> Result<Next, ReconcileError> {
    let seen = context.view.quotas.lock().get(key);
    let wanted = wanted(context, &context.view.snapshot(), &key.namespace);
    let done = match (wanted, seen) {
        (Some(wanted), seen) if seen.as_ref().is_none_or(|seen| seen.hash != hash(&wanted)) => {
            write(context, key, &wanted).await
        }
        (None, Some(seen)) => delete(context, key, &seen.uid).await,
        (None, None) => return Ok(Next::Gone),
        _ => Ok(()),
    };
    done.map_err(QuotaError)?;
    Ok(Next::Settled)
}

fn wanted(context: &Context, snapshot: &Snapshot, namespace: &str) -> Option<Value> {
    let concerned = context.view.concerned_namespaces().contains(namespace);
    serde_json::to_value(wanted_quota(snapshot, namespace).filter(|_| concerned)?).ok()
}

async fn write(context: &Context, key: &Key, wanted: &Value) -> Result<(), CallError> {
    let api: Api<QuotaObject> = Api::namespaced(context.client.get(), &key.namespace);
    let params = PatchParams::apply(HEMVIST).force().validation_strict();
    let written = context.deadline.call(api.patch(&key.name, &params, &Patch::Apply(wanted))).await?;
    tracing::info!(namespace = key.namespace, "the limit to accelerators is written");
    if let Some(stamp) = Stamp::of(written.meta()) {
        context.view.quotas.lock().written(stamp, written.seen);
    }
    Ok(())
}

async fn delete(context: &Context, key: &Key, uid: &str) -> Result<(), CallError> {
    let api: Api<QuotaObject> = Api::namespaced(context.client.get(), &key.namespace);
    let params = DeleteParams::background()
        .preconditions(Preconditions { uid: Some(uid.to_owned()), resource_version: None });
    match context.deadline.call(api.delete(&key.name, &params)).await {
        Ok(_) => tracing::info!(namespace = key.namespace, "the limit to accelerators is lifted"),
        Err(error) if error.is_not_found() || error.is_conflict() => {}
        Err(error) => return Err(error),
    }
    context.view.quotas.lock().forget(&Stamp { key: key.clone(), uid: uid.to_owned(), version: 0 });
    Ok(())
}
