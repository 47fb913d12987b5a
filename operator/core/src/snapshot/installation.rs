//! What the installation sets about its cluster: who is who, and which devices are no accelerators.

use std::collections::BTreeSet;
use std::str::FromStr;

use hemvist_api::labels::NODE_DEDICATED_TAINT;

use crate::accelerator::{DEVICE_CLASSES, Name, ResourceKind, VENDORS, kind_of};

/// The user that every ServiceAccount of this namespace belongs to as a group.
const CLUSTER_CONTROLLERS: &str = "system:serviceaccounts:kube-system";

/// Who may do what only one part of the cluster may do. The defaults are those of Kubernetes itself, with a controller
/// manager whose controllers have identities of their own (`--use-service-account-credentials`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identities {
    /// The user of Hemvist's operator.
    pub operator: String,
    /// Users that may bind pods to nodes.
    pub schedulers: BTreeSet<String>,
    /// Names under which pods may ask for one of these schedulers.
    pub scheduler_names: BTreeSet<String>,
    /// Users that make pods from templates which Hemvist has written: the controllers of ReplicaSets, StatefulSets and
    /// LeaderWorkerSets.
    pub pod_makers: BTreeSet<String>,
    /// Users that make ReplicaSets from Deployments.
    pub replica_set_makers: BTreeSet<String>,
    /// Groups of the cluster's own controllers, which keep up what Hemvist has made: garbage collection, removal of
    /// namespaces, status.
    pub cluster_controller_groups: BTreeSet<String>,
    /// Users of autoscalers that are not Kubernetes' own: they carry out the ScaledObjects that Hemvist has written.
    pub autoscalers: BTreeSet<String>,
    /// Groups that may say where a node is and what it may hold.
    pub clearance_groups: BTreeSet<String>,
}

impl Default for Identities {
    fn default() -> Self {
        let controller = |name: &str| format!("system:serviceaccount:kube-system:{name}");
        Self {
            operator: "system:serviceaccount:hemvist-system:hemvist-operator".to_owned(),
            schedulers: names(["system:kube-scheduler"]),
            scheduler_names: names(["default-scheduler"]),
            pod_makers: BTreeSet::from([
                controller("replicaset-controller"),
                controller("statefulset-controller"),
                "system:serviceaccount:lws-system:lws-controller-manager".to_owned(),
            ]),
            replica_set_makers: BTreeSet::from([controller("deployment-controller")]),
            cluster_controller_groups: names([CLUSTER_CONTROLLERS]),
            autoscalers: names(["system:serviceaccount:keda:keda-operator"]),
            clearance_groups: names(["hemvist:clearance-admins"]),
        }
    }
}

/// Where KEDA learns of the load of models.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LoadSource {
    /// The address of the Prometheus that scrapes the models, such as `http://prometheus.monitoring.svc:9090`.
    pub prometheus: Option<String>,
    /// A query of that Prometheus for the requests that come for a model whether or not a replica of it runs, as a gateway
    /// counts them. `$namespace` and `$name` in it stand for those of the model.
    pub requests: Option<String>,
}

/// Taints of nodes that the pods of every model tolerate.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ToleratedTaint {
    /// The key.
    pub key: String,
    /// The value; `None` for every one.
    pub value: Option<String>,
    /// The effect; `None` for every one.
    pub effect: Option<String>,
}

impl FromStr for ToleratedTaint {
    type Err = String;

    /// Reads a taint as `kubectl taint` writes it: `key`, `key=value`, `key:effect` or `key=value:effect`.
    fn from_str(text: &str) -> Result<Self, String> {
        const EFFECTS: [&str; 3] = ["NoExecute", "NoSchedule", "PreferNoSchedule"];
        let (rest, effect) = text.split_once(':').map_or((text, None), |(rest, effect)| (rest, Some(effect)));
        let (key, value) = rest.split_once('=').map_or((rest, None), |(key, value)| (key, Some(value)));
        if key.is_empty() {
            return Err(format!("{text:?} has no key. Write it as KEY=VALUE:EFFECT, KEY:EFFECT or KEY."));
        }
        if key == NODE_DEDICATED_TAINT {
            return Err(format!(
                "{key} is tolerated by the models of the class that it names, and by no others."
            ));
        }
        if let Some(effect) = effect.filter(|effect| !EFFECTS.contains(effect)) {
            return Err(format!("{effect:?} is no effect of a taint. Effects are {}.", EFFECTS.join(", ")));
        }
        Ok(Self {
            key: key.to_owned(),
            value: value.filter(|value| !value.is_empty()).map(str::to_owned),
            effect: effect.map(str::to_owned),
        })
    }
}

