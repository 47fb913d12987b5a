//! What others may put beside a model: nothing that opens its network, and nothing else that scales it.

use std::collections::BTreeMap;

use hemvist_api::labels::{
    APP_COMPONENT, APP_MANAGED_BY, APP_NAME, APP_PART_OF, HEMVIST, INFORMATION_CLASS, MODEL_DEPLOYMENT,
    MODEL_DEPLOYMENT_UID, RISK_CLASS,
};

use super::{always, governed, is_autoscaler, is_cluster_controller, is_operator};
use crate::admission::cel::{Expr, all, any, name, text, texts};
use crate::admission::message::{Fact, Message};
use crate::admission::object::{Compiled, MatchRule, Rule};
use crate::render::{COMPONENT, NAME};
use crate::rules::object;
use crate::snapshot::Settings;

/// The label that the controller of a Deployment puts on its pods.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// NetworkPolicies add up: what one allows, no other takes back. So a NetworkPolicy that allows anything has to leave the
/// pods of models out by its selector. And two autoscalers of one Deployment would fight each other.
pub(in crate::admission) fn neighbours(settings: &Settings) -> Compiled {
    let match_rules = [
        MatchRule {
            group: "networking.k8s.io",
            resources: &["networkpolicies"],
            operations: &["CREATE", "UPDATE"],
        },
        MatchRule {
            group: "autoscaling",
            resources: &["horizontalpodautoscalers"],
            operations: &["CREATE", "UPDATE"],
        },
        MatchRule { group: "keda.sh", resources: &["scaledobjects"], operations: &["CREATE", "UPDATE"] },
    ];
    let is_network = || name("request").path(["resource", "resource"]).equals(text("networkpolicies"));
    let spec = || name("object").field("spec");
    let rules_of = |direction| spec().maybe(direction).or_none().call("size", []).equals(Expr::Int(0));
    let allows_nothing = all([rules_of("ingress"), rules_of("egress")]);
    let network = any([is_operator(settings), !is_network(), allows_nothing, leaves_models_out()]);
    let target = || spec().field("scaleTargetRef");
    // KEDA takes a kind that is not stated for a Deployment.
    let kind = || target().maybe("kind").or_empty();
    let of_a_model = all([
        !is_network(),
        any([
            all([
                kind().is_in(texts(["", "Deployment"])),
                target().field("name").matches("--(open|internal|sensitive|secret)$"),
            ]),
            all([
                kind().equals(text("ReplicaSet")),
                target().field("name").matches("--(open|internal|sensitive|secret)-[a-z0-9]+$"),
            ]),
        ]),
    ]);
    // KEDA makes an autoscaler of its own for each ScaledObject that was let in.
    let may_scale = any([is_operator(settings), is_cluster_controller(settings), is_autoscaler(settings)]);
    let rules = vec![
        Rule::new(
            network,
            Message::of_rule(&object::NETWORK_OPENED, [("label", Fact::text(MODEL_DEPLOYMENT_UID))]),
        ),
        Rule::new(any([may_scale, !of_a_model]), Message::of_rule(&object::SCALED_BY_OTHERS, [])),
    ];
    always("hemvist-neighbours", governed(settings), &match_rules, rules)
}

/// Whether no pod of a model can be selected: the selector has a label that such pods do not have, or not with this value.
fn leaves_models_out() -> Expr {
    let fixed: BTreeMap<&str, &str> =
        [(APP_NAME, NAME), (APP_COMPONENT, COMPONENT), (APP_PART_OF, HEMVIST), (APP_MANAGED_BY, HEMVIST)]
            .into();
    let others = [MODEL_DEPLOYMENT, MODEL_DEPLOYMENT_UID, INFORMATION_CLASS, RISK_CLASS, TEMPLATE_HASH];
    let known = || texts(fixed.keys().copied().chain(others));
    let selector = || name("object").field("spec").maybe("podSelector");
    let labels = || selector().maybe("matchLabels").or_no_entries();
    let other_value = fixed.iter().map(|(label, value)| {
        let is_it = name("k").equals(text(*label));
        all([is_it, labels().item(name("k")).differs(text(*value))])
    });
    let of_label = any(std::iter::once(!name("k").is_in(known())).chain(other_value));
    let e = |field| name("e").field(field);
    let no_model = all([
        e("operator").equals(text("DoesNotExist")),
        e("key").is_in(texts([MODEL_DEPLOYMENT, MODEL_DEPLOYMENT_UID, INFORMATION_CLASS])),
    ]);
    let foreign_label = all([!e("key").is_in(known()), e("operator").is_in(texts(["In", "Exists"]))]);
    let expressions = selector().maybe("matchExpressions").or_none();
    any([labels().some("k", of_label), expressions.some("e", any([no_model, foreign_label]))])
}
