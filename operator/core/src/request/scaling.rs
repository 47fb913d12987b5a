//! What scales a model, and its limits.

use std::collections::BTreeSet;

use hemvist_api::ModelDeploymentSpec;
use hemvist_api::model_deployment::{Scaling, ScheduleWindow};
use hemvist_api::values::ScalingMetric;

use crate::engine::{LoadMeasures, description};
use crate::snapshot::{ChildKind, LoadSource, Settings};
use crate::violation::{RequestFinding, Violation};

/// How the number of replicas follows the load.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScalingSettings {
    /// Who decides the number.
    pub by: Autoscaler,
    /// The fewest replicas; 0 by KEDA alone.
    pub min_replicas: i32,
    /// The most replicas.
    pub max_replicas: i32,
    /// The measure that is followed, by the engine's own name.
    pub followed: &'static str,
    /// What every replica is to have of it.
    pub target: Target,
    /// How long less is requested before a replica stops, in seconds, where the model says so.
    pub idle_seconds: Option<i32>,
    /// Why it is scaled by this one, for people.
    pub reason: String,
}

/// Who decides the number of replicas.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Autoscaler {
    /// Kubernetes itself, by the custom metrics of the pods.
    HorizontalPodAutoscaler,
    /// KEDA, by what a Prometheus knows.
    ScaledObject(KedaSettings),
}

/// What KEDA needs beyond the numbers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KedaSettings {
    /// The address of the Prometheus.
    pub prometheus: String,
    /// What the engine measures of its load.
    pub measures: LoadMeasures,
    /// The query for requests that come whether or not a replica runs, where the installation has one.
    pub incoming: Option<String>,
    /// Times in which replicas are kept.
    pub schedule: Vec<Window>,
}

/// A time that comes again and again, in which replicas are kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Window {
    /// Its name.
    pub name: String,
    /// When it begins, as cron writes it.
    pub start: String,
    /// When it ends, as cron writes it.
    pub end: String,
    /// The time zone of both.
    pub time_zone: String,
    /// How many replicas there are at least.
    pub replicas: i32,
}

/// What every replica is to have of a measure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// So many requests.
    Requests(i32),
    /// So many per cent of what is measured as a share of 1.
    PerCent(i32),
}

/// What scales the model; `None` where its number is fixed.
pub(super) fn scaling(
    spec: &ModelDeploymentSpec,
    settings: &Settings,
    served: &BTreeSet<ChildKind>,
) -> Result<Option<ScalingSettings>, Vec<Violation>> {
    let Some(asked) = &spec.scaling else { return Ok(None) };
    let load = &settings.load;
    let mut faults = Vec::new();
    let measure = measure(spec, asked).map_err(|fault| faults.extend(fault)).ok();
    faults.extend(without_prometheus(asked, load));
    faults.extend(without_waker(asked, load));
    let (Some((measures, followed, target)), true) = (measure, faults.is_empty()) else {
        return Err(faults);
    };
    let (by, reason) = autoscaler(asked, settings, served, measures);
    Ok(Some(ScalingSettings {
        min_replicas: asked.min_replicas.max(by.fewest()),
        by,
        max_replicas: asked.max_replicas.max(asked.min_replicas).max(1),
        followed,
        target,
        idle_seconds: asked.idle_seconds,
        reason,
    }))
}

/// The engine's measures, and the one that is followed.
fn measure(
    spec: &ModelDeploymentSpec,
    asked: &Scaling,
) -> Result<(LoadMeasures, &'static str, Target), Vec<Violation>> {
    let refused = |finding| Err(vec![Violation::of_request("spec.scaling.metric", finding)]);
    let engine = spec.engine.type_;
    let Some(measures) = description(engine).load else {
        return refused(RequestFinding::LoadNotKnown { engine });
    };
    match (asked.metric, measures.cache_used) {
        (ScalingMetric::QueueDepth, _) => Ok((measures, measures.waiting, Target::Requests(asked.target))),
        (ScalingMetric::KeyValueCacheUsage, Some(share)) => {
            Ok((measures, share, Target::PerCent(asked.target)))
        }
        (ScalingMetric::KeyValueCacheUsage, None) => refused(RequestFinding::CacheNotMeasured { engine }),
    }
}

/// Kubernetes' own autoscaler neither stops the last replica of a model nor knows the time of day.
fn without_prometheus(asked: &Scaling, load: &LoadSource) -> Vec<Violation> {
    if load.prometheus.is_some() {
        return Vec::new();
    }
    let mut faults = Vec::new();
    if asked.min_replicas == 0 {
        faults.push(Violation::of_request("spec.scaling.minReplicas", RequestFinding::ZeroNeedsPrometheus));
    }
    if asked.schedule.iter().flatten().next().is_some() {
        faults.push(Violation::of_request("spec.scaling.schedule", RequestFinding::ScheduleNeedsPrometheus));
    }
    faults
}

/// A model without replicas measures nothing, so something else has to start it again.
fn without_waker(asked: &Scaling, load: &LoadSource) -> Option<Violation> {
    let woken = load.requests.is_some() || asked.schedule.iter().flatten().next().is_some();
    (asked.min_replicas == 0 && load.prometheus.is_some() && !woken)
        .then(|| Violation::of_request("spec.scaling.minReplicas", RequestFinding::NothingStartsIt))
}

/// Who decides the number, and why. Where KEDA is to and is not there, or not yet, the model is not refused: what runs
/// would stop because the operator of another project is being replaced.
fn autoscaler(
    asked: &Scaling,
    settings: &Settings,
    served: &BTreeSet<ChildKind>,
    measures: LoadMeasures,
) -> (Autoscaler, String) {
    let Some(prometheus) = settings.load.prometheus.clone() else {
        let reason = "no Prometheus is configured for KEDA, so a HorizontalPodAutoscaler follows the custom metrics of the \
                      pods";
        return (Autoscaler::HorizontalPodAutoscaler, reason.to_owned());
    };
    let schedule: Vec<Window> = asked.schedule.iter().flatten().map(Window::from).collect();
    if !served.contains(&ChildKind::ScaledObject) {
        let mut reason =
            "the cluster does not serve KEDA's ScaledObject, so a HorizontalPodAutoscaler follows the custom metrics of the \
             pods"
                .to_owned();
        if asked.min_replicas == 0 || !schedule.is_empty() {
            reason += ", at least one replica keeps running, and spec.scaling.schedule has no effect until KEDA is installed";
        }
        return (Autoscaler::HorizontalPodAutoscaler, reason);
    }
    let keda = KedaSettings { prometheus, measures, incoming: settings.load.requests.clone(), schedule };
    let reason = "the cluster serves KEDA's ScaledObject, and a Prometheus is configured".to_owned();
    (Autoscaler::ScaledObject(keda), reason)
}

impl From<&ScheduleWindow> for Window {
    fn from(asked: &ScheduleWindow) -> Self {
        let ScheduleWindow { name, start, end, time_zone, replicas } = asked.clone();
        Self { name, start, end, time_zone, replicas }
    }
}

impl Autoscaler {
    /// The fewest replicas that it can keep.
    const fn fewest(&self) -> i32 {
        match self {
            Self::HorizontalPodAutoscaler => 1,
            Self::ScaledObject(_) => 0,
        }
    }

    /// Its kind, as Kubernetes writes it.
    pub const fn kind(&self) -> ChildKind {
        match self {
            Self::HorizontalPodAutoscaler => ChildKind::HorizontalPodAutoscaler,
            Self::ScaledObject(_) => ChildKind::ScaledObject,
        }
    }
}
