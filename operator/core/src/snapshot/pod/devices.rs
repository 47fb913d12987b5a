//! How a pod reaches devices.

use std::collections::BTreeMap;

use super::{PodContainer, PodSpec};
use crate::accelerator::{CDI_ANNOTATION, MIGHTY, Reach, asks_for_devices, is_device_path};
use crate::snapshot::installation::is_extended;

/// Devices by extended resource, as the scheduler counts them: those of the containers and of the sidecars add up, and an
/// init container with the sidecars before it counts where that is more.
pub(super) fn asked_for(spec: &PodSpec) -> BTreeMap<String, i64> {
    let add = |sum: &mut BTreeMap<String, i64>, container: &PodContainer| {
        for (resource, count) in devices(container) {
            let held = sum.entry(resource).or_default();
            *held = held.saturating_add(count);
        }
    };
    let (mut sidecars, mut most) = (BTreeMap::new(), BTreeMap::new());
    for container in &spec.init_containers {
        let mut here: BTreeMap<String, i64> = sidecars.clone();
        add(&mut here, container);
        if container.restart_policy.as_deref() == Some("Always") {
            sidecars.clone_from(&here);
        }
        for (resource, count) in here {
            let held = most.entry(resource).or_insert(0);
            *held = count.max(*held);
        }
    }
    let mut sum = sidecars;
    spec.containers.iter().chain(&spec.ephemeral_containers).for_each(|container| add(&mut sum, container));
    for (resource, count) in most {
        let held = sum.entry(resource).or_default();
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

/// How the pod reaches accelerators past the resources that it requests; the plainest way where there are several.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn gpus(spec: serde_json::Value) -> i64 {
        asked_for(&serde_json::from_value(spec).unwrap()).get("nvidia.com/gpu").copied().unwrap_or_default()
    }

    #[test]
    fn devices_are_counted_as_the_scheduler_counts_them() {
        let container = |count| json!({"name": "c", "resources": {"limits": {"nvidia.com/gpu": count}}});
        let sidecar = |count| {
            let mut container = container(count);
            container["restartPolicy"] = json!("Always");
            container
        };
        assert_eq!(gpus(json!({"containers": [container("2"), container("1k")]})), 1002);
        let init =
            json!({"containers": [container("2")], "initContainers": [container("5"), container("3")]});
        assert_eq!(gpus(init), 5);
        let beside = json!({"containers": [container("4")], "initContainers": [sidecar("4")]});
        assert_eq!(gpus(beside), 8);
        let after = json!({"containers": [container("1")], "initContainers": [sidecar("2"), container("6")]});
        assert_eq!(gpus(after), 8);
        assert_eq!(gpus(json!({"containers": [container("many")]})), 1, "what cannot be read is not none");
    }
}
