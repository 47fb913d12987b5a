//! Rendering, judged by the whole objects that come out of it.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]
#![allow(
    clippy::disallowed_methods,
    reason = "the golden files are read and written; rendering itself is pure"
)]

#[path = "rendering/around.rs"]
mod around;
#[path = "rendering/contract.rs"]
mod contract;
#[path = "rendering/fixtures.rs"]
mod fixtures;
#[path = "rendering/parsers.rs"]
mod parsers;
#[path = "rendering/proxy.rs"]
mod proxy;
#[path = "rendering/weights.rs"]
mod weights;

use std::collections::BTreeSet;
use std::path::PathBuf;

use around::{vllm_behind_a_gateway, vllm_scaled};
use fixtures::{
    Case, adapters, custom, deployment, every_case, from_a_hub, from_an_object_store, llama_cpp_on_a_claim,
    llama_cpp_with_adapters, partition, plan, settings, sglang_with_adapters, verified_claims,
    vllm_in_an_image, vllm_with_adapters,
};
use hemvist_api::values::{
    AcceleratorVendor, EngineType, InformationClass, Isolation, KeyValueCacheType, ModelFormat,
    RequestLogging, RiskClass, RolloutStrategy,
};
use hemvist_core::engine::{CustomSettings, EngineSettings};
use hemvist_core::policy::Clearance;
use hemvist_core::render::{NOWHERE, NetworkPolicy, Object, render};
use hemvist_core::request::{AcceleratorRequest, AdapterSettings, ModelRequest, WeightsSource};
use hemvist_core::snapshot::{ChildKind, Key, Settings, child_kinds};
use serde_json::Value;

macro_rules! typed {
    ($($(#[$doc:meta])* $kind:ident => $facts:expr;)+) => {
        /// An object as YAML, its fields in the order of its type. Its type holds all of it.
        fn document(object: &Object) -> String {
            match object.kind {
                $(ChildKind::$kind => {
                    let typed = object.typed::<hemvist_core::render::$kind>().unwrap();
                    assert_eq!(serde_json::to_value(&typed).unwrap(), object.json);
                    serde_saphyr::to_string(&typed).unwrap()
                })+
            }
        }
    };
}

child_kinds!(typed);

/// Every object of a model as one YAML file, in the order in which they are written.
fn yaml(model: &ModelRequest, settings: &Settings) -> String {
    let documents: Vec<_> = render(&plan(model), settings).objects().map(document).collect();
    documents.join("---\n")
}

/// Compares with the file of that name, or writes it where `UPDATE=1` is set.
fn assert_golden(name: &str, model: &ModelRequest) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/rendering").join(name);
    let rendered = yaml(model, &settings());
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, &rendered).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = golden.lines().zip(rendered.lines()).enumerate().find(|(_, (old, new))| old != new);
    assert!(
        golden == rendered,
        "{name} differs, first at {differs:?}; look at the change and accept it with UPDATE=1"
    );
}

#[test]
fn vllm_in_an_image_on_a_node_of_its_own() {
    assert_golden("vllm-image-whole-node.yaml", &vllm_in_an_image());
}

#[test]
fn llama_cpp_on_a_claim_with_one_accelerator() {
    assert_golden("llama-cpp-claim.yaml", &llama_cpp_on_a_claim());
}

#[test]
fn vllm_on_a_partition() {
    assert_golden("vllm-partition.yaml", &partition());
}

#[test]
fn vllm_with_two_adapters() {
    assert_golden("vllm-adapters.yaml", &vllm_with_adapters());
}

#[test]
fn llama_cpp_with_an_adapter() {
    assert_golden("llama-cpp-adapter.yaml", &llama_cpp_with_adapters());
}

#[test]
fn sglang_with_two_adapters() {
    assert_golden("sglang-adapters.yaml", &sglang_with_adapters());
}

#[test]
fn weights_on_claims_that_are_verified() {
    assert_golden("verified-claims.yaml", &verified_claims());
}

#[test]
fn weights_of_an_object_store() {
    assert_golden("object-store.yaml", &from_an_object_store());
}

#[test]
fn one_file_of_a_hub() {
    assert_golden("hub.yaml", &from_a_hub());
}

#[test]
fn an_engine_of_the_users_own() {
    assert_golden("custom.yaml", &custom());
}

