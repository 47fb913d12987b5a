//! Sends every model of the scenario folders to an API server with the compiled policies, in a dry run: it is admitted or
//! refused as `expect.yaml` says, as far as an API server can know it (see [`newcomer`](hemvist_conformance::newcomer)).
//!
//! Folders with the same policies on the same day share namespaces. All policies are in force at the same time, each in the
//! namespaces of its folders alone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may read files, and fails where it cannot go on"
)]

#[path = "../../core/tests/folders/mod.rs"]
mod folders;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use folders::Folder;
use futures::{StreamExt, TryStreamExt, stream};
use hemvist_conformance::newcomer::{Agreement, agree};
use hemvist_conformance::server::{AT_ONCE, Server, User, models_path};
use hemvist_conformance::verdict::{Answer, NARROWED};
use hemvist_core::admission::{Compiled, Scope, compile};
use hemvist_core::date;
use hemvist_core::decide::decide;
use hemvist_core::policy::EffectivePolicy;
use hemvist_core::schedule::schedule;
use hemvist_core::snapshot::{Key, Manifests, Settings, Snapshot};
use serde_json::{Value, json};

/// The least number of folders in which the API server has judged a model, and of models of each outcome.
const LEAST_FOLDERS: usize = 80;
const LEAST_ADMITTED: usize = 60;
const LEAST_REFUSED: usize = 25;
const LEAST_WARNED: usize = 1;

/// The namespaces of folders with the same policies on the same day.
#[derive(Debug)]
struct Group {
    number: usize,
    namespaces: BTreeSet<String>,
    compiled: Vec<Compiled>,
}

/// A folder in the namespaces of its group.
struct Placed {
    name: String,
    group: usize,
    documents: Vec<Value>,
    manifests: Manifests,
    snapshot: Snapshot,
    /// What is expected, by the names of the group.
    violations: BTreeMap<Key, Vec<String>>,
}

/// A namespace under the name that it has in a group; that of the policies that bind others is the same for all.
fn renamed(settings: &Settings, group: usize, namespace: &str) -> String {
    if namespace == settings.root_namespace {
        namespace.to_owned()
    } else {
        format!("group-{group}-{namespace}")
    }
}

/// The objects of a folder in the namespaces of its group.
fn documents(folder: &Folder, settings: &Settings, group: usize) -> Vec<Value> {
    let rename = |namespace: &mut Value| {
        if let Some(name) = namespace.as_str() {
            *namespace = json!(renamed(settings, group, name));
        }
    };
    let mut documents = folder.documents();
    for document in &mut documents {
        document.pointer_mut("/metadata/namespace").into_iter().for_each(rename);
        let lists =
            ["/spec/namespaces", "/spec/exceptions"].into_iter().filter(|_| document["kind"] == "AIPolicy");
        for list in lists.collect::<Vec<_>>() {
            let entries = document.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
            entries.for_each(|one| rename(if one.is_string() { one } else { &mut one["namespace"] }));
        }
    }
    documents
}

/// What makes folders share a group.
fn policies_and_day(folder: &Folder) -> String {
    let policies = folder.given().policies;
    format!("{policies:?} {:?} {}", folder.expectation.ungoverned_namespaces, date::today(&folder.now()))
}

fn place(folder: &Folder, group: usize) -> Placed {
    let mut settings = folder.settings();
    let ungoverned =
        settings.ungoverned_namespaces.iter().map(|name| renamed(&settings, group, name)).collect();
    settings.ungoverned_namespaces = ungoverned;
    let documents = documents(folder, &settings, group);
    let mut manifests = Manifests::default();
    for document in &documents {
        manifests.add(document.clone()).unwrap();
    }
    let named = folder.expectation.models.iter().map(|(key, expected)| {
        let (namespace, name) = key.split_once('/').unwrap();
        (Key::new(renamed(&settings, group, namespace), name), expected.violations.clone())
    });
    let violations: BTreeMap<_, _> = named.collect();
    let snapshot = manifests.snapshot(folder.now(), settings);
    let name = folder.name.clone();
    Placed { name, group, documents, manifests, snapshot, violations }
}

/// Every folder in a group, and the groups with what their policies are compiled to.
fn placed(folders: &[Folder]) -> (Vec<Placed>, Vec<Group>) {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut all = Vec::new();
    for folder in folders {
        let next = numbers.len();
        let number = *numbers.entry(policies_and_day(folder)).or_insert(next);
        let placed = place(folder, number);
        if number == groups.len() {
            let Snapshot { policies, settings, now, .. } = &placed.snapshot;
            let compiled = compile(policies, settings, date::today(now));
            let of_models = |one: &Compiled| {
                one.match_rules
                    .iter()
                    .any(|rule| rule.resources.contains(&"modeldeployments") && rule.group == "hemvist.dev")
            };
            let compiled =
                compiled.policies.into_values().flatten().chain(compiled.default_deny).filter(of_models);
            groups.push(Group { number, namespaces: BTreeSet::new(), compiled: compiled.collect() });
        }
        groups[number].namespaces.extend(placed.violations.keys().map(|key| key.namespace.clone()));
        all.push(placed);
    }
    (all, groups)
}

