//! An object as it comes over the wire, of which facts are kept.

use std::borrow::Cow;
use std::fmt::Debug;
use std::marker::PhantomData;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// How objects of one kind become facts.
pub trait Reading: Clone + Debug + Send + Sync + 'static {
    /// The kind.
    type Kind: Resource<DynamicType = ()>;
    /// What is kept of an object.
    type Seen: Clone + Debug + Send + Sync;

    /// What is kept of `object`.
    fn read(object: Value) -> Self::Seen;
}

/// An object as it comes over the wire. The JSON is gone once the facts are taken from it. It is asked for, listed and watched
/// as its kind is.
#[derive(Clone, Debug)]
pub struct Wire<R: Reading> {
    metadata: ObjectMeta,
    /// What is kept of it.
    pub seen: R::Seen,
    reading: PhantomData<R>,
}

impl<'de, R: Reading> Deserialize<'de> for Wire<R> {
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
        Ok(Self { metadata, seen: R::read(object), reading: PhantomData })
    }
}

impl<R: Reading> Resource for Wire<R> {
    type DynamicType = ();
    type Scope = <R::Kind as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        R::Kind::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        R::Kind::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        R::Kind::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        R::Kind::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