#[test]
fn every_pod_holds_the_contract() {
    let cases = every_case();
    assert_eq!(cases.len(), 704, "engines x sources x rollouts x isolations");
    let checks: Vec<_> = contract::CHECKS.iter().chain(proxy::CHECKS).collect();
    assert_eq!(checks.len(), 58, "a field of the contract was added or lost");
    let mut held = 0;
    let mut broken = Vec::new();
    for case in &cases {
        for (name, check) in &checks {
            if check(case) { held += 1 } else { broken.push(format!("{}: {name}", case.name)) }
        }
    }
    assert!(broken.is_empty(), "{} broken, {held} held:\n{}", broken.len(), broken.join("\n"));
    assert_eq!(held, cases.len() * checks.len());
}

#[test]
fn nothing_that_leads_out_is_in_any_object() {
    const FORBIDDEN: [&str; 22] = [
        "hostPath",
        "\"hostNetwork\":true",
        "\"hostPID\":true",
        "\"hostIPC\":true",
        "hostPort",
        "secretKeyRef",
        "configMapKeyRef",
        "envFrom",
        "valueFrom",
        "imagePullSecrets",
        "$(",
        "/bin/sh",
        "\"sh\"",
        "bash",
        "VISIBLE_DEVICES",
        "VLLM_SERVER_DEV_MODE",
        "trust-remote-code",
        "api-key",
        "HF_TOKEN",
        "app.kubernetes.io/instance",
        "0.0.0.0/0",
        "\"privileged\":true",
    ];
    for case in every_case() {
        let text = case.objects().map(Value::to_string).collect::<String>();
        for forbidden in FORBIDDEN {
            assert!(!text.contains(forbidden), "{}: {forbidden}", case.name);
        }
    }
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    for case in every_case() {
        assert_eq!(yaml(&case.model, &settings()), yaml(&case.model.clone(), &settings()), "{}", case.name);
    }
}

fn hashes(model: &ModelRequest, settings: &Settings) -> Vec<String> {
    Case::new(String::new(), model.clone(), settings).objects().map(contract::rendered_hash).collect()
}

