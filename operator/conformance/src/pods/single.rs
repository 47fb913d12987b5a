//! One thing that is wrong with a pod that is right otherwise, so that no other rule hides the one that covers it.

use hemvist_api::labels::INFORMATION_CLASS;
use serde_json::{Value, json};

use super::containers::{ACCELERATORS, SHARED, VARIABLES};
use super::{Builder, HOST_PATHS, RUNTIME_CLASSES};

/// Resources with a domain that the API server takes for Kubernetes' own, so that they need no limit.
const WITHOUT_LIMITS: [&str; 3] = [
    "deviceclass.resource.kubernetes.io/gpu",
    "deviceclass.resource.kubernetes.io/gpu.shared",
    "evilkubernetes.io/gpu",
];

/// Capabilities, of which the last does not lead to devices.
const CAPABILITIES: [&str; 5] = ["ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "NET_BIND_SERVICE"];

impl Builder<'_> {
    /// Makes one thing wrong; now and then nothing.
    pub(super) fn break_one_rule(&mut self, pod: &mut Value) {
        match self.random.below(3) {
            0 => self.break_metadata(&mut pod["metadata"]),
            1 => self.break_container(&mut pod["spec"]["containers"][0]),
            _ => self.break_spec(&mut pod["spec"]),
        }
    }

    fn break_metadata(&mut self, metadata: &mut Value) {
        match self.random.below(6) {
            0 => {
                let unknown = ["", "Unheard-of", "open", "SECRET"];
                metadata["labels"][INFORMATION_CLASS] = json!(self.random.pick(&unknown));
            }
            1 => metadata["labels"] = Value::Null,
            2..=4 => {
                let class = self.class.to_lowercase();
                let names = [
                    format!("m-{class}-1"),
                    format!("m--{class}1"),
                    format!("m--{class}.-1"),
                    format!("{class}--m"),
                    "m--secrets-1".to_owned(),
                    "m--sensitive--secret-1".to_owned(),
                ];
                metadata["name"] = json!(self.random.pick(&names));
            }
            _ => metadata["annotations"] = json!({ "cdi.k8s.io/x": "" }),
        }
    }

    fn break_container(&mut self, container: &mut Value) {
        let variable = *self.random.pick(&VARIABLES);
        match self.random.below(7) {
            0 => {
                let from = json!({ "fieldRef": { "fieldPath": "metadata.name" } });
                container["env"] = json!([{ "name": variable, "valueFrom": from }]);
            }
            1 => {
                let from = json!({ "configMapKeyRef": { "name": "c", "key": "k", "optional": true } });
                container["env"] =
                    json!([{ "name": "A", "value": "b" }, { "name": variable, "valueFrom": from }]);
            }
            2 => container["env"] = json!([{ "name": variable, "value": "all" }]),
            3 => container["securityContext"] = json!({ "privileged": true }),
            4 => {
                let added = self.random.pick(&CAPABILITIES);
                container["securityContext"] = json!({ "capabilities": { "add": ["NET_RAW", added] } });
            }
            5 => container["resources"] = json!({ "requests": { *self.random.pick(&WITHOUT_LIMITS): "1" } }),
            _ => {
                let pool = if self.random.chance(500) { &SHARED[..] } else { &ACCELERATORS[..] };
                container["resources"] = json!({ "limits": { *self.random.pick(pool): "1" } });
            }
        }
    }

    fn break_spec(&mut self, spec: &mut Value) {
        match self.random.below(8) {
            0 => spec[*self.random.pick(&["hostNetwork", "hostPID", "hostIPC"])] = json!(true),
            1 => {
                let path = self.random.pick(&HOST_PATHS);
                spec["volumes"] = json!([{ "name": "v", "hostPath": { "path": path } }]);
            }
            2 => spec["nodeName"] = json!("node-1"),
            3 => spec["schedulerName"] = json!("my-scheduler"),
            4 => spec["tolerations"] = json!([{ "operator": "Exists", "effect": "NoExecute" }]),
            5 => spec["runtimeClassName"] = json!(self.random.pick(&RUNTIME_CLASSES)),
            6 => spec["resourceClaims"] = json!([{ "name": "gpu", "resourceClaimName": "gpu" }]),
            _ => {
                let mut further = spec["containers"][0].clone();
                further["name"] = json!("i1");
                further["resources"] = json!({ "limits": { *self.random.pick(&ACCELERATORS): "1" } });
                spec["initContainers"] = json!([further]);
            }
        }
    }
}
