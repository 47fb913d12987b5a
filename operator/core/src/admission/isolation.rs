//! How far the devices of a pod are kept apart from those of others, as an expression for the API server.
//!
//! What a unit of a resource is, the node says; a pod is held to it in writing, by a required node affinity that keeps it off
//! nodes whose labels announce shares or partitions. The labels come from the catalogue of vendors.

use hemvist_api::labels::{HOSTNAME, MODEL_DEPLOYMENT_UID};
use hemvist_api::values::Isolation;

use super::accelerator::some_container;
use super::cel::{Expr, all, any, has, name, text, texts};
use super::models::variable;
use super::pattern::quoted;
use super::pods::pod;
use crate::accelerator::{LabelTest, Name, SHARED_SUFFIX, VENDORS, label_tests};

/// Whether the devices of the pod are kept apart from those of others at least that far.
pub(super) fn kept_apart(isolation: Isolation) -> Expr {
    let lesser = name("r").matches(lesser_names(isolation));
    let mut demands = vec![!asks_for(&lesser)];
    for resource in VENDORS.iter().flat_map(|vendor| vendor.devices) {
        let tests = label_tests(resource, isolation.min(Isolation::WholeDevice));
        if !tests.is_empty() {
            let asked = asks_for(&name("r").equals(text(*resource)));
            demands.push(
                asked.implies(all(tests.into_iter().map(|test| keeps_off(text(test.label.clone()), &test)))),
            );
        }
    }
    if isolation == Isolation::Partition {
        demands.push(!asks_for(&shared_partition()));
    }
    if isolation > Isolation::WholeDevice {
        demands.push(keeps_node_to_itself());
    }
    all(demands)
}

/// Whether `test` holds of one of the resources that a container of the pod asks for; `r` stands for each.
fn asks_for(test: &Expr) -> Expr {
    let resources = |kind| name("c").maybe_path(["resources", kind]).or_no_entries().some("r", test.clone());
    some_container(&pod(), "c", &any([resources("limits"), resources("requests")]))
}

/// Names of resources whose units are less than `demanded`, as a regular expression.
fn lesser_names(demanded: Isolation) -> String {
    let shares = VENDORS.iter().flat_map(|vendor| vendor.shares).map(|name| match name {
        Name::Is(one) => format!("^{}$", quoted(one)),
        Name::Begins(prefix) => format!("^{}", quoted(prefix)),
    });
    let prefixes = VENDORS.iter().flat_map(|vendor| vendor.partitions);
    let partitions =
        prefixes.filter(|_| demanded > Isolation::Partition).map(|prefix| format!("^{}", quoted(prefix)));
    let suffix = format!("{}$", quoted(SHARED_SUFFIX));
    shares.chain(partitions).chain([suffix]).collect::<Vec<_>>().join("|")
}

/// Whether the resource `r` is one of hardware partitions of which several pods may share one, as far as the pod says: its
/// labels are named after the resource.
fn shared_partition() -> Expr {
    let of_vendors =
        VENDORS.iter().flat_map(|vendor| vendor.partitions.iter().map(move |prefix| (vendor, prefix)));
    any(of_vendors.filter_map(|(vendor, prefix)| {
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
        (!tests.is_empty() && !vendor.devices.is_empty()).then(|| all([is_one, !all(tests)]))
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

/// Whether the pod goes to no node that has a pod of another model, in whatever namespace.
fn keeps_node_to_itself() -> Expr {
    let terms = pod()
        .maybe_path(["affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution"])
        .or_none();
    let a = || name("a");
    let e = |field| name("e").field(field);
    let expressions = a().maybe_path(["labelSelector", "matchExpressions"]).or_none();
    let of_any_model =
        all([e("key").equals(text(MODEL_DEPLOYMENT_UID)), e("operator").equals(text("Exists"))]);
    terms.some(
        "a",
        all([
            a().field("topologyKey").equals(text(HOSTNAME)),
            has(a().field("namespaceSelector")),
            expressions.some("e", of_any_model),
        ]),
    )
}
