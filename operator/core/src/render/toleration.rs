//! The taints that the pods of a model tolerate, as pods say it.

use k8s_openapi::api::core::v1::Toleration;

use crate::request::ModelRequest;
use crate::snapshot::ToleratedTaint;

/// The tolerations of the pods of `model`.
pub fn tolerations(model: &ModelRequest) -> Vec<Toleration> {
    model.tolerations.iter().map(toleration).collect()
}

fn toleration(taint: &ToleratedTaint) -> Toleration {
    Toleration {
        key: Some(taint.key.clone()),
        operator: Some(if taint.value.is_some() { "Equal" } else { "Exists" }.to_owned()),
        value: taint.value.clone(),
        effect: taint.effect.clone(),
        ..Default::default()
    }
}
