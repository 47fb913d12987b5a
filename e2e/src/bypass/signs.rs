//! Every sign by which a pod gets at an accelerator.

use serde_json::{Value, json};

use super::shapes::{container, one_of, spec_with, spec_with_container};

/// Resources that device plug-ins and drivers of many vendors offer, and one that nobody knows.
const RESOURCES: [&str; 18] = [
    "nvidia.com/gpu",
    "nvidia.com/gpu.shared",
    "nvidia.com/mig-1g.10gb",
    "nvidia.com/mig-3g.40gb.shared",
    "nvidia.com/pgpu",
    "nvidia.com/GH100_H100_PCIE",
    "amd.com/gpu",
    "gpu.intel.com/xe",
    "gpu.intel.com/i915",
    "habana.ai/gaudi",
    "huawei.com/Ascend910",
    "aws.amazon.com/neuron",
    "google.com/tpu",
    "cambricon.com/mlu",
    "aliyun.com/gpu-mem",
    "tencent.com/vcuda-core",
    "acme.example/gpu",
    // Kubernetes offers a device class under this name, so it is a domain of Kubernetes' own that gives a GPU.
    "deviceclass.resource.kubernetes.io/gpu.nvidia.com",
];

/// Variables that container runtimes of several vendors read, with a value that gives devices.
const VARIABLES: [(&str, &str); 12] = [
    ("NVIDIA_VISIBLE_DEVICES", "all"),
    ("NVIDIA_VISIBLE_DEVICES", "0"),
    ("NVIDIA_VISIBLE_DEVICES", "GPU-fef8089b-4820-abfc-e83e-94318197576e"),
    ("NVIDIA_VISIBLE_DEVICES", "none,0"),
    ("NVIDIA_VISIBLE_DEVICES", "void "),
    ("NVIDIA_VISIBLE_DEVICES", "ALL"),
    ("AMD_VISIBLE_DEVICES", "all"),
    ("HABANA_VISIBLE_DEVICES", "all"),
    ("ASCEND_VISIBLE_DEVICES", "0-7"),
    ("ROCR_VISIBLE_DEVICES", "0"),
    ("CUDA_VISIBLE_DEVICES", "0"),
    ("CAMBRICON_VISIBLE_DEVICES", "0"),
];

/// Paths of a host under which devices, or ways to have them, lie. Some are written as nobody writes them.
const HOST_PATHS: [&str; 28] = [
    "/",
    "//",
    "/.",
    "/dev",
    "/dev/",
    "//dev",
    "/./dev",
    "/dev/nvidia0",
    "/dev/nvidiactl",
    "/dev/dri",
    "/dev/kfd",
    "/run",
    "/run/",
    "/run/nvidia/driver",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",
    "/var",
    "/var/run",
    "/var//run",
    "/var/run/docker.sock",
    "/var/run/cdi",
    "/var/lib",
    "/var/lib/kubelet",
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet/pod-resources",
    "/etc",
    "/etc/cdi",
];

/// A way to an accelerator.
pub struct Sign {
    /// As it stands in an id.
    pub name: String,
    /// The spec of a pod that has it.
    pub spec: Value,
    /// Annotations of the pod; null for none.
    pub annotations: Value,
}

fn sign(name: impl Into<String>, spec: Value) -> Sign {
    Sign { name: name.into(), spec, annotations: Value::Null }
}

/// All of them.
pub fn all() -> Vec<Sign> {
    let mut signs = Vec::new();
    for resource in RESOURCES {
        let name = plain(resource);
        signs.push(sign(name.clone(), spec_with_container(&one_of(resource))));
        signs.push(sign(format!("{name}-in-init"), with_init(&one_of(resource))));
    }
    signs.extend(odd_resources());
    for (number, (name, value)) in VARIABLES.into_iter().enumerate() {
        signs.push(sign(format!("{name}-{}-{number}", plain(value)), with_variable(name, value)));
    }
    signs.extend(odd_variables());
    for (number, path) in HOST_PATHS.into_iter().enumerate() {
        signs.push(sign(format!("host-path-{number}-{}", plain(path)), with_host_path(path)));
    }
    signs.extend(claims());
    for name in ["nvidia", "nvidia-cdi", "kata-nvidia-gpu"] {
        signs.push(sign(format!("runtime-class-{name}"), spec_with(&json!({"runtimeClassName": name}))));
    }
    let privileged = json!({"securityContext": {"privileged": true}});
    signs.push(sign("privileged", spec_with_container(&privileged)));
    signs.push(sign("privileged-init", with_init(&privileged)));
    for (name, key, value) in [
        ("cdi", "cdi.k8s.io/gpu", "nvidia.com/gpu=all"),
        ("cdi-other", "cdi.k8s.io/vendor_class", "amd.com/gpu=0"),
        ("cdi-empty-name", "cdi.k8s.io/x", ""),
    ] {
        let plain = spec_with(&json!({}));
        signs.push(Sign { annotations: json!({key: value}), ..sign(format!("annotation-{name}"), plain) });
    }
    signs
}

