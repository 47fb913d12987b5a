//! Writes one object of a model, where it differs from what was written last.

use std::ops::RangeInclusive;

use hemvist_api::labels::HEMVIST;
use hemvist_api::model_deployment::ChildStatus;
use hemvist_core::render::{Child, Deletion, Object};
use hemvist_core::request::ScalingSettings;
use hemvist_core::snapshot::{ChildFacts, ChildKind, Key, Subject};
use hemvist_core::status::{Application, WriteFailure};
use kube::api::{Patch, PatchParams, PostParams, Request};
use kube::{Api, Resource, ResourceExt};
use serde_json::Value;

use super::replicas;
use crate::cache::Stamp;
use crate::call::{CallError, Categorised};
use crate::context::Context;
use crate::objects::{ChildObject, SeenChild, child_type};
use crate::prune::delete;

/// After so many failures in a row an error is no longer taken for a passing one, and status reports it.
const FAILURES_UNTIL_REPORTED: u32 = 3;

/// Why an object could not be written.
#[derive(Debug, thiserror::Error)]
#[error("applying {kind} {name}: {cause}")]
pub struct ApplyError {
    kind: ChildKind,
    name: String,
    cause: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("an object of this name exists and was not created by Hemvist")]
    NotOurs,
    #[error("the previous one is still being deleted")]
    Leaving,
    #[error("the API server returned an object without a name")]
    Unnamed,
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Categorised for ApplyError {
    fn category(&self) -> &'static str {
        match &self.cause {
            Cause::NotOurs => "name_conflict",
            Cause::Leaving => "leaving",
            Cause::Unnamed => "unnamed",
            Cause::Call(error) => error.category(),
        }
    }
}

impl ApplyError {
    /// What status reports of it; the error itself where it may well have passed when somebody reads it.
    ///
    /// # Errors
    /// The error itself, where status does not report it.
    pub fn reported(self, failures: u32) -> Result<Application, Self> {
        let cause = match &self.cause {
            Cause::NotOurs => WriteFailure::NotOurs,
            Cause::Leaving => WriteFailure::Leaving,
            Cause::Call(error) if !error.is_refusal() && failures < FAILURES_UNTIL_REPORTED => {
                return Err(self);
            }
            // Without the code and the words around it: the sentence of the status has its own.
            Cause::Call(CallError::Answered(status)) => WriteFailure::Call(status.message.clone()),
            cause => WriteFailure::Call(cause.to_string()),
        };
        Ok(Application::Failed { kind: self.kind, name: self.name, cause })
    }
}

/// How an object of a wanted name stands to a model.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ownership {
    /// It was made for this very model.
    Ours,
    /// It is being deleted, or was made for an earlier model of the name and will be.
    Leaving,
    /// Somebody else has made it. It is left alone: taking it over would carry its contents into a model's pods.
    NotOurs,
}

/// Writes the objects of one model.
pub(super) struct Writer<'a> {
    context: &'a Context,
    namespace: &'a str,
    model_name: &'a str,
    model_uid: &'a str,
    subject: &'a Subject<'a>,
    /// Between which numbers an autoscaler may choose, where one decides.
    bounds: Option<RangeInclusive<i32>>,
}

impl<'a> Writer<'a> {
    /// Writes the objects of the model of `subject`; `scaling` is what decides its replicas, if something does.
    pub(super) fn new(
        context: &'a Context,
        subject: &'a Subject<'a>,
        scaling: Option<&ScalingSettings>,
    ) -> Self {
        let metadata = &subject.model.metadata;
        Self {
            context,
            namespace: metadata.namespace.as_deref().unwrap_or_default(),
            model_name: metadata.name.as_deref().unwrap_or_default(),
            model_uid: metadata.uid.as_deref().unwrap_or_default(),
            subject,
            bounds: scaling.map(|scaling| scaling.min_replicas..=scaling.max_replicas),
        }
    }

    /// What there is of one kind that was made for the model.
    pub(super) fn children(&self, kind: ChildKind) -> Vec<ChildFacts> {
        self.context.view.children_of(kind, self.namespace, self.model_uid)
    }

    /// Deletes an object that was made for the model.
    ///
    /// # Errors
    /// Where it could not be deleted.
    pub(super) async fn delete(&self, deletion: &Deletion) -> Result<(), ApplyError> {
        let Deletion { child, propagation, why } = deletion;
        let (kind, name) = (child.kind, &child.key.name);
        tracing::info!(%kind, name, "{why}");
        let deleted = delete(self.context, child, *propagation).await;
        deleted.map_err(|error| ApplyError { kind, name: name.clone(), cause: error.into() })
    }

    /// Writes an object where it differs.
    ///
    /// # Errors
    /// Where it could not be written.
    pub(super) async fn put(&self, object: &Object) -> Result<ChildFacts, ApplyError> {
        let put = child_type!(object.kind, K => self.put_as::<K>(object).await);
        put.map_err(|cause| ApplyError { kind: object.kind, name: object.name().to_owned(), cause })
    }

    async fn put_as<K: Child>(&self, object: &Object) -> Result<ChildFacts, Cause> {
        let name = object.name();
        let known = self.context.view.children(K::KIND).lock().get(&Key::new(self.namespace, name));
        let Some(known) = known else { return self.create::<K>(name, object.json.clone()).await };
        match self.ownership(&known) {
            Ownership::Ours if self.is_as_written(&known, object.rendered_hash()) => Ok(known.facts.clone()),
            Ownership::Ours => self.overwrite::<K>(&known.facts, object.json.clone()).await,
            Ownership::Leaving => Err(Cause::Leaving),
            Ownership::NotOurs => Err(Cause::NotOurs),
        }
    }