/// A change of one field of a model.
type Change = (&'static str, fn(&mut ModelRequest));

/// Fails to compile when a model gets a new field: give it a line in [`changes`] then. The two reasons are for people and
/// reach the status only.
fn every_field(model: &ModelRequest) {
    let AdapterSettings { name: _, source: _, rank: _ } = &adapters()[0];
    let ModelRequest {
        key: Key { namespace: _, name: _ },
        uid: _,
        model_name: _,
        information_class: _,
        risk_class: _,
        source: _,
        format: _,
        adapters: _,
        tools_image: _,
        weights_bytes: _,
        engine:
            EngineSettings {
                engine: _,
                image: _,
                context_length: _,
                concurrency: _,
                key_value_cache_type: _,
                args: _,
                custom: _,
            },
        accelerator:
            AcceleratorRequest { vendor: _, resource: _, count: _, product_label: _, products: _, reason: _ },
        resource_names: _,
        clearance: Clearance { regions: _, data_centres: _, levels: _, devices_label: _, reason: _ },
        tolerations: _,
        isolation: _,
        replicas: _,
        scaling: _,
        rollout: _,
        drain_seconds: _,
        consumers: _,
        route: _,
        request_logging: _,
    } = model;
}

/// One change for each field that reaches an object.
fn changes() -> Vec<Change> {
    vec![
        ("key.namespace", |model| model.key.namespace.push('x')),
        ("key.name", |model| model.key.name.push('x')),
        ("uid", |model| model.uid.push('0')),
        ("model_name", |model| model.model_name.push('x')),
        ("information_class", |model| model.information_class = InformationClass::Secret),
        ("risk_class", |model| model.risk_class = RiskClass::Minimal),
        ("source", |model| {
            let claim_name = "other".to_owned();
            model.source = WeightsSource::VolumeClaim { claim_name, path: String::new(), digest: None };
        }),
        ("format", |model| model.format = ModelFormat::GGUF),
        ("adapters", |model| model.adapters = adapters()),
        ("adapters.name", |model| {
            model.adapters = adapters();
            model.adapters[0].name.push('x');
        }),
        ("weights_bytes", |model| model.weights_bytes = None),
        ("engine.engine", |model| model.engine.engine = EngineType::LlamaCpp),
        ("engine.image", |model| model.engine.image.push('0')),
        ("engine.context_length", |model| model.engine.context_length = None),
        ("engine.concurrency", |model| model.engine.concurrency = Some(10)),
        ("engine.key_value_cache_type", |model| model.engine.key_value_cache_type = KeyValueCacheType::FP16),
        ("engine.args", |model| drop(model.engine.args.insert("enforce-eager".to_owned(), None))),
        ("engine.custom", |model| {
            let (health_path, paths) = ("/health".to_owned(), Vec::new());
            model.engine.custom =
                Some(CustomSettings { command: Vec::new(), port: 9000, health_path, paths });
        }),
        ("tolerations", |model| model.tolerations.clear()),
        ("accelerator.resource", |model| model.accelerator.resource.push('x')),
        ("accelerator.count", |model| model.accelerator.count += 1),
        ("accelerator.product_label", |model| {
            model.accelerator.product_label = Some("amd.com/gpu.product-name");
        }),
        ("accelerator.products", |model| model.accelerator.products.clear()),
        ("clearance.regions", |model| model.clearance.regions = None),
        ("clearance.data_centres", |model| model.clearance.data_centres.clear()),
        ("clearance.levels", |model| {
            model.clearance.levels.remove(&InformationClass::Sensitive);
        }),
        ("clearance.devices_label", |model| model.clearance.devices_label = true),
        ("isolation", |model| model.isolation = Isolation::Shared),
        ("replicas", |model| model.replicas = 0),
        ("scaling", |model| model.scaling = vllm_scaled().scaling),
        ("rollout", |model| model.rollout = RolloutStrategy::Recreate),
        ("drain_seconds", |model| model.drain_seconds += 1),
        ("consumers", |model| model.consumers.clear()),
        ("route", |model| model.route = vllm_behind_a_gateway().route),
        ("request_logging", |model| model.request_logging = RequestLogging::None),
    ]
}

#[test]
fn a_change_of_any_field_changes_a_hash() {
    let model = vllm_in_an_image();
    let before = hashes(&model, &settings());
    every_field(&model);
    assert_eq!(changes().len(), 35);
    for (field, change) in changes() {
        let mut changed = model.clone();
        change(&mut changed);
        assert_ne!(changed, model, "{field} was not changed");
        assert_ne!(hashes(&changed, &settings()), before, "{field}");
    }
    // One engine calls its devices by the names of the vendor's library.
    let mut other_vendor = llama_cpp_on_a_claim();
    other_vendor.accelerator.vendor = AcceleratorVendor::AMD;
    assert_ne!(hashes(&other_vendor, &settings()), hashes(&llama_cpp_on_a_claim(), &settings()), "vendor");
    assert_ne!(hashes(&model, &Settings { monitoring_namespace: None, ..settings() }), before, "monitoring");
    assert_ne!(hashes(&model, &Settings { proxy_image: None, ..settings() }), before, "the proxy's image");
}

#[test]
fn reasons_are_for_people_and_change_nothing() {
    let model = vllm_in_an_image();
    let mut changed = model.clone();
    changed.clearance.reason.push('x');
    changed.accelerator.reason.push('x');
    changed.resource_names.push("nvidia.com/other".to_owned());
    assert_eq!(hashes(&changed, &settings()), hashes(&model, &settings()));
}

#[test]
fn scaling_alone_does_not_replace_pods() {
    let model = vllm_in_an_image();
    let more = ModelRequest { replicas: model.replicas + 1, ..model.clone() };
    let template = |model: &ModelRequest| deployment(model).spec.unwrap().template;
    assert_eq!(template(&model), template(&more));
}

#[test]
fn an_empty_clearance_is_met_by_no_node() {
    let mut model = vllm_in_an_image();
    model.clearance = Clearance {
        devices_label: false,
        regions: Some(BTreeSet::new()),
        data_centres: BTreeSet::new(),
        levels: BTreeSet::new(),
        reason: String::new(),
    };
    model.accelerator.products.clear();
    let case = Case::new(String::new(), model, &settings());
    let terms = case.node_selector_terms();
    assert_eq!(terms.len(), 1);
    let expressions = terms[0]["matchExpressions"].as_array().unwrap();
    let (clearance, devices) = expressions.split_at(3);
    // What is left keeps off nodes that share their devices, and can only take nodes away.
    assert!(devices.iter().all(|one| ["DoesNotExist", "NotIn"].contains(&one["operator"].as_str().unwrap())));
    for expression in clearance {
        assert_eq!(expression["operator"], "In");
        assert_eq!(expression["values"], serde_json::json!([NOWHERE]));
    }
    // A valid label value that is no value of ours: those of region and data centre are in lower case.
    assert!(NOWHERE.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert!(NOWHERE.starts_with(|first: char| first.is_ascii_uppercase()));
    assert_eq!(InformationClass::parse(NOWHERE), None);
}

#[test]
fn without_allowed_clients_no_client_reaches_the_model() {
    let mut model = vllm_in_an_image();
    model.consumers.clear();
    let nobody = Settings { monitoring_namespace: None, inspects: false, ..settings() };
    let policy = render(&plan(&model), &nobody).typed::<NetworkPolicy>().unwrap();
    let spec = policy.spec.unwrap();
    assert_eq!(spec.policy_types, Some(vec!["Ingress".to_owned(), "Egress".to_owned()]));
    assert_eq!(spec.ingress, None);
    assert_eq!(spec.egress, None);
}

#[test]
fn a_namesake_is_another_model() {
    let model = vllm_in_an_image();
    let twin = ModelRequest { uid: "11111111-2222-3333-4444-555555555555".to_owned(), ..model.clone() };
    let selector = |model: &ModelRequest| deployment(model).spec.unwrap().selector;
    let labels =
        |model: &ModelRequest| deployment(model).spec.unwrap().template.metadata.unwrap().labels.unwrap();
    for (label, value) in selector(&model).match_labels.unwrap() {
        assert_eq!(labels(&model).get(&label), Some(&value));
    }
    assert!(
        selector(&model)
            .match_labels
            .unwrap()
            .iter()
            .any(|(label, value)| labels(&twin).get(label) != Some(value))
    );
}

#[test]
fn an_image_of_the_users_own_starts_its_own_program_where_none_is_named() {
    let mut model = custom();
    model.engine.args.clear();
    if let Some(custom) = &mut model.engine.custom {
        custom.command.clear();
    }
    let case = Case::new(String::new(), model, &settings());
    assert_eq!(case.container().get("command"), None);
    assert_eq!(case.container().get("args"), None);
}

#[test]
fn vllm_sets_room_aside_for_the_greatest_rank_that_is_known() {
    let args = |ranks: [Option<i32>; 2]| {
        let mut model = vllm_with_adapters();
        for (adapter, rank) in model.adapters.iter_mut().zip(ranks) {
            adapter.rank = rank;
        }
        Case::new(String::new(), model, &settings()).container()["args"].to_string()
    };
    assert!(args([Some(24), Some(8)]).contains(r#""--max-lora-rank=32""#));
    assert!(args([Some(8), Some(321)]).contains(r#""--max-lora-rank=512""#));
    assert!(!args([None, None]).contains("max-lora-rank"));
}

#[test]
fn a_reserved_argument_never_reaches_the_engine() {
    let mut model = vllm_in_an_image();
    for name in ["port", "trust-remote-code", "no-load-format", "trust-remote"] {
        model.engine.args.insert(name.to_owned(), Some("1".to_owned()));
    }
    assert_eq!(yaml(&model, &settings()), yaml(&vllm_in_an_image(), &settings()));
}

#[test]
fn the_startup_budget_follows_the_weights() {
    let budget = |weights_bytes| {
        let case =
            Case::new(String::new(), ModelRequest { weights_bytes, ..vllm_in_an_image() }, &settings());
        case.startup_seconds()
    };
    assert_eq!(budget(None), 1800);
    assert_eq!(budget(Some(0)), 600);
    assert_eq!(budget(Some(100_000_000_000)), 1600);
    assert_eq!(budget(Some(u64::MAX)), 10_800);
}

#[test]
fn the_context_of_llama_cpp_is_for_all_requests_together() {
    let args = |context_length, concurrency| {
        let mut model = llama_cpp_on_a_claim();
        model.engine.context_length = context_length;
        model.engine.concurrency = concurrency;
        Case::new(String::new(), model, &settings()).container()["args"].clone().to_string()
    };
    assert!(args(Some(8192), Some(4)).contains(r#""--ctx-size","32768","--parallel","4","--no-kv-unified""#));
    assert!(args(Some(8192), None).contains(r#""--ctx-size","8192""#));
    assert!(args(None, Some(4)).contains(r#""--parallel","4","--kv-unified""#));
    assert!(!args(None, None).contains("--parallel"));
    assert!(args(Some(100_000_000), Some(4096)).contains(&format!(r#""--ctx-size","{}""#, i32::MAX)));
}
