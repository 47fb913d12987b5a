//! How a pod reaches devices.

use std::collections::BTreeMap;

use super::{PodContainer, PodSpec};
use crate::accelerator::{CDI_ANNOTATION, MIGHTY, Reach, asks_for_devices, is_device_path};
use crate::snapshot::installation::is_extended;

/// Devices by extended resource: those of the containers add up, and the largest init container counts where it is more.
pub(super) fn asked_for(spec: &PodSpec) -> BTreeMap<String, i64> {
    let mut sum = BTreeMap::new();
    for (resource, count) in spec.containers.iter().chain(&spec.ephemeral_containers).flat_map(devices) {
        let held: &mut i64 = sum.entry(resource).or_default();
        *held = held.saturating_add(count);
    }
    for (resource, count) in spec.init_containers.iter().flat_map(devices) {
        let held: &mut i64 = sum.entry(resource).or_default();
        *held = count.max(*held);
    }
    sum
}

/// Limits and requests of extended resources are the same; the API server fills in one from the other.
fn devices(container: &PodContainer) -> BTreeMap<String, i64> {
    let lists = [&container.resources.requests, &container.resources.limits];
    let named = lists.into_iter().flatten().flatten().filter(|(resource, _)| is_extended(resource));
    // A number that cannot be read is not none.
    named.map(|(resource, count)| (resource.clone(), count.whole().unwrap_or(1))).collect()
}

/// How the pod reaches accelerators past the resources that it asks for; the plainest way where there are several.
pub(super) fn reach(spec: &PodSpec, annotations: Option<&BTreeMap<String, String>>) -> Option<Reach> {
    let containers = || spec.containers.iter().chain(&spec.init_containers).chain(&spec.ephemeral_containers);
    let annotated = annotations.is_some_and(|all| all.keys().any(|key| key.starts_with(CDI_ANNOTATION)));
    let on_host = |path: &str| is_device_path(path);
    let host_paths = spec.volumes.iter().filter_map(|volume| volume.host_path.as_ref());
    [
        (!spec.resource_claims.is_empty(), Reach::Claim),
        (containers().any(PodContainer::asks_runtime), Reach::Variable),
        (annotated, Reach::Annotation),
        (host_paths.into_iter().any(|host| on_host(&host.path)), Reach::HostPath),
        (containers().any(PodContainer::is_mighty), Reach::Privilege),
    ]
    .into_iter()
    .find_map(|(does, way)| does.then_some(way))
}

impl PodContainer {
    /// Whether it asks its runtime for devices by a variable.
    fn asks_runtime(&self) -> bool {
        self.env.iter().any(|variable| {
            let value = Some(variable.value.as_str()).filter(|_| variable.value_from.is_none());
            asks_for_devices(&variable.name, value)
        })
    }

    /// Whether it has a privilege with which it takes devices for itself.
    fn is_mighty(&self) -> bool {
        let context = &self.security_context;
        let added = context.capabilities.iter().flat_map(|capabilities| capabilities.add.iter().flatten());
        context.privileged == Some(true) || added.into_iter().any(|one| MIGHTY.contains(&one.as_str()))
    }
}
