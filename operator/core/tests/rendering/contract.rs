//! The contract of everything that is rendered, one check for each promise.

use std::collections::BTreeSet;

use hemvist_api::labels::{
    AUTOSCALED, KEDA_SCALED_OBJECT, NODE_CLEARANCE, NODE_DATA_CENTRE, NODE_DEDICATED_TAINT, NODE_REGION,
    RENDERED_HASH,
};
use hemvist_api::values::{EngineType, InformationClass, Isolation, RolloutStrategy};
use hemvist_core::bytes::{GIBIBYTE, parse_bytes};
use hemvist_core::engine::CustomSettings;
use hemvist_core::request::WeightsSource;
use hemvist_core::snapshot::{ChildKind, content_hash};
use serde_json::{Value, json};

use crate::around;
use crate::fixtures::Case;
use crate::weights::{fetches_apart, weights_are_verified};

/// A promise with what tells whether a case keeps it.
pub type Check = (&'static str, fn(&Case) -> bool);

pub const CHECKS: &[Check] = &[
    ("no token on the service account", |case| case.service_account["automountServiceAccountToken"] == false),
    ("no token in the pod", |case| case.pod()["automountServiceAccountToken"] == false),
    ("a service account of its own", |case| {
        case.pod()["serviceAccountName"] == case.service_account["metadata"]["name"]
            && keys(&case.service_account)
                == set(["apiVersion", "automountServiceAccountToken", "kind", "metadata"])
    }),
    ("not root", |case| {
        case.pod()["securityContext"]["runAsNonRoot"] == true
            && every_container(case, |container| container["securityContext"]["runAsNonRoot"] == true)
    }),
    ("a fixed user and fixed groups", fixed_identity),
    ("no escalation", |case| {
        every_container(case, |container| container["securityContext"]["allowPrivilegeEscalation"] == false)
    }),
    ("not privileged", |case| {
        every_container(case, |container| container["securityContext"]["privileged"] == false)
    }),
    ("no capabilities", |case| {
        every_container(case, |container| {
            container["securityContext"]["capabilities"] == json!({"drop": ["ALL"]})
        })
    }),
    ("the runtime's seccomp profile", |case| {
        case.pod()["securityContext"]["seccompProfile"] == json!({"type": "RuntimeDefault"})
            && every_container(case, |container| container["securityContext"].get("seccompProfile").is_none())
    }),
    ("a read-only root file system", |case| {
        every_container(case, |container| container["securityContext"]["readOnlyRootFilesystem"] == true)
    }),
    ("bounded volumes to write to", |case| {
        scratch(case).all(|volume| volume["emptyDir"]["sizeLimit"].as_str().and_then(parse_bytes).is_some())
    }),
    ("nothing else can be written to", only_scratch_is_writable),
    ("nothing of the host", |case| {
        let pod = case.pod();
        pod["hostNetwork"] == false && pod["hostPID"] == false && pod["hostIPC"] == false
    }),
    ("no port of the host", |case| {
        every_container(case, |container| {
            items(&container["ports"]).iter().all(|port| port.get("hostPort").is_none())
        })
    }),
    ("user namespaces untouched", |case| case.pod().get("hostUsers").is_none()),
    ("processes kept apart", |case| case.pod()["shareProcessNamespace"] == false),
    ("one container that serves, of the image that was asked for, and one beside it", |case| {
        let images: Vec<_> = case.containers().map(|container| container["image"].as_str()).collect();
        let own = [case.settings.proxy_image.as_deref(), Some(case.model.engine.image.as_str())];
        // What verifies weights has ended when these begin.
        images.ends_with(&own)
            && images[..images.len() - 2].iter().all(|image| *image == case.model.tools_image.as_deref())
            && items(&case.pod()["containers"]).len() == 1
    }),
    ("a fixed command and no shell", |case| {
        let command = &case.container()["command"];
        match case.model.engine.engine {
            EngineType::VLLM => *command == json!(["vllm", "serve"]),
            EngineType::SGLang => *command == json!(["python3", "-m", "sglang.launch_server"]),
            EngineType::LlamaCpp => *command == json!(["/app/llama-server"]),
            EngineType::Custom => *command == json!(custom(case).command),
        }
    }),
    ("plain arguments", plain_arguments),
    ("environment by allow-list", environment_is_listed),
    ("volumes from typed fields only", volumes_are_typed),
    ("weights on a volume are held to their digests before the engine starts", weights_are_verified),
    ("what fetches reaches the mirror and nothing else, and nobody takes it for what serves", fetches_apart),
    ("requests are limits", requests_are_limits),
    ("shared memory is counted", shared_memory_is_counted),
    ("required node affinity", node_affinity),
    ("a node of its own where the isolation demands it", whole_node),
    ("tolerations with key and effect", tolerations),
    ("nothing that leads the pod elsewhere", pod_has_only_known_fields),
    ("no log of a sensitive model becomes part of its pod", |case| {
        let policy = &case.container()["terminationMessagePolicy"];
        case.model.information_class < InformationClass::Sensitive || policy == "File"
    }),
    ("no service links", |case| case.pod()["enableServiceLinks"] == false),
    ("a bounded end after a full drain", bounded_end),
    ("the network policy is written before and pruned after the pods", |_| {
        let place = |kind| ChildKind::ALL.iter().position(|one| *one == kind);
        place(ChildKind::NetworkPolicy) < place(ChildKind::Deployment)
            && place(ChildKind::ServiceAccount) < place(ChildKind::Deployment)
    }),
    ("nothing goes out and only the named come in", network),
    ("one address for clients", |case| {
        let spec = &case.service["spec"];
        spec["type"] == "ClusterIP"
            && spec["ports"].as_array().is_some_and(|ports| ports.len() == 1)
            && spec["ports"][0]["port"] == 8000
            && spec["ports"][0]["targetPort"] == "http"
    }),
    ("no annotation but the hash, and it is right", annotations),
    ("labels by allow-list", labels),
    ("owned by the ModelDeployment", owned),
    ("selectors find these pods and no namesake", selectors),
    ("a rollout waits for no spare accelerator unless told to", rollout),
    ("what scales is one and scales these replicas", around::autoscaler),
    ("a gateway leads to listed paths alone, where one leads", around::route),
    ("replicas, unless they are scaled, and deadline are stated", |case| {
        let spec = &case.deployment["spec"];
        let stated = case.model.scaling.is_none().then(|| json!(case.model.replicas));
        spec.get("replicas").cloned() == stated
            && spec["revisionHistoryLimit"] == 3
            && spec["progressDeadlineSeconds"].as_i64().unwrap() > case.startup_seconds()
    }),
    ("a drain of the node is never stopped for good", |case| {
        let spec = &case.pod_disruption_budget["spec"];
        spec["maxUnavailable"] == 1 && spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    }),
];

/// The hash that an object carries.
pub fn rendered_hash(object: &Value) -> String {
    object["metadata"]["annotations"][RENDERED_HASH].as_str().unwrap().to_owned()
}

pub fn set<const N: usize>(values: [&str; N]) -> BTreeSet<String> {
    values.map(str::to_owned).into()
}

pub fn keys(object: &Value) -> BTreeSet<String> {
    object.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}

pub fn items(list: &Value) -> Vec<Value> {
    list.as_array().cloned().unwrap_or_default()
}

fn custom(case: &Case) -> &CustomSettings {
    case.model.engine.custom.as_ref().unwrap()
}

fn every_container(case: &Case, holds: impl Fn(&Value) -> bool) -> bool {
    case.containers().count() >= 2 && case.containers().all(holds)
}

fn scratch(case: &Case) -> impl Iterator<Item = Value> {
    items(&case.pod()["volumes"]).into_iter().filter(|volume| volume.get("emptyDir").is_some())
}

fn fixed_identity(case: &Case) -> bool {
    let context = &case.pod()["securityContext"];
    context["runAsUser"] == 2000
        && context["runAsGroup"].is_i64()
        && context["fsGroup"] == 2000
        && context["fsGroupChangePolicy"] == "OnRootMismatch"
        && context.get("supplementalGroups").is_none()
        && case.container()["securityContext"].get("runAsUser").is_none()
}

fn only_scratch_is_writable(case: &Case) -> bool {
    let bounded: Vec<_> = scratch(case).map(|volume| volume["name"].clone()).collect();
    let mounts = items(&case.container()["volumeMounts"]);
    let read_only: Vec<_> = std::iter::once(json!("/models"))
        .chain(case.model.adapters.iter().map(|adapter| json!(format!("/adapters/{}", adapter.name))))
        .collect();
    mounts.len() == 3 + read_only.len()
        && mounts.iter().all(|mount| mount["readOnly"] == true || bounded.contains(&mount["name"]))
        && mounts
            .iter()
            .filter(|mount| mount["readOnly"] == true)
            .map(|mount| &mount["mountPath"])
            .eq(&read_only)
}

fn plain_arguments(case: &Case) -> bool {
    let args = items(&case.container()["args"]);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=./:,".contains(&byte);
    !args.is_empty() && args.iter().all(|arg| arg.as_str().is_some_and(|arg| arg.bytes().all(plain)))
}

fn environment_is_listed(case: &Case) -> bool {
    let listed = set([
        "DISABLE_OPENAPI_DOC",
        "DO_NOT_TRACK",
        "HEMVIST_ACCELERATORS",
        "HEMVIST_CONCURRENCY",
        "HEMVIST_CONTEXT_LENGTH",
        "HEMVIST_DRAIN_SECONDS",
        "HEMVIST_HOST",
        "HEMVIST_KEY_VALUE_CACHE_TYPE",
        "HEMVIST_MODEL_FORMAT",
        "HEMVIST_MODEL_NAME",
        "HEMVIST_MODEL_PATH",
        "HEMVIST_PORT",
        "HEMVIST_REQUEST_LOGGING",
        "HF_HOME",
        "HF_HUB_DISABLE_TELEMETRY",
        "HF_HUB_OFFLINE",
        "HOME",
        "LLAMA_CACHE",
        "PYTHONDONTWRITEBYTECODE",
        "SGLANG_CACHE_DIR",
        "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION",
        "SGLANG_HOST_IP",
        "TMPDIR",
        "TRANSFORMERS_OFFLINE",
        "TRITON_CACHE_DIR",
        "USER",
        "VLLM_CACHE_ROOT",
        "VLLM_CONFIG_ROOT",
        "VLLM_HOST_IP",
        "VLLM_LOGGING_LEVEL",
        "VLLM_MEDIA_URL_ALLOW_REDIRECTS",
        "VLLM_NO_USAGE_STATS",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
    ]);
    let environment = items(&case.container()["env"]);
    let names: BTreeSet<_> =
        environment.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect();
    case.container().get("envFrom").is_none()
        && names.len() == environment.len()
        && names.is_subset(&listed)
        && environment.iter().all(|one| keys(one) == set(["name", "value"]))
        && environment.iter().any(|one| *one == json!({"name": "HF_HUB_OFFLINE", "value": "1"}))
}

fn volumes_are_typed(case: &Case) -> bool {
    let volumes = items(&case.pod()["volumes"]);
    let typed = |name: &str, source: &WeightsSource| match source {
        WeightsSource::Image { reference, .. } => {
            json!({"name": name, "image": {"reference": reference, "pullPolicy": "IfNotPresent"}})
        }
        WeightsSource::VolumeClaim { claim_name, .. } => {
            json!({"name": name, "persistentVolumeClaim": {"claimName": claim_name, "readOnly": true}})
        }
        WeightsSource::Mirror(fetched) => {
            json!({"name": name, "persistentVolumeClaim": {"claimName": fetched.claim_name, "readOnly": true}})
        }
    };
    let adapters = case.model.adapters.iter().enumerate();
    let adapters = adapters.map(|(place, adapter)| typed(&format!("adapter-{place}"), &adapter.source));
    volumes[0] == typed("weights", &case.model.source)
        && volumes[1..4].iter().all(|volume| volume.get("emptyDir").is_some())
        && volumes[4..].iter().cloned().eq(adapters)
        && scratch(case).count() == 3
}

fn requests_are_limits(case: &Case) -> bool {
    let resources = &case.container()["resources"];
    let accelerator = case.model.accelerator.resource.as_str();
    let limited = set([accelerator, "memory", "ephemeral-storage"]);
    keys(&resources["limits"]) == limited
        && limited.iter().all(|name| resources["limits"][name] == resources["requests"][name])
        && resources["limits"][accelerator] == format!("{}", case.model.accelerator.count)
        && resources["requests"]["cpu"].as_str().and_then(parse_bytes).is_some_and(|cores| cores > 0)
}

fn shared_memory_is_counted(case: &Case) -> bool {
    let shared = scratch(case).find(|volume| volume["emptyDir"]["medium"] == "Memory").unwrap();
    let shared = parse_bytes(shared["emptyDir"]["sizeLimit"].as_str().unwrap()).unwrap();
    let memory = parse_bytes(case.container()["resources"]["limits"]["memory"].as_str().unwrap()).unwrap();
    let weights = case.model.weights_bytes.unwrap_or_default();
    // An interpreter and its libraries need more than one program.
    let base = if case.model.engine.engine == EngineType::LlamaCpp { 5 } else { 8 };
    memory >= shared + base * GIBIBYTE + weights / 4
}

fn node_affinity(case: &Case) -> bool {
    let [term] = &case.node_selector_terms()[..] else { return false };
    let clearance = &case.model.clearance;
    let mut expected = vec![];
    if let Some(regions) = &clearance.regions {
        expected.push(json!({"key": NODE_REGION, "operator": "In", "values": regions}));
    }
    let levels: Vec<_> = clearance.levels.iter().map(|level| level.as_str()).collect();
    expected.push(json!({"key": NODE_DATA_CENTRE, "operator": "In", "values": clearance.data_centres}));
    expected.push(json!({"key": NODE_CLEARANCE, "operator": "In", "values": levels}));
    let accelerator = &case.model.accelerator;
    expected
        .push(json!({"key": accelerator.product_label, "operator": "In", "values": accelerator.products}));
    expected.extend(whole_devices(case));
    *term == json!({"matchExpressions": expected})
}

/// Keeps off nodes that hand out less than the class demands; several work together only where each is a whole device.
fn whole_devices(case: &Case) -> Vec<Value> {
    let together = case.model.accelerator.count > 1;
    let mut expected = vec![];
    if together || case.model.isolation > Isolation::Partition {
        expected.push(json!({"key": "cloud.google.com/gke-gpu-partition-size", "operator": "DoesNotExist"}));
        expected.push(json!({"key": "nvidia.com/gpu.slices.gi", "operator": "DoesNotExist"}));
    }
    if together || case.model.isolation > Isolation::Shared {
        let not_in = |key, values: &[&str]| json!({"key": key, "operator": "NotIn", "values": values});
        expected
            .push(json!({"key": "cloud.google.com/gke-gpu-sharing-strategy", "operator": "DoesNotExist"}));
        expected.push(not_in("nos.nebuly.com/gpu-partitioning", &["mps"]));
        expected.push(not_in("nvidia.com/gpu.sharing-strategy", &["mps", "time-slicing"]));
        expected.push(not_in("nvidia.com/vgpu.present", &["true"]));
    }
    expected.sort_by_key(|expression| expression["key"].to_string());
    expected
}

fn whole_node(case: &Case) -> bool {
    let term = json!({
        "topologyKey": "kubernetes.io/hostname",
        "namespaceSelector": {},
        "labelSelector": {"matchExpressions": [
            {"key": "hemvist.dev/model-deployment-uid", "operator": "Exists"},
            {"key": "hemvist.dev/model-deployment-uid", "operator": "NotIn", "values": [case.model.uid]},
        ]},
    });
    let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": [term]});
    let apart = case.pod()["affinity"].get("podAntiAffinity");
    if case.model.isolation == Isolation::WholeNode { apart == Some(&required) } else { apart.is_none() }
}

fn tolerations(case: &Case) -> bool {
    case.pod()["tolerations"]
        == json!([
            {
                "key": NODE_DEDICATED_TAINT,
                "operator": "Equal",
                "value": case.model.information_class.as_str(),
                "effect": "NoSchedule",
            },
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        ])
}

/// Neither scheduler, priority class, runtime class, node name, node selector nor anything that is not in this list.
fn pod_has_only_known_fields(case: &Case) -> bool {
    let pod = set([
        "affinity",
        "automountServiceAccountToken",
        "containers",
        "enableServiceLinks",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "initContainers",
        "securityContext",
        "serviceAccountName",
        "shareProcessNamespace",
        "terminationGracePeriodSeconds",
        "tolerations",
        "volumes",
    ]);
    let container = set([
        "args",
        "command",
        "env",
        "image",
        "imagePullPolicy",
        "lifecycle",
        "livenessProbe",
        "name",
        "readinessProbe",
        "resources",
        "securityContext",
        "startupProbe",
        "terminationMessagePolicy",
        "volumeMounts",
    ]);
    keys(case.pod()) == pod && keys(case.container()) == container
}

fn bounded_end(case: &Case) -> bool {
    let grace = case.pod()["terminationGracePeriodSeconds"].as_i64().unwrap();
    let hook = &case.container()["lifecycle"];
    let before = hook["preStop"]["sleep"]["seconds"].as_i64().unwrap();
    let wanted = format!("--shutdown-timeout={}", case.model.drain_seconds);
    let drain = i64::from(case.model.drain_seconds);
    let drains = match case.model.engine.engine {
        EngineType::VLLM => before == 5 && items(&case.container()["args"]).contains(&json!(wanted)),
        // It goes on until no request is left; the grace period is its limit.
        EngineType::SGLang => before == 5,
        EngineType::LlamaCpp | EngineType::Custom => before == 5 + drain,
    };
    drains && grace == 5 + drain + 15 && keys(&hook["preStop"]) == set(["sleep"])
}

fn network(case: &Case) -> bool {
    let rule = |namespaces: Value, port: i32| {
        json!({
            "from": [{"namespaceSelector": {"matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces},
            ]}}],
            "ports": [{"port": port, "protocol": "TCP"}],
        })
    };
    let spec = &case.network_policy["spec"];
    let gateway = case.model.route.as_ref().map(|route| rule(json!([route.gateway.namespace]), 8000));
    let watchers = json!(["hemvist-system", case.settings.monitoring_namespace]);
    let inside = [rule(json!(case.model.consumers), 8000), rule(watchers, 8001)];
    let let_in: Vec<Value> = inside.into_iter().chain(gateway).collect();
    spec["policyTypes"] == json!(["Ingress", "Egress"])
        // The type without a rule is what denies; a rule, even an empty one in a list, would let something out.
        && spec.get("egress").is_none()
        && spec["ingress"] == json!(let_in)
}