/// Devices and runtimes that are known to be no accelerators. Whatever is not listed counts as one: a device plugin can
/// give its resource any name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OtherDevices {
    /// What the names of their extended resources begin with.
    pub resource_prefixes: BTreeSet<String>,
    /// Runtime classes that give a container no device.
    pub runtime_classes: BTreeSet<String>,
}

impl Default for OtherDevices {
    fn default() -> Self {
        Self {
            resource_prefixes: names([
                "devices.kubevirt.io/",
                "github.com/fuse",
                "intel.com/intel_sriov",
                "openshift.io/",
                "rdma/",
                "smarter-devices/",
                "vpc.amazonaws.com/",
            ]),
            runtime_classes: names(["crun", "gvisor", "kata", "kata-clh", "kata-qemu", "runc", "runsc"]),
        }
    }
}

impl OtherDevices {
    /// Whether a resource of this name stands for accelerators: it is an extended resource, and not one that the
    /// installation or the catalogue of vendors knows to be something else.
    pub fn is_accelerator(&self, resource: &str) -> bool {
        let is_other = matches!(kind_of(resource), Some((_, ResourceKind::Other)));
        let listed = self.resource_prefixes.iter().any(|prefix| resource.starts_with(prefix));
        is_extended(resource) && !is_other && !listed
    }

    /// Names of resources that are no accelerators: whole ones, and what others begin with.
    pub fn names(&self) -> (Vec<&str>, Vec<&str>) {
        let mut whole = Vec::new();
        let mut prefixes: Vec<&str> = self.resource_prefixes.iter().map(String::as_str).collect();
        for name in VENDORS.iter().flat_map(|vendor| vendor.others) {
            match name {
                Name::Is(one) => whole.push(*one),
                Name::Begins(prefix) => prefixes.push(prefix),
            }
        }
        (whole, prefixes)
    }

    /// Whether a runtime class of this name may give a container devices.
    pub fn gives_devices(&self, runtime_class: &str) -> bool {
        !runtime_class.is_empty() && !self.runtime_classes.contains(runtime_class)
    }
}

/// Whether a name is one of an extended resource. Names without a domain, and those of Kubernetes' own domain, are none;
/// a device class is requested like one.
pub(crate) fn is_extended(resource: &str) -> bool {
    let Some((domain, _)) = resource.split_once('/') else { return false };
    let kubernetes =
        domain == "kubernetes.io" || domain.ends_with(".kubernetes.io") && domain != DEVICE_CLASSES;
    !kubernetes
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_be_harmless_is_an_accelerator() {
        let devices = OtherDevices::default();
        for (resource, expected) in [
            ("nvidia.com/gpu", true),
            ("nvidia.com/mig-1g.10gb", true),
            ("acme.example/anything", true),
            ("rdma.evil/gpu", true),
            ("kubernetes.io.evil/gpu", true),
            ("xkubernetes.io/gpu", true),
            ("deviceclass.resource.kubernetes.io/gpu.nvidia.com", true),
            ("cpu", false),
            ("hugepages-2Mi", false),
            ("requests.kubernetes.io/x", false),
            ("kubernetes.io/batch", false),
            ("rdma/hca", false),
            ("nvidia.com/hostdev", false),
            ("nvidia.com/rdma_shared_device_a", false),
            ("gpu.intel.com/xe_monitoring", true),
            ("nvidia.com/GA102GL_A10", true),
            ("habana.ai/gaudi", true),
            ("devices.kubevirt.io/kvm", false),
        ] {
            assert_eq!(devices.is_accelerator(resource), expected, "{resource}");
        }
    }
}
