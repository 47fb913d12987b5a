//! Random pods: mostly what the policies of their namespace allow, with something wrong now and then.

mod containers;
mod placing;
mod single;

use hemvist_api::labels::{APP_MANAGED_BY, INFORMATION_CLASS, MODEL_DEPLOYMENT, MODEL_DEPLOYMENT_UID};
use serde_json::{Map, Value, json};

use crate::allowed::{Allowed, choose};
use crate::models::{reference, scattered};
use crate::policies::CLASSES;
use crate::random::Random;
use crate::texts;

/// Host paths: devices and sockets by many spellings, and what only looks like them.
const HOST_PATHS: [&str; 26] = [
    "/dev",
    "//dev",
    "/./dev/nvidia0",
    "/dev/",
    "/device",
    "/var/run/nvidia",
    "/var/./run",
    "/var//run/x",
    "/var/lib",
    "/var/lib/./",
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelets",
    "/var/lib//docker",
    "/var/library",
    "/var/log",
    "/var",
    "/",
    "//",
    "/.",
    "/etc",
    "/etc/./cdi/x",
    "/etc/cdix",
    "/etc/ssl",
    "/run",
    "/runner",
    "/data/dev",
];

/// References that the schema of ModelDeployments would refuse, but not that of pods.
const ODD_REFERENCES: [&str; 9] = [
    "mirror.example:5000/\u{212a}",
    "r.e\u{17f}ample/x",
    "r.example/a\nb",
    "r.example/a'b",
    "r.example/a\\b",
    "r.example/a@sha256:\n",
    "/x",
    ":/x",
    "r.example/' || true || '",
];

/// Runtime classes; each has to be known to the API server.
pub const RUNTIME_CLASSES: [&str; 6] = ["nvidia", "kata", "runc", "gvisor", "kata-qemu-nvidia-gpu", "runcx"];

/// What a random pod is made by.
struct Builder<'a> {
    random: &'a mut Random,
    allowed: &'a Allowed,
    /// How many of a thousand choices are not guided by what is allowed.
    unguided: usize,
    class: String,
}

/// A pod. `unguided` of a thousand choices are not guided by what is allowed.
pub fn pod(random: &mut Random, namespace: &str, allowed: &Allowed, unguided: usize) -> Value {
    let class = choose(random, &allowed.classes, &CLASSES, unguided);
    let mut builder = Builder { random, allowed, unguided, class };
    let broken = unguided == 0 && builder.random.chance(600);
    let accelerated = builder.random.chance(if broken { 700 } else { 930 });
    let metadata = builder.metadata(namespace);
    let spec = builder.spec(accelerated);
    let mut object = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec });
    if broken {
        builder.break_one_rule(&mut object);
    }
    scattered(random, object)
}

