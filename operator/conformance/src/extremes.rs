//! The largest policies, and the largest objects that can be sent.

use hemvist_api::labels::{
    HOSTNAME, INFORMATION_CLASS, MODEL_DEPLOYMENT_UID, NODE_CLEARANCE, NODE_DATA_CENTRE, NODE_REGION,
};
use hemvist_api::values::Isolation;
use hemvist_core::accelerator::label_tests;
use hemvist_core::snapshot::{Key, Settings};
use serde_json::{Value, json};

use crate::exceptions::{WAIVABLE, exception};
use crate::models::DIGITS;
use crate::policies::{ASSESSMENTS, PolicySet, readable};

/// How many entries the schema takes in a list of a policy.
pub const FULL: usize = 64;

/// About how large an object may be that is stored.
const LARGEST_POD: usize = 1_400_000;

fn many(count: usize, length: usize, fill: char) -> Vec<String> {
    let text = |number: usize| format!("a{number:03}{}", fill.to_string().repeat(length - 4));
    (0..count).map(text).collect()
}

fn registries(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("r{number:02}.{}", "a".repeat(249))).collect()
}

/// A policy of the root namespace that states everything, with so many entries in each list, each as long as it may be.
pub fn policy(settings: &Settings, namespace: &str, entries: usize) -> PolicySet {
    let requires = json!({
        "assessments": ASSESSMENTS, "humanOversight": true, "transparencyNotice": true, "recordReference": true,
    });
    let information = ["Open", "Internal", "Sensitive", "Secret"].map(|class| {
        json!({ "class": class, "dataCentres": many(entries, 63, 'a'), "isolation": "WholeNode", "requires": requires })
    });
    let risk = ["Minimal", "Limited", "High", "Unacceptable"]
        .map(|class| json!({ "class": class, "requires": requires }));
    let mut namespaces = many(4 * entries - 1, 63, 'a');
    namespaces.push(namespace.to_owned());
    let spec = json!({
        "namespaces": namespaces,
        "residency": { "regions": many(entries, 63, 'a'), "dataCentres": many(entries, 63, 'a') },
        "models": { "licences": many(entries, 128, 'a'), "formats": ["Safetensors", "GGUF"], "requireDigest": true },
        "images": { "registries": registries(entries), "requireDigest": true },
        "engines": { "types": ["VLLM", "SGLang", "LlamaCpp", "Custom"], "allowedArgs": many(entries, 63, 'a') },
        "informationClasses": information,
        "riskClasses": risk,
        "unmanagedAccelerators": "RequireResidency",
        "exceptions": exceptions(namespace, entries),
    });
    let key = Key::new(&settings.root_namespace, format!("largest-{namespace}"));
    PolicySet { namespace: namespace.to_owned(), entries: [(key.clone(), readable(&key, spec))].into() }
}

/// As many exceptions, each of everything, for models of the longest names.
fn exceptions(namespace: &str, entries: usize) -> Value {
    let model = |number: usize| {
        exception(namespace, &format!("{}{number:03}", "m".repeat(250)), &WAIVABLE, "2027-05-02")
    };
    (0..entries).map(model).collect()
}

/// The longest image below the last of the registries.
fn image(entries: usize) -> String {
    let below = registries(entries).pop().unwrap_or_default();
    let rest = "b/".repeat((512 - below.len() - 1 - 72) / 2 - 1);
    format!("{below}/{rest}b@sha256:{DIGITS}")
}

/// The largest ModelDeployment that the schema takes, as a policy with so many entries allows it.
pub fn model(namespace: &str, entries: usize) -> Value {
    let source = json!({ "image": { "reference": image(entries) } });
    let adapters: Vec<Value> =
        many(32, 63, 'a').into_iter().map(|name| json!({ "name": name, "source": source })).collect();
    let made: Vec<Value> = ASSESSMENTS
        .map(|type_| json!({ "type": type_, "reference": "R".repeat(128), "decidedOn": "2026-05-02" }))
        .into();
    let licence = many(entries, 128, 'a').pop();
    json!({
        "apiVersion": "hemvist.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": { "name": "largest", "namespace": namespace, "annotations": { "x": "'\\".repeat(60_000) } },
        "spec": {
            "purpose": {
                "title": "t".repeat(200), "description": "d".repeat(2000),
                "owner": { "organisation": "o".repeat(200), "contact": "c".repeat(200) },
                "informationClass": "Secret", "personalData": true, "riskClass": "High",
                "decisionSupport": "None", "audience": "Staff", "assessments": made,
                "humanOversight": { "responsible": "-".repeat(199) + "r", "procedure": "-".repeat(127) + "p" },
                "transparencyNotice": "-".repeat(999) + "n", "recordReference": "-".repeat(127) + "d",
            },
            "model": { "source": source, "format": "GGUF", "licence": licence, "adapters": adapters },
            "engine": {
                "type": "LlamaCpp", "image": image(entries),
                "args": many(entries.min(32), 63, 'a').into_iter()
                    .map(|name| json!({ "name": name, "value": "v".repeat(256) })).collect::<Vec<_>>(),
            },
            "placement": { "dataCentres": many(entries, 63, 'a') },
        },
    })
}

/// A pod as large as an object can be, as a policy with so many entries allows it.
pub fn pod(namespace: &str, entries: usize) -> Value {
    let mut env: Vec<Value> = Vec::new();
    let mut limits = serde_json::Map::new();
    limits.insert("nvidia.com/gpu".to_owned(), json!("1"));
    for number in 0..29 {
        limits.insert(format!("rdma/{}{number}", "d".repeat(48)), json!("1"));
    }
    for number in 0..180 {
        env.push(json!({ "name": format!("{}{number}_VISIBLE_DEVICES", "E".repeat(10)), "value": "none" }));
    }
    let mut containers: Vec<Value> = Vec::new();
    let size_of_one = json!({ "env": env, "limits": limits }).to_string().len() + 700;
    let terms = terms(entries);
    let affinity = json!({
        "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } },
        "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [{
            "topologyKey": HOSTNAME, "namespaceSelector": {},
            "labelSelector": { "matchExpressions": [{ "key": MODEL_DEPLOYMENT_UID, "operator": "Exists" }] },
        }] },
    });
    let room = LARGEST_POD.saturating_sub(affinity.to_string().len());
    for number in 0..room / size_of_one {
        containers.push(json!({
            "name": format!("c{number}"), "image": image(entries), "env": env, "resources": { "limits": limits },
        }));
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "m--secret-1", "namespace": namespace, "labels": { INFORMATION_CLASS: "Secret" } },
        "spec": { "automountServiceAccountToken": false, "containers": containers, "affinity": affinity },
    })
}

fn terms(entries: usize) -> Vec<Value> {
    let within =
        |label: &str, values: Vec<String>| json!({ "key": label, "operator": "In", "values": values });
    (0..20)
        .map(|_| {
            let mut expressions = vec![
                within(NODE_CLEARANCE, vec!["Secret".to_owned()]),
                within(NODE_DATA_CENTRE, many(entries, 63, 'a')),
                within(NODE_REGION, many(entries, 63, 'a')),
            ];
            let tests = label_tests("nvidia.com/gpu", Isolation::WholeDevice);
            expressions.extend(tests.into_iter().map(|test| {
                if test.not.is_empty() {
                    json!({ "key": test.label, "operator": "DoesNotExist" })
                } else {
                    json!({ "key": test.label, "operator": "NotIn", "values": test.not })
                }
            }));
            json!({ "matchExpressions": expressions })
        })
        .collect()
}