fn odd_resources() -> Vec<Sign> {
    let mut sidecar = with_init(&one_of("nvidia.com/gpu"));
    sidecar["initContainers"][0]["restartPolicy"] = json!("Always");
    let mut second = spec_with(&json!({"containers": [container("app"), container("gpu")]}));
    second["containers"][1]["resources"] = one_of("nvidia.com/gpu")["resources"].clone();
    let limits_only = json!({"resources": {"limits": {"nvidia.com/gpu": "1"}}});
    let zero = json!({"resources": {"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "1"}}});
    vec![
        sign("gpu-in-a-sidecar", sidecar),
        sign("gpu-in-the-second-container", second),
        sign("gpu-by-limits-only", spec_with_container(&limits_only)),
        sign("gpu-beside-cpu-requests", spec_with_container(&zero)),
        sign("many-gpus", spec_with_container(&json!({"resources": {"limits": {"nvidia.com/gpu": "1k"}}}))),
        sign(
            "domain-that-begins-as-kubernetes-io",
            spec_with_container(&one_of("kubernetes.io.acme.example/gpu")),
        ),
        sign("domain-that-ends-as-kubernetes-io", spec_with_container(&one_of("notkubernetes.io/gpu"))),
    ]
}

fn odd_variables() -> Vec<Sign> {
    let from = |source: Value| {
        spec_with_container(&json!({"env": [{"name": "NVIDIA_VISIBLE_DEVICES", "valueFrom": source}]}))
    };
    let twice = json!({"env": [
        {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"},
        {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"},
    ]});
    let composed = json!({"env": [
        {"name": "WHICH", "value": "all"},
        {"name": "NVIDIA_VISIBLE_DEVICES", "value": "$(WHICH)"},
    ]});
    let variable = json!({"env": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]});
    vec![
        sign("variable-from-a-config-map", from(json!({"configMapKeyRef": {"name": "x", "key": "y"}}))),
        sign("variable-from-a-secret", from(json!({"secretKeyRef": {"name": "x", "key": "y"}}))),
        sign("variable-from-a-label", from(json!({"fieldRef": {"fieldPath": "metadata.labels['x']"}}))),
        sign("variable-twice", spec_with_container(&twice)),
        sign("variable-composed", spec_with_container(&composed)),
        sign("variable-in-init", with_init(&variable)),
    ]
}

fn claims() -> Vec<Sign> {
    let by_name = json!({"resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}]});
    let by_template = json!({"resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "gpu"}]});
    let mut used = spec_with_container(&json!({"resources": {"claims": [{"name": "gpu"}]}}));
    used["resourceClaims"] = by_name["resourceClaims"].clone();
    let mut requested =
        spec_with_container(&json!({"resources": {"claims": [{"name": "gpu", "request": "one"}]}}));
    requested["resourceClaims"] = by_template["resourceClaims"].clone();
    vec![
        sign("claim", spec_with(&by_name)),
        sign("claim-template", spec_with(&by_template)),
        sign("claim-in-a-container", used),
        sign("claim-request-in-a-container", requested),
    ]
}

/// A plain pod whose container has a variable.
pub fn with_variable(name: &str, value: &str) -> Value {
    spec_with_container(&json!({"env": [{"name": name, "value": value}]}))
}

/// A plain pod with a part of the host.
pub fn with_host_path(path: &str) -> Value {
    spec_with(&json!({"volumes": [{"name": "host", "hostPath": {"path": path}}]}))
}

/// A plain pod with an init container that is changed.
fn with_init(change: &Value) -> Value {
    let mut init = container("init");
    super::change::merge(&mut init, change);
    spec_with(&json!({"initContainers": [init]}))
}

/// A text as it can stand in an id.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}
