//! The isolation of the devices that a pod requests, as an expression for the API server.
//!
//! What a unit of a resource is, the node says; a pod is held to it in writing, by a required node affinity that keeps it off
//! nodes whose labels announce shares or partitions. The labels come from the catalogue of vendors.

use std::collections::BTreeMap;

use hemvist_api::labels::{HOSTNAME, MODEL_DEPLOYMENT_UID};
use hemvist_api::values::Isolation;

use super::accelerator::{claims_devices, is_accelerator_expr_by_prefixes, some_container};
use super::cel::{Expr, all, any, has, name, text, texts};
use super::models::variable;
use super::pods::{label, pod};
use crate::accelerator::{LabelTest, SHARED_SUFFIX, VENDORS, label_tests};
use crate::snapshot::OtherDevices;

/// Whether the devices of the pod are kept apart from those of others at least that far.
///
/// Of a name that nobody knows it is not known what a unit is, and of a claim not what it is given, so both are refused.
pub(super) fn kept_apart(devices: &OtherDevices, isolation: Isolation) -> Expr {
    let is_accelerator = is_accelerator_expr_by_prefixes(devices, &name("r"));
    let lesser = all([!is_sufficient(isolation), is_accelerator]);
    let mut demands = vec![!asks_for(&lesser), !claims_devices(&pod())];
    // Names with the same tests are checked together: each look at the resources costs a pass over all containers.
    let mut by_tests: BTreeMap<Vec<LabelTest>, Vec<&str>> = BTreeMap::new();
    for resource in VENDORS.iter().flat_map(|vendor| vendor.devices) {
        by_tests
            .entry(label_tests(resource, isolation.min(Isolation::WholeDevice)))
            .or_default()
            .push(resource);
    }
    for (tests, resources) in by_tests.into_iter().filter(|(tests, _)| !tests.is_empty()) {
        let asked = asks_for(&name("r").is_in(texts(resources)));
        let kept = tests.into_iter().map(|test| keeps_off(text(test.label.clone()), &test));
        demands.push(asked.implies(all(kept)));
    }
    if isolation == Isolation::Partition {
        demands.push(!asks_for(&shared_partition()));
    }
    if isolation > Isolation::WholeDevice {
        demands.push(keeps_node_to_itself());
    }
    all(demands)
}

/// Whether `test` holds of one of the resources that a container of the pod requests; `r` stands for each.
fn asks_for(test: &Expr) -> Expr {
    let resources = |kind| name("c").maybe_path(["resources", kind]).or_no_entries().some("r", test.clone());
    some_container(&pod(), "c", &any([resources("limits"), resources("requests")]))
}

/// Whether a unit of the resource `r` is at least what is demanded by its name, unless a node announces less.
fn is_sufficient(demanded: Isolation) -> Expr {
    let devices = VENDORS.iter().flat_map(|vendor| vendor.devices).copied();
    let partitions = VENDORS.iter().flat_map(|vendor| vendor.partitions);
    let partitions = partitions
        .filter(|_| demanded <= Isolation::Partition)
        .map(|prefix| name("r").call("startsWith", [text(*prefix)]));
    let shared = name("r").call("endsWith", [text(SHARED_SUFFIX)]);
    any([name("r").is_in(texts(devices)), all([any(partitions), !shared])])
}

/// Whether the resource `r` is one of hardware partitions of which several pods may share one, as far as the pod says: its
/// labels are named after the resource.
fn shared_partition() -> Expr {
    any(VENDORS.iter().flat_map(|vendor| vendor.partitions).filter_map(|prefix| {
        // The tests are the same for every profile, but for the name of the resource.
        let sample = format!("{prefix}x");
        let tests: Vec<_> = label_tests(&sample, Isolation::Partition)
            .into_iter()
            .filter_map(|test| {
                let suffix = test.label.strip_prefix(&sample)?.to_owned();
                Some(keeps_off(name("r").plus(text(suffix)), &test))
            })
            .collect();
        let is_one = name("r").call("startsWith", [text(*prefix)]);
        (!tests.is_empty()).then(|| all([is_one, !all(tests)]))
    }))
}

/// Whether every node that the pod may go to passes the test, of the label `key`.
fn keeps_off(key: Expr, test: &LabelTest) -> Expr {
    let e = |field| name("e").field(field);
    let absent = e("operator").equals(text("DoesNotExist"));
    let is_kept = if test.not.is_empty() {
        absent
    } else {
        let values = name("e").maybe("values").or_none();
        let excludes = texts(test.not).every("x", name("x").is_in(values));
        any([absent, all([e("operator").equals(text("NotIn")), excludes])])
    };
    let expression = all([e("key").equals(key), is_kept]);
    all([
        variable("terms").call("size", []).exceeds(Expr::Int(0)),
        variable("terms").every("t", name("t").maybe("matchExpressions").or_none().some("e", expression)),
    ])
}

/// Whether the pod goes to no node that has a pod of another model, in whatever namespace: every expression of the selector
/// is met by each of them, and nothing else narrows it.
fn keeps_node_to_itself() -> Expr {
    let terms = pod()
        .maybe_path(["affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution"])
        .or_none();
    let a = || name("a");
    let e = |field| name("e").field(field);
    let own = label(name("object"), MODEL_DEPLOYMENT_UID);
    let none_in = |list: Expr| list.call("size", []).equals(Expr::Int(0));
    let exists = e("operator").equals(text("Exists"));
    let but_its_own = all([
        e("operator").equals(text("NotIn")),
        name("e").maybe("values").or_none().every("x", name("x").equals(own)),
    ]);
    let of_models = e("key").equals(text(MODEL_DEPLOYMENT_UID));
    let expressions = || a().maybe_path(["labelSelector", "matchExpressions"]).or_none();
    terms.some(
        "a",
        all([
            a().field("topologyKey").equals(text(HOSTNAME)),
            has(a().field("namespaceSelector")),
            none_in(a().maybe_path(["namespaceSelector", "matchLabels"]).or_no_entries()),
            none_in(a().maybe_path(["namespaceSelector", "matchExpressions"]).or_none()),
            none_in(a().maybe_path(["labelSelector", "matchLabels"]).or_no_entries()),
            none_in(a().maybe("matchLabelKeys").or_none()),
            none_in(a().maybe("mismatchLabelKeys").or_none()),
            expressions().some("e", all([of_models.clone(), exists.clone()])),
            expressions().every("e", all([of_models, any([exists, but_its_own])])),
        ]),
    )
}
