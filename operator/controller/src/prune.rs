//! Deletes what was made for a model: one object that it is not to have any more, or all of them once it is not accepted.

use std::collections::BTreeMap;

use hemvist_core::decide::to_prune;
use hemvist_core::render::{Child, Propagation};
use hemvist_core::snapshot::{ChildFacts, ChildKind, PodFacts};
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, Resource};

use crate::cache::Stamp;
use crate::call::{CallError, Categorised};
use crate::context::Context;
use crate::objects::{ChildObject, child_type};
use crate::triggers::Event;

/// Why an object could not be deleted.
#[derive(Debug, thiserror::Error)]
#[error("deleting {kind} {name}: {source}")]
pub struct PruneError {
    kind: ChildKind,
    name: String,
    source: CallError,
}

impl Categorised for PruneError {
    fn category(&self) -> &'static str {
        self.source.category()
    }
}

/// Deletes what the core says is to go now, in its order.
///
/// # Errors
/// Where an object could not be deleted. Those before it are.
pub async fn prune(
    context: &Context,
    children: &BTreeMap<ChildKind, ChildFacts>,
    pods: &[PodFacts],
) -> Result<(), PruneError> {
    for kind in to_prune(children, pods) {
        let Some(child) = children.get(&kind) else { continue };
        let owner = child.owner_uid.as_deref().unwrap_or_default();
        for child in context.view.children_of(kind, &child.key.namespace, owner) {
            if !child.terminating {
                tracing::info!(%kind, name = child.key.name, "deleting an object of a model that is not accepted");
                let deleted = delete(context, &child, Propagation::of(kind)).await;
                deleted.map_err(|source| PruneError { kind, name: child.key.name.clone(), source })?;
            }
        }
    }
    Ok(())
}

/// Deletes this very incarnation; another object of the same name is not meant. That it is gone already is as good.
///
/// # Errors
/// Where it could not be deleted.
pub async fn delete(
    context: &Context,
    child: &ChildFacts,
    propagation: Propagation,
) -> Result<(), CallError> {
    child_type!(child.kind, K => delete_as::<K>(context, child, propagation).await)
}

async fn delete_as<K: Child>(
    context: &Context,
    child: &ChildFacts,
    propagation: Propagation,
) -> Result<(), CallError> {
    let api: Api<ChildObject<K>> = Api::namespaced(context.client.get(), &child.key.namespace);
    let params = match propagation {
        Propagation::Background => DeleteParams::background(),
        Propagation::Foreground => DeleteParams::foreground(),
    };
    let params = params.preconditions(Preconditions { uid: Some(child.uid.clone()), resource_version: None });
    let cache = context.view.children(K::KIND);
    let left = match context.deadline.call(api.delete(&child.key.name, &params)).await {
        Ok(answer) => answer.left(),
        Err(error) if error.is_not_found() || error.is_conflict() => None,
        Err(error) => return Err(error),
    };
    let left = left.and_then(|object| Some((Stamp::of(object.meta())?, object.seen?)));
    match left {
        // Still there, and on its way out.
        Some((stamp, seen)) if seen.facts.terminating => drop(cache.lock().written(stamp, seen)),
        _ => {
            let stamp = Stamp { key: child.key.clone(), uid: child.uid.clone(), version: 0 };
            let gone = cache.lock().forget(&stamp);
            // The watch will tell nothing new of it, and the isolation of its pods waits for it to be gone.
            if K::KIND.makes_pods() {
                context.triggers.publish(&Event::Child(&gone));
            }
        }
    }
    Ok(())
}
