//! Containers, init containers and ephemeral containers of a pod, in one list.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, EnvVar, EphemeralContainer, PodSpec, ResourceRequirements, SecurityContext,
};

use crate::accelerator::{MIGHTY, asks_for_devices};

/// What the kinds of containers have in common.
#[derive(Clone, Copy)]
pub struct AnyContainer<'a> {
    /// Its image.
    pub image: Option<&'a str>,
    resources: Option<&'a ResourceRequirements>,
    security: Option<&'a SecurityContext>,
    env: Option<&'a Vec<EnvVar>>,
}

impl<'a> From<&'a Container> for AnyContainer<'a> {
    fn from(container: &'a Container) -> Self {
        Self {
            image: container.image.as_deref(),
            resources: container.resources.as_ref(),
            security: container.security_context.as_ref(),
            env: container.env.as_ref(),
        }
    }
}

impl<'a> From<&'a EphemeralContainer> for AnyContainer<'a> {
    fn from(container: &'a EphemeralContainer) -> Self {
        Self {
            image: container.image.as_deref(),
            resources: container.resources.as_ref(),
            security: container.security_context.as_ref(),
            env: container.env.as_ref(),
        }
    }
}

impl AnyContainer<'_> {
    /// The resources that it requests.
    pub fn resource_names(&self) -> impl Iterator<Item = &str> {
        let lists = self.resources.into_iter().flat_map(|all| [all.limits.as_ref(), all.requests.as_ref()]);
        lists.flatten().flat_map(BTreeMap::keys).map(String::as_str)
    }

    /// Whether it asks its runtime for devices.
    pub fn asks_runtime(&self) -> bool {
        let asks = |variable: &EnvVar| {
            let value = Some(variable.value.as_deref().unwrap_or_default());
            asks_for_devices(&variable.name, value.filter(|_| variable.value_from.is_none()))
        };
        let capabilities = self.security.and_then(|context| context.capabilities.as_ref());
        let added = capabilities.into_iter().flat_map(|capabilities| capabilities.add.iter().flatten());
        let mighty = added.into_iter().any(|capability| MIGHTY.contains(&capability.as_str()));
        let privileged = self.security.is_some_and(|context| context.privileged == Some(true));
        privileged || mighty || self.env.into_iter().flatten().any(asks)
    }
}

/// Every container of a pod, of whatever kind.
pub fn containers(spec: &PodSpec) -> impl Iterator<Item = AnyContainer<'_>> {
    let ordinary = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let ephemeral = spec.ephemeral_containers.iter().flatten();
    ordinary.map(AnyContainer::from).chain(ephemeral.map(AnyContainer::from))
}
