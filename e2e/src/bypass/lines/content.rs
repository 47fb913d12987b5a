//! What is wrong with a pod that the right controller makes: a template that was changed somewhere must not get through.

use serde_json::{Value, json};

use crate::bypass::actor::Actor;
use crate::bypass::attempt::Attempts;
use crate::bypass::call::Call;
use crate::bypass::shapes::{affinity, compliant_pod, container, expressions, one_in};
use crate::bypass::signs::{with_host_path, with_variable};
use crate::bypass::situation::{Situation, TENANTS};
use crate::nodes::CLEARANCE_PREFIX;

/// A fault: the line of the catalogue, its name, and what makes it of a pod that has none.
type Fault = (&'static str, String, Box<dyn Fn(&mut Value)>);

/// All of them, from the two controllers that make pods of models.
pub fn attempts(situation: &Situation) -> Attempts {
    let mut attempts = Attempts::default();
    let node = situation.node().to_owned();
    for actor in [Actor::ReplicaSetController, Actor::StatefulSetController] {
        for (line, name, change) in faults(&node) {
            let mut pod = compliant_pod("halsa", "fel", "Sensitive");
            change(&mut pod);
            attempts.add(line, actor, "create", &name, Call::create(&pod));
        }
        elsewhere(&mut attempts, actor);
    }
    attempts
}

/// Faults that only the policy of a namespace, or another class, makes.
fn elsewhere(attempts: &mut Attempts, actor: Actor) {
    let mut in_b = compliant_pod("halsa", "fel", "Internal");
    in_b["spec"]["affinity"] = affinity(&[json!([
        one_in("region", &["se-f"]),
        one_in("data-centre", &["jkpg-b"]),
        one_in("clearance", &["Internal", "Sensitive", "Secret"]),
    ])]);
    let secret = compliant_pod(TENANTS, "fel", "Secret");
    let unlisted = compliant_pod("halsa", "fel", "Open");
    for (what, pod) in [
        ("internal-in-a-data-centre-that-the-department-excludes", in_b),
        ("secret-which-the-region-does-not-list", secret),
        ("open-which-the-department-does-not-list", unlisted),
    ] {
        attempts.add("B01", actor, "create", what, Call::create(&pod));
    }
}

fn faults(node: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    labels(&mut faults);
    terms(&mut faults);
    hosts(&mut faults, node);
    images(&mut faults);
    faults
}

fn fault(faults: &mut Vec<Fault>, line: &'static str, name: &str, change: impl Fn(&mut Value) + 'static) {
    faults.push((line, name.to_owned(), Box::new(change)));
}

/// The label that says which information it is given.
fn labels(faults: &mut Vec<Fault>) {
    const CLASS: &str = "hemvist.dev/information-class";
    fault(faults, "B01", "no-class", |pod| {
        if let Some(labels) = pod["metadata"]["labels"].as_object_mut() {
            labels.remove(CLASS);
        }
    });
    for (name, class) in [
        ("empty", ""),
        ("in-small-letters", "sensitive"),
        ("in-capitals", "SENSITIVE"),
        ("that-nobody-knows", "Public"),
        ("that-begins-like-one", "Sensitive-2"),
        ("that-is-a-risk", "Minimal"),
        ("that-is-not-listed", "Secret"),
    ] {
        fault(faults, "B01", &format!("class-{name}"), move |pod| {
            pod["metadata"]["labels"][CLASS] = json!(class);
        });
    }
    // A lower class than the nodes are for is no fault of the nodes; a higher one is.
    fault(faults, "B01", "class-above-its-nodes", |pod| {
        pod["spec"]["affinity"] = affinity(&[expressions("Internal")]);
    });
}

/// Where it may be: required, in every term, by lists that hold nothing that is not allowed.
fn terms(faults: &mut Vec<Fault>) {
    for (name, affinity) in missing_expressions().into_iter().chain(wrong_expressions()).chain(wrong_terms())
    {
        fault(faults, "B01", name, move |pod| pod["spec"]["affinity"] = affinity.clone());
    }
    fault(faults, "B01", "node-selector-in-place-of-affinity", move |pod| {
        pod["spec"]["affinity"] = Value::Null;
        pod["spec"]["nodeSelector"] = json!({
            format!("{CLEARANCE_PREFIX}/region"): "se-f",
            format!("{CLEARANCE_PREFIX}/data-centre"): "jkpg-a",
            format!("{CLEARANCE_PREFIX}/clearance"): "Sensitive",
        });
    });
}

/// One term with one of the three expressions in place of the right one.
fn with(index: usize, expression: Value) -> Value {
    let mut changed = expressions("Sensitive");
    changed[index] = expression;
    affinity(&[changed])
}

/// An expression on one of the three labels with another operator.
fn odd(label: &str, operator: &str, values: &[&str]) -> Value {
    let mut expression = json!({"key": format!("{CLEARANCE_PREFIX}/{label}"), "operator": operator});
    if !values.is_empty() {
        expression["values"] = json!(values);
    }
    expression
}

fn missing_expressions() -> Vec<(&'static str, Value)> {
    let good = expressions("Sensitive");
    let of = |kept: [usize; 2]| affinity(&[json!([good[kept[0]], good[kept[1]]])]);
    let preferred = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 100, "preference": {"matchExpressions": good}},
    ]}});
    vec![
        ("no-affinity", Value::Null),
        ("only-preferred", preferred),
        ("no-region", of([1, 2])),
        ("no-data-centre", of([0, 2])),
        ("no-clearance", of([0, 1])),
    ]
}

