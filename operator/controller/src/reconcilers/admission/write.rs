//! Writes compiled policies that differ from those in the cluster, and deletes those that are no longer compiled.

use hemvist_api::labels::HEMVIST;
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, Request};
use kube::{Api, Resource, ResourceExt};
use serde_json::Value;

use crate::cache::Stamp;
use crate::call::CallError;
use crate::context::Context;
use crate::events;
use crate::objects::compiled::{
    CompiledId, CompiledKind, CompiledObject, CompiledType, SeenCompiled, Wanted,
};

/// Why an object could not be written or deleted.
#[derive(Debug, thiserror::Error)]
#[error("{id}: {source}")]
pub struct WriteError {
    /// Which.
    pub id: CompiledId,
    /// What went wrong.
    pub source: CallError,
}

impl WriteError {
    /// Whether the server will not take it however often it is sent. A collision with the write of another client passes.
    pub fn is_lasting(&self) -> bool {
        matches!(self.source.code(), Some(400 | 403 | 413 | 422))
    }
}

/// Whether the object is seen as it is to be.
pub fn is_as_wanted(context: &Context, wanted: &Wanted) -> bool {
    let known = &context.view.compiled;
    let Some(seen) = known.seen(wanted.id.kind).lock().get(&wanted.id.key()) else { return false };
    seen.hash == wanted.hash
        || known
            .memory
            .lock()
            .answered
            .get(&wanted.id)
            .is_some_and(|(written, answered)| *written == wanted.hash && *answered == seen.hash)
}

/// Makes the object be as it is to be. Says whether something had to be written.
///
/// # Errors
/// Where it could not be written.
pub async fn put(context: &Context, wanted: &Wanted) -> Result<bool, WriteError> {
    let known = &context.view.compiled;
    let seen = known.seen(wanted.id.kind).lock().get(&wanted.id.key());
    if is_as_wanted(context, wanted) {
        if let Some(seen) = seen {
            known.memory.lock().settled.insert(wanted.id.clone(), seen.hash.clone());
        }
        return Ok(false);
    }
    let settled = known.memory.lock().settled.get(&wanted.id).cloned();
    let written = match wanted.id.kind {
        CompiledKind::Policy => write::<ValidatingAdmissionPolicy>(context, wanted).await,
        CompiledKind::Binding => write::<ValidatingAdmissionPolicyBinding>(context, wanted).await,
    };
    let answered = written.map_err(|source| WriteError { id: wanted.id.clone(), source })?;
    known.memory.lock().settled.insert(wanted.id.clone(), answered);
    if settled.is_some_and(|settled| seen.as_ref().is_none_or(|seen| seen.hash != settled)) {
        tell_repair(context, wanted, seen.as_deref());
    }
    Ok(true)
}

/// Writes by apply, and by a whole update where that leaves something standing that others have added: one condition more
/// is enough for a policy to judge nothing, and the actions of a binding together may be none that the server takes. Gives
/// the hash of what the server answered.
async fn write<K: CompiledType>(context: &Context, wanted: &Wanted) -> Result<String, CallError> {
    let api: Api<CompiledObject<K>> = Api::all(context.client.get());
    let params = PatchParams::apply(HEMVIST).force().validation_strict();
    let patch = Patch::Apply(&wanted.object);
    let applied = match context.deadline.call(api.patch(&wanted.id.name, &params, &patch)).await {
        Ok(applied) if applied.seen.hash == wanted.hash => return Ok(note(context, applied)),
        Err(error) if error.code() == Some(422) => {
            // Where there is none, it is refused for itself, and not for what others have added.
            match context.deadline.call(api.get(&wanted.id.name)).await {
                Err(gone) if gone.is_not_found() => return Err(error),
                existing => existing?,
            }
        }
        applied => applied?,
    };
    let replaced = replace::<K>(context, wanted, applied.resource_version()).await?;
    let hash = note(context, replaced);
    if hash != wanted.hash {
        tracing::warn!("the API server stores {} differently from what was written", wanted.id);
        let answer = (wanted.hash.clone(), hash.clone());
        context.view.compiled.memory.lock().answered.insert(wanted.id.clone(), answer);
    }
    Ok(hash)
}

async fn replace<K: CompiledType>(
    context: &Context,
    wanted: &Wanted,
    version: Option<String>,
) -> Result<CompiledObject<K>, CallError> {
    let mut object = wanted.object.clone();
    object["metadata"]["resourceVersion"] = Value::from(version);
    let params = PostParams { field_manager: Some(HEMVIST.to_owned()), ..PostParams::default() };
    let request = Request::new(K::url_path(&(), None))
        .replace(&wanted.id.name, &params, object.to_string().into_bytes())
        .map_err(|error| CallError::Broken(kube::Error::BuildRequest(error)))?;
    context.deadline.call(context.client.get().request(request)).await
}

/// Keeps what the server answered.
fn note<K: CompiledType>(context: &Context, object: CompiledObject<K>) -> String {
    let hash = object.seen.hash.clone();
    if let Some(stamp) = Stamp::of(object.meta()) {
        context.view.compiled.seen(K::KIND).lock().written(stamp, object.seen);
    }
    hash
}

fn tell_repair(context: &Context, wanted: &Wanted, seen: Option<&SeenCompiled>) {
    // One that has lost its label is not seen any more either.
    let what = if seen.is_some() { "changed" } else { "deleted or unlabelled" };
    tracing::warn!("{} was {what} by someone else; restored", wanted.id);
    context.metrics.admission_repaired(&wanted.id.name);
    let author = wanted.author.as_ref().and_then(|key| {
        let uid = context.view.policies.lock().get(key)?.uid.clone();
        Some((key, uid))
    });
    let author = author.as_ref().map(|(key, uid)| (*key, uid.as_str()));
    let seen_uid = seen.map(|seen| seen.uid.as_str()).unwrap_or_default();
    context.events.publish(events::admission_repair(&wanted.id, seen_uid, author, what));
}

/// Deletes this very incarnation. That it is gone already is as good.
///
/// # Errors
/// Where it could not be deleted.
pub async fn delete(context: &Context, id: &CompiledId, uid: &str) -> Result<(), WriteError> {
    let deleted = match id.kind {
        CompiledKind::Policy => delete_one::<ValidatingAdmissionPolicy>(context, id, uid).await,
        CompiledKind::Binding => delete_one::<ValidatingAdmissionPolicyBinding>(context, id, uid).await,
    };
    deleted.map_err(|source| WriteError { id: id.clone(), source })?;
    let stamp = Stamp { key: id.key(), uid: uid.to_owned(), version: 0 };
    context.view.compiled.seen(id.kind).lock().forget(&stamp);
    let mut memory = context.view.compiled.memory.lock();
    memory.settled.remove(id);
    memory.answered.remove(id);
    Ok(())
}

async fn delete_one<K: CompiledType>(context: &Context, id: &CompiledId, uid: &str) -> Result<(), CallError> {
    let api: Api<CompiledObject<K>> = Api::all(context.client.get());
    let params = DeleteParams::background()
        .preconditions(Preconditions { uid: Some(uid.to_owned()), resource_version: None });
    match context.deadline.call(api.delete(&id.name, &params)).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
        Err(error) => Err(error),
    }
}