fn annotations(case: &Case) -> bool {
    case.template()["metadata"].get("annotations").is_none()
        && case.objects().all(|object| {
            let mut bare = object.clone();
            let annotations = bare["metadata"]["annotations"].as_object_mut().unwrap();
            let hash = annotations.remove(RENDERED_HASH);
            let autoscaled = case.model.scaling.is_some() && object["kind"] == "Deployment";
            let others = if autoscaled { json!({AUTOSCALED: "true"}) } else { json!({}) };
            let listed = Value::from(annotations.clone()) == others;
            if annotations.is_empty() {
                bare["metadata"].as_object_mut().unwrap().remove("annotations");
            }
            listed && hash == Some(json!(content_hash(&bare)))
        })
}

fn labels(case: &Case) -> bool {
    let model = &case.model;
    let expected = json!({
        "app.kubernetes.io/name": "hemvist-model",
        "app.kubernetes.io/component": "model-server",
        "app.kubernetes.io/part-of": "hemvist",
        "app.kubernetes.io/managed-by": "hemvist",
        "hemvist.dev/model-deployment": model.key.name,
        "hemvist.dev/model-deployment-uid": model.uid,
        "hemvist.dev/information-class": model.information_class.as_str(),
        "hemvist.dev/risk-class": model.risk_class.as_str(),
    });
    case.objects().all(|object| {
        let mut labels = object["metadata"]["labels"].clone();
        // The one by which KEDA finds its own.
        let of_keda = labels.as_object_mut().unwrap().remove(KEDA_SCALED_OBJECT);
        let expected_of_keda = (object["kind"] == "ScaledObject").then(|| json!(model.key.name));
        labels == expected && of_keda == expected_of_keda
    }) && case.template()["metadata"]["labels"] == expected
}

