//! Containers: what they ask for, by whatever name.

use serde_json::{Value, json};

use super::{Builder, ODD_REFERENCES};
use crate::models::reference;
use crate::texts;

/// Names of resources that stand for accelerators.
pub(super) const ACCELERATORS: [&str; 14] = [
    "nvidia.com/gpu",
    "nvidia.com/gpu",
    "nvidia.com/gpu",
    "amd.com/gpu",
    "amd.com/gpu",
    "amd.com/spx_nps1",
    "gpu.intel.com/xe",
    "gpu.intel.com/i915_monitoring",
    "habana.ai/gaudi",
    "nvidia.com/GA102GL_A10",
    "acme.example/anything",
    "rdma.evil/gpu",
    "kubernetes.io.evil/gpu",
    "intel.com/intel-gpu",
];

/// Names of resources whose devices are shared, or are parts.
pub(super) const SHARED: [&str; 8] = [
    "nvidia.com/gpu.shared",
    "nvidia.com/mig-1g.10gb",
    "nvidia.com/mig-1g.10gb.shared",
    "nvidia.com/gpu-10gb",
    "amd.com/mig-1g",
    "amd.com/cpx_nps4",
    "gpu.intel.com/millicores",
    "acme.example/gpu.shared",
];

/// Names of resources that stand for no accelerators.
const OTHERS: [&str; 8] = [
    "nvidia.com/hostdev",
    "amd.com/nic",
    "rdma/hca",
    "devices.kubevirt.io/kvm",
    "smarter-devices/fuse",
    "openshift.io/x",
    "intel.com/intel_sriov_netdevice",
    "ephemeral-storage",
];

/// Names of variables, of which those at the front ask for devices.
pub(super) const VARIABLES: [&str; 8] = [
    "NVIDIA_VISIBLE_DEVICES",
    "AMD_VISIBLE_DEVICES",
    "X_VISIBLE_DEVICES",
    "_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES_",
    "nvidia_visible_devices",
    "VISIBLE_DEVICES",
    "PATH",
];

impl Builder<'_> {
    pub(super) fn container(&mut self, name: &str, accelerated: bool) -> Value {
        let security = match self.random.below(8) {
            0 => json!({}),
            1 => json!({ "privileged": false }),
            2 if self.rarely() => json!({ "privileged": true }),
            3 => json!({ "privileged": null, "runAsNonRoot": true }),
            _ => Value::Null,
        };
        json!({
            "name": name,
            "image": reference(self.random, self.allowed, self.unguided, &ODD_REFERENCES),
            "args": self.random.chance(100).then(|| [texts::any(self.random, 300)]),
            "env": self.env(),
            "resources": self.resources(accelerated),
            "securityContext": security,
        })
    }

    fn resources(&mut self, accelerated: bool) -> Value {
        let resource = if accelerated {
            if self.random.chance(self.unguided.max(60)) {
                *self.random.pick(&SHARED)
            } else {
                *self.random.pick(&ACCELERATORS)
            }
        } else if self.random.chance(200) {
            *self.random.pick(&OTHERS)
        } else {
            return match self.random.below(4) {
                0 => json!({}),
                1 => json!({ "limits": {}, "requests": null }),
                2 => json!({ "limits": { "cpu": "1", "memory": "1Gi" }, "requests": { "cpu": "500m" } }),
                _ => Value::Null,
            };
        };
        match self.random.below(3) {
            0 => json!({ "limits": { resource: "1" } }),
            1 => json!({ "limits": { resource: "2", "memory": "1Gi" }, "requests": { resource: "2" } }),
            _ => json!({ "limits": { resource: "1" }, "requests": {} }),
        }
    }

    fn env(&mut self) -> Value {
        if self.random.chance(700) {
            return if self.random.chance(200) { json!([]) } else { Value::Null };
        }
        let text = texts::any(self.random, 300);
        let mut env = vec![json!({ "name": "TITLE", "value": text })];
        let asks = self.rarely();
        if asks || self.random.chance(300) {
            let name = self.random.pick(if asks { &VARIABLES } else { &VARIABLES[4..] });
            env.push(match self.random.below(5) {
                0 => json!({ "name": name }),
                1 => json!({ "name": name, "value": null }),
                2 => json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } }),
                3 => json!({ "name": name, "value": self.random.pick(&["", "none", "void", "None"]) }),
                _ => json!({ "name": name, "value": self.random.pick(&["all", "0", " none"]) }),
            });
        } else if self.random.chance(300) {
            env.push(json!({ "name": self.random.pick(&VARIABLES), "value": self.random.pick(&["", "none", "void"]) }));
        }
        json!(env)
    }
}