/// The policies of a group, in force in its namespaces alone.
fn narrowed(group: &Group) -> Vec<Compiled> {
    let here = Scope::Only(group.namespaces.clone());
    let narrow = |one: &Compiled| Compiled {
        name: format!("{}{NARROWED}group-{}", one.name, group.number),
        namespaces: one.namespaces.intersection(&here),
        probed: false,
        ..one.clone()
    };
    group.compiled.iter().map(narrow).filter(|one| !one.namespaces.is_nowhere()).collect()
}

/// A model as somebody would send it who makes it anew.
fn request(documents: &[Value], key: &Key) -> Value {
    let is_it = |one: &&Value| {
        one["kind"] == "ModelDeployment"
            && one["metadata"]["name"] == key.name.as_str()
            && one["metadata"]["namespace"] == key.namespace.as_str()
    };
    let model = documents.iter().find(is_it).unwrap();
    json!({
        "apiVersion": model["apiVersion"],
        "kind": "ModelDeployment",
        "metadata": {"namespace": key.namespace, "name": key.name},
        "spec": model["spec"],
    })
}

/// How the API server agrees with a folder about a model.
struct Judged {
    agreement: Result<Agreement, String>,
    /// Whether it refuses with a whole message of the core.
    says_the_same: bool,
}

/// How the API server agrees with a folder about each of its models.
async fn judge(server: &Server, folder: &Placed) -> Result<Vec<Judged>> {
    let mut judged = Vec::new();
    let schedule = schedule(&folder.snapshot);
    for (key, expected) in &folder.violations {
        let what = format!("{} {key} (group {})", folder.name, folder.group);
        let decision = decide(&folder.snapshot, &schedule, &folder.manifests.subject(key).unwrap());
        let found = decision.violations.iter().map(|one| format!("{} {}", one.reason(), one.field));
        assert_eq!(
            found.collect::<Vec<_>>(),
            *expected,
            "{what}: the names of namespaces change the judgement"
        );
        let Snapshot { policies, settings, .. } = &folder.snapshot;
        let enforcement = EffectivePolicy::for_namespace(policies, settings, &key.namespace).enforcement();
        let object = request(&folder.documents, key);
        let answer = server.try_out(User::Tenant, "POST", &models_path(&key.namespace), &object).await?;
        let agreement =
            agree(&decision.violations, enforcement, &answer).map_err(|how| format!("{what}: {how}"));
        let is_whole = |message: &str| decision.violations.iter().any(|one| one.message() == message);
        let says_the_same = matches!(&answer, Answer::Refused { message, .. } if is_whole(message));
        judged.push(Judged { agreement, says_the_same });
    }
    Ok(judged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_is_judged_alike_by_the_api_server() -> Result<()> {
    let begun = Instant::now();
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/scenarios");
    let folders = folders::all(&scenarios);
    let (folders, groups) = placed(&folders);
    let settings = Settings::default();
    let server = Server::start("conformance-scenarios").await?;
    let namespaces = groups.iter().flat_map(|group| &group.namespaces).chain([&settings.root_namespace]);
    server.make_namespaces(namespaces.map(String::as_str)).await?;
    let compiled: Vec<_> = groups.iter().flat_map(narrowed).collect();
    server.write(&compiled).await?;
    server.settle(&settings, "scenarios").await?;
    println!("{} policies of {} groups in force, {:?}", compiled.len(), groups.len(), begun.elapsed());

    let judged = folders.iter().map(|folder| judge(&server, folder));
    let judged: Vec<_> = stream::iter(judged).buffered(AT_ONCE).try_collect().await?;
    server.stop().await?;
    let is_judged = |one: &Judged| one.agreement != Ok(Agreement::Invalid);
    let folders_judged = judged.iter().filter(|models| models.iter().any(is_judged)).count();
    let all: Vec<_> = judged.into_iter().flatten().collect();
    let differences: Vec<_> =
        all.iter().filter_map(|one| one.agreement.as_ref().err().map(String::as_str)).collect();
    let count = |agreement| all.iter().filter(|one| one.agreement == Ok(agreement)).count();
    let the_same = all.iter().filter(|one| one.says_the_same).count();
    let [admitted, warned, refused, invalid] =
        [Agreement::Admitted, Agreement::Warned, Agreement::Refused, Agreement::Invalid].map(count);
    println!(
        "{folders_judged} of {} folders judged: {admitted} models admitted, {warned} with warnings, {refused} refused \
         ({the_same} with a whole message of the core), {invalid} not valid, {:?}",
        folders.len(),
        begun.elapsed()
    );
    assert!(differences.is_empty(), "{} differ\n{}", differences.len(), differences.join("\n"));
    assert!(folders_judged >= LEAST_FOLDERS, "{folders_judged} folders were judged");
    assert!(admitted >= LEAST_ADMITTED, "{admitted} models were admitted");
    assert!(refused >= LEAST_REFUSED, "{refused} models were refused");
    assert!(warned >= LEAST_WARNED, "{warned} models were admitted with a warning");
    Ok(())
}
