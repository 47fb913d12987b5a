//! The ServiceAccount of a model's pods.

use k8s_openapi::api::core::v1::ServiceAccount;

use super::meta;
use crate::request::ModelRequest;

/// A service account of the model's own, bound to no role and without a token: nothing that a pod could use, and nothing
/// that the namespace's default account might have been given.
pub fn service_account(model: &ModelRequest) -> ServiceAccount {
    ServiceAccount {
        metadata: meta::metadata(model),
        automount_service_account_token: Some(false),
        ..Default::default()
    }
}
