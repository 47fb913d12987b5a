//! The PodDisruptionBudget of a model.

pub use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::policy::v1::PodDisruptionBudgetSpec;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Child, Step, meta};
use crate::decide::Plan;
use crate::request::ModelRequest;
use crate::snapshot::{ChildKind, Settings};

impl Child for PodDisruptionBudget {
    const KIND: ChildKind = ChildKind::PodDisruptionBudget;

    fn steps(plan: &Plan, _: &Settings) -> Vec<Step> {
        vec![pod_disruption_budget(&plan.model).put()]
    }
}

/// One replica at a time may be evicted. Stated as what may be missing and not as what must remain, so that a node with
/// the only replica of a model can still be drained; and a replica that is not ready protects nobody, so it never stops
/// a drain.
fn pod_disruption_budget(model: &ModelRequest) -> PodDisruptionBudget {
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
