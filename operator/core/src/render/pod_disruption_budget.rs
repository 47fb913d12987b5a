//! The PodDisruptionBudget of a model.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta;
use crate::request::ModelRequest;

/// One replica at a time may be evicted. Stated as what may be missing and not as what must remain, so that a node with
/// the only replica of a model can still be drained; and a replica that is not ready protects nobody, so it never stops
/// a drain.
pub fn pod_disruption_budget(model: &ModelRequest) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: meta::metadata(model),
        spec: Some(PodDisruptionBudgetSpec {
            selector: Some(meta::selector(model)),
            max_unavailable: Some(IntOrString::Int(1)),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}
