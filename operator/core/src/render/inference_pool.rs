//! The InferencePool of a model, whose endpoint picker chooses a replica for each request. Only the fields that Hemvist states.

use std::collections::BTreeMap;

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{Child, Step, meta};
use crate::decide::Plan;
use crate::engine::SERVING_PORT;
use crate::request::ModelRequest;
use crate::snapshot::{ChildKind, Settings};

/// The group of the kind.
pub const INFERENCE: &str = "inference.networking.k8s.io";

/// Replicas, and who chooses one of them.
#[derive(Clone, CustomResource, Debug, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "inference.networking.k8s.io",
    version = "v1",
    kind = "InferencePool",
    namespaced,
    schema = "disabled",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct InferencePoolSpec {
    /// The replicas.
    pub selector: Selector,
    /// The ports on which they are asked.
    pub target_ports: Vec<Port>,
    /// Who chooses.
    pub endpoint_picker_ref: EndpointPickerRef,
}

/// Pods by their labels.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// The labels.
    pub match_labels: BTreeMap<String, String>,
}

/// A port.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Port {
    /// Its number.
    pub number: i32,
}

/// Who chooses.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointPickerRef {
    /// Its group; empty for the core.
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its port.
    pub port: Port,
    /// What becomes of a request for which no endpoint picker chooses.
    pub failure_mode: String,
}

impl Child for InferencePool {
    const KIND: ChildKind = ChildKind::InferencePool;

    fn steps(plan: &Plan, _: &Settings) -> Vec<Step> {
        Self::put_or_remove(inference_pool(&plan.model))
    }
}

/// The InferencePool of `model`, where an endpoint picker chooses the replica. Without one a request is refused: it would
/// otherwise go to any pod that the gateway finds.
fn inference_pool(model: &ModelRequest) -> Option<InferencePool> {
    let picker = model.route.as_ref()?.picker.as_ref()?;
    let spec = InferencePoolSpec {
        selector: Selector { match_labels: meta::identity(model) },
        target_ports: vec![Port { number: SERVING_PORT }],
        endpoint_picker_ref: EndpointPickerRef {
            group: String::new(),
            kind: "Service".to_owned(),
            name: picker.service.clone(),
            port: Port { number: picker.port },
            failure_mode: "FailClose".to_owned(),
        },
    };
    Some(InferencePool { metadata: meta::metadata(model), spec })
}
