//! The ScaledObject of a model, where KEDA scales it. Only the fields that Hemvist states; the API server knows the others.

use std::collections::BTreeMap;

use hemvist_api::labels::KEDA_SCALED_OBJECT;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerBehavior;
use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{Child, Step, autoscaling, meta};
use crate::decide::Plan;
use crate::engine::LoadMeasures;
use crate::request::{Autoscaler, KedaSettings, ModelRequest, ScalingSettings, Target, Window};
use crate::snapshot::{ChildKind, Settings};

/// How often KEDA looks, in seconds. The first request to a stopped model waits that long, beside its start.
const POLLING_SECONDS: i32 = 10;

/// Tokens a second that a replica reads and writes while nobody asks it. The proxy asks for one token a minute, and with what is
/// read for it that is less than a tenth; three times as much is an answer of 24 tokens in two minutes.
const IDLE_TOKENS: &str = "0.2";

/// What KEDA is to scale, by what, and between which numbers.
#[derive(Clone, CustomResource, Debug, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "keda.sh",
    version = "v1alpha1",
    kind = "ScaledObject",
    namespaced,
    schema = "disabled",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct ScaledObjectSpec {
    /// What is scaled.
    pub scale_target_ref: ScaleTarget,
    /// The fewest replicas.
    pub min_replica_count: i32,
    /// The most replicas.
    pub max_replica_count: i32,
    /// How often what the triggers follow is looked at, in seconds.
    pub polling_interval: i32,
    /// How long nothing is requested before the last replica stops, in seconds.
    pub cooldown_period: i32,
    /// The same as long as nothing has been asked for yet; KEDA would not wait at all.
    pub initial_cooldown_period: i32,
    /// How the HorizontalPodAutoscaler is made that KEDA keeps.
    pub advanced: Advanced,
    /// What asks for replicas: the one that asks for most decides.
    pub triggers: Vec<Trigger>,
}

/// What is scaled.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleTarget {
    /// Its API version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// What is seldom stated.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Advanced {
    /// How the HorizontalPodAutoscaler is made that KEDA keeps.
    pub horizontal_pod_autoscaler_config: AutoscalerConfig,
    /// How what the triggers say is put together; nothing. KEDA writes that down where it is not there, which would be a
    /// change of an object of ours, and would be taken back, again and again.
    pub scaling_modifiers: BTreeMap<String, String>,
}

/// How the HorizontalPodAutoscaler is made that KEDA keeps.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct AutoscalerConfig {
    /// How fast.
    pub behavior: HorizontalPodAutoscalerBehavior,
}

/// Something that requests replicas.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Trigger {
    /// Its kind, such as `prometheus` or `cron`.
    #[serde(rename = "type")]
    pub type_: String,
    /// Its name; unique within the list.
    pub name: String,
    /// Its settings, all of them as text.
    pub metadata: BTreeMap<String, String>,
}

impl Child for ScaledObject {
    const KIND: ChildKind = ChildKind::ScaledObject;

    fn steps(plan: &Plan, _: &Settings) -> Vec<Step> {
        Self::put_or_remove(scaled_object(plan))
    }
}

/// The ScaledObject of the model, where KEDA scales it.
fn scaled_object(plan: &Plan) -> Option<ScaledObject> {
    let model = &plan.model;
    let scaling = model.scaling.as_ref()?;
    let Autoscaler::ScaledObject(keda) = &scaling.by else { return None };
    let mut metadata = meta::metadata(model);
    // KEDA would write it itself, which would be a change of our object by another client.
    metadata.labels.get_or_insert_default().insert(KEDA_SCALED_OBJECT.to_owned(), model.key.name.clone());
    let idle_seconds = autoscaling::idle_seconds(model, scaling);
    let [api_version, kind, name] = autoscaling::target(plan);
    let spec = ScaledObjectSpec {
        scale_target_ref: ScaleTarget { api_version, kind, name },
        min_replica_count: scaling.min_replicas,
        max_replica_count: scaling.max_replicas,
        polling_interval: POLLING_SECONDS,
        cooldown_period: idle_seconds,
        initial_cooldown_period: idle_seconds,
        advanced: Advanced {
            horizontal_pod_autoscaler_config: AutoscalerConfig {
                behavior: autoscaling::behavior(model, scaling),
            },
            scaling_modifiers: BTreeMap::new(),
        },
        triggers: triggers(model, scaling, keda),
    };
    Some(ScaledObject { metadata, spec })
}

/// The load, whatever is under way, what comes from outside, and the time of day.
fn triggers(model: &ModelRequest, scaling: &ScalingSettings, keda: &KedaSettings) -> Vec<Trigger> {
    let pods = pods(model);
    let (query, threshold) = match scaling.target {
        Target::Requests(number) => (format!("sum({}{pods})", scaling.followed), number),
        Target::PerCent(number) => (format!("100 * sum({}{pods})", scaling.followed), number),
    };
    let mut triggers = vec![
        prometheus(keda, "load", query, &threshold.to_string()),
        prometheus(keda, "busy", busy(&keda.measures, &pods), "1"),
    ];
    if let Some(query) = &keda.incoming {
        // The longer name first: the shorter one is the beginning of it.
        let query = query.replace("$namespace", &model.key.namespace).replace("$name", &model.key.name);
        triggers.push(prometheus(keda, "incoming", format!("clamp_max({query}, 1)"), "1"));
    }
    triggers.extend(keda.schedule.iter().map(cron));
    triggers
}

/// 1 as long as there is anything to do, for which the last replica is kept: nothing waits while one request is answered.
fn busy(measures: &LoadMeasures, pods: &str) -> String {
    let LoadMeasures { waiting, running, tokens: [read, written], .. } = measures;
    let now = format!("sum({waiting}{pods}) + sum({running}{pods})");
    // Short requests may all lie between two moments at which the engine is measured; what they have come to is counted.
    let lately = format!("sum(rate({read}{pods}[2m])) + sum(rate({written}{pods}[2m]))");
    let lately = format!("({lately} > bool {IDLE_TOKENS} * count({running}{pods}) or vector(0))");
    // Of replicas that measure nothing it is not known that they have nothing to do: they start, or do not answer.
    format!("clamp_max({now} + {lately}, 1) or clamp_max(count(up{pods} == 0), 1)")
}

/// Selects what the pods of `model` measure. The labels are those that a PodMonitor gives; the names of the pods are those
/// that the controllers of the Deployment make.
fn pods(model: &ModelRequest) -> String {
    let (namespace, workload) = (&model.key.namespace, meta::workload_name(model));
    format!("{{namespace=\"{namespace}\",pod=~\"{workload}-[a-z0-9]+-[a-z0-9]+\"}}")
}

fn prometheus(keda: &KedaSettings, name: &str, query: String, threshold: &str) -> Trigger {
    let settings =
        [("serverAddress", keda.prometheus.clone()), ("query", query), ("threshold", threshold.to_owned())];
    trigger("prometheus", name.to_owned(), settings)
}

fn cron(window: &Window) -> Trigger {
    let settings = [
        ("timezone", window.time_zone.clone()),
        ("start", window.start.clone()),
        ("end", window.end.clone()),
        ("desiredReplicas", window.replicas.to_string()),
    ];
    trigger("cron", format!("schedule-{}", window.name), settings)
}

fn trigger<const N: usize>(type_: &str, name: String, settings: [(&str, String); N]) -> Trigger {
    let metadata = settings.map(|(field, value)| (field.to_owned(), value)).into();
    Trigger { type_: type_.to_owned(), name, metadata }
}
