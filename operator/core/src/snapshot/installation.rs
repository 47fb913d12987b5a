//! What the installation was told of its cluster: who is who, and which devices are no accelerators.

use std::collections::BTreeSet;

/// The user that every ServiceAccount of this namespace belongs to as a group.
const CLUSTER_CONTROLLERS: &str = "system:serviceaccounts:kube-system";

/// The domain of resources that stand for a device class of dynamic resource allocation.
pub const DEVICE_CLASSES: &str = "deviceclass.resource.kubernetes.io";

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
                "intel.com/intel_sriov",
                "openshift.io/",
                "rdma/",
                "smarter-devices/",
            ]),
            runtime_classes: names(["crun", "gvisor", "kata", "kata-clh", "kata-qemu", "runc", "runsc"]),
        }
    }
}

impl OtherDevices {
    /// Whether a resource of this name stands for accelerators: it is an extended resource, and not one that is known to
    /// be something else. Names without a domain, and those of Kubernetes' own domain, are no extended resources.
    pub fn is_accelerator(&self, resource: &str) -> bool {
        let Some((domain, _)) = resource.split_once('/') else { return false };
        let kubernetes =
            domain == "kubernetes.io" || domain.ends_with(".kubernetes.io") && domain != DEVICE_CLASSES;
        !kubernetes && !self.resource_prefixes.iter().any(|prefix| resource.starts_with(prefix))
    }
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
            ("devices.kubevirt.io/kvm", false),
        ] {
            assert_eq!(devices.is_accelerator(resource), expected, "{resource}");
        }
    }
}
