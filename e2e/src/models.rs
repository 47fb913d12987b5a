//! ModelDeployments and AIPolicies as JSON: the plainest ones that are carried out. A test changes what it is about.

use serde_json::{Value, json};

use crate::installation::ROOT_NAMESPACE;
use crate::objects::Kind;

/// A model for open information, of minimal risk, with one replica on one NVIDIA GPU of any product.
pub fn model(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "hemvist.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "purpose": {
                "title": format!("Prov {name}"),
                "owner": {"organisation": "Region Jönköpings län", "contact": "ai@region.example"},
                "informationClass": "Open",
                "personalData": false,
                "riskClass": "Minimal",
                "decisionSupport": "None",
                "audience": "Staff",
            },
            "model": {
                "source": {"image": {"reference": image("models/qwen3-8b", 'a'), "path": "/models"}},
                "format": "Safetensors",
                "licence": "Apache-2.0",
                "facts": {"weights": "15Gi"},
            },
            "engine": {"type": "VLLM", "image": image("vllm/vllm-openai", 'b')},
            "accelerator": {"vendor": "NVIDIA", "count": 1},
            "replicas": 1,
            "access": {"consumers": [{"namespace": "intranat"}]},
        },
    })
}

/// A model for information of a class.
pub fn model_of_class(namespace: &str, name: &str, class: &str) -> Value {
    let mut model = model(namespace, name);
    model["spec"]["purpose"]["informationClass"] = json!(class);
    model
}

/// The same model with its number of replicas left to an autoscaler: between `fewest` and `most`, by the queue.
pub fn scaled(mut model: Value, fewest: u32, most: u32) -> Value {
    if let Some(spec) = model["spec"].as_object_mut() {
        spec.remove("replicas");
        spec.insert("scaling".to_owned(), scaling(fewest, most));
    }
    model
}

/// Scaling between `fewest` and `most` replicas, by the queue.
pub fn scaling(fewest: u32, most: u32) -> Value {
    json!({"minReplicas": fewest, "maxReplicas": most, "metric": "QueueDepth", "target": 4})
}

/// A region policy that allows everything up to sensitive information in the data centre `jkpg-a`, and nothing sensitive
/// in `jkpg-b`.
pub fn region_policy() -> Value {
    json!({
        "apiVersion": "hemvist.dev/v1alpha1",
        "kind": "AIPolicy",
        "metadata": {"namespace": ROOT_NAMESPACE, "name": "region"},
        "spec": {
            "residency": {"regions": ["se-f"], "dataCentres": ["jkpg-a", "jkpg-b"]},
            "informationClasses": [
                {"class": "Open"},
                {"class": "Internal"},
                {"class": "Sensitive", "dataCentres": ["jkpg-a"]},
            ],
            "riskClasses": [{"class": "Minimal"}, {"class": "Limited"}, {"class": "High"}],
            "models": {"licences": ["Apache-2.0", "MIT"], "formats": ["Safetensors", "GGUF"], "requireDigest": true},
            "images": {"registries": ["registry.region.example"], "requireDigest": true},
            "engines": {"types": ["VLLM", "LlamaCpp"]},
        },
    })
}

/// A department's own policy.
pub fn local_policy(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "hemvist.dev/v1alpha1",
        "kind": "AIPolicy",
        "metadata": {"namespace": namespace, "name": name},
        "spec": spec,
    })
}

/// The name of what a model of an information class becomes: what makes its pods has the class in it.
pub fn child_name(kind: Kind, model: &str, class: &str) -> String {
    if kind == Kind::Deployment { format!("{model}--{}", class.to_lowercase()) } else { model.to_owned() }
}

/// An image of the region's registry, by a digest of one digit.
pub fn image(path: &str, digit: char) -> String {
    format!("registry.region.example/{path}@sha256:{}", digit.to_string().repeat(64))
}
