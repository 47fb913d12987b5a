//! Only Hemvist and the cluster's own controllers change the child objects, and no other object can pose as one.

use hemvist_api::labels::{APP_MANAGED_BY, HEMVIST, MODEL_DEPLOYMENT_UID};

use super::{always, governed, is_autoscaler, is_cluster_controller, is_operator, request_name, user};
use crate::admission::cel::{Expr, all, any, name, text, texts};
use crate::admission::message::{Fact, Message};
use crate::admission::object::{Compiled, MatchRule, Rule};
use crate::admission::pods::label;
use crate::rules::object;
use crate::snapshot::{ChildKind, KindFacts, Settings};

/// The name of the ResourceQuota that Hemvist keeps in a namespace.
pub const QUOTA_NAME: &str = "hemvist-accelerators";

/// What is made besides the children themselves, and the numbers and statuses of all of it.
const BESIDE: &[MatchRule] = &[
    MatchRule { group: "apps", resources: &["replicasets"], operations: WRITES },
    MatchRule { group: "", resources: &["resourcequotas"], operations: WRITES },
    MatchRule {
        group: "apps",
        resources: &["deployments/scale", "replicasets/scale", "deployments/status", "replicasets/status"],
        operations: &["UPDATE"],
    },
    MatchRule {
        group: "",
        resources: &["services/status", "resourcequotas/status"],
        operations: &["UPDATE"],
    },
    MatchRule { group: "policy", resources: &["poddisruptionbudgets/status"], operations: &["UPDATE"] },
    // That weights were fetched stands in the status of a Job.
    MatchRule { group: "batch", resources: &["jobs/status"], operations: &["UPDATE"] },
    MatchRule {
        group: "autoscaling",
        resources: &["horizontalpodautoscalers/status"],
        operations: &["UPDATE"],
    },
    MatchRule { group: "keda.sh", resources: &["scaledobjects/status"], operations: &["UPDATE"] },
];

const WRITES: &[&str] = &["CREATE", "UPDATE", "DELETE"];

/// The kinds of what a ModelDeployment becomes, and what is made besides.
fn match_rules() -> Vec<MatchRule> {
    let of_kind = |kind: ChildKind| {
        let KindFacts { group, resource, .. } = kind.facts();
        MatchRule { group, resources: std::slice::from_ref(resource), operations: WRITES }
    };
    ChildKind::ALL.into_iter().map(of_kind).chain(BESIDE.iter().copied()).collect()
}

/// Everything that a ModelDeployment becomes, and the quotas.
pub(in crate::admission) fn children(settings: &Settings) -> Compiled {
    let scales = name("request").maybe("subResource").or_empty().equals(text("scale"));
    // An object of the scale sub-resource has no labels; the Deployments of models are recognised by their names.
    // KEDA makes an autoscaler of its own for each ScaledObject that Hemvist has written, with the labels of that.
    let is_autoscaler = all([
        is_autoscaler(settings),
        any([
            scales.clone(),
            name("request")
                .path(["resource", "resource"])
                .is_in(texts(["horizontalpodautoscalers", "scaledobjects"])),
        ]),
    ]);
    let scales_ours = all([scales, request_name().matches("--(open|internal|sensitive|secret)(-|$)")]);
    let is_quota = all([
        name("request").path(["resource", "resource"]).equals(text("resourcequotas")),
        request_name().equals(text(QUOTA_NAME)),
    ]);
    let ours = any([ours("object"), ours("oldObject"), scales_ours, is_quota]);
    // An eviction is counted in its budget by the API server itself.
    let by_server = user().equals(text("system:apiserver"));
    let holds =
        any([!ours, is_operator(settings), is_cluster_controller(settings), by_server, is_autoscaler]);
    let labels = format!("{APP_MANAGED_BY}={HEMVIST} or {MODEL_DEPLOYMENT_UID}");
    let message = Message::of_rule(
        &object::CHILD_CHANGED,
        [
            ("kind", Fact::Value(name("request").path(["resource", "resource"]))),
            ("name", Fact::Value(request_name())),
            ("labels", Fact::text(&labels)),
            ("user", Fact::Value(user())),
        ],
    );
    always("hemvist-children", governed(settings), &match_rules(), vec![Rule::new(holds, message)])
}

/// Whether the object exists and says that it is Hemvist's. A Scale has metadata of its own, without labels.
fn ours(object: &'static str) -> Expr {
    let says_so = any([
        label(name(object), APP_MANAGED_BY).equals(text(HEMVIST)),
        label(name(object), MODEL_DEPLOYMENT_UID).differs(text("")),
    ]);
    all([name(object).differs(Expr::Name("null")), says_so])
}
