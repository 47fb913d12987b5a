//! Models to render. Every value of a model is different, so that two that were swapped would show.

use std::collections::BTreeMap;
use std::sync::Arc;

use hemvist_api::values::{
    AcceleratorVendor, EngineType, InformationClass, Isolation, KeyValueCacheType, ModelFormat,
    RequestLogging, RiskClass, RolloutStrategy,
};
use hemvist_core::bytes::GIBIBYTE;
use hemvist_core::decide::Plan;
use hemvist_core::engine::{CustomSettings, EngineSettings};
use hemvist_core::placement::Placement;
use hemvist_core::policy::Clearance;
use hemvist_core::render::{Deployment, render};
use hemvist_core::request::{
    AcceleratorRequest, AdapterSettings, FetchedWeights, Mirror, ModelRequest, WeightsSource, tolerations,
};
use hemvist_core::snapshot::{ChildKind, Key, MirrorAddress, Settings};
use serde_json::Value;

use crate::around::{custom_behind_a_gateway, sglang_scaled, vllm_behind_a_gateway, vllm_scaled};

/// A model with its settings and everything that it becomes, as JSON.
pub struct Case {
    pub name: String,
    pub model: ModelRequest,
    pub settings: Settings,
    pub service_account: Value,
    pub network_policy: Value,
    pub service: Value,
    pub pod_disruption_budget: Value,
    pub fetch: Vec<Value>,
    pub deployment: Value,
    pub objects: Vec<Value>,
}

impl Case {
    pub fn new(name: String, model: ModelRequest, settings: &Settings) -> Self {
        let desired = render(&plan(&model), settings);
        let objects = desired.objects().map(|object| (object.kind, object.json.clone()));
        // What fetches is a Job and a second NetworkPolicy, both with names that are derived from the model's.
        let fetches = |kind: &ChildKind, object: &Value| {
            let own = object["metadata"]["name"] == model.key.name.as_str();
            *kind == ChildKind::Job || (*kind == ChildKind::NetworkPolicy && !own)
        };
        let (fetch, objects): (Vec<_>, Vec<_>) = objects.partition(|(kind, object)| fetches(kind, object));
        let of = |kind| objects.iter().find(|(one, _)| *one == kind).unwrap().1.clone();
        Self {
            name,
            model,
            settings: settings.clone(),
            service_account: of(ChildKind::ServiceAccount),
            network_policy: of(ChildKind::NetworkPolicy),
            service: of(ChildKind::Service),
            pod_disruption_budget: of(ChildKind::PodDisruptionBudget),
            fetch: fetch.into_iter().map(|(_, object)| object).collect(),
            deployment: of(ChildKind::Deployment),
            objects: objects.into_iter().map(|(_, object)| object).collect(),
        }
    }

    /// Everything but what fetches, which has a contract of its own.
    pub fn objects(&self) -> impl Iterator<Item = &Value> {
        self.objects.iter()
    }

    pub fn template(&self) -> &Value {
        &self.deployment["spec"]["template"]
    }

    pub fn pod(&self) -> &Value {
        &self.template()["spec"]
    }

    /// The engine.
    pub fn container(&self) -> &Value {
        &self.pod()["containers"][0]
    }

    /// Every container, whether it serves or stands beside.
    pub fn containers(&self) -> impl Iterator<Item = &Value> {
        let lists = ["initContainers", "containers"].map(|kind| self.pod()[kind].as_array());
        lists.into_iter().flatten().flatten()
    }

