//! The NetworkPolicy of a model: no egress, and ingress only from those who may use the model.

use std::collections::BTreeSet;

pub use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::networking::v1::{
    NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Child, Step, meta};
use crate::decide::Plan;
use crate::engine::{SERVING_PORT, STATUS_PORT};
use crate::request::ModelRequest;
use crate::snapshot::{ChildKind, Settings};

impl Child for NetworkPolicy {
    const KIND: ChildKind = ChildKind::NetworkPolicy;

    fn steps(plan: &Plan, settings: &Settings) -> Vec<Step> {
        vec![network_policy(&plan.model, settings).put()]
    }
}

/// The label with which the API server itself writes the name of a namespace; nobody else can change it.
pub const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// No egress at all, not even to DNS: names are resolved by asking others, and a question can carry an answer out.
/// Ingress to the serving port from the consumers and from a gateway that routes to the model, and to the port of status and
/// metrics from the monitoring and the operator; with none of them, from nobody.
///
/// Where nothing is let through the list is left out, which says the same beside the policy types: an empty list is not
/// kept by the API server, so that every apply of one would count as a change.
fn network_policy(model: &ModelRequest, settings: &Settings) -> NetworkPolicy {
    let watchers = settings.monitoring_namespace.as_deref().into_iter().chain(settings.inspector());
    let watchers = watchers.map(str::to_owned).collect();
    let gateway = model.route.iter().map(|route| route.gateway.namespace.clone()).collect();
    let ingress: Vec<_> =
        [(&model.consumers, SERVING_PORT), (&watchers, STATUS_PORT), (&gateway, SERVING_PORT)]
            .into_iter()
            .filter_map(|(from, port)| from_namespaces(from, port))
            .collect();
    NetworkPolicy {
        metadata: meta::metadata(model),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(meta::selector(model)),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: Some(ingress).filter(|rules| !rules.is_empty()),
            egress: None,
        }),
    }
}

/// Lets the pods of `namespaces` reach `port`. No rule for no namespaces: a rule with an empty list of peers
/// would let in everybody.
fn from_namespaces(namespaces: &BTreeSet<String>, port: i32) -> Option<NetworkPolicyIngressRule> {
    (!namespaces.is_empty()).then(|| NetworkPolicyIngressRule {
        from: Some(vec![NetworkPolicyPeer {
            namespace_selector: Some(LabelSelector {
                match_expressions: Some(vec![LabelSelectorRequirement {
                    key: NAMESPACE_NAME.to_owned(),
                    operator: "In".to_owned(),
                    values: Some(namespaces.iter().cloned().collect()),
                }]),
                ..Default::default()
            }),
            ..Default::default()
        }]),
        ports: Some(vec![NetworkPolicyPort {
            port: Some(IntOrString::Int(port)),
            protocol: Some("TCP".to_owned()),
            ..Default::default()
        }]),
    })
}
