//! What only some models become: what scales them, and the way from a gateway.

use std::collections::BTreeSet;

use hemvist_core::engine::LoadMeasures;
use hemvist_core::request::{
    Autoscaler, KedaSettings, ModelRequest, PickerSettings, RouteSettings, ScalingSettings, Target, Window,
};
use hemvist_core::snapshot::Key;
use serde_json::{Value, json};

use crate::assert_golden;
use crate::contract::{items, rendered_hash};
use crate::fixtures::{Case, custom, deployment, settings, sglang_with_adapters, vllm_in_an_image};
use crate::proxy::expected_routes;

/// Scaled by Kubernetes itself, by the share of the key-value cache.
pub fn vllm_scaled() -> ModelRequest {
    let scaling = ScalingSettings {
        by: Autoscaler::HorizontalPodAutoscaler,
        min_replicas: 2,
        max_replicas: 5,
        followed: "vllm:kv_cache_usage_perc",
        target: Target::PerCent(85),
        idle_seconds: None,
        reason: "there is no KEDA".to_owned(),
    };
    ModelRequest { scaling: Some(scaling), replicas: 1, ..vllm_in_an_image() }
}

/// Scaled by KEDA, by the queue, what a gateway counts, and the time of day.
pub fn sglang_scaled() -> ModelRequest {
    let window = |name: &str, start: &str, end: &str, replicas| Window {
        name: name.to_owned(),
        start: start.to_owned(),
        end: end.to_owned(),
        time_zone: "Europe/Stockholm".to_owned(),
        replicas,
    };
    let keda = KedaSettings {
        prometheus: "http://prometheus.overvakning.svc:9090".to_owned(),
        measures: LoadMeasures {
            waiting: "sglang:num_queue_reqs",
            running: "sglang:num_running_reqs",
            tokens: ["sglang:prompt_tokens_total", "sglang:generation_tokens_total"],
            cache_used: Some("sglang:token_usage"),
        },
        incoming: Some("sum(rate(gateway_requests_total{ns=\"$namespace\",model=\"$name\"}[2m]))".to_owned()),
        schedule: vec![
            window("kontorstid", "30 6 * * 1-5", "0 18 * * 1-5", 2),
            window("natt", "0 1 * * *", "0 2 * * *", 1),
        ],
    };
    let scaling = ScalingSettings {
        by: Autoscaler::ScaledObject(keda),
        min_replicas: 0,
        max_replicas: 4,
        followed: "sglang:num_queue_reqs",
        target: Target::Requests(6),
        idle_seconds: Some(7200),
        reason: "there is KEDA".to_owned(),
    };
    ModelRequest { scaling: Some(scaling), replicas: 1, ..sglang_with_adapters() }
}

/// Where a gateway leads, below a path, to a pool in which an endpoint picker chooses the replica.
pub fn vllm_behind_a_gateway() -> ModelRequest {
    let route = RouteSettings {
        gateway: Key::new("ingang", "region"),
        hostname: "ai.region.example".to_owned(),
        path: "/journal".to_owned(),
        notice: Some("Du samtalar med ett AI-system. Frågor: 036-32 10 00.".to_owned()),
        picker: Some(PickerSettings { service: "journal-picker".to_owned(), port: 9002 }),
    };
    ModelRequest { route: Some(route), ..vllm_in_an_image() }
}

/// Where a gateway routes to the Service.
pub fn custom_behind_a_gateway() -> ModelRequest {
    let route = RouteSettings {
        gateway: Key::new("ingang", "region"),
        hostname: "tolk.ai.region.example".to_owned(),
        path: String::new(),
        notice: None,
        picker: None,
    };
    ModelRequest { route: Some(route), ..custom() }
}

/// As many autoscalers as there should be, each of the Deployment, and never more than the model allows.
pub fn autoscaler(case: &Case) -> bool {
    let target =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": case.deployment["metadata"]["name"]});
    let kinds = ["HorizontalPodAutoscaler", "ScaledObject"];
    let found: Vec<_> = case
        .objects()
        .filter(|object| kinds.iter().any(|kind| object["kind"] == *kind))
        .map(|object| &object["spec"])
        .collect();
    let Some(scaling) = &case.model.scaling else { return found.is_empty() };
    let bounds = |least: &str, most: &str| {
        found[0][least] == scaling.min_replicas && found[0][most] == scaling.max_replicas
    };
    found.len() == 1
        && found[0]["scaleTargetRef"] == target
        && (bounds("minReplicas", "maxReplicas") || bounds("minReplicaCount", "maxReplicaCount"))
}

