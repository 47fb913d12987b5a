//! The Service of a model.

pub use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::core::v1::{ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Child, Step, meta};
use crate::decide::Plan;
use crate::engine::{SERVING_PORT, SERVING_PORT_NAME};
use crate::request::ModelRequest;
use crate::snapshot::{ChildKind, Settings};

impl Child for Service {
    const KIND: ChildKind = ChildKind::Service;

    fn steps(plan: &Plan, _: &Settings) -> Vec<Step> {
        vec![service(&plan.model).put()]
    }
}

/// One address inside the cluster for all replicas.
fn service(model: &ModelRequest) -> Service {
    Service {
        metadata: meta::metadata(model),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(meta::identity(model)),
            ports: Some(vec![ServicePort {
                name: Some(SERVING_PORT_NAME.to_owned()),
                app_protocol: Some("http".to_owned()),
                protocol: Some("TCP".to_owned()),
                port: SERVING_PORT,
                target_port: Some(IntOrString::String(SERVING_PORT_NAME.to_owned())),
                ..Default::default()
            }]),
            ..Default::default()
        }),
        ..Default::default()
    }
}
