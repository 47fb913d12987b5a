//! The resources that the compiled policies watch, against the resources that a real API server has.
//!
//! Kubernetes grows: a new sub-resource is a new way to a pod, and no rule names it. So everything that this API server
//! lets somebody write or connect to has a verdict in [`verdicts`]: which compiled policies judge which operations, and
//! why nothing judges the others. What has no verdict fails, and so does a verdict on what is not there.

mod served;
mod verdicts;
mod watched;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use hemvist_e2e::bypass::by_hand;
use hemvist_e2e::command_line::Hemvist;
use hemvist_e2e::installation::workspace;
use hemvist_e2e::optional_crds::OptionalCrd;
use hemvist_e2e::{Component, ControlPlane, Options, manifests};
use serde_json::json;

use self::served::{Served, Target};
use self::verdicts::{JUDGED, Judged, LEFT, NOT_HERE};
use self::watched::{Rule, Watchers};

/// Fails where Kubernetes serves a resource that nobody has looked at, where a compiled policy names one that is not there or
/// loses one, and where a verdict is about nothing.
#[tokio::test(flavor = "multi_thread")]
async fn every_resource_of_the_api_server_has_a_verdict() -> Result<()> {
    // Also what is not on by default: the resources of the next version are the alpha of this one.
    let options = Options::new("coverage")
        .without(Component::ControllerManager)
        .without(Component::Scheduler)
        .without(Component::Kwok)
        .without_audit()
        .argument(Component::ApiServer, "--feature-gates=AllAlpha=true,AllBeta=true")
        .argument(Component::ApiServer, "--runtime-config=api/all=true");
    let cluster = ControlPlane::start(options).await?;
    by_hand::serve_kinds(&cluster).await?;
    for crd in OptionalCrd::ALL {
        crd.install(&cluster).await?;
    }
    let served = served::targets(&cluster.client()).await?;
    cluster.stop().await?;

    let examples = workspace().join("examples/region");
    let arguments = ["policy".as_ref(), "compile".as_ref(), examples.as_os_str()];
    let compiled = Hemvist::new()?.run(&arguments).await?.success()?;
    let rules = watched::rules(&manifests::objects(&compiled)?)?;
    ensure!(served.len() >= 130 && rules.len() >= 20, "{} resources, {} rules", served.len(), rules.len());
    let judged = served.keys().filter(|target| verdict(target).is_some()).count();
    println!("{} resources are served, {judged} of them judged; {} rules watch", served.len(), rules.len());

    let mut problems = about_verdicts();
    problems.extend(served.iter().filter_map(|(target, served)| about_target(target, served, &rules)));
    problems.extend(about_rules(&rules, &served));
    problems.extend(about_absent(&served));
    ensure!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    Ok(())
}

/// No resource has two verdicts, and each reason says something.
fn about_verdicts() -> Vec<String> {
    let judged = JUDGED.iter().map(|one| (one.group, one.resource));
    let left = LEFT.iter().flat_map(|one| one.resources.iter().map(move |resource| (one.group, *resource)));
    let mut times: BTreeMap<_, usize> = BTreeMap::new();
    for target in judged.chain(left) {
        *times.entry(target).or_default() += 1;
    }
    let twice = times.into_iter().filter(|(_, times)| *times > 1);
    twice.map(|((group, resource), _)| format!("{group} {resource} has two verdicts")).collect()
}

/// What is wrong with the verdict on a resource, or with what is watched of it.
fn about_target(target: &Target, served: &Served, rules: &[Rule]) -> Option<String> {
    let watchers = watched::watchers(rules, target, served);
    let name = shown(target);
    match (verdict(target), reason_to_leave(target)) {
        (Some(judged), _) => about_judged(&name, judged, served, &watchers),
        (None, Some(why)) if !watchers.is_empty() => Some(format!(
            "{name} is said to be left ({why}), and is watched: {watchers:?}. Move it to JUDGED."
        )),
        (None, Some(_)) => None,
        (None, None) => Some(format!(
            "{name} is served in {:?} with {:?}, and nobody has looked at it. Find out whether it carries a pod or a pod \
             template, leads to one, or changes what Hemvist governs. If so, give it a target in \
             operator/core/src/admission and a line in JUDGED; if not, a line in LEFT with the reason.",
            served.versions, served.operations
        )),
    }
}

fn about_judged(name: &str, judged: &Judged, served: &Served, watchers: &Watchers) -> Option<String> {
    let by: BTreeSet<&str> = watchers.values().flatten().map(String::as_str).collect();
    let wanted: BTreeSet<&str> = judged.by.iter().copied().collect();
    if by != wanted {
        return Some(format!(
            "{name} is to be judged by {wanted:?} and is judged by {by:?}: a compiled policy has lost the resource, or the \
             verdict is old."
        ));
    }
    let open: BTreeSet<&str> =
        served.operations.iter().copied().filter(|operation| !watchers.contains_key(operation)).collect();
    let (known, why) = judged.but.unwrap_or_default();
    let known: BTreeSet<&str> = known.iter().copied().collect();
    (open != known).then(|| {
        format!("of {name} nobody judges {open:?}, and known are {known:?} ({why}): give the resource the operation, or a reason.")
    })
}

