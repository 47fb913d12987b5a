//! What is always in force, whatever AIPolicies there are: who may create what, the subresources that only one part
//! of the cluster may use, and the default deny.

mod children;
mod default_deny;
mod neighbours;
mod nodes;
mod subresources;
mod workloads;

pub use children::QUOTA_NAME;
pub use default_deny::Coverage;
pub(super) use default_deny::{models, pods};
pub(super) use neighbours::neighbours;
pub(super) use nodes::nodes;
pub(super) use subresources::{bindings, connections, statuses};
pub(super) use workloads::workloads;

pub(super) use children::children;

use hemvist_api::values::Enforcement;

use super::cel::{Expr, any, name, texts};
use super::object::{Compiled, MatchRule, Rule};
use super::scope::Scope;
use crate::snapshot::Settings;

/// What is always there judges every governed namespace, and denies.
fn always(name: &str, namespaces: Scope, match_rules: &[MatchRule], rules: Vec<Rule>) -> Compiled {
    Compiled {
        name: name.to_owned(),
        author: None,
        match_rules: match_rules.to_vec(),
        namespaces,
        without_exemption: Vec::new(),
        exempt: Vec::new(),
        variables: Vec::new(),
        rules,
        probed: false,
        actions: vec![(Enforcement::Deny, Scope::everywhere())],
    }
}

/// The namespaces that are governed.
fn governed(settings: &Settings) -> Scope {
    Scope::AllBut(settings.ungoverned_namespaces.clone())
}

/// The user of the request.
fn user() -> Expr {
    name("request").path(["userInfo", "username"])
}

/// The name in the request; empty where the API server is still to choose it.
fn request_name() -> Expr {
    name("request").maybe("name").or_empty()
}

/// Whether the request is Hemvist's own.
fn is_operator(settings: &Settings) -> Expr {
    user().equals(super::cel::text(&settings.identities.operator))
}

/// Whether the request is that of one of the cluster's own controllers.
fn is_cluster_controller(settings: &Settings) -> Expr {
    in_a_group(&settings.identities.cluster_controller_groups)
}

/// Whether the request is that of an autoscaler that is not Kubernetes' own.
fn is_autoscaler(settings: &Settings) -> Expr {
    user().is_in(texts(&settings.identities.autoscalers))
}

/// Whether the user of the request is in one of the groups.
fn in_a_group(groups: &std::collections::BTreeSet<String>) -> Expr {
    let groups_of_user = name("request").path(["userInfo"]).maybe("groups").or_none();
    groups_of_user.some("g", name("g").is_in(texts(groups)))
}

/// Whether the object is only sent to see that it is refused, and is never kept.
fn is_dry_run() -> Expr {
    name("request").maybe("dryRun").or_value(Expr::Bool(false))
}

/// Hemvist itself may send these only to see that they are refused. Its rights cannot say that; this can.
fn operator_only_probes(settings: &Settings) -> Expr {
    any([!is_operator(settings), is_dry_run()])
}
