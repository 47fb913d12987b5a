//! What both kinds of autoscaler have in common: their target, and how fast they scale.

use k8s_openapi::api::autoscaling::v2::{HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscalerBehavior};

use super::deployment::startup_seconds;
use super::meta;
use crate::decide::{Plan, Workload};
use crate::request::{ModelRequest, ScalingSettings};

/// The longest look back that Kubernetes takes before it stops a replica, in seconds.
const LONGEST_WINDOW_SECONDS: i32 = 3600;

/// Time between two steps up, in seconds. A new replica loads its weights for minutes, in which the queue goes on growing:
/// without a pause all accelerators of a cluster would be asked for before the first of them could help.
const STEP_UP_SECONDS: i32 = 60;

/// Time between two steps down, in seconds.
const STEP_DOWN_SECONDS: i32 = 60;

/// What is scaled: API version, kind and name.
pub fn target(plan: &Plan) -> [String; 3] {
    let (api_version, kind) = match plan.workload {
        Workload::Deployment => ("apps/v1", "Deployment"),
    };
    [api_version.to_owned(), kind.to_owned(), meta::workload_name(&plan.model)]
}

/// How long less is requested before a replica stops, in seconds. What took long to start is not given up sooner than it
/// could be had again, so that a rollout, in which fewer replicas are ready, scales nothing down either.
pub fn idle_seconds(model: &ModelRequest, scaling: &ScalingSettings) -> i32 {
    let start = i32::try_from(startup_seconds(model)).unwrap_or(i32::MAX);
    scaling.idle_seconds.unwrap_or(start.min(LONGEST_WINDOW_SECONDS))
}

/// One replica at a time, up with pauses and down when less has been asked for long enough.
pub fn behavior(model: &ModelRequest, scaling: &ScalingSettings) -> HorizontalPodAutoscalerBehavior {
    let window = idle_seconds(model, scaling).min(LONGEST_WINDOW_SECONDS);
    HorizontalPodAutoscalerBehavior {
        scale_up: Some(one_by_one(0, STEP_UP_SECONDS)),
        scale_down: Some(one_by_one(window, STEP_DOWN_SECONDS)),
    }
}

fn one_by_one(window_seconds: i32, period_seconds: i32) -> HPAScalingRules {
    HPAScalingRules {
        stabilization_window_seconds: Some(window_seconds),
        select_policy: Some("Max".to_owned()),
        policies: Some(vec![HPAScalingPolicy { type_: "Pods".to_owned(), value: 1, period_seconds }]),
        ..Default::default()
    }
}