fn wrong_expressions() -> Vec<(&'static str, Value)> {
    let renamed = |key: &str, values: &[&str]| json!({"key": key, "operator": "In", "values": values});
    let levels = ["Sensitive", "Secret"];
    vec![
        ("another-region", with(0, one_in("region", &["no-03"]))),
        ("a-further-region", with(0, one_in("region", &["se-f", "no-03"]))),
        ("another-data-centre", with(1, one_in("data-centre", &["moln-1"]))),
        ("data-centre-of-a-lower-class", with(1, one_in("data-centre", &["jkpg-b"]))),
        ("a-further-data-centre", with(1, one_in("data-centre", &["jkpg-a", "jkpg-b"]))),
        ("lower-clearance", with(2, one_in("clearance", &["Internal"]))),
        ("a-further-lower-clearance", with(2, one_in("clearance", &["Internal", "Sensitive", "Secret"]))),
        ("unknown-clearance", with(2, one_in("clearance", &["sensitive"]))),
        ("clearance-exists", with(2, odd("clearance", "Exists", &[]))),
        ("clearance-not-in", with(2, odd("clearance", "NotIn", &["Open"]))),
        ("clearance-does-not-exist", with(2, odd("clearance", "DoesNotExist", &[]))),
        ("region-exists", with(0, odd("region", "Exists", &[]))),
        ("data-centre-not-in", with(1, odd("data-centre", "NotIn", &["moln-1"]))),
        ("data-centre-greater-than", with(1, odd("data-centre", "Gt", &["1"]))),
        ("key-with-another-prefix", with(2, renamed("node-restriction.kubernetes.io/clearance", &levels))),
        ("key-of-topology", with(0, renamed("topology.kubernetes.io/region", &["se-f"]))),
    ]
}

/// Terms are alternatives, so one that says too little undoes the others.
fn wrong_terms() -> Vec<(&'static str, Value)> {
    let good = expressions("Sensitive");
    let anywhere = json!([{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]);
    let by_name = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": good},
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["jkpg-b-a10-1"]}]},
    ]}}});
    vec![
        ("a-second-term-for-anywhere", affinity(&[good.clone(), anywhere.clone()])),
        ("a-first-term-for-anywhere", affinity(&[anywhere, good.clone()])),
        ("a-second-term-by-node-name", by_name),
        ("a-second-term-with-the-region-only", affinity(&[good.clone(), json!([good[0]])])),
    ]
}

