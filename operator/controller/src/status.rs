//! Writes status where it differs.

use hemvist_api::labels::HEMVIST;
use hemvist_api::{AIPolicy, AIPolicyStatus, ModelDeployment, ModelDeploymentStatus};
use hemvist_core::snapshot::Key;
use hemvist_core::status::{model_transitions, policy_transition};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Patch, PatchParams};
use kube::core::object::HasStatus;
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::cache::{Change, Stamp};
use crate::call::{CallError, Categorised};
use crate::context::Context;
use crate::events;
use crate::objects::{Lenient, SeenModel, SeenPolicy};
use crate::triggers::Event;

/// Why a status could not be written.
#[derive(Debug, thiserror::Error)]
#[error("writing the status: {0}")]
pub struct StatusError(#[from] CallError);

impl Categorised for StatusError {
    fn category(&self) -> &'static str {
        self.0.category()
    }
}

/// Writes the status of a model where it differs from the last one that is known.
///
/// # Errors
/// Where it could not be written. That the model is gone is none.
pub async fn write_model(
    context: &Context,
    key: &Key,
    seen: &SeenModel,
    status: &ModelDeploymentStatus,
) -> Result<(), StatusError> {
    if !differs(seen.status(), status) {
        return Ok(());
    }
    let Some(written) = patch::<ModelDeployment>(context, key, &seen.uid, status).await? else {
        return Ok(());
    };
    let (old, new) = (conditions(seen.status()), conditions(Some(status)));
    for transition in model_transitions(old, new) {
        context.events.publish(events::transition::<ModelDeployment>(key, &seen.uid, transition));
    }
    if let Some(stamp) = Stamp::of(written.meta()) {
        let (known, change) = context.view.models.lock().written(stamp, written.into());
        // The answer holds what another client may have changed meanwhile, and the watch will not send it again.
        if matches!(change, Change::Set { .. }) && !known.asks_the_same(seen) {
            context.triggers.publish(&Event::Model { key, change: &change });
        }
    }
    Ok(())
}

/// Writes the status of a policy where it differs from the last one that is known.
///
/// # Errors
/// Where it could not be written. That the policy is gone is none.
pub async fn write_policy(
    context: &Context,
    key: &Key,
    seen: &SeenPolicy,
    status: &AIPolicyStatus,
) -> Result<(), StatusError> {
    if !differs(seen.status(), status) {
        return Ok(());
    }
    let Some(written) = patch::<AIPolicy>(context, key, &seen.uid, status).await? else { return Ok(()) };
    let (old, new) = (conditions(seen.status()), conditions(Some(status)));
    if let Some(transition) = policy_transition(old, new) {
        context.events.publish(events::transition::<AIPolicy>(key, &seen.uid, transition));
    }
    if let Some(stamp) = Stamp::of(written.meta()) {
        let (known, change) = context.view.policies.lock().written(stamp, written.into());
        if matches!(change, Change::Set { .. }) && !known.asks_the_same(seen) {
            context.triggers.publish(&Event::Policy { key, change: &change });
        }
    }
    Ok(())
}

/// Applies a status to this very incarnation. `None` where it is gone.
async fn patch<K>(
    context: &Context,
    key: &Key,
    uid: &str,
    status: &K::Status,
) -> Result<Option<Lenient<K>>, StatusError>
where
    K: Clone
        + std::fmt::Debug
        + DeserializeOwned
        + HasStatus
        + Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K::Status: Clone + std::fmt::Debug + DeserializeOwned + Serialize,
{
    let api: Api<Lenient<K>> = Api::namespaced(context.client.get(), &key.namespace);
    let body = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {"namespace": key.namespace, "name": key.name, "uid": uid},
        "status": status,
    });
    let params = PatchParams::apply(HEMVIST).force();
    match context.deadline.call(api.patch_status(&key.name, &params, &Patch::Apply(&body))).await {
        Ok(written) => Ok(Some(written)),
        // Gone, or another object of the same name: its own event says so.
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A status with conditions.
trait Conditioned: Clone + PartialEq {
    fn conditions(&self) -> Option<&Vec<Condition>>;
    fn conditions_mut(&mut self) -> Option<&mut Vec<Condition>>;
}

impl Conditioned for ModelDeploymentStatus {
    fn conditions(&self) -> Option<&Vec<Condition>> {
        self.conditions.as_ref()
    }

    fn conditions_mut(&mut self) -> Option<&mut Vec<Condition>> {
        self.conditions.as_mut()
    }
}

impl Conditioned for AIPolicyStatus {
    fn conditions(&self) -> Option<&Vec<Condition>> {
        self.conditions.as_ref()
    }

    fn conditions_mut(&mut self) -> Option<&mut Vec<Condition>> {
        self.conditions.as_mut()
    }
}

fn conditions<S: Conditioned>(status: Option<&S>) -> &[Condition] {
    status.and_then(S::conditions).map(Vec::as_slice).unwrap_or_default()
}

/// Whether a status says something new. Since when a condition holds is not new as long as it holds.
fn differs<S: Conditioned>(old: Option<&S>, new: &S) -> bool {
    let Some(old) = old else { return true };
    if old == new {
        return false;
    }
    let (mut old, mut new) = (old.clone(), new.clone());
    if let (Some(before), Some(after)) = (old.conditions_mut(), new.conditions_mut()) {
        before.sort_by(|one, other| one.type_.cmp(&other.type_));
        after.sort_by(|one, other| one.type_.cmp(&other.type_));
        for (before, after) in before.iter().zip(after) {
            if before.type_ == after.type_ && before.status == after.status {
                after.last_transition_time = before.last_transition_time.clone();
            }
        }
    }
    old != new
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn condition(type_: &str, status: &str, second: i64) -> Condition {
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: "Reason".to_owned(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: Time(Timestamp::from_second(second).unwrap()),
        }
    }

    fn status(ready: &str, second: i64) -> ModelDeploymentStatus {
        let conditions = vec![condition("Ready", ready, second)];
        ModelDeploymentStatus { conditions: Some(conditions), ..ModelDeploymentStatus::default() }
    }

    #[test]
    fn the_moment_alone_is_nothing_new() {
        assert!(!differs(Some(&status("True", 1)), &status("True", 2)));
    }

    #[test]
    fn another_value_is_new() {
        assert!(differs(Some(&status("True", 1)), &status("False", 1)));
        assert!(differs(None, &status("False", 1)));
    }

    #[test]
    fn a_further_condition_is_new() {
        let mut more = status("True", 1);
        more.conditions.as_mut().unwrap().push(condition("Stalled", "True", 1));
        assert!(differs(Some(&status("True", 1)), &more));
    }
}
