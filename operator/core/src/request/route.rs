//! The route from a gateway to a model.

use std::collections::BTreeSet;

use hemvist_api::ModelDeploymentSpec;
use hemvist_api::model_deployment::GatewayAccess;

use crate::snapshot::{ChildKind, Key, Settings};
use crate::violation::{RequestFinding, Violation};

/// The way from a gateway to a model.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteSettings {
    /// The gateway.
    pub gateway: Key,
    /// The host that clients ask.
    pub hostname: String,
    /// What the paths of the model begin with there; empty for nothing.
    pub path: String,
    /// The notice in every answer, if anything.
    pub notice: Option<String>,
    /// Who chooses the replica for each request; `None` leaves it to the Service.
    pub picker: Option<PickerSettings>,
}

/// Who chooses the replica for each request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PickerSettings {
    /// Its Service, beside the model.
    pub service: String,
    /// The port of that.
    pub port: i32,
}

/// The way that is requested; `None` where none is, or where the cluster serves no such kinds. A model that can be asked from
/// within the cluster is not refused because of that.
pub(super) fn route(
    spec: &ModelDeploymentSpec,
    settings: &Settings,
    served: &BTreeSet<ChildKind>,
) -> Result<Option<RouteSettings>, Vec<Violation>> {
    let Some(asked) = spec.access.as_ref().and_then(|access| access.gateway.as_ref()) else {
        return Ok(None);
    };
    let Some(gateway) = settings.gateway.clone() else {
        return Err(vec![Violation::of_request("spec.access.gateway", RequestFinding::GatewayNotConfigured)]);
    };
    Ok(is_served(asked, served).then(|| RouteSettings {
        gateway,
        hostname: asked.hostname.clone(),
        path: asked.path.clone().unwrap_or_default(),
        notice: spec.purpose.transparency_notice.clone(),
        picker: asked
            .endpoint_picker
            .as_ref()
            .map(|picker| PickerSettings { service: picker.service.clone(), port: picker.port }),
    }))
}

fn is_served(asked: &GatewayAccess, served: &BTreeSet<ChildKind>) -> bool {
    let pool = asked.endpoint_picker.as_ref().map(|_| ChildKind::InferencePool);
    pool.into_iter().chain([ChildKind::HTTPRoute]).all(|kind| served.contains(&kind))
}
