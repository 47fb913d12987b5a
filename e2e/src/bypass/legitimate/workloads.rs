//! Pods and workloads that use no accelerator, and those of the system, which is not governed.

use serde_json::{Value, json};

use crate::bypass::actor::Actor;
use crate::bypass::attempt::Attempts;
use crate::bypass::call::Call;
use crate::bypass::kinds::WORKLOADS;
use crate::bypass::lines::creations;
use crate::bypass::shapes::{
    container, one_of, plain_spec, pod, spec_with, spec_with_container, workload, workload_of,
};
use crate::bypass::signs::with_variable;
use crate::bypass::situation::TENANTS;

/// All of them.
pub fn requests() -> Attempts {
    let mut requests = Attempts::default();
    of_tenants(&mut requests);
    of_controllers(&mut requests);
    of_the_system(&mut requests);
    requests
}

/// What people put in pods.
fn specs() -> Vec<(&'static str, Value)> {
    let mut with_sidecar = spec_with(&json!({"initContainers": [container("init"), container("sidovagn")]}));
    with_sidecar["initContainers"][1]["restartPolicy"] = json!("Always");
    let resources = |name: &str, amount: &str| {
        let both = json!({"memory": "64Mi", name: amount});
        json!({"resources": {"limits": both, "requests": both}})
    };
    let volumes = json!({"volumes": [
        {"name": "a", "configMap": {"name": "a"}},
        {"name": "b", "secret": {"secretName": "b"}},
        {"name": "c", "persistentVolumeClaim": {"claimName": "c"}},
        {"name": "d", "emptyDir": {"medium": "Memory"}},
        {"name": "e", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
        {"name": "f", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"name": "g", "ephemeral": {"volumeClaimTemplate": {"spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
        }}}},
        {"name": "h", "csi": {"driver": "secrets-store.csi.k8s.io"}},
    ]});
    let hosts = json!({"volumes": [
        {"name": "logs", "hostPath": {"path": "/var/log"}},
        {"name": "data", "hostPath": {"path": "/data"}},
        {"name": "devices", "hostPath": {"path": "/development"}},
    ]});
    let spread = json!({
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}, {"operator": "Exists", "effect": "NoExecute"}],
        "priorityClassName": "system-cluster-critical",
    });
    vec![
        ("plain", plain_spec()),
        ("sidecar", with_sidecar),
        ("volumes", spec_with(&volumes)),
        ("harmless-host-paths", spec_with(&hosts)),
        ("scheduling", {
            let mut spec = spec_with(&spread);
            // Only the system's own namespaces may use it everywhere.
            spec["priorityClassName"] = json!("");
            spec
        }),
        ("host-network", spec_with(&json!({"hostNetwork": true, "hostPID": true, "hostIPC": true}))),
        ("another-scheduler", spec_with(&json!({"schedulerName": "egen-scheduler"}))),
        ("another-image", spec_with_container(&json!({"image": "nginx"}))),
        ("huge-pages", spec_with_container(&resources("hugepages-2Mi", "4Mi"))),
        ("ephemeral-storage", spec_with_container(&resources("ephemeral-storage", "1Gi"))),
        ("kvm", spec_with_container(&one_of("devices.kubevirt.io/kvm"))),
        ("fuse", spec_with_container(&one_of("smarter-devices/fuse"))),
        ("rdma", spec_with_container(&one_of("rdma/hca"))),
        ("no-devices-void", with_variable("NVIDIA_VISIBLE_DEVICES", "void")),
        ("no-devices-none", with_variable("NVIDIA_VISIBLE_DEVICES", "none")),
        ("no-devices-empty", with_variable("NVIDIA_VISIBLE_DEVICES", "")),
        ("like-a-variable", with_variable("VISIBLE_DEVICES_OF_MINE", "all")),
        (
            "capabilities",
            spec_with_container(&json!({"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}})),
        ),
    ]
}

fn of_tenants(requests: &mut Attempts) {
    for (what, spec) in specs() {
        for kind in ["Pod"].into_iter().chain(WORKLOADS) {
            let object = workload(kind, TENANTS, "app", &spec);
            let what = format!("{}-{what}", kind.to_lowercase());
            requests.add("L01", Actor::TenantEdit, "create", &what, Call::create(&object));
        }
    }
    for kind in ["Pod"].into_iter().chain(WORKLOADS) {
        for namespace in ["halsa", TENANTS] {
            let mut pod = pod(namespace, "app", &plain_spec());
            pod["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("Helm");
            pod["metadata"]["annotations"] = json!({"prometheus.io/scrape": "true"});
            for actor in [Actor::TenantAdmin, Actor::ForeignOperator, Actor::Admin] {
                let what = format!("{}-in-{namespace}", kind.to_lowercase());
                requests.add_ways("L01", actor, &what, creations(&workload_of(kind, &pod)));
            }
        }
    }
}

/// What the cluster's own controllers make of it.
fn of_controllers(requests: &mut Attempts) {
    let makers = [
        Actor::ReplicaSetController,
        Actor::StatefulSetController,
        Actor::DaemonSetController,
        Actor::JobController,
        Actor::ReplicationController,
    ];
    for (what, spec) in specs() {
        for actor in makers {
            let mut pod = pod(TENANTS, "app", &spec);
            if actor == Actor::JobController {
                pod["metadata"]["finalizers"] = json!(["batch.kubernetes.io/job-tracking"]);
            }
            if actor == Actor::DaemonSetController {
                let tolerations = json!([{"operator": "Exists"}]);
                pod["spec"]["tolerations"] = tolerations;
            }
            requests.add("L02", actor, "create", &format!("pod-{what}"), Call::create(&pod));
        }
        let object = workload("ReplicaSet", TENANTS, "app", &spec);
        let what = format!("replicaset-{what}");
        requests.add("L02", Actor::DeploymentController, "create", &what, Call::create(&object));
    }
}

/// Networks, storage, logs and the GPU operator, which have to be let at the host.
fn of_the_system(requests: &mut Attempts) {
    let everywhere = json!([{"operator": "Exists"}]);
    let privileged = json!({"securityContext": {"privileged": true}});
    let with = |paths: &[&str], change: &Value, more: &Value| {
        let mut spec = spec_with_container(change);
        let volumes: Vec<Value> = paths
            .iter()
            .enumerate()
            .map(|(number, path)| json!({"name": format!("v{number}"), "hostPath": {"path": path}}))
            .collect();
        spec["volumes"] = json!(volumes);
        spec["tolerations"] = everywhere.clone();
        crate::bypass::change::merge(&mut spec, more);
        spec
    };
    let network = json!({"hostNetwork": true, "priorityClassName": "system-node-critical"});
    let all = json!({"env": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}], "securityContext": {"privileged": true}});
    for (what, spec) in [
        ("cni", with(&["/etc/cni", "/opt/cni", "/run", "/sys/fs/bpf"], &privileged, &network)),
        ("kube-proxy", with(&["/lib/modules", "/run/xtables.lock"], &privileged, &network)),
        ("csi", with(&["/var/lib/kubelet", "/dev", "/sys"], &privileged, &json!({}))),
        ("logs", with(&["/var/log", "/run/containerd"], &json!({}), &json!({}))),
        (
            "node-exporter",
            with(&["/", "/proc", "/sys"], &json!({}), &json!({"hostNetwork": true, "hostPID": true})),
        ),
        (
            "device-plugin",
            with(&["/var/lib/kubelet/device-plugins"], &all, &json!({"runtimeClassName": "nvidia"})),
        ),
        ("gpu-driver", with(&["/run/nvidia", "/dev", "/"], &all, &json!({"hostPID": true}))),
        ("gpu-validator", with(&[], &one_of("nvidia.com/gpu"), &json!({"runtimeClassName": "nvidia"}))),
        ("dra-driver", with(&["/var/run/cdi", "/var/lib/kubelet/plugins"], &privileged, &json!({}))),
    ] {
        for kind in ["Pod", "DaemonSet", "Deployment"] {
            let object = workload(kind, "kube-system", what, &spec);
            let what = format!("{}-{what}", kind.to_lowercase());
            requests.add("L03", Actor::Admin, "create", &what, Call::create(&object));
        }
        let pod = pod("kube-system", what, &spec);
        requests.add("L03", Actor::DaemonSetController, "create", what, Call::create(&pod));
    }
}
