//! The rights to children in the chart follow from the table of their kinds.

#![allow(clippy::disallowed_methods, reason = "the test reads and writes a file; the core does not")]

use std::path::Path;

use hemvist_core::snapshot::{ChildKind, KindFacts};

/// The rules of the operator's ClusterRole that the chart includes.
const FILE: &str = "../../charts/hemvist/files/rights/children.yaml";

fn rule(kind: ChildKind) -> String {
    let KindFacts { group, resource, is_replaced, .. } = kind.facts();
    let group = if group.is_empty() { "\"\"" } else { group };
    let update = if *is_replaced { "" } else { ", update" };
    format!(
        "- apiGroups: [{group}]\n  resources: [{resource}]\n  verbs: [get, list, watch, create, patch{update}, delete]\n"
    )
}

#[test]
fn the_chart_gives_the_rights_that_the_kinds_of_children_need() {
    let header = "# Made from the table of kinds by `UPDATE=1 cargo test --package hemvist-core --test rights`. Do not edit.\n";
    let rules: Vec<_> = ChildKind::ALL.into_iter().map(rule).collect();
    let wanted = format!("{header}{}", rules.concat());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(FILE, &wanted).unwrap();
    }
    let committed = std::fs::read_to_string(Path::new(FILE)).unwrap_or_default();
    assert!(
        committed == wanted,
        "{FILE} differs from the table: run `UPDATE=1 cargo test --package hemvist-core --test rights` and commit the result"
    );
}
