//! Models to render. Every value of a model is different, so that two that were swapped would show.

use std::collections::BTreeMap;

use hemvist_api::values::{
    AcceleratorVendor, EngineType, InformationClass, Isolation, KeyValueCacheType, ModelFormat,
    RequestLogging, RiskClass, RolloutStrategy,
};
use hemvist_core::bytes::GIBIBYTE;
use hemvist_core::render::render;
use hemvist_core::snapshot::{ChildKind, Key, Settings};
use hemvist_core::validate::{
    AcceleratorRequest, AdapterSettings, Clearance, CustomSettings, EngineSettings, ValidatedModel,
    WeightsSource,
};
use serde_json::Value;

use crate::around::{custom_behind_a_gateway, sglang_scaled, vllm_behind_a_gateway, vllm_scaled};

/// A model with its settings and everything that it becomes, as JSON.
pub struct Case {
    pub name: String,
    pub model: ValidatedModel,
    pub settings: Settings,
    pub service_account: Value,
    pub network_policy: Value,
    pub service: Value,
    pub pod_disruption_budget: Value,
    pub deployment: Value,
    pub objects: Vec<Value>,
}

impl Case {
    pub fn new(name: String, model: ValidatedModel, settings: &Settings) -> Self {
        let objects = render(&model, settings).json().unwrap();
        let of = |kind| objects.iter().find(|(one, _)| *one == kind).unwrap().1.clone();
        Self {
            name,
            model,
            settings: settings.clone(),
            service_account: of(ChildKind::ServiceAccount),
            network_policy: of(ChildKind::NetworkPolicy),
            service: of(ChildKind::Service),
            pod_disruption_budget: of(ChildKind::PodDisruptionBudget),
            deployment: of(ChildKind::Deployment),
            objects: objects.into_iter().map(|(_, object)| object).collect(),
        }
    }

    pub fn objects(&self) -> impl Iterator<Item = &Value> {
        self.objects.iter()
    }

    pub fn template(&self) -> &Value {
        &self.deployment["spec"]["template"]
    }

    pub fn pod(&self) -> &Value {
        &self.template()["spec"]
    }

    pub fn container(&self) -> &Value {
        &self.pod()["containers"][0]
    }

