//! The replicas of a model.

mod container;
mod lifecycle;
mod pod;
mod resources;
mod verification;
mod volumes;

use hemvist_api::labels::AUTOSCALED;
use hemvist_api::values::RolloutStrategy;
pub use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::apps::v1::{DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

pub use container::security as container_security;
pub use pod::{USER, VOLUME_GROUP};
pub use verification::{PROGRAM, resources as tool_resources};

use super::{Child, Object, Step, meta};
use crate::decide::{Plan, Workload};
use crate::engine::description;
use crate::snapshot::{ChildKind, Settings};

pub use lifecycle::startup_seconds;

/// Old templates that are kept: enough to see what changed, few enough not to fill the namespace.
const REVISION_HISTORY_LIMIT: i32 = 3;

impl Child for Deployment {
    const KIND: ChildKind = ChildKind::Deployment;

    fn steps(plan: &Plan, settings: &Settings) -> Vec<Step> {
        match plan.workload {
            Workload::Deployment => vec![Step::PutReplicas(Object::of(&deployment(plan, settings)))],
        }
    }
}

/// The Deployment of the model. Where an autoscaler decides the number of replicas, it states none and says so: a number here
/// would be one that two of them write.
fn deployment(plan: &Plan, settings: &Settings) -> Deployment {
    let model = &plan.model;
    let engine = description(model.engine.engine);
    let autoscaled = model.scaling.as_ref().map(|_| (AUTOSCALED.to_owned(), "true".to_owned()));
    Deployment {
        metadata: ObjectMeta {
            name: Some(meta::workload_name(model)),
            annotations: autoscaled.map(|annotation| [annotation].into()),
            ..meta::metadata(model)
        },
        spec: Some(DeploymentSpec {
            replicas: model.scaling.is_none().then_some(model.replicas),
            selector: meta::selector(model),
            strategy: Some(strategy(model.rollout)),
            revision_history_limit: Some(REVISION_HISTORY_LIMIT),
            progress_deadline_seconds: Some(lifecycle::progress_deadline_seconds(model)),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(meta::labels(model)), ..Default::default() }),
                spec: Some(pod::pod(plan, engine, settings)),
            },
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// How a new version takes over. Only `Surge` waits for accelerators that are not there yet.
fn strategy(rollout: RolloutStrategy) -> DeploymentStrategy {
    let (surge, unavailable) = match rollout {
        RolloutStrategy::Auto => (0, IntOrString::Int(1)),
        // Rounded down, but never to nothing while no surge is allowed: the deployment controller then takes one.
        RolloutStrategy::Rolling => (0, IntOrString::String("25%".to_owned())),
        RolloutStrategy::Surge => (1, IntOrString::Int(0)),
        RolloutStrategy::Recreate => {
            return DeploymentStrategy { type_: Some("Recreate".to_owned()), ..Default::default() };
        }
    };
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(IntOrString::Int(surge)),
            max_unavailable: Some(unavailable),
        }),
    }
}