    /// Whether the arguments or variables of the engine have this path.
    pub fn serves_from(&self, path: &str) -> bool {
        let lists = [&self.container()["args"], &self.container()["env"]];
        lists.iter().any(|list| list.to_string().contains(&format!("{path}\"")))
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

/// The plan of a model. What can be rendered of it does not hang on where it can go.
pub fn plan(model: &ModelRequest) -> Plan {
    let placement = Placement {
        demand: Arc::new(model.demand()),
        wanted: 0,
        slots: 0,
        candidates: 0,
        excluded: Vec::new(),
        holders: Vec::new(),
        ahead: 0,
    };
    Plan::new(model.clone(), placement)
}

/// What makes the replicas of a model.
pub fn deployment(model: &ModelRequest) -> Deployment {
    render(&plan(model), &settings()).typed().unwrap()
}

pub fn settings() -> Settings {
    Settings {
        monitoring_namespace: Some("overvakning".to_owned()),
        inspects: true,
        proxy_image: Some(format!("registry.region.example/envoyproxy/envoy@sha256:{}", digest('8'))),
        ..Settings::default()
    }
}

fn digest(digit: char) -> String {
    std::iter::repeat_n(digit, 64).collect()
}

fn names<const N: usize>(names: [&str; N]) -> std::collections::BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// The model with the tolerations that follow from its class and accelerators.
fn tolerated(mut model: ModelRequest) -> ModelRequest {
    model.tolerations = tolerations(model.information_class, &model.accelerator, &Settings::default());
    model
}

pub fn vllm_in_an_image() -> ModelRequest {
    tolerated(ModelRequest {
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
        tools_image: None,
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
            product_label: Some("nvidia.com/gpu.product"),
            products: names(["NVIDIA-H100-80GB-HBM3", "NVIDIA-H200"]),
            reason: "four were asked for".to_owned(),
        },
        resource_names: Vec::new(),
        clearance: Clearance {
            regions: Some(names(["se-f"])),
            data_centres: names(["jkpg-a", "jkpg-b"]),
            levels: [InformationClass::Sensitive, InformationClass::Secret].into(),
            devices_label: false,
            reason: "AIPolicy hemvist-system/region".to_owned(),
        },
        tolerations: Vec::new(),
        isolation: Isolation::WholeNode,
        replicas: 3,
        scaling: None,
        route: None,
        rollout: RolloutStrategy::Auto,
        drain_seconds: 47,
        consumers: names(["journal-app", "remiss-app"]),
        request_logging: RequestLogging::Metadata,
    })
}

pub fn llama_cpp_on_a_claim() -> ModelRequest {
    tolerated(ModelRequest {
        key: Key::new("skola", "laxhjalp"),
        uid: "b1f7b3b6-52c5-4c66-8b2c-7d3a5e9f4c21".to_owned(),
        model_name: "mistral-small-24b".to_owned(),
        information_class: InformationClass::Internal,
        risk_class: RiskClass::Limited,
        source: WeightsSource::VolumeClaim {
            claim_name: "skola-weights".to_owned(),
            path: "mistral/q4.gguf".to_owned(),
            digest: None,
        },
        format: ModelFormat::GGUF,
        adapters: Vec::new(),
        tools_image: None,
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
            product_label: Some("nvidia.com/gpu.product"),
            products: names(["NVIDIA-L40S"]),
            reason: "one is the least".to_owned(),
        },
        resource_names: Vec::new(),
        clearance: Clearance {
            regions: None,
            data_centres: names(["nassjo-1"]),
            levels: [InformationClass::Internal, InformationClass::Sensitive].into(),
            devices_label: false,
            reason: "AIPolicy hemvist-system/kommun".to_owned(),
        },
        tolerations: Vec::new(),
        isolation: Isolation::WholeDevice,
        replicas: 2,
        scaling: None,
        route: None,
        rollout: RolloutStrategy::Recreate,
        drain_seconds: 31,
        consumers: names(["larplattform"]),
        request_logging: RequestLogging::None,
    })
}

pub fn partition() -> ModelRequest {
    tolerated(ModelRequest {
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
        resource_names: Vec::new(),
        clearance: Clearance {
            regions: Some(names(["se-f", "se-e"])),
            data_centres: names(["linkoping-2"]),
            levels: [InformationClass::Open].into(),
            devices_label: false,
            reason: "AIPolicy hemvist-system/kommun".to_owned(),
        },
        isolation: Isolation::Partition,
        replicas: 5,
        rollout: RolloutStrategy::Surge,
        drain_seconds: 13,
        consumers: names([]),
        request_logging: RequestLogging::None,
        ..vllm_in_an_image()
    })
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
    let claim = WeightsSource::VolumeClaim {
        claim_name: "remiss-adapter".to_owned(),
        path: "lora/v2".to_owned(),
        digest: None,
    };
    vec![adapter("epikris", image, Some(24)), adapter("remiss", claim, None)]
}

pub fn vllm_with_adapters() -> ModelRequest {
    tolerated(ModelRequest { adapters: adapters(), ..vllm_in_an_image() })
}

