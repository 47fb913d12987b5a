//! Gives the number of replicas of a Deployment to an autoscaler.
//!
//! An apply that leaves out a field which the same field manager has applied before takes the field away, and a Deployment
//! without a number has one replica. So before the apply that leaves it out, another field manager applies the number and
//! nothing else. It goes on owning it until the autoscaler writes another.
//!
//! An autoscaler of Kubernetes leaves a Deployment without replicas alone. So one that may not be without is given its
//! fewest again where it has none: after a pause, or when KEDA, which can start it, has gone.

use std::ops::RangeInclusive;

use hemvist_core::snapshot::ChildFacts;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::call::CallError;
use crate::context::Context;
use crate::objects::ChildObject;

/// The field manager that holds the number from Hemvist's last apply of it until the autoscaler's first write.
const HANDOVER: &str = "hemvist-handover";

/// Whether the number of replicas is still Hemvist's to give up, or is none where there has to be one.
pub(super) fn are_due(child: &ChildFacts, bounds: &RangeInclusive<i32>) -> bool {
    child
        .deployment()
        .is_some_and(|deployment| !deployment.autoscaled || (deployment.wanted == 0 && *bounds.start() > 0))
}

/// Gives up the number of replicas, without changing it unless it is out of bounds. No autoscaler writes it meanwhile: none
/// exists yet, or there are no replicas.
///
/// # Errors
/// Where it could not be written.
pub(super) async fn hand_over(
    context: &Context,
    child: &ChildFacts,
    bounds: &RangeInclusive<i32>,
) -> Result<(), CallError> {
    let Some(deployment) = child.deployment() else { return Ok(()) };
    let replicas = deployment.wanted.max(*bounds.start()).min(*bounds.end());
    let name = child.key.name.as_str();
    tracing::info!(name, replicas, "an autoscaler now owns spec.replicas");
    let number = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "uid": child.uid},
        "spec": {"replicas": replicas},
    });
    let api: Api<ChildObject<Deployment>> = Api::namespaced(context.client.get(), &child.key.namespace);
    let params = PatchParams::apply(HANDOVER).force().validation_strict();
    context.deadline.call(api.patch(name, &params, &Patch::Apply(&number))).await.map(|_| ())
}

/// Writes into an object that an autoscaler scales the number that it has now, for a write that would otherwise take the
/// number away.
pub(super) fn keep(object: &mut Value, child: &ChildFacts) {
    if let Some(deployment) = child.deployment().filter(|deployment| deployment.autoscaled) {
        object["spec"]["replicas"] = Value::from(deployment.wanted);
    }
}