/// The host, other schedulers, other taints, and further ways to devices.
fn hosts(faults: &mut Vec<Fault>, node: &str) {
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        fault(faults, "B02", &format!("gpu-with-{field}"), move |pod| pod["spec"][field] = json!(true));
    }
    for path in ["/dev", "/data", "/var/log"] {
        let volumes = with_host_path(path)["volumes"].clone();
        fault(faults, "B02", &format!("gpu-with-host-path-{}", &path[1..]), move |pod| {
            pod["spec"]["volumes"] = volumes.clone();
        });
    }
    fault(faults, "B02", "gpu-and-privileged", |pod| {
        pod["spec"]["containers"][0]["securityContext"] = json!({"privileged": true});
    });
    fault(faults, "B02", "gpu-and-privileged-init", |pod| {
        let mut init = container("init");
        init["securityContext"] = json!({"privileged": true});
        pod["spec"]["initContainers"] = json!([init]);
    });
    let node = node.to_owned();
    fault(faults, "B03", "node-name", move |pod| pod["spec"]["nodeName"] = json!(node));
    for name in ["egen-scheduler", "default-scheduler-2"] {
        fault(faults, "B22", &format!("scheduler-{name}"), move |pod| {
            pod["spec"]["schedulerName"] = json!(name);
        });
    }
    for (name, toleration) in [
        ("everything", json!({"operator": "Exists"})),
        ("every-no-schedule", json!({"operator": "Exists", "effect": "NoSchedule"})),
        ("every-no-execute", json!({"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})),
    ] {
        fault(faults, "B21", &format!("tolerates-{name}"), move |pod| {
            pod["spec"]["tolerations"] = json!([{"key": "a", "operator": "Exists"}, toleration]);
        });
    }
    // Without a resource the other signs have to make it an accelerator pod, and it has none of what one needs.
    for (name, spec) in [
        ("visible-devices", with_variable("NVIDIA_VISIBLE_DEVICES", "all")),
        ("dev", with_host_path("/dev")),
        ("claim", {
            let mut spec = with_host_path("/data");
            spec["resourceClaims"] = json!([{"name": "gpu", "resourceClaimName": "gpu"}]);
            spec
        }),
    ] {
        fault(faults, "B02", &format!("only-{name}"), move |pod| pod["spec"] = spec.clone());
    }
}

/// Images: from the region's registry, by digest, in every container and volume.
fn images(faults: &mut Vec<Fault>) {
    let digest = format!("@sha256:{}", "a".repeat(64));
    let wrong = [
        ("foreign-registry", format!("registry.foreign.example/vllm{digest}")),
        ("no-registry", format!("vllm/vllm-openai{digest}")),
        ("no-digest", "registry.region.example/vllm:v1".to_owned()),
        ("no-tag", "registry.region.example/vllm".to_owned()),
        ("registry-as-a-prefix", format!("registry.region.example.evil.example/vllm{digest}")),
        ("registry-as-a-prefix-of-a-letter", format!("registry.region.examplex/vllm{digest}")),
        ("registry-as-a-folder", format!("evil.example/registry.region.example/vllm{digest}")),
        ("registry-at-another-port", format!("registry.region.example:5000/vllm{digest}")),
        ("registry-as-a-user", format!("registry.region.example@evil.example/vllm{digest}")),
        ("short-digest", format!("registry.region.example/vllm@sha256:{}", "a".repeat(63))),
        ("long-digest", format!("registry.region.example/vllm@sha256:{}", "a".repeat(65))),
        ("other-digest", format!("registry.region.example/vllm@sha512:{}", "a".repeat(64))),
        ("no-digits-in-the-digest", format!("registry.region.example/vllm@sha256:{}", "z".repeat(64))),
    ];
    for (name, image) in wrong {
        fault(faults, "B30", &format!("image-with-{name}"), move |pod| {
            pod["spec"]["containers"][0]["image"] = json!(image);
        });
    }
    fault(faults, "B30", "image-of-an-init-container", |pod| {
        let mut init = container("init");
        init["image"] = json!("docker.io/library/busybox:1");
        pod["spec"]["initContainers"] = json!([init]);
    });
    fault(faults, "B30", "image-of-a-second-container", |pod| {
        let mut second = container("second");
        second["image"] = json!("docker.io/library/busybox:1");
        let first = pod["spec"]["containers"][0].clone();
        pod["spec"]["containers"] = json!([first, second]);
    });
    fault(faults, "B30", "image-of-a-volume", |pod| {
        pod["spec"]["volumes"] = json!([{"name": "weights", "image": {"reference": "docker.io/models/x:1"}}]);
    });
}