pub fn llama_cpp_with_adapters() -> ModelRequest {
    let source = WeightsSource::Image {
        reference: format!("registry.kommun.example/adapters/laxor@sha256:{}", digest('9')),
        path: "/lora/laxor-f16.gguf".to_owned(),
    };
    tolerated(ModelRequest { adapters: vec![adapter("laxor", source, None)], ..llama_cpp_on_a_claim() })
}

pub fn sglang_with_adapters() -> ModelRequest {
    tolerated(ModelRequest {
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
    })
}

pub fn custom() -> ModelRequest {
    tolerated(ModelRequest {
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
                paths: vec!["/v1/audio/transcriptions".to_owned(), "/tolka".to_owned()],
            }),
        },
        resource_names: Vec::new(),
        accelerator: AcceleratorRequest { count: 1, ..vllm_in_an_image().accelerator },
        drain_seconds: 29,
        ..vllm_in_an_image()
    })
}

fn tools() -> String {
    format!("registry.region.example/hemvist/hemvist-tools@sha256:{}", digest('5'))
}

/// A model and an adapter on claims, both with a digest.
pub fn verified_claims() -> ModelRequest {
    let on_claim = |claim_name: &str, path: &str, digit| WeightsSource::VolumeClaim {
        claim_name: claim_name.to_owned(),
        path: path.to_owned(),
        digest: Some(format!("sha256:{}", digest(digit))),
    };
    ModelRequest {
        source: on_claim("journal-weights", "llama", '1'),
        adapters: vec![adapter("remiss", on_claim("remiss-adapter", "lora/v2", '2'), Some(8))],
        tools_image: Some(tools()),
        ..vllm_in_an_image()
    }
}

fn fetched(mirror: Mirror, path: &str, is_file: bool) -> WeightsSource {
    WeightsSource::Mirror(Box::new(FetchedWeights {
        claim_name: "weights".to_owned(),
        path: path.to_owned(),
        is_file,
        digest: format!("sha256:{}", digest('3')),
        mirror,
        address: MirrorAddress { networks: names(["10.20.0.0/16", "fd00:20::/64"]), port: 9443 },
        secret_name: Some("store-reader".to_owned()),
    }))
}

/// Weights from an object store.
pub fn from_an_object_store() -> ModelRequest {
    let mirror = Mirror::ObjectStore {
        endpoint: "https://objects.region.example:9443".to_owned(),
        region: Some("se-1".to_owned()),
        bucket: "models".to_owned(),
        prefix: "llama-3.3-70b".to_owned(),
    };
    tolerated(ModelRequest {
        source: fetched(mirror, "", false),
        tools_image: Some(tools()),
        ..vllm_in_an_image()
    })
}

/// One file of a mirror of a hub.
pub fn from_a_hub() -> ModelRequest {
    let mirror = Mirror::Hub {
        endpoint: "https://hub.region.example:9443".to_owned(),
        repository: "mistralai/Mistral-Small-24B".to_owned(),
        revision: "0123456789abcdef0123456789abcdef01234567".to_owned(),
    };
    ModelRequest {
        source: fetched(mirror, "gguf/q4.gguf", true),
        tools_image: Some(tools()),
        ..llama_cpp_on_a_claim()
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
        verified_claims(),
        vllm_scaled(),
        sglang_scaled(),
        vllm_behind_a_gateway(),
        custom_behind_a_gateway(),
    ];
    for engine in engines {
        let sources = [vllm_in_an_image(), llama_cpp_on_a_claim(), from_an_object_store(), from_a_hub()]
            .map(|model| model.source);
        for source in sources {
            for rollout in RolloutStrategy::ALL {
                for isolation in Isolation::ALL {
                    let kind = match source {
                        WeightsSource::Image { .. } => "image",
                        WeightsSource::VolumeClaim { .. } => "claim",
                        WeightsSource::Mirror(_) => "mirror",
                    };
                    let fetched = matches!(source, WeightsSource::Mirror(_));
                    let tools_image = if fetched { Some(tools()) } else { engine.tools_image.clone() };
                    let with = engine.adapters.len();
                    let scaled = engine.scaling.as_ref().map_or("fixed", |one| one.by.kind().as_str());
                    let type_ = engine.engine.engine;
                    let routed = engine.route.as_ref().map_or("", |route| route.hostname.as_str());
                    let name = format!("{type_} +{with} {kind} {rollout} {isolation} {scaled} {routed}");
                    let model = ModelRequest {
                        source: source.clone(),
                        tools_image,
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
