//! The node affinity of a model's pods, which the scheduler and every kubelet enforce.

use hemvist_api::labels::{
    HOSTNAME, MODEL_DEPLOYMENT_UID, NODE_CLEARANCE, NODE_DATA_CENTRE, NODE_DEVICES, NODE_REGION,
    WHOLE_DEVICES,
};
use hemvist_api::values::Isolation;
use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm,
    PodAntiAffinity,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::accelerator::{LabelTest, label_tests};
use crate::decide::Plan;
use crate::request::ModelRequest;

/// Stands for an empty set of label values, because the API refuses an `In` without values. With its capital letter it is
/// a valid label value that is no valid region, data centre or information class, so no node that Hemvist cleared has it.
pub const NOWHERE: &str = "Nowhere";

/// The affinity of the pods of the model.
///
/// All of it is required, and follows from the model alone: a change of the placement changes no pod. Where a plan comes to
/// prefer nodes, it belongs here as well, and a preference that followed the plan would replace every pod at each change. So
/// the plan has to keep the preference that the Deployment has, as long as the rest of its template stays as it is.
pub fn affinity(plan: &Plan) -> Affinity {
    let model = &plan.model;
    Affinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector {
                node_selector_terms: vec![cleared_nodes(plan)],
            }),
            ..Default::default()
        }),
        pod_anti_affinity: (model.isolation == Isolation::WholeNode).then(|| PodAntiAffinity {
            required_during_scheduling_ignored_during_execution: Some(vec![other_models(model)]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The affinity of the pods that fetch the weights of the model: the same nodes, and beside whomever. They are given no
/// information and take nothing from others.
pub fn of_fetchers(plan: &Plan) -> Affinity {
    Affinity { node_affinity: affinity(plan).node_affinity, ..Default::default() }
}

/// What a node has to be labelled with. One term: the expressions of a term must all be met, while of several terms one
/// is enough.
fn cleared_nodes(plan: &Plan) -> NodeSelectorTerm {
    let clearance = &plan.model.clearance;
    let accelerator = plan.accelerator();
    let mut expressions = Vec::new();
    expressions.extend(clearance.regions.as_ref().map(|regions| one_of(NODE_REGION, regions)));
    expressions.push(one_of(NODE_DATA_CENTRE, &clearance.data_centres));
    expressions.push(one_of(NODE_CLEARANCE, clearance.levels.iter().map(|level| level.as_str())));
    // No products means any product: unlike the sets above this is a wish, not a permission.
    if let Some(label) = accelerator.product_label.filter(|_| !accelerator.products.is_empty()) {
        expressions.push(one_of(label, &accelerator.products));
    }
    if clearance.devices_label {
        expressions.push(one_of(NODE_DEVICES, [WHOLE_DEVICES]));
    }
    expressions.extend(label_tests(&accelerator.resource, demanded_of_units(plan)).into_iter().map(without));
    NodeSelectorTerm { match_expressions: Some(expressions), ..Default::default() }
}

/// What a unit of the accelerators has to be at least. A replica that needs several needs whole ones: several shares or
/// partitions can be of one device.
fn demanded_of_units(plan: &Plan) -> Isolation {
    let together = if plan.accelerator().count > 1 { Isolation::WholeDevice } else { Isolation::Shared };
    plan.model.isolation.min(Isolation::WholeDevice).max(together)
}

/// The node does not have the label with one of the values, or at all where none is named.
fn without(test: LabelTest) -> NodeSelectorRequirement {
    let values: Vec<_> = test.not.iter().map(|value| (*value).to_owned()).collect();
    let operator = if values.is_empty() { "DoesNotExist" } else { "NotIn" };
    NodeSelectorRequirement {
        key: test.label,
        operator: operator.to_owned(),
        values: (!values.is_empty()).then_some(values),
    }
}

/// The node has the label, with one of the values.
fn one_of(label: &str, values: impl IntoIterator<Item = impl ToString>) -> NodeSelectorRequirement {
    let mut values: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
    if values.is_empty() {
        values.push(NOWHERE.to_owned());
    }
    NodeSelectorRequirement { key: label.to_owned(), operator: "In".to_owned(), values: Some(values) }
}

/// The pods of every other model, in whatever namespace. The scheduler holds to it from both sides: no other model comes
/// to a node that has this one, and this one does not go to a node that has another.
fn other_models(model: &ModelRequest) -> PodAffinityTerm {
    let uid = |operator: &str, values| LabelSelectorRequirement {
        key: MODEL_DEPLOYMENT_UID.to_owned(),
        operator: operator.to_owned(),
        values,
    };
    PodAffinityTerm {
        topology_key: HOSTNAME.to_owned(),
        label_selector: Some(LabelSelector {
            // `NotIn` alone is also met by pods without the label, such as those of the network and the storage.
            match_expressions: Some(vec![uid("Exists", None), uid("NotIn", Some(vec![model.uid.clone()]))]),
            ..Default::default()
        }),
        // Without a namespace selector only the pod's own namespace would count; an empty one means every namespace.
        namespace_selector: Some(LabelSelector::default()),
        ..Default::default()
    }
}
