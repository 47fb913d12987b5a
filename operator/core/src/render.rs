//! From a model that may be carried out to the objects that carry it out. One file per kind of object.
//!
//! Rendering knows no policy and no node: what they decided is in the [`ModelRequest`]. The same input gives the same
//! objects, to the byte. Nothing is copied from the `ModelDeployment`'s own labels and annotations; labels are an
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
mod toleration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::Value;

use crate::request::ModelRequest;
use crate::snapshot::{ChildFacts, ChildKind, Settings};

pub use affinity::NOWHERE;
pub use fetch::{fetch_policy_name, may_stay, weights_are_there};
pub use http_route::HTTPRoute;
pub use inference_pool::InferencePool;
pub(crate) use meta::{COMPONENT, NAME};
pub use proxy::{EXAMPLE_PROXY_IMAGE, MODELS_PATH, PROXY};
pub use resource_quota::{RESOURCE_QUOTA, quota_of, resource_quota};
pub use retry::job_stays;
pub use scaled_object::ScaledObject;

/// How far objects have come.
pub trait Stage {
    /// What is known of an object of type `K` at this stage.
    type Of<K>;
    /// What is known of an object that is written only when another one has done its work.
    type Later<K>;
}

/// Rendered: wanted, and not yet written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rendered;

/// Applied: written, and answered by the API server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Applied;

impl Stage for Rendered {
    type Of<K> = K;
    type Later<K> = K;
}

impl Stage for Applied {
    type Of<K> = ChildFacts;
    type Later<K> = Option<ChildFacts>;
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
    /// What fetches the weights, where they have to be fetched.
    pub fetch: Option<Fetch<S>>,
    /// The replicas, once the weights are there.
    pub deployment: S::Later<Deployment>,
    /// What scales the replicas, where Kubernetes itself does it.
    pub horizontal_pod_autoscaler: Option<S::Of<HorizontalPodAutoscaler>>,
    /// What scales the replicas, where KEDA does it.
    pub scaled_object: Option<S::Of<ScaledObject>>,
    /// The replicas as a pool, where somebody chooses one for each request.
    pub inference_pool: Option<S::Of<InferencePool>>,
    /// The way from a gateway, where one leads to the model.
    pub http_route: Option<S::Of<HTTPRoute>>,
}

/// What fetches the weights of a model.
pub struct Fetch<S: Stage> {
    /// The isolation of the pods that fetch: out to the mirror alone.
    pub network_policy: S::Of<NetworkPolicy>,
    /// What makes these pods.
    pub job: S::Of<Job>,
}

impl DesiredObjects<Rendered> {
    /// Every object as JSON with its kind, in the order in which they are written.
    ///
    /// # Errors
    ///
    /// Where an object has no JSON form, which those of these types always have.
    pub fn json(&self) -> serde_json::Result<Vec<(ChildKind, Value)>> {
        let Self {
            service_account,
            network_policy,
            service,
            pod_disruption_budget,
            fetch,
            deployment,
            horizontal_pod_autoscaler,
            scaled_object,
            inference_pool,
            http_route,
        } = self;
        let mut objects = vec![
            (ChildKind::ServiceAccount, serde_json::to_value(service_account)?),
            (ChildKind::NetworkPolicy, serde_json::to_value(network_policy)?),
            (ChildKind::Service, serde_json::to_value(service)?),
            (ChildKind::PodDisruptionBudget, serde_json::to_value(pod_disruption_budget)?),
        ];
        if let Some(Fetch { network_policy, job }) = fetch {
            objects.push((ChildKind::NetworkPolicy, serde_json::to_value(network_policy)?));
            objects.push((ChildKind::Job, serde_json::to_value(job)?));
        }
        objects.push((ChildKind::Deployment, serde_json::to_value(deployment)?));
        if let Some(autoscaler) = horizontal_pod_autoscaler {
            objects.push((ChildKind::HorizontalPodAutoscaler, serde_json::to_value(autoscaler)?));
        }
        if let Some(scaled_object) = scaled_object {
            objects.push((ChildKind::ScaledObject, serde_json::to_value(scaled_object)?));
        }
        if let Some(pool) = inference_pool {
            objects.push((ChildKind::InferencePool, serde_json::to_value(pool)?));
        }
        if let Some(route) = http_route {
            objects.push((ChildKind::HTTPRoute, serde_json::to_value(route)?));
        }
        Ok(objects)
    }
}

impl DesiredObjects<Applied> {
    /// Every object that is there, in the order in which they are written.
    pub fn facts(&self) -> impl Iterator<Item = &ChildFacts> {
        let Self {
            service_account,
            network_policy,
            service,
            pod_disruption_budget,
            fetch,
            deployment,
            horizontal_pod_autoscaler,
            scaled_object,
            inference_pool,
            http_route,
        } = self;
        let fetch = fetch.iter().flat_map(|Fetch { network_policy, job }| [network_policy, job]);
        [service_account, network_policy, service, pod_disruption_budget]
            .into_iter()
            .chain(fetch)
            .chain(deployment)
            .chain(horizontal_pod_autoscaler)
            .chain(scaled_object)
            .chain(inference_pool)
            .chain(http_route)
    }
}

/// The objects that carry out `model`. Each carries the hash of itself, so that an unchanged one is not written again.
pub fn render(model: &ModelRequest, settings: &Settings) -> DesiredObjects<Rendered> {
    DesiredObjects {
        service_account: meta::sealed(service_account::service_account(model)),
        network_policy: meta::sealed(network_policy::network_policy(model, settings)),
        service: meta::sealed(service::service(model)),
        pod_disruption_budget: meta::sealed(pod_disruption_budget::pod_disruption_budget(model)),
        fetch: fetch::fetch(model).map(|Fetch { network_policy, job }| Fetch {
            network_policy: meta::sealed(network_policy),
            job: meta::sealed(job),
        }),
        deployment: meta::sealed(deployment::deployment(model, settings)),
        horizontal_pod_autoscaler: horizontal_pod_autoscaler::horizontal_pod_autoscaler(model)
            .map(meta::sealed),
        scaled_object: scaled_object::scaled_object(model).map(meta::sealed),
        inference_pool: inference_pool::inference_pool(model).map(meta::sealed),
        http_route: http_route::http_route(model).map(meta::sealed),
    }
}
