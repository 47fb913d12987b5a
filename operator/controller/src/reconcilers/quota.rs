//! Keeps the ResourceQuota for accelerators of a namespace. The API server counts all pods of the namespace.

use hemvist_api::labels::HEMVIST;
use hemvist_core::render::{RESOURCE_QUOTA, quota_of};
use hemvist_core::snapshot::{Key, NodeFacts};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Resource};
use serde_json::Value;

use crate::cache::Stamp;
use crate::call::{CallError, Categorised};
use crate::context::Context;
use crate::objects::quota::{QuotaObject, hash};
use crate::queue::Queue;
use crate::reconciler::{Concurrency, Next, ReconcileError, Reconciler};
use crate::triggers::{Event, SETTLE, SETTLE_NODES};
use crate::view::View;

/// Reconciles the ResourceQuota of each namespace, by its key, whether or not it exists.
pub const RECONCILER: Reconciler = Reconciler {
    name: "resourcequota",
    concurrency: Concurrency::Fixed(2),
    triggers,
    reconcile: |context, key, _| Box::pin(reconcile(context, key)),
};

/// Why a quota could not be written or deleted.
#[derive(Debug, thiserror::Error)]
#[error("ResourceQuota {RESOURCE_QUOTA}: {0}")]
struct QuotaError(#[from] CallError);

impl Categorised for QuotaError {
    fn category(&self) -> &'static str {
        self.0.category()
    }
}

fn key(namespace: &str) -> Key {
    Key::new(namespace, RESOURCE_QUOTA)
}

fn triggers(event: &Event<'_>, view: &View, queue: &Queue<Key>) {
    let all = || {
        let limited = view.quotas.lock().iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        let concerned = view.concerned_namespaces().into_iter().map(|namespace| key(&namespace));
        for key in limited.into_iter().chain(concerned) {
            queue.add_after(key, SETTLE_NODES);
        }
    };
    match event {
        Event::Model { key: model, change } if !change.asks_the_same() => {
            queue.add_after(key(&model.namespace), SETTLE);
        }
        Event::Policy { key: policy, change } if !change.asks_the_same() => {
            queue.add_after(key(&policy.namespace), SETTLE);
            all();
        }
        Event::Node(change) if resources(change.before()) != resources(change.after()) => all(),
        Event::Quota { key, .. } => queue.add_after(Key::clone(key), SETTLE),
        Event::Day => all(),
        _ => {}
    }
}

fn resources(node: Option<&NodeFacts>) -> Vec<&str> {
    node.iter().flat_map(|node| &node.extended_resources).map(String::as_str).collect()
}

/// Makes the quota of a namespace be as its policies say.
async fn reconcile(context: &Context, key: &Key) -> Result<Next, ReconcileError> {
    let seen = context.view.quotas.lock().get(key);
    let has_models = context.view.model_keys().iter().any(|model| model.namespace == key.namespace);
    let wanted = quota_of(&context.view.snapshot(), &key.namespace, has_models)
        .and_then(|quota| serde_json::to_value(quota).ok());
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

async fn write(context: &Context, key: &Key, wanted: &Value) -> Result<(), CallError> {
    let api: Api<QuotaObject> = Api::namespaced(context.client.get(), &key.namespace);
    let params = PatchParams::apply(HEMVIST).force().validation_strict();
    let written = context.deadline.call(api.patch(&key.name, &params, &Patch::Apply(wanted))).await?;
    tracing::info!(namespace = key.namespace, "wrote the ResourceQuota for accelerators");
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
        Ok(_) => tracing::info!(namespace = key.namespace, "deleted the ResourceQuota for accelerators"),
        Err(error) if error.is_not_found() || error.is_conflict() => {}
        Err(error) => return Err(error),
    }
    context.view.quotas.lock().forget(&Stamp { key: key.clone(), uid: uid.to_owned(), version: 0 });
    Ok(())
}

#[cfg(test)]
#[path = "quota_tests.rs"]
mod tests;
