//! From the plan of a model to the objects that carry it out. One file for each kind of object, with its [`Child`].
//!
//! Rendering knows no policy and no node: what they decided is in the [`Plan`]. The same input gives the same objects, to
//! the byte. Nothing is copied from the `ModelDeployment`'s own labels and annotations; labels are an
//! allow-list.

mod affinity;
mod autoscaling;
mod deployment;
mod fetch;
mod horizontal_pod_autoscaler;
mod http_route;
mod inference_pool;
mod meta;
mod network_policy;
mod pod_disruption_budget;
mod proxy;
mod resource_quota;
mod retry;
mod scaled_object;
mod service;
mod service_account;
mod step;
mod toleration;

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::decide::Plan;
use crate::snapshot::{ChildFacts, ChildKind, Settings, child_kinds};

pub use affinity::NOWHERE;
pub use deployment::Deployment;
pub use fetch::Job;
pub use horizontal_pod_autoscaler::HorizontalPodAutoscaler;
pub use http_route::HTTPRoute;
pub use inference_pool::InferencePool;
pub(crate) use meta::{COMPONENT, NAME};
pub use network_policy::NetworkPolicy;
pub use pod_disruption_budget::PodDisruptionBudget;
pub use proxy::{EXAMPLE_PROXY_IMAGE, MODELS_PATH, PROXY};
pub use resource_quota::{RESOURCE_QUOTA, quota_of, resource_quota};
pub use scaled_object::ScaledObject;
pub use service::Service;
pub use service_account::ServiceAccount;
pub use step::{Deletion, Object, Propagation, Step, Then, There, Todo};

/// A kind of object that a model becomes, as the type of its objects. What is known of the kind itself is in
/// [`child_kinds`].
pub trait Child:
    Clone
    + Debug
    + DeserializeOwned
    + Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Send
    + Serialize
    + Sync
    + 'static
{
    /// Its kind.
    const KIND: ChildKind;

    /// What is done about objects of this kind, in order; nothing of a kind that only another one writes.
    fn steps(plan: &Plan, settings: &Settings) -> Vec<Step>;

    /// Writes this object where it differs.
    fn put(self) -> Step {
        Step::Put(Object::of(&self))
    }

    /// The same for a kind of which a model may have one object or none.
    fn put_or_remove(object: Option<Self>) -> Vec<Step> {
        vec![object.map_or(Step::Remove(Self::KIND), Self::put)]
    }
}

/// How far objects have come.
pub trait Stage {
    /// What is known of them at this stage.
    type Known;
}

/// Rendered: wanted, and not yet written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rendered;

/// Applied: written, and answered by the API server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Applied;

impl Stage for Rendered {
    type Known = Step;
}

impl Stage for Applied {
    type Known = ChildFacts;
}

/// Everything that a model becomes, in the order in which it is written.
#[derive(Debug)]
pub struct DesiredObjects<S: Stage>(Vec<S::Known>);

impl DesiredObjects<Rendered> {
    /// The steps that make the cluster be as rendered, in order.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Every object, in the order in which they are written.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.0.iter().filter_map(Step::object)
    }

    /// The first object of a kind, as its type.
    pub fn typed<K: Child>(&self) -> Option<K> {
        self.objects().find_map(Object::typed)
    }
}

impl Default for DesiredObjects<Applied> {
    /// Before the first step.
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl DesiredObjects<Applied> {
    /// Adds what a step has come to, as the API server answered it.
    pub fn add(&mut self, child: ChildFacts) {
        self.0.push(child);
    }

    /// Every object that is there, in the order in which they are written.
    pub fn facts(&self) -> impl Iterator<Item = &ChildFacts> {
        self.0.iter()
    }

    /// What is known of the first object that `part` is known of, such as [`ChildFacts::deployment`].
    pub fn find<T>(&self, part: fn(&ChildFacts) -> Option<&T>) -> Option<&T> {
        self.facts().find_map(part)
    }
}

macro_rules! in_order {
    ($($(#[$doc:meta])* $kind:ident => $facts:expr;)+) => {
        /// The steps of every kind, in the order in which they are written.
        fn steps(plan: &Plan, settings: &Settings) -> Vec<Step> {
            [$($kind::steps(plan, settings)),+].concat()
        }
    };
}

child_kinds!(in_order);

/// The objects that carry out `plan`, and the order in which they are written. What the model is not to have goes first, the
/// last kind before the others: nobody else may write the number of replicas when they are written, and a route goes before
/// what it leads to.
pub fn render(plan: &Plan, settings: &Settings) -> DesiredObjects<Rendered> {
    let is_removal = |step: &Step| matches!(step, Step::Remove(_));
    let (removals, writes): (Vec<_>, Vec<_>) = steps(plan, settings).into_iter().partition(is_removal);
    DesiredObjects(removals.into_iter().rev().chain(writes).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! rows {
        ($($(#[$doc:meta])* $kind:ident => $facts:expr;)+) => {
            fn rows() -> Vec<[String; 4]> {
                let row = |kind: ChildKind, group: &str, resource: &str, name: &str| {
                    [kind.as_str().to_owned(), group.to_owned(), resource.to_owned(), name.to_owned()]
                };
                vec![$(row($kind::KIND, &$kind::group(&()), &$kind::plural(&()), &$kind::kind(&()))),+]
            }
        };
    }

    child_kinds!(rows);

    #[test]
    fn the_table_calls_each_kind_as_its_type_does() {
        let of_types = rows();
        let of_table = ChildKind::ALL.map(|kind| {
            let name = kind.as_str().to_owned();
            [name.clone(), kind.facts().group.to_owned(), kind.facts().resource.to_owned(), name]
        });
        assert_eq!(of_types, of_table);
    }
}
