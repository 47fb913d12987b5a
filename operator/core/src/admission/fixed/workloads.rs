//! Who may write a template from which pods with accelerators are made.

use hemvist_api::labels::{APP_MANAGED_BY, HEMVIST, MODEL_DEPLOYMENT, MODEL_DEPLOYMENT_UID};

use super::{always, governed, is_operator, request_name, user};
use crate::admission::accelerator::uses_accelerator_expr;
use crate::admission::cel::{Expr, all, any, has, name, text, texts};
use crate::admission::message::{Fact, Message};
use crate::admission::models::variable;
use crate::admission::object::{Compiled, MatchRule, Rule};
use crate::admission::scope::Scope;
use crate::rules::object;
use crate::snapshot::Settings;

/// Everything of Kubernetes itself that makes pods from a template, and LeaderWorkerSets. Controllers of other kinds make
/// pods themselves, and are met at the pods.
const MATCH_RULES: [MatchRule; 4] = [
    MatchRule {
        group: "apps",
        resources: &["deployments", "replicasets", "statefulsets", "daemonsets"],
        operations: &["CREATE", "UPDATE"],
    },
    MatchRule { group: "batch", resources: &["jobs", "cronjobs"], operations: &["CREATE", "UPDATE"] },
    MatchRule {
        group: "",
        resources: &["replicationcontrollers", "podtemplates"],
        operations: &["CREATE", "UPDATE"],
    },
    MatchRule {
        group: "leaderworkerset.x-k8s.io",
        resources: &["leaderworkersets"],
        operations: &["CREATE", "UPDATE"],
    },
];

/// Only Hemvist writes templates with accelerators, and only the deployment controller makes ReplicaSets of them. In the
/// namespaces of `open` the policies let others too; the pods are judged all the same.
pub(in crate::admission) fn workloads(settings: &Settings, open: &Scope) -> Compiled {
    let template = name("t");
    let spec =
        template.clone().maybe("spec").or_value(Expr::Map(vec![("containers", Expr::List(Vec::new()))]));
    let metadata = template.maybe("metadata").or_no_entries();
    let accelerated =
        variable("templates").some("t", uses_accelerator_expr(&settings.other_devices, &spec, &metadata));
    let kind = || name("request").path(["resource", "resource"]);
    let makers = any([
        is_operator(settings),
        all([
            kind().equals(text("replicasets")),
            user().is_in(texts(&settings.identities.replica_set_makers)),
        ]),
        // A LeaderWorkerSet that Hemvist has written becomes StatefulSets.
        all([kind().equals(text("statefulsets")), user().is_in(texts(&settings.identities.pod_makers))]),
    ]);
    let unchanged = all([
        name("request").field("operation").equals(text("UPDATE")),
        templates("object").equals(templates("oldObject")),
    ]);
    let facts = [("kind", Fact::Value(kind())), ("name", Fact::Value(request_name()))];
    let message = Message::of_rule(&object::TEMPLATE_ACCELERATED, facts);
    let rules = vec![
        twins(any([makers.clone(), unchanged.clone()])),
        Rule::new(any([open.holds_request(), makers, unchanged, !accelerated]), message),
    ];
    Compiled {
        variables: vec![("templates", templates("object"))],
        ..always("hemvist-workloads", governed(settings), &MATCH_RULES, rules)
    }
}

/// No other template makes pods that requests for a model are sent to.
fn twins(allowed: Expr) -> Rule {
    let of = |one| name("t").maybe("metadata").maybe("labels").maybe_item(text(one)).or_empty();
    let twin = any([
        of(MODEL_DEPLOYMENT).differs(text("")),
        of(MODEL_DEPLOYMENT_UID).differs(text("")),
        of(APP_MANAGED_BY).equals(text(HEMVIST)),
    ]);
    let message = Message::of_rule(
        &object::TEMPLATE_LABELLED,
        [
            ("kind", Fact::Value(name("request").path(["resource", "resource"]))),
            ("name", Fact::Value(request_name())),
            (
                "labels",
                Fact::text(&format!(
                    "{MODEL_DEPLOYMENT}, {MODEL_DEPLOYMENT_UID} or {APP_MANAGED_BY}={HEMVIST}"
                )),
            ),
        ],
    );
    Rule::new(any([allowed, !variable("templates").some("t", twin)]), message)
}

/// The pod templates of a workload, wherever its kind has them.
fn templates(object: &'static str) -> Expr {
    let spec = || name(object).field("spec");
    let kind = || name("request").path(["resource", "resource"]);
    let one = |template: Expr| Expr::List(vec![template]);
    let none = || Expr::List(Vec::new());
    let workers = || spec().field("leaderWorkerTemplate");
    let leader =
        has(workers().field("leaderTemplate")).choose(one(workers().field("leaderTemplate")), none());
    let of_leader_worker_set = one(workers().field("workerTemplate")).plus(leader);
    let of_others = has(spec().field("template")).choose(one(spec().field("template")), none());
    let nested = one(spec().path(["jobTemplate", "spec", "template"]));
    kind().equals(text("podtemplates")).choose(
        one(name(object).field("template")),
        kind()
            .equals(text("cronjobs"))
            .choose(nested, kind().equals(text("leaderworkersets")).choose(of_leader_worker_set, of_others)),
    )
}