/// A route to whole paths of the interface by one method each, and a pool exactly where it leads to one.
pub fn route(case: &Case) -> bool {
    let of = |kind: &str| case.objects().find(|object| object["kind"] == kind).map(|object| &object["spec"]);
    let Some(settings) = &case.model.route else {
        return of("HTTPRoute").is_none() && of("InferencePool").is_none();
    };
    let Some(route) = of("HTTPRoute") else { return false };
    let rules = items(&route["rules"]);
    let led: BTreeSet<_> = rules
        .iter()
        .flat_map(|rule| items(&rule["matches"]))
        .map(|one| {
            let path = one["path"]["value"].as_str().filter(|_| one["path"]["type"] == "Exact");
            let path = path.and_then(|path| path.strip_prefix(settings.path.as_str()));
            (path.unwrap_or_default().to_owned(), one["method"].as_str().unwrap_or_default().to_owned())
        })
        .collect();
    let to = if settings.picker.is_some() { "InferencePool" } else { "Service" };
    // What the proxy lets through, whoever leads to it. The Gateway API takes no more rules than these.
    (1..=16).contains(&rules.len())
        && led == expected_routes(&case.model)
        && rules.iter().all(|rule| rule["backendRefs"][0]["kind"] == to)
        && of("InferencePool").is_some() == settings.picker.is_some()
}

#[test]
fn vllm_that_kubernetes_scales() {
    assert_golden("vllm-scaled.yaml", &vllm_scaled());
}

#[test]
fn sglang_that_keda_scales() {
    assert_golden("sglang-scaled.yaml", &sglang_scaled());
}

#[test]
fn vllm_behind_a_gateway_with_a_pool() {
    assert_golden("vllm-gateway.yaml", &vllm_behind_a_gateway());
}

#[test]
fn a_custom_engine_behind_a_gateway() {
    assert_golden("custom-gateway.yaml", &custom_behind_a_gateway());
}

/// A change of one field of what scales a model.
type ScalingChange = (&'static str, fn(&mut ScalingSettings));

/// Fails to compile when scaling gets a new field: give it a line in [`scaling_changes`] then.
fn every_field_of_scaling(scaling: &ScalingSettings) {
    let ScalingSettings {
        by: _,
        min_replicas: _,
        max_replicas: _,
        followed: _,
        target: _,
        idle_seconds: _,
        reason: _,
    } = scaling;
}

fn scaling_changes() -> Vec<ScalingChange> {
    fn keda(scaling: &mut ScalingSettings) -> &mut KedaSettings {
        match &mut scaling.by {
            Autoscaler::ScaledObject(keda) => keda,
            Autoscaler::HorizontalPodAutoscaler => unreachable!(),
        }
    }
    vec![
        ("by", |scaling| scaling.by = Autoscaler::HorizontalPodAutoscaler),
        ("by.prometheus", |scaling| keda(scaling).prometheus.push('x')),
        ("by.measures.waiting", |scaling| keda(scaling).measures.waiting = "other"),
        ("by.measures.running", |scaling| keda(scaling).measures.running = "other"),
        ("by.measures.tokens", |scaling| keda(scaling).measures.tokens[1] = "other"),
        ("by.incoming", |scaling| keda(scaling).incoming = None),
        ("by.schedule", |scaling| drop(keda(scaling).schedule.pop())),
        ("by.schedule.name", |scaling| keda(scaling).schedule[0].name.push('x')),
        ("by.schedule.start", |scaling| keda(scaling).schedule[0].start.push('x')),
        ("by.schedule.end", |scaling| keda(scaling).schedule[0].end.push('x')),
        ("by.schedule.time_zone", |scaling| keda(scaling).schedule[0].time_zone.push('x')),
        ("by.schedule.replicas", |scaling| keda(scaling).schedule[0].replicas += 1),
        ("min_replicas", |scaling| scaling.min_replicas += 1),
        ("max_replicas", |scaling| scaling.max_replicas += 1),
        ("followed", |scaling| scaling.followed = "other"),
        ("target", |scaling| scaling.target = Target::PerCent(6)),
        ("idle_seconds", |scaling| scaling.idle_seconds = None),
    ]
}

/// The hashes of what scales the model, and of all else.
fn hashes_of_scaling(model: &ModelRequest) -> [Vec<String>; 2] {
    let case = Case::new(String::new(), model.clone(), &settings());
    let scales = |object: &&Value| {
        object["kind"] == json!("ScaledObject") || object["kind"] == json!("HorizontalPodAutoscaler")
    };
    let (scaling, others): (Vec<_>, Vec<_>) = case.objects().partition(scales);
    [scaling, others].map(|all| all.into_iter().map(rendered_hash).collect())
}

#[test]
fn a_change_of_scaling_changes_what_scales_and_nothing_else() {
    let model = sglang_scaled();
    let before = hashes_of_scaling(&model);
    every_field_of_scaling(model.scaling.as_ref().unwrap());
    for (field, change) in scaling_changes() {
        let mut changed = model.clone();
        change(changed.scaling.as_mut().unwrap());
        let [scaling, others] = hashes_of_scaling(&changed);
        assert_ne!(scaling, before[0], "{field}");
        assert_eq!(others, before[1], "{field}");
    }
}

#[test]
fn a_model_that_is_scaled_has_the_pods_of_one_that_is_not() {
    let model = vllm_scaled();
    let fixed = ModelRequest { scaling: None, ..model.clone() };
    let template = |model: &ModelRequest| deployment(model).spec.unwrap().template;
    assert_eq!(template(&model), template(&fixed));
}