impl Builder<'_> {
    fn rarely(&mut self) -> bool {
        self.random.chance(self.unguided)
    }

    fn optional(&mut self, value: Value) -> Value {
        if self.random.chance(500) { value } else { Value::Null }
    }

    fn metadata(&mut self, namespace: &str) -> Value {
        // A name that only looks right is found by no other rule.
        let careless = self.rarely() || self.random.chance(80);
        let infix = match self.class.as_str() {
            "Sensitive" if !careless => "--sensitive-",
            "Secret" if !careless => "--secret-",
            _ => ["-", "--sensitive-", "--secret-", "--sensitive", "-sensitive-", "-secret-"]
                [self.random.below(6)],
        };
        let number = self.random.below(1_000_000);
        let name = format!("m{infix}{number}");
        let longest = if self.random.chance(5) { 65_536 } else { 300 };
        let text = texts::any(self.random, longest);
        let annotations = match self.random.below(20) {
            0..=4 => json!({ "note.example/x": text }),
            5 => json!({}),
            6 if self.rarely() => json!({ "cdi.k8s.io/x": text }),
            7 => json!({ "cdi.k8s.iox/x": "" }),
            _ => Value::Null,
        };
        json!({ "name": name, "namespace": namespace, "labels": self.labels(), "annotations": annotations })
    }

    fn labels(&mut self) -> Value {
        let mut labels = Map::new();
        let class = if self.rarely() {
            (*self.random.pick(&["", "Unheard-of", "open", "SECRET", "Open", "Secret"])).to_owned()
        } else {
            self.class.clone()
        };
        if !(self.rarely() && self.random.chance(300)) {
            labels.insert(INFORMATION_CLASS.to_owned(), json!(class));
        }
        let of_models = if self.allowed.unmanaged { 150 } else { 300 };
        if self.random.chance(of_models) {
            let (key, value) = match self.random.below(5) {
                0 => (MODEL_DEPLOYMENT, "llama"),
                1 => (MODEL_DEPLOYMENT_UID, "0000-1111"),
                2 => (APP_MANAGED_BY, "hemvist"),
                3 => (APP_MANAGED_BY, "helm"),
                _ => (MODEL_DEPLOYMENT, ""),
            };
            labels.insert(key.to_owned(), json!(value));
        }
        if labels.is_empty() { Value::Null } else { Value::Object(labels) }
    }

    fn spec(&mut self, accelerated: bool) -> Value {
        let claimed = accelerated && self.random.chance(40);
        let containers: Vec<Value> = (0..=usize::from(self.random.chance(250)))
            .map(|number| self.container(&format!("c{number}"), accelerated && number == 0 && !claimed))
            .collect();
        let inits = match self.random.below(6) {
            0 => json!([self.container("i0", false)]),
            1 => json!([]),
            _ => Value::Null,
        };
        let claims = claimed.then(|| json!([{ "name": "gpu", "resourceClaimName": "gpu" }]));
        json!({
            "automountServiceAccountToken": false,
            "containers": containers,
            "initContainers": inits,
            "ephemeralContainers": self.random.chance(10).then(|| json!([])),
            "resourceClaims": claims.or_else(|| self.random.chance(30).then(|| json!([]))),
            "volumes": self.volumes(),
            "runtimeClassName": self.runtime_class(),
            "affinity": self.affinity(),
            "nodeName": self.rarely().then(|| ["node-1", ""][self.random.below(2)]),
            "schedulerName": self.scheduler(),
            "tolerations": self.tolerations(),
            "hostNetwork": self.switch(),
            "hostPID": self.switch(),
            "hostIPC": self.switch(),
        })
    }

    /// Mostly left out, now and then off, and rarely on.
    fn switch(&mut self) -> Value {
        match self.random.below(6) {
            0 => json!(false),
            1 => json!(self.rarely()),
            _ => Value::Null,
        }
    }

    fn runtime_class(&mut self) -> Value {
        if self.rarely() || self.random.chance(60) {
            json!(self.random.pick(&RUNTIME_CLASSES))
        } else {
            Value::Null
        }
    }

    fn scheduler(&mut self) -> Value {
        if self.rarely() {
            json!(self.random.pick(&["my-scheduler", "default-scheduler", "", "Default-Scheduler"]))
        } else {
            self.optional(json!("default-scheduler"))
        }
    }

    fn tolerations(&mut self) -> Value {
        if self.rarely() {
            let blanket = [
                json!({ "operator": "Exists" }),
                json!({ "key": "", "operator": "Exists", "effect": "NoSchedule" }),
                json!({ "key": "x", "operator": "Exists" }),
                json!({ "key": "x", "operator": "Equal", "value": "y" }),
            ];
            return json!([self.random.pick(&blanket)]);
        }
        match self.random.below(5) {
            0 => {
                let key =
                    if self.random.chance(self.unguided / 2) { "hemvist.dev/dedicated" } else { "kept-for" };
                json!([{ "key": key, "operator": "Exists" }, { "key": "y", "value": "z" }])
            }
            1 => json!([]),
            _ => Value::Null,
        }
    }

    fn volumes(&mut self) -> Value {
        let host = if self.rarely() { 500 } else { 10 };
        match self.random.below(1000) {
            roll if roll < host => {
                json!([{ "name": "v", "hostPath": { "path": self.random.pick(&HOST_PATHS) } }])
            }
            roll if roll % 10 == 0 => json!([]),
            roll if roll % 10 == 1 => {
                let image = reference(self.random, self.allowed, self.unguided, &ODD_REFERENCES);
                json!([{ "name": "v", "image": { "reference": image, "pullPolicy": "IfNotPresent" } }])
            }
            roll if roll % 10 == 2 => json!([{ "name": "v", "emptyDir": {} }]),
            _ => Value::Null,
        }
    }
}
