//! From a model that may be carried out to the objects that carry it out. One file per kind of object.
//!
//! Rendering knows no policy and no node: what they decided is in the [`ValidatedModel`]. The same input gives the same
//! objects, to the byte.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use crate::snapshot::{ChildFacts, Settings};
use crate::validate::ValidatedModel;

/// How far objects have come.
pub trait Stage {
    /// What is known of an object of type `K` at this stage.
    type Of<K>;
}

/// Rendered: wanted, and not yet written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rendered;

/// Applied: written, and answered by the API server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Applied;

impl Stage for Rendered {
    type Of<K> = K;
}

impl Stage for Applied {
    type Of<K> = ChildFacts;
}

/// Everything that a model becomes. Whoever takes it apart does so without `..`, so that a new kind of object cannot be
/// forgotten.
pub struct DesiredObjects<S: Stage> {
    /// The identity of the pods, without rights.
    pub service_account: S::Of<ServiceAccount>,
    /// The isolation of the pods.
    pub network_policy: S::Of<NetworkPolicy>,
    /// The address of the model.
    pub service: S::Of<Service>,
    /// The limit to voluntary disruption.
    pub pod_disruption_budget: S::Of<PodDisruptionBudget>,
    /// The replicas.
    pub deployment: S::Of<Deployment>,
}

/// The objects that carry out `model`.
pub fn render(_model: &ValidatedModel, _settings: &Settings) -> DesiredObjects<Rendered> {
    DesiredObjects {
        service_account: ServiceAccount::default(),
        network_policy: NetworkPolicy::default(),
        service: Service::default(),
        pod_disruption_budget: PodDisruptionBudget::default(),
        deployment: Deployment::default(),
    }
}
