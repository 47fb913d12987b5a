//! The ServiceAccount of a model's pods.

pub use k8s_openapi::api::core::v1::ServiceAccount;

use super::{Child, Step, meta};
use crate::decide::Plan;
use crate::request::ModelRequest;
use crate::snapshot::{ChildKind, Settings};

impl Child for ServiceAccount {
    const KIND: ChildKind = ChildKind::ServiceAccount;

    fn steps(plan: &Plan, _: &Settings) -> Vec<Step> {
        vec![service_account(&plan.model).put()]
    }
}

/// A service account of the model's own, bound to no role and without a token: nothing that a pod could use, and nothing
/// that the namespace's default account might have been given.
fn service_account(model: &ModelRequest) -> ServiceAccount {
    ServiceAccount {
        metadata: meta::metadata(model),
        automount_service_account_token: Some(false),
        ..Default::default()
    }
}
