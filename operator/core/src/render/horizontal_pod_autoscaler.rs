//! The HorizontalPodAutoscaler of a model.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricIdentifier,
    MetricSpec, MetricTarget, PodsMetricSource,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{autoscaling, meta};
use crate::request::{Autoscaler, ModelRequest, ScalingSettings, Target};

/// The HorizontalPodAutoscaler of `model`, where Kubernetes itself scales it. It follows a metric of the pods, which has to
/// be served by the custom metrics API; where it is not, the number of replicas stays as it is.
pub fn horizontal_pod_autoscaler(model: &ModelRequest) -> Option<HorizontalPodAutoscaler> {
    let scaling = model.scaling.as_ref().filter(|one| one.by == Autoscaler::HorizontalPodAutoscaler)?;
    Some(HorizontalPodAutoscaler {
        metadata: meta::metadata(model),
        spec: Some(HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "Deployment".to_owned(),
                name: meta::workload_name(model),
            },
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
