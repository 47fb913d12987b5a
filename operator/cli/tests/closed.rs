//! The generated files of the chart: what it brings where there is no AIPolicy is what the compiler makes of nothing, with
//! places for the values of an installation, and its rights to children follow from the table of their kinds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::path::Path;

use hemvist_cli::{Exit, run};
use hemvist_core::snapshot::{ChildKind, KindFacts};

/// Where the chart keeps its generated files.
const FOLDER: &str = "../../charts/hemvist/files";

/// The command that writes them.
const COMMAND: &str = "UPDATE=1 cargo test --package hemvist-cli --test closed";

/// The lists of an installation by their names in the chart's values, with the flag that states them, and other values than
/// the usual ones.
const LISTS: [(&str, &str, &[&str]); 9] = [
    ("ungovernedNamespaces", "--ungoverned-namespaces", &["argocd", "kube-system"]),
    (
        "schedulers",
        "--schedulers",
        &["system:kube-scheduler", "system:serviceaccount:volcano-system:volcano"],
    ),
    ("schedulerNames", "--scheduler-names", &["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "b1"]),
    ("podMakers", "--pod-makers", &["system:serviceaccount:kube-system:replicaset-controller"]),
    ("replicaSetMakers", "--replica-set-makers", &["one", "system:kube-controller-manager"]),
    ("clusterControllerGroups", "--cluster-controller-groups", &["controllers", "system:masters"]),
    ("autoscalers", "--autoscalers", &["keda", "system:serviceaccount:autoscaling:keda-operator"]),
    ("clearanceGroups", "--clearance-groups", &["it:gpu-drift@region.example", "oidc:informationssakerhet"]),
    ("otherRuntimeClasses", "--other-runtime-classes", &["kata", "youki"]),
];

/// Prefixes of resources, which become part of a regular expression.
const PREFIXES: [&str; 2] = ["intel.com/intel_sriov", "network-cards.example/"];

const USER: &str = "system:serviceaccount:ai:hemvist";
const ROOT: &str = "ai";

fn compiled(arguments: &[String]) -> String {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let words = ["hemvist", "policy", "compile"].map(str::to_owned);
    let exit = run(words.iter().chain(arguments), &mut io::empty(), &mut stdout, &mut stderr);
    assert_eq!(exit as u8, Exit::Success as u8, "{}", String::from_utf8_lossy(&stderr));
    without_versions(&String::from_utf8(stdout).unwrap())
}

/// The answer of a policy to its probe has a hash of all of it in it, which the chart cannot know: the operator writes it.
fn without_versions(text: &str) -> String {
    const VERSION: &str = "version ";
    let mut parts = text.split(VERSION);
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| {
        let hash = part.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap();
        assert_eq!(hash, 16, "{part:.40}");
        all + VERSION + "of the chart" + &part[hash..]
    })
}

fn with_places() -> String {
    let lists = LISTS.map(|(name, flag, _)| format!("{flag}=~{name}~"));
    let others = [
        "--other-resources=@otherResources@",
        "--operator-user=~operatorUser~",
        "--root-namespace=~rootNamespace~",
    ];
    compiled(&[lists.as_slice(), &others.map(str::to_owned)].concat())
}

#[test]
fn the_chart_brings_what_the_compiler_makes_of_nothing() {
    let header = format!(
        "# What `hemvist policy compile` makes of no AIPolicy, with places for the chart's values (templates/_helpers.tpl).\n\
         # Made by `{COMMAND}`. Do not edit.\n"
    );
    assert_committed("admission/closed.yaml", &format!("{header}{}", with_places()));
}

#[test]
fn the_chart_gives_the_rights_that_the_kinds_of_children_need() {
    let header = format!("# Made from the table of kinds by `{COMMAND}`. Do not edit.\n");
    let rules: Vec<_> = ChildKind::ALL.into_iter().map(rule).collect();
    assert_committed("rights/children.yaml", &format!("{header}{}", rules.concat()));
}

/// The rule of the operator's ClusterRole for a kind of child.
fn rule(kind: ChildKind) -> String {
    let KindFacts { group, resource, is_replaced, .. } = kind.facts();
    let group = if group.is_empty() { "\"\"" } else { group };
    let update = if *is_replaced { "" } else { ", update" };
    format!(
        "- apiGroups: [{group}]\n  resources: [{resource}]\n  verbs: [get, list, watch, create, patch{update}, delete]\n"
    )
}

/// Compares a generated file of the chart with what it has to be, or writes it where `UPDATE` is set.
fn assert_committed(file: &str, wanted: &str) {
    let path = Path::new(FOLDER).join(file);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let name = path.display();
    assert!(committed == wanted, "{name} differs from the code: run `{COMMAND}` and commit the result");
}

/// The chart puts its values into the places, and this is what it relies on: names stand in lists of CEL and YAML, in words
/// with commas between them, and as alternatives of a regular expression, and nowhere else.
#[test]
fn every_place_can_be_filled_in_by_putting_text_in_the_place_of_text() {
    let mut filled = with_places();
    // Escaped in the expression, in the text of CEL and in the text of YAML.
    let alternatives =
        PREFIXES.map(|prefix| format!("|^{}", prefix.replace('.', r"\\\\.").replace('-', r"\\\\-")));
    filled = filled.replace("|^@otherResources@", &alternatives.concat());
    for (name, _, values) in LISTS {
        let words = match values.len().checked_sub(8) {
            Some(more @ 1..) => format!("{} and {more} more", values[..8].join(", ")),
            _ => values.join(", "),
        };
        let items = values.iter().map(|value| format!("        - {value}\n")).collect::<Vec<_>>().concat();
        filled = filled
            .replace(&format!("'~{name}~'"), &format!("'{}'", values.join("', '")))
            .replace(&format!("        - ~{name}~\n"), &items)
            .replace(&format!("~{name}~"), &words);
    }
    filled = filled.replace("~rootNamespace~", ROOT).replace("~operatorUser~", USER);
    let lists = LISTS.map(|(_, flag, values)| format!("{flag}={}", values.join(",")));
    let others = [
        format!("--other-resources={}", PREFIXES.join(",")),
        format!("--operator-user={USER}"),
        format!("--root-namespace={ROOT}"),
    ];
    let real = compiled(&[lists.as_slice(), &others].concat());
    // How long strings are broken into lines is the printer's choice.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (filled, real) in filled.split("---").zip(real.split("---")) {
        assert!(words(filled) == words(real), "{}\n{}", words(filled), words(real));
    }
    assert_eq!(filled.split("---").count(), real.split("---").count());
}
