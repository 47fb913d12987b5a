//! Evicts pods from nodes that are not cleared for them.

use hemvist_core::decide::Eviction;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, EvictParams, Preconditions};

use crate::call::{CallError, Categorised};
use crate::context::Context;
use crate::events;
use crate::objects::SeenModel;

/// Why a pod could not be made to leave.
#[derive(Debug, thiserror::Error)]
#[error("evicting pod {pod}: {source}")]
pub struct EvictError {
    pod: String,
    source: CallError,
}

impl Categorised for EvictError {
    fn category(&self) -> &'static str {
        self.source.category()
    }
}

/// How a pod was made to leave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Departure {
    /// It was evicted.
    Evicted,
    /// It was deleted, because a PodDisruptionBudget did not let it be evicted.
    DeletedAgainstBudget,
    /// It was gone already.
    GoneAlready,
}

impl Departure {
    /// In words, to be read after "The pod was".
    const fn as_str(self) -> &'static str {
        match self {
            Self::DeletedAgainstBudget => {
                "deleted, because its PodDisruptionBudget did not allow an eviction and residency outranks availability"
            }
            Self::Evicted | Self::GoneAlready => "evicted",
        }
    }
}

/// Makes pods leave: those of a model, or of none.
///
/// # Errors
/// Where one could not be made to leave. Every other one was tried too.
pub async fn evict(
    context: &Context,
    model: Option<&SeenModel>,
    evictions: &[Eviction],
) -> Result<(), EvictError> {
    let mut first_error = None;
    for eviction in evictions {
        match evict_one(context, eviction).await {
            Ok(Departure::GoneAlready) => {}
            Ok(departure) => {
                context.metrics.evicted();
                tracing::warn!(pod = %eviction.pod, ?departure, "{} {}", eviction.node, eviction.reason);
                context.events.publish(match model {
                    Some(model) => events::eviction(model, eviction, departure.as_str()),
                    None => events::unmanaged_eviction(eviction, departure.as_str()),
                });
            }
            Err(source) => {
                let error = EvictError { pod: eviction.pod.to_string(), source };
                first_error.get_or_insert(error);
            }
        }
    }
    first_error.map_or(Ok(()), Err)
}

/// Asks politely first. Where a disruption budget says no, or several budgets contradict each other, the pod is deleted:
/// that information stays where it may be outranks that a model stays available, and a budget that anybody can make
/// must not keep a pod where it may not be.
async fn evict_one(context: &Context, eviction: &Eviction) -> Result<Departure, CallError> {
    let api: Api<Pod> = Api::namespaced(context.client.get(), &eviction.pod.namespace);
    let this_pod = || {
        let precondition = Preconditions { uid: Some(eviction.uid.clone()), resource_version: None };
        DeleteParams::default().preconditions(precondition)
    };
    let params = EvictParams { delete_options: Some(this_pod()), ..EvictParams::default() };
    let departure = match context.deadline.call(api.evict(&eviction.pod.name, &params)).await {
        Ok(_) => return Ok(Departure::Evicted),
        Err(error) if blocked_by_budget(&error) => {
            context.deadline.call(api.delete(&eviction.pod.name, &this_pod())).await.map(|_| ())
        }
        Err(error) => Err(error),
    };
    match departure {
        Ok(()) => Ok(Departure::DeletedAgainstBudget),
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(Departure::GoneAlready),
        Err(error) => Err(error),
    }
}

/// A budget answers 429, as an overloaded server does, and says so in the cause; a pod with several budgets gets a 500.
fn blocked_by_budget(error: &CallError) -> bool {
    let CallError::Answered(status) = error else { return false };
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    match status.code {
        429 => causes.iter().any(|cause| cause.reason == "DisruptionBudget"),
        500 => status.message.contains("PodDisruptionBudget"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answered(status: Value) -> CallError {
        CallError::Answered(serde_json::from_value(status).unwrap())
    }

    #[test]
    fn a_budget_is_distinguished_from_an_overloaded_server() {
        let cause = json!({"causes": [{"reason": "DisruptionBudget", "message": "needs 100 healthy pods"}]});
        assert!(blocked_by_budget(&answered(json!({"code": 429, "details": cause}))));
        assert!(!blocked_by_budget(&answered(json!({"code": 429, "message": "too many requests"}))));
    }

    #[test]
    fn budgets_that_contradict_each_other_block_too() {
        let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        assert!(blocked_by_budget(&answered(json!({"code": 500, "message": message}))));
        assert!(!blocked_by_budget(&answered(json!({"code": 500, "message": "etcd is gone"}))));
    }
}
