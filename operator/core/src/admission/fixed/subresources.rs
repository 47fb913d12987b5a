//! Subresources that only one part of the cluster may use, or no one.

use super::{always, governed, is_cluster_controller, is_operator, request_name, user};
use crate::admission::cel::{any, name, text, texts};
use crate::admission::message::{Fact, Message};
use crate::admission::object::{Compiled, MatchRule, Rule};
use crate::admission::scope::Scope;
use crate::rules::object;
use crate::snapshot::Settings;

/// Binding a pod to a node: the scheduler alone. A binding carries nothing of the pod, so every pod of a governed
/// namespace is meant.
pub(in crate::admission) fn bindings(settings: &Settings) -> Compiled {
    let schedulers = &settings.identities.schedulers;
    let message = Message::of_rule(&object::BOUND_BY_OTHERS, [("user", Fact::Value(user()))]);
    let match_rule =
        MatchRule { group: "", resources: &["pods/binding", "bindings"], operations: &["CREATE"] };
    let rule = Rule::new(user().is_in(texts(schedulers)), message);
    always("hemvist-bindings", governed(settings), &[match_rule], vec![rule])
}

/// Ways into what runs. The pods of models that hold sensitive information are recognised by their names, since a request
/// for one of these subresources has nothing else of the pod; [`super::default_deny::pods`] makes sure that they have such names.
pub(in crate::admission) fn connections(settings: &Settings) -> Compiled {
    let pods = MatchRule {
        group: "",
        resources: &["pods/exec", "pods/attach", "pods/portforward", "pods/proxy"],
        operations: &["CONNECT"],
    };
    let services = MatchRule { group: "", resources: &["services/proxy"], operations: &["CONNECT"] };
    let is_service = name("request").path(["resource", "resource"]).equals(text("services"));
    let is_sensitive = request_name().matches("--(sensitive|secret)-");
    let into_sensitive =
        Message::of_rule(&object::CONNECTION_DENIED, [("name", Fact::Value(request_name()))]);
    let through_server = Message::of_rule(&object::SERVICE_PROXY_DENIED, []);
    let rules = vec![
        Rule::new(any([is_service.clone(), !is_sensitive]), into_sensitive),
        Rule::new(!is_service, through_server),
    ];
    always("hemvist-connections", governed(settings), &[pods, services], rules)
}

/// What is said about models and policies is said by Hemvist alone.
pub(in crate::admission) fn statuses(settings: &Settings) -> Compiled {
    let statuses = MatchRule {
        group: hemvist_api::GROUP,
        resources: &["modeldeployments/status", "aipolicies/status", "usagestatements/status"],
        operations: &["UPDATE"],
    };
    let statements = MatchRule {
        group: hemvist_api::GROUP,
        resources: &["usagestatements"],
        operations: &["CREATE", "UPDATE", "DELETE"],
    };
    let removal = name("request").field("operation").equals(text("DELETE"));
    let allowed = any([
        is_operator(settings),
        // With its namespace a statement goes too.
        crate::admission::cel::all([removal, is_cluster_controller(settings)]),
    ]);
    let message = Message::of_rule(&object::STATUS_BY_OTHERS, [("user", Fact::Value(user()))]);
    always(
        "hemvist-statuses",
        Scope::everywhere(),
        &[statuses, statements],
        vec![Rule::new(allowed, message)],
    )
}