    pub fn node_selector_terms(&self) -> Vec<Value> {
        let required =
            &self.pod()["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        required["nodeSelectorTerms"].as_array().cloned().unwrap_or_default()
    }

    pub fn startup_seconds(&self) -> i64 {
        let probe = &self.container()["startupProbe"];
        probe["periodSeconds"].as_i64().unwrap() * probe["failureThreshold"].as_i64().unwrap()
    }
}

pub fn settings() -> Settings {
    Settings { monitoring_namespace: Some("overvakning".to_owned()), ..Settings::default() }
}

fn digest(digit: char) -> String {
    std::iter::repeat_n(digit, 64).collect()
}

fn names<const N: usize>(names: [&str; N]) -> std::collections::BTreeSet<String> {
    names.map(str::to_owned).into()
}

pub fn vllm_in_an_image() -> ValidatedModel {
    ValidatedModel {
        key: Key::new("halsa", "journal"),
        uid: "6f0d2c1e-8a44-4a0b-9a53-0f4f2b7f6a10".to_owned(),
        model_name: "llama-3.3-70b-instruct".to_owned(),
        information_class: InformationClass::Sensitive,
        risk_class: RiskClass::High,
        source: WeightsSource::Image {
            reference: format!("registry.region.example/models/llama@sha256:{}", digest('a')),
            path: "/weights/llama".to_owned(),
        },
        format: ModelFormat::Safetensors,
        adapters: Vec::new(),
        weights_bytes: Some(141 * GIBIBYTE),
        engine: EngineSettings {
            engine: EngineType::VLLM,
            image: format!("registry.region.example/vllm/vllm-openai@sha256:{}", digest('b')),
            context_length: Some(32_768),
            concurrency: Some(9),
            key_value_cache_type: KeyValueCacheType::FP8,
            args: BTreeMap::from([
                ("enable-prefix-caching".to_owned(), None),
                ("max-num-batched-tokens".to_owned(), Some("16384".to_owned())),
            ]),
            custom: None,
        },
        accelerator: AcceleratorRequest {
            vendor: AcceleratorVendor::NVIDIA,
            resource: "nvidia.com/gpu".to_owned(),
            count: 4,
            product_label: "nvidia.com/gpu.product",
            products: names(["NVIDIA-H100-80GB-HBM3", "NVIDIA-H200"]),
            reason: "four were asked for".to_owned(),
        },
        clearance: Clearance {
            regions: Some(names(["se-f"])),
            data_centres: names(["jkpg-a", "jkpg-b"]),
            levels: [InformationClass::Sensitive, InformationClass::Secret].into(),
            reason: "AIPolicy hemvist-system/region".to_owned(),
        },
        isolation: Isolation::WholeNode,
        replicas: 3,
        scaling: None,
        route: None,
        rollout: RolloutStrategy::Auto,
        drain_seconds: 47,
        consumers: names(["journal-app", "remiss-app"]),
        request_logging: RequestLogging::Metadata,
    }
}

pub fn llama_cpp_on_a_claim() -> ValidatedModel {
    ValidatedModel {
        key: Key::new("skola", "laxhjalp"),
        uid: "b1f7b3b6-52c5-4c66-8b2c-7d3a5e9f4c21".to_owned(),
        model_name: "mistral-small-24b".to_owned(),
        information_class: InformationClass::Internal,
        risk_class: RiskClass::Limited,
        source: WeightsSource::VolumeClaim {
            claim_name: "skola-weights".to_owned(),
            path: "mistral/q4.gguf".to_owned(),
        },
        format: ModelFormat::GGUF,
        adapters: Vec::new(),
        weights_bytes: Some(14 * GIBIBYTE + 1),
        engine: EngineSettings {
            engine: EngineType::LlamaCpp,
            image: format!("registry.kommun.example/ggml/llama.cpp@sha256:{}", digest('c')),
            context_length: Some(8192),
            concurrency: Some(6),
            key_value_cache_type: KeyValueCacheType::FP16,
            args: BTreeMap::from([("batch-size".to_owned(), Some("1024".to_owned()))]),
            custom: None,
        },
        accelerator: AcceleratorRequest {
            vendor: AcceleratorVendor::NVIDIA,
            resource: "nvidia.com/gpu".to_owned(),
            count: 1,
            product_label: "nvidia.com/gpu.product",
            products: names(["NVIDIA-L40S"]),
            reason: "one is the least".to_owned(),
        },
        clearance: Clearance {
            regions: None,
            data_centres: names(["nassjo-1"]),
            levels: [InformationClass::Internal, InformationClass::Sensitive].into(),
            reason: "AIPolicy hemvist-system/kommun".to_owned(),
        },
        isolation: Isolation::WholeDevice,
        replicas: 2,
        scaling: None,
        route: None,
        rollout: RolloutStrategy::Recreate,
        drain_seconds: 31,
        consumers: names(["larplattform"]),
        request_logging: RequestLogging::None,
    }
}

pub fn partition() -> ValidatedModel {
    ValidatedModel {
        key: Key::new("bygg", "detaljplan"),
        uid: "0c5e8d3f-1b7a-47d2-a1f9-94d6c2e8b732".to_owned(),
        model_name: "qwen3-4b".to_owned(),
        information_class: InformationClass::Open,
        risk_class: RiskClass::Minimal,
        source: WeightsSource::Image {
            reference: format!("registry.kommun.example/models/qwen@sha256:{}", digest('d')),
            path: "/".to_owned(),
        },
        weights_bytes: None,
        engine: EngineSettings {
            image: format!("registry.kommun.example/vllm/vllm-openai@sha256:{}", digest('e')),
            context_length: Some(4096),
            concurrency: None,
            key_value_cache_type: KeyValueCacheType::Auto,
            args: BTreeMap::new(),
            ..vllm_in_an_image().engine
        },
        accelerator: AcceleratorRequest {
            resource: "nvidia.com/mig-1g.10gb".to_owned(),
            count: 1,
            products: names([]),
            ..vllm_in_an_image().accelerator
        },
        clearance: Clearance {
            regions: Some(names(["se-f", "se-e"])),
            data_centres: names(["linkoping-2"]),
            levels: [InformationClass::Open].into(),
            reason: "AIPolicy hemvist-system/kommun".to_owned(),
        },
        isolation: Isolation::Partition,
        replicas: 5,
        rollout: RolloutStrategy::Surge,
        drain_seconds: 13,
        consumers: names([]),
        request_logging: RequestLogging::None,
        ..vllm_in_an_image()
    }
}

fn adapter(name: &str, source: WeightsSource, rank: Option<i32>) -> AdapterSettings {
    AdapterSettings { name: name.to_owned(), source, rank }
}

/// Two adapters for safetensors: one in an image, one on a claim.
pub fn adapters() -> Vec<AdapterSettings> {
    let image = WeightsSource::Image {
        reference: format!("registry.region.example/adapters/epikris@sha256:{}", digest('8')),
        path: "/".to_owned(),
    };
    let claim =
        WeightsSource::VolumeClaim { claim_name: "remiss-adapter".to_owned(), path: "lora/v2".to_owned() };
    vec![adapter("epikris", image, Some(24)), adapter("remiss", claim, None)]
}

pub fn vllm_with_adapters() -> ValidatedModel {
    ValidatedModel { adapters: adapters(), ..vllm_in_an_image() }
}

pub fn llama_cpp_with_adapters() -> ValidatedModel {
    let source = WeightsSource::Image {
        reference: format!("registry.kommun.example/adapters/laxor@sha256:{}", digest('9')),
        path: "/lora/laxor-f16.gguf".to_owned(),
    };
    ValidatedModel { adapters: vec![adapter("laxor", source, None)], ..llama_cpp_on_a_claim() }
}

pub fn sglang_with_adapters() -> ValidatedModel {
    ValidatedModel {
        key: Key::new("halsa", "triage"),
        uid: "51d2a7c4-3e60-4b1f-8c77-e1f5a9b3d043".to_owned(),
        model_name: "mistral-small-24b-instruct".to_owned(),
        adapters: adapters(),
        weights_bytes: Some(47 * GIBIBYTE),
        engine: EngineSettings {
            engine: EngineType::SGLang,
            image: format!("registry.region.example/lmsysorg/sglang@sha256:{}", digest('f')),
            context_length: Some(16_384),
            concurrency: Some(12),
            key_value_cache_type: KeyValueCacheType::FP16,
            args: BTreeMap::from([
                ("disable-radix-cache".to_owned(), None),
                ("mem-fraction-static".to_owned(), Some("0.85".to_owned())),
            ]),
            custom: None,
        },
        accelerator: AcceleratorRequest { count: 2, ..vllm_in_an_image().accelerator },
        rollout: RolloutStrategy::Rolling,
        drain_seconds: 53,
        ..vllm_in_an_image()
    }
}

pub fn custom() -> ValidatedModel {
    ValidatedModel {
        key: Key::new("teknik", "tolk"),
        uid: "9e4c1b70-6d2f-4a85-b3c8-27f0d5e6a154".to_owned(),
        model_name: "kb-whisper-large".to_owned(),
        weights_bytes: Some(3 * GIBIBYTE),
        engine: EngineSettings {
            engine: EngineType::Custom,
            image: format!("registry.region.example/teknik/tolk@sha256:{}", digest('7')),
            context_length: None,
            concurrency: Some(3),
            key_value_cache_type: KeyValueCacheType::Auto,
            args: BTreeMap::from([("beam-size".to_owned(), Some("5".to_owned()))]),
            custom: Some(CustomSettings {
                command: vec!["/app/tolk".to_owned(), "serve".to_owned()],
                port: 3000,
                health_path: "/healthz/ready".to_owned(),
            }),
        },
        accelerator: AcceleratorRequest { count: 1, ..vllm_in_an_image().accelerator },
        drain_seconds: 29,
        ..vllm_in_an_image()
    }
}

/// Engines x sources x rollouts x isolations.
pub fn every_case() -> Vec<Case> {
    let mut cases = Vec::new();
    let engines = [
        vllm_in_an_image(),
        vllm_with_adapters(),
        llama_cpp_on_a_claim(),
        llama_cpp_with_adapters(),
        sglang_with_adapters(),
        custom(),
        vllm_scaled(),
        sglang_scaled(),
        vllm_behind_a_gateway(),
        custom_behind_a_gateway(),
    ];
    for engine in engines {
        for source in [vllm_in_an_image().source, llama_cpp_on_a_claim().source] {
            for rollout in RolloutStrategy::ALL {
                for isolation in Isolation::ALL {
                    let kind = if matches!(source, WeightsSource::Image { .. }) { "image" } else { "claim" };
                    let with = engine.adapters.len();
                    let scaled = engine.scaling.as_ref().map_or("fixed", |one| one.by.kind().as_str());
                    let type_ = engine.engine.engine;
                    let routed = engine.route.as_ref().map_or("", |route| route.hostname.as_str());
                    let name = format!("{type_} +{with} {kind} {rollout} {isolation} {scaled} {routed}");
                    let model = ValidatedModel {
                        source: source.clone(),
                        rollout: *rollout,
                        isolation: *isolation,
                        ..engine.clone()
                    };
                    cases.push(Case::new(name, model, &settings()));
                }
            }
        }
    }
    cases
}
