//! Clusters of any size: a few kinds of nodes, models with a few demands, and pods that hold accelerators.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "the test and the benchmark use different parts, and both may fail"
)]

use std::sync::Arc;

use hemvist_api::{AIPolicy, ModelDeployment};
use hemvist_core::snapshot::{
    Facts, Key, ModelFacts, NodeFacts, NodeObject, PodFacts, PolicyBook, PolicyEntry, Settings, Snapshot,
    Usage,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

/// Kinds of nodes.
pub const KINDS: usize = 20;

/// The data centres of nodes and policies.
const DATA_CENTRES: [&str; 2] = ["jkpg-a", "varnamo"];

/// A node of one of the kinds: they differ in place, clearance, product, number of devices and state.
pub fn node(number: usize, kind: usize) -> NodeFacts {
    let clearance = ["Secret", "Sensitive", "Internal", "Open"][kind % 4];
    let devices = if kind.is_multiple_of(3) { "4" } else { "8" };
    let product = ["NVIDIA-H100-80GB-HBM3", "NVIDIA-L4"][kind % 2];
    let data_centre = DATA_CENTRES[kind % 2];
    let resource = if kind.is_multiple_of(7) { "gpu.intel.com/xe" } else { "nvidia.com/gpu" };
    let object: NodeObject = serde_json::from_value(json!({
        "metadata": {"name": format!("node-{number:05}"), "uid": format!("n-{number}"), "labels": {
            "hemvist.node-restriction.kubernetes.io/region": "se-f",
            "hemvist.node-restriction.kubernetes.io/data-centre": data_centre,
            "hemvist.node-restriction.kubernetes.io/clearance": clearance,
            "nvidia.com/gpu.product": product,
        }},
        "spec": {"unschedulable": kind.is_multiple_of(11)},
        "status": {
            "allocatable": {resource: devices}, "capacity": {resource: devices},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }))
    .unwrap();
    object.into()
}

/// A model. Its number decides what it asks for, and when it was made.
pub fn model(number: usize) -> (Key, Arc<ModelFacts>) {
    let class = ["Internal", "Sensitive"][number % 2];
    let vendor = if number % 9 == 4 { "Intel" } else { "NVIDIA" };
    let products = (number % 5 == 1 && vendor == "NVIDIA").then(|| json!(["NVIDIA-L4"]));
    let key = Key::new(format!("halsa-{}", number % 50), format!("model-{number:05}"));
    let created = format!("2026-11-01T{:02}:{:02}:{:02}Z", number / 3600 % 24, number / 60 % 60, number % 60);
    let model: ModelDeployment = serde_json::from_value(json!({
        "apiVersion": "hemvist.dev/v1alpha1", "kind": "ModelDeployment",
        "metadata": {
            "namespace": key.namespace, "name": key.name, "uid": uid(number), "generation": 1,
            "creationTimestamp": created,
        },
        "spec": {
            "purpose": {
                "title": "Sammanfattning", "informationClass": class, "personalData": false, "riskClass": "Minimal",
                "decisionSupport": "None", "audience": "Staff",
                "owner": {"organisation": "Region", "unit": "Halsa", "contact": "ai@region.example"},
            },
            "model": {
                "format": "GGUF", "licence": "Apache-2.0",
                "source": {"image": {
                    "reference": format!("registry.region.example/m@sha256:{}", "a".repeat(64)), "path": "/q4.gguf",
                }},
            },
            "engine": {
                "type": "LlamaCpp",
                "image": format!("registry.region.example/e@sha256:{}", "b".repeat(64)),
            },
            "accelerator": {"vendor": vendor, "count": 1 + number % 4, "products": products},
            "replicas": 1 + number % 3,
        },
    }))
    .unwrap();
    (key, Arc::new(ModelFacts::new(Arc::new(model), None)))
}

/// The UID of a model.
pub fn uid(number: usize) -> String {
    format!("u-{number}")
}

/// A pod that holds accelerators: of a model, or of nobody's.
pub fn pod(number: usize, node: usize, of_model: Option<usize>) -> PodFacts {
    let model = of_model.map(model);
    PodFacts {
        key: Key::new(
            model.as_ref().map_or("teknik", |(key, _)| key.namespace.as_str()),
            format!("pod-{number:05}"),
        ),
        uid: format!("p-{number}"),
        model_uid: of_model.map(uid),
        model_name: model.map(|(key, _)| key.name),
        node: Some(format!("node-{node:05}")),
        devices: [("nvidia.com/gpu".to_owned(), 1 + i64::try_from(number % 2).unwrap())].into(),
        ..PodFacts::default()
    }
}

/// One policy, which allows the classes that models have here; Sensitive ones get `isolation`.
pub fn policies(isolation: &str) -> PolicyBook {
    let policy: AIPolicy = serde_json::from_value(json!({
        "apiVersion": "hemvist.dev/v1alpha1", "kind": "AIPolicy",
        "metadata": {"namespace": "hemvist-system", "name": "region", "uid": "r", "generation": 1},
        "spec": region(isolation),
    }))
    .unwrap();
    let entry = PolicyEntry::Readable(Box::new(policy));
    PolicyBook { entries: [(Key::new("hemvist-system", "region"), entry)].into() }
}

fn region(isolation: &str) -> Value {
    json!({
        "informationClasses": [{"class": "Internal"}, {"class": "Sensitive", "isolation": isolation}],
        "riskClasses": [{"class": "Minimal"}],
        "residency": {"regions": ["se-f"], "dataCentres": DATA_CENTRES},
        "models": {"licences": ["Apache-2.0"], "formats": ["GGUF"]},
        "images": {"registries": ["registry.region.example"]},
        "engines": {"types": ["LlamaCpp"], "allowedArgs": []},
    })
}

/// A cluster with so many nodes and models, of which every other model has a pod.
pub fn cluster(nodes: usize, models: usize) -> Snapshot {
    let settings = Settings::default();
    let pods: Vec<PodFacts> =
        (0..models).step_by(2).map(|number| pod(number, number % nodes.max(1), Some(number))).collect();
    let now = Time("2026-11-28T12:00:00Z".parse().unwrap());
    Snapshot {
        policies: Arc::new(policies("WholeDevice")),
        nodes: (0..nodes).map(|number| node(number, number % KINDS)).map(named).collect::<Facts<_, _>>(),
        models: (0..models).map(model).collect(),
        usage: Usage::of(&pods, &settings),
        ..Snapshot::empty(now, settings)
    }
}

/// A node with its name.
pub fn named(node: NodeFacts) -> (String, Arc<NodeFacts>) {
    (node.name.clone(), Arc::new(node))
}
