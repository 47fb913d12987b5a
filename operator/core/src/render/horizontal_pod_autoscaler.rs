//! The HorizontalPodAutoscaler of a model.

pub use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscalerSpec, MetricIdentifier, MetricSpec, MetricTarget,
    PodsMetricSource,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{Child, Step, autoscaling, meta};
use crate::decide::Plan;
use crate::request::{Autoscaler, ScalingSettings, Target};
use crate::snapshot::{ChildKind, Settings};

impl Child for HorizontalPodAutoscaler {
    const KIND: ChildKind = ChildKind::HorizontalPodAutoscaler;

    fn steps(plan: &Plan, _: &Settings) -> Vec<Step> {
        Self::put_or_remove(horizontal_pod_autoscaler(plan))
    }
}

/// The HorizontalPodAutoscaler of the model, where Kubernetes itself scales it. It follows a metric of the pods, which has to
/// be served by the custom metrics API; where it is not, the number of replicas stays as it is.
fn horizontal_pod_autoscaler(plan: &Plan) -> Option<HorizontalPodAutoscaler> {
    let model = &plan.model;
    let scaling = model.scaling.as_ref().filter(|one| one.by == Autoscaler::HorizontalPodAutoscaler)?;
    let [api_version, kind, name] = autoscaling::target(plan);
    Some(HorizontalPodAutoscaler {
        metadata: meta::metadata(model),
        spec: Some(HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference { api_version: Some(api_version), kind, name },
            min_replicas: Some(scaling.min_replicas),
            max_replicas: scaling.max_replicas,
            metrics: Some(vec![metric(scaling)]),
            behavior: Some(autoscaling::behavior(model, scaling)),
        }),
        ..Default::default()
    })
}

fn metric(scaling: &ScalingSettings) -> MetricSpec {
    let average = match scaling.target {
        Target::Requests(number) => number.to_string(),
        // A hundredth, in thousandths, because the engine measures a share of 1; written as the API server would.
        Target::PerCent(hundred) if hundred % 100 == 0 => (hundred / 100).to_string(),
        Target::PerCent(number) => format!("{}m", i64::from(number) * 10),
    };
    MetricSpec {
        type_: "Pods".to_owned(),
        pods: Some(PodsMetricSource {
            metric: MetricIdentifier { name: scaling.followed.to_owned(), selector: None },
            target: MetricTarget {
                type_: "AverageValue".to_owned(),
                average_value: Some(Quantity(average)),
                ..Default::default()
            },
        }),
        ..Default::default()
    }
}