    fn ownership(&self, child: &SeenChild) -> Ownership {
        let facts = &child.facts;
        if facts.owner_uid.as_deref() == Some(self.model_uid) {
            if facts.terminating { Ownership::Leaving } else { Ownership::Ours }
        } else if child.owner_name.as_deref() == Some(self.model_name) || facts.terminating {
            Ownership::Leaving
        } else {
            Ownership::NotOurs
        }
    }

    /// Whether the object is what it would be after a write: nothing else is wanted, and nobody has changed it.
    fn is_as_written(&self, known: &SeenChild, wanted_hash: Option<&str>) -> bool {
        let facts = &known.facts;
        let status = self.subject.model.status.as_ref();
        let recorded = status.and_then(|status| status.children.as_ref()).and_then(|children| {
            let same =
                |child: &&ChildStatus| child.kind == facts.kind.as_str() && child.name == facts.key.name;
            children.iter().find(same)
        });
        wanted_hash.is_some()
            && facts.rendered_hash.as_deref() == wanted_hash
            && recorded.is_some_and(|child| child.content == facts.content)
            && !self.bounds.as_ref().is_some_and(|bounds| replicas::are_due(facts, bounds))
    }

    /// Makes an object that is not known to exist. That it is not known does not mean that it does not exist: its label
    /// may have been taken off, the cache may lag behind, or somebody else may have made one of the name.
    async fn create<K: Child>(&self, name: &str, mut object: Value) -> Result<ChildFacts, Cause> {
        match self.create_only_apply::<K>(name, &mut object).await {
            Ok(made) => self.note(made),
            Err(error) if error.is_conflict() => {
                let existing = self.context.deadline.call(self.api::<K>().get(name)).await?;
                let Some(existing) = existing.seen else { return Err(Cause::NotOurs) };
                match self.ownership(&existing) {
                    Ownership::Ours => self.overwrite::<K>(&existing.facts, object).await,
                    Ownership::Leaving => Err(Cause::Leaving),
                    Ownership::NotOurs => Err(Cause::NotOurs),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// An apply that never changes an object that exists. The resource version is one that no object has, so that the
    /// server answers with a conflict where there is one, and ignores it where there is none.
    async fn create_only_apply<K: Child>(
        &self,
        name: &str,
        object: &mut Value,
    ) -> Result<ChildObject<K>, CallError> {
        object["metadata"]["resourceVersion"] = Value::from("1");
        let params = PatchParams::apply(HEMVIST).validation_strict();
        let made =
            self.context.deadline.call(self.api::<K>().patch(name, &params, &Patch::Apply(&*object))).await;
        object["metadata"]["resourceVersion"] = Value::Null;
        made
    }

    /// Restores an object of ours to what is wanted.
    async fn overwrite<K: Child>(
        &self,
        existing: &ChildFacts,
        mut object: Value,
    ) -> Result<ChildFacts, Cause> {
        if let Some(bounds) = self.bounds.as_ref().filter(|bounds| replicas::are_due(existing, bounds)) {
            replicas::hand_over(self.context, existing, bounds).await?;
        }
        let name = &existing.key.name;
        let params = PatchParams::apply(HEMVIST).force().validation_strict();
        let written =
            self.context.deadline.call(self.api::<K>().patch(name, &params, &Patch::Apply(&object))).await?;
        if let Some(seen) = written.seen.as_ref().filter(|seen| seen.foreign_fields) {
            replicas::keep(&mut object, &seen.facts);
            let version = written.resource_version();
            self.note(written)?;
            return self.note(self.clean::<K>(name, object, version).await?);
        }
        self.note(written)
    }

    /// Takes out what others have added to an object of ours, which an apply leaves standing: a whole update with nothing
    /// in it but what is wanted. It comes right after an apply, so that no field changes its manager by it.
    async fn clean<K: Child>(
        &self,
        name: &str,
        mut object: Value,
        version: Option<String>,
    ) -> Result<ChildObject<K>, CallError> {
        object["metadata"]["resourceVersion"] = Value::from(version);
        tracing::info!(kind = %K::KIND, name, "removing fields that others added");
        let params = PostParams { field_manager: Some(HEMVIST.to_owned()), ..PostParams::default() };
        let request = Request::new(K::url_path(&(), Some(self.namespace)))
            .replace(name, &params, object.to_string().into_bytes())
            .map_err(|error| CallError::Broken(kube::Error::BuildRequest(error)))?;
        let client = self.context.client.get();
        self.context.deadline.call(client.request(request)).await
    }

    /// Keeps what the server answered, so that the next step sees it; gives what is known now.
    fn note<K: Child>(&self, object: ChildObject<K>) -> Result<ChildFacts, Cause> {
        let stamp = Stamp::of(object.meta()).ok_or(Cause::Unnamed)?;
        let seen = object.seen.ok_or(Cause::Unnamed)?;
        let (known, _) = self.context.view.children(K::KIND).lock().written(stamp, seen);
        Ok(known.facts.clone())
    }

    fn api<K: Child>(&self) -> Api<ChildObject<K>> {
        Api::namespaced(self.context.client.get(), self.namespace)
    }
}