fn owned(case: &Case) -> bool {
    let owners = json!([{
        "apiVersion": "hemvist.dev/v1alpha1",
        "kind": "ModelDeployment",
        "name": case.model.key.name,
        "uid": case.model.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    }]);
    case.objects().all(|object| {
        let metadata = &object["metadata"];
        let name = &case.model.key.name;
        // A request for exec and the like has nothing of a pod but its name.
        let class = case.model.information_class.as_str().to_lowercase();
        let workload = format!("{name}--{class}");
        let name = if *object == case.deployment { &workload } else { name };
        metadata["ownerReferences"] == owners
            && metadata["name"] == name.as_str()
            && metadata["namespace"] == case.model.key.namespace.as_str()
    })
}

fn selectors(case: &Case) -> bool {
    let identity = json!({
        "hemvist.dev/model-deployment": case.model.key.name,
        "hemvist.dev/model-deployment-uid": case.model.uid,
    });
    let selector = json!({"matchLabels": identity});
    case.service["spec"]["selector"] == identity
        && case.deployment["spec"]["selector"] == selector
        && case.network_policy["spec"]["podSelector"] == selector
        && case.pod_disruption_budget["spec"]["selector"] == selector
}

fn rollout(case: &Case) -> bool {
    let rolling = |surge: i64, unavailable: Value| json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}});
    case.deployment["spec"]["strategy"]
        == match case.model.rollout {
            RolloutStrategy::Auto => rolling(0, json!(1)),
            RolloutStrategy::Recreate => json!({"type": "Recreate"}),
            RolloutStrategy::Rolling => rolling(0, json!("25%")),
            RolloutStrategy::Surge => rolling(1, json!(0)),
        }
}