/// A rule that names what is not served is a misspelling, unless it is known to be for other clusters.
fn about_rules(rules: &[Rule], served: &BTreeMap<Target, Served>) -> Vec<String> {
    let expected: BTreeSet<Target> =
        NOT_HERE.iter().map(|(group, resource, _)| ((*group).to_owned(), (*resource).to_owned())).collect();
    let absent: BTreeSet<Target> =
        watched::named(rules).into_iter().filter(|target| !served.contains_key(target)).collect();
    let misspelt = absent.difference(&expected).map(|target| {
        format!(
            "a compiled policy watches {}, which is not served: misspelt, or a line for NOT_HERE",
            shown(target)
        )
    });
    let stale = expected.difference(&absent).map(|target| {
        format!(
            "{} is served or no longer watched: take it out of NOT_HERE and give it a verdict",
            shown(target)
        )
    });
    misspelt.chain(stale).collect()
}

/// Verdicts on what is not served say nothing.
fn about_absent(served: &BTreeMap<Target, Served>) -> Vec<String> {
    let judged = JUDGED.iter().map(|one| (one.group, one.resource));
    let left = LEFT.iter().flat_map(|one| one.resources.iter().map(move |resource| (one.group, *resource)));
    judged
        .chain(left)
        .map(|(group, resource)| (group.to_owned(), resource.to_owned()))
        .filter(|target| !served.contains_key(target))
        .map(|target| {
            format!("{} has a verdict and is not served by this version: remove the line", shown(&target))
        })
        .collect()
}

fn verdict((group, resource): &Target) -> Option<&'static Judged> {
    JUDGED.iter().find(|one| one.group == group && one.resource == resource)
}

fn reason_to_leave((group, resource): &Target) -> Option<&'static str> {
    let of_target = |one: &&verdicts::Left| one.group == group && one.resources.contains(&resource.as_str());
    LEFT.iter().find(of_target).map(|one| one.why)
}

fn shown((group, resource): &Target) -> String {
    if group.is_empty() { resource.clone() } else { format!("{resource}.{group}") }
}

/// The comparison sees what it is for; otherwise a green test would say nothing.
#[test]
fn what_nobody_has_reviewed_is_reported() -> Result<()> {
    let served = |versions: &[&str], operations: &[&'static str]| Served {
        versions: versions.iter().map(|&version| version.to_owned()).collect(),
        operations: operations.iter().copied().collect(),
    };
    let rules = |resources: &[&str], versions: &[&str]| {
        let rule = json!({"apiGroups": [""], "apiVersions": versions, "resources": resources, "operations": ["CREATE"]});
        let policy = json!({
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": "hemvist-bindings"},
            "spec": {"matchConstraints": {"resourceRules": [rule]}},
        });
        let binding =
            json!({"spec": {"policyName": "hemvist-bindings", "validationActions": ["Deny", "Audit"]}});
        watched::rules(&[policy, binding])
    };
    let target = |resource: &str| (String::new(), resource.to_owned());
    let problem = |resource: &str, served: &Served, rules: &[Rule]| {
        about_target(&target(resource), served, rules).unwrap_or_default()
    };
    let (create, bindings) = (served(&["v1"], &["CREATE"]), rules(&["pods/binding"], &["*"])?);
    ensure!(problem("pods/binding", &create, &bindings).is_empty(), "a resource that is watched");
    ensure!(
        problem("pods/teleport", &create, &bindings).contains("nobody has looked at it"),
        "a new resource"
    );
    ensure!(
        problem("bindings", &create, &bindings).contains("has lost the resource"),
        "a resource that is lost"
    );
    let update = served(&["v1"], &["CREATE", "UPDATE"]);
    ensure!(
        problem("pods/binding", &update, &bindings).contains("nobody judges {\"UPDATE\"}"),
        "a new operation"
    );
    let another = served(&["v1", "v2"], &["CREATE"]);
    let only_one = rules(&["pods/binding"], &["v1"])?;
    ensure!(problem("pods/binding", &another, &only_one).contains("has lost the resource"), "a new version");
    let all_of_pods = rules(&["pods/*"], &["*"])?;
    ensure!(
        problem("pods/eviction", &create, &all_of_pods).contains("is watched"),
        "a wildcard watches more"
    );
    let misspelt = about_rules(&rules(&["pods/bindings"], &["*"])?, &BTreeMap::new());
    ensure!(
        misspelt.iter().any(|one| one.contains("pods/bindings")),
        "a resource that is not there: {misspelt:?}"
    );
    Ok(())
}
