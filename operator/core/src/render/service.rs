//! The address of a model.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta;
use crate::validate::ValidatedModel;

/// The port of every model, whatever engine serves it and wherever that listens: a client does not notice a change of engine.
pub const SERVING_PORT: i32 = 8000;

/// The name of that port.
pub const SERVING_PORT_NAME: &str = "http";

/// One address inside the cluster for all replicas.
pub fn service(model: &ValidatedModel) -> Service {
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
