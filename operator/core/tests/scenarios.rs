//! Runs every folder of `scenarios/`: given these objects, expect this judgement and this status.
//!
//! A folder has a `given.yaml` with Kubernetes objects and an `expect.yaml` (see [`Expectation`]). Every model that is
//! given is named in the expectation, so that nothing is judged without being looked at.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test may read files and start programs, and fails where one of them does"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hemvist_core::decide::{Decision, decide};
use hemvist_core::placement::{Exclusion, Placement};
use hemvist_core::render::{Applied, DesiredObjects, Fetch, may_stay, render, weights_are_there};
use hemvist_core::snapshot::{
    ChildFacts, ChildKind, Key, LoadSource, Manifests, Mirrors, Settings, Snapshot, Subject,
};
use hemvist_core::status::{self, Application};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expectation {
    /// What the scenario shows.
    title: String,
    /// Files of `scenarios/shared` that are given too.
    #[serde(default)]
    include: Vec<String>,
    /// The moment.
    now: String,
    #[serde(default)]
    ungoverned_namespaces: Vec<String>,
    /// The image that fetches and verifies weights.
    #[serde(default)]
    tools_image: Option<String>,
    /// The mirrors, as the operator is told them.
    #[serde(default)]
    mirrors: Vec<String>,
    /// The gateway that the installation names, as `namespace/name`.
    gateway: Option<String>,
    /// The address of the Prometheus that the installation names.
    prometheus: Option<String>,
    /// By `namespace/name`.
    models: BTreeMap<String, ExpectedModel>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExpectedModel {
    /// Every violation, as `Reason field`, in order.
    #[serde(default)]
    violations: Vec<String>,
    accepted: bool,
    /// Conditions, as `Status/Reason`. All that are present are listed.
    #[serde(default)]
    conditions: BTreeMap<String, String>,
    /// Pieces that the message of `Ready` has to contain.
    #[serde(default)]
    ready_says: Vec<String>,
    /// Pieces that the message of `DutiesCurrent` has to contain.
    #[serde(default)]
    duties_say: Vec<String>,
    /// Pieces that the message of `Routed` has to contain.
    #[serde(default)]
    routed_says: Vec<String>,
    /// Pieces that the message of `Autoscaled` has to contain.
    #[serde(default)]
    autoscaled_says: Vec<String>,
    /// Nodes that are candidates.
    #[serde(default)]
    candidates: Vec<String>,
    /// Every reason why other nodes are out, the weightiest first.
    #[serde(default)]
    exclusions: BTreeMap<String, String>,
    /// Pods that have to leave, as `pod@node`.
    #[serde(default)]
    evictions: Vec<String>,
    /// Pieces that `waitingFor` has to contain; absent means that nothing is waited for.
    #[serde(default)]
    waiting_for: Vec<String>,
    /// Where a gateway serves it; absent means that none is asked for.
    gateway: Option<String>,
    /// What scales it, between which numbers and by what; absent means that nothing does.
    scaling: Option<String>,
    /// Exceptions that hold for it, as `namespace/name waives … until day`.
    #[serde(default)]
    exceptions: Vec<String>,
    /// What is deleted of a refused model, in order.
    #[serde(default)]
    withdrawn: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn documents(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What the controller would have after writing every object: the observed Deployment where there is one.
fn applied(snapshot: &Snapshot, subject: &Subject<'_>, decision: &Decision) -> Application {
    let Some(plan) = decision.plan() else { return Application::Withdrawn };
    let desired = render(&plan.model, &snapshot.settings);
    let observed = |kind| subject.children.get(&kind).cloned();
    let observed_or = |kind, written| observed(kind).unwrap_or(written);
    let fetch = desired.fetch.map(|fetch| Fetch::<Applied> {
        network_policy: facts(ChildKind::NetworkPolicy, &fetch.network_policy),
        job: observed(ChildKind::Job).unwrap_or_else(|| facts(ChildKind::Job, &fetch.job)),
    });
    let written = weights_are_there(fetch.as_ref().map(|fetch| &fetch.job), &desired.deployment);
    let deployment = observed(ChildKind::Deployment)
        .filter(|old| written || may_stay(old, &desired.deployment))
        .or_else(|| written.then(|| facts(ChildKind::Deployment, &desired.deployment)));
    let autoscaler = desired.horizontal_pod_autoscaler;
    Application::Applied(DesiredObjects::<Applied> {
        service_account: facts(ChildKind::ServiceAccount, &desired.service_account),
        network_policy: facts(ChildKind::NetworkPolicy, &desired.network_policy),
        service: facts(ChildKind::Service, &desired.service),
        pod_disruption_budget: facts(ChildKind::PodDisruptionBudget, &desired.pod_disruption_budget),
        fetch,
        deployment,
        horizontal_pod_autoscaler: autoscaler.map(|one| {
            observed_or(ChildKind::HorizontalPodAutoscaler, facts(ChildKind::HorizontalPodAutoscaler, &one))
        }),
        scaled_object: desired
            .scaled_object
            .map(|one| observed_or(ChildKind::ScaledObject, facts(ChildKind::ScaledObject, &one))),
        inference_pool: desired.inference_pool.map(|one| facts(ChildKind::InferencePool, &one)),
        http_route: desired
            .http_route
            .map(|one| observed_or(ChildKind::HTTPRoute, facts(ChildKind::HTTPRoute, &one))),
    })
}

fn facts(kind: ChildKind, object: &impl Serialize) -> ChildFacts {
    ChildFacts::of(kind, &serde_json::to_value(object).unwrap()).unwrap()
}

fn check_placement(what: &str, placement: &Placement, expected: &ExpectedModel) {
    let candidates: Vec<_> = placement.candidates.keys().cloned().collect();
    assert_eq!(candidates, expected.candidates, "{what}: candidates");
    let exclusions: BTreeMap<_, _> = placement
        .exclusions
        .iter()
        .map(|(node, reasons)| {
            let codes: Vec<_> = reasons.iter().map(Exclusion::code).collect();
            (node.clone(), codes.join(", "))
        })
        .collect();
    assert_eq!(exclusions, expected.exclusions, "{what}: exclusions");
}

fn check_status(what: &str, status: &hemvist_api::ModelDeploymentStatus, expected: &ExpectedModel) {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let found: BTreeMap<_, _> = conditions
        .iter()
        .map(|condition| (condition.type_.clone(), format!("{}/{}", condition.status, condition.reason)))
        .collect();
    assert_eq!(found, expected.conditions, "{what}: conditions\n{conditions:#?}");
    let says = [
        ("Ready", &expected.ready_says),
        ("DutiesCurrent", &expected.duties_say),
        ("Routed", &expected.routed_says),
        ("Autoscaled", &expected.autoscaled_says),
    ];
    for (type_, pieces) in says {
        let condition = conditions.iter().find(|condition| condition.type_ == type_);
        for piece in pieces {
            let message = condition.map(|condition| condition.message.as_str()).unwrap_or_default();
            assert!(message.contains(piece), "{what}: {type_} does not say {piece:?} but {message:?}");
        }
    }
    let waiting = status.waiting_for.clone().unwrap_or_default();
    assert_eq!(waiting.is_empty(), expected.waiting_for.is_empty(), "{what}: waitingFor {waiting:?}");
    for piece in &expected.waiting_for {
        assert!(waiting.contains(piece), "{what}: waitingFor does not say {piece:?} but {waiting:?}");
    }
    let exceptions: Vec<_> = status
        .exceptions
        .iter()
        .flatten()
        .map(|one| {
            format!("{}/{} waives {} until {}", one.namespace, one.name, one.waives.join(" "), one.expires_on)
        })
        .collect();
    assert_eq!(exceptions, expected.exceptions, "{what}: exceptions");
    let scaling = status.resolved.as_ref().and_then(|resolved| resolved.scaling.as_ref());
    assert_eq!(scaling.map(|one| &one.value), expected.scaling.as_ref(), "{what}: scaling");
    let gateway = status.resolved.as_ref().and_then(|resolved| resolved.gateway.as_ref());
    let gateway = gateway.map(|text| text.split(':').next().unwrap_or_default());
    assert_eq!(gateway, expected.gateway.as_deref(), "{what}: gateway");
    let size = serde_json::to_string(status).unwrap().len();
    assert!(size < 32 * 1024, "{what}: the status has {size} bytes");
}

fn check_model(what: &str, snapshot: &Snapshot, subject: &Subject<'_>, expected: &ExpectedModel) {
    let decision = decide(snapshot, subject);
    let violations: Vec<_> = decision
        .violations
        .iter()
        .map(|violation| format!("{} {}", violation.reason(), violation.field))
        .collect();
    assert_eq!(violations, expected.violations, "{what}: violations");
    assert_eq!(decision.plan().is_some(), expected.accepted, "{what}: accepted");
    for violation in &decision.violations {
        assert!(
            violation.message().contains(&violation.field),
            "{what}: the message does not name the field"
        );
    }
    if let Some(plan) = decision.plan() {
        check_placement(what, &plan.placement, expected);
    } else {
        let withdrawn: Vec<_> = hemvist_core::decide::withdrawal(&subject.children, &subject.pods)
            .into_iter()
            .map(|kind| kind.to_string())
            .collect();
        assert_eq!(withdrawn, expected.withdrawn, "{what}: withdrawn");
    }
    let evictions: Vec<_> = decision
        .evictions
        .iter()
        .map(|eviction| format!("{}@{}", eviction.pod.name, eviction.node))
        .collect();
    assert_eq!(evictions, expected.evictions, "{what}: evictions");

    let application = applied(snapshot, subject, &decision);
    let status = status::model(snapshot, subject, &decision, &application);
    check_status(what, &status, expected);

    // The status is a function of its inputs: with itself as the last one, and the clock moved, nothing changes.
    let mut again = subject.model.clone();
    again.status = Some(status.clone());
    let subject = Subject { model: &again, ..subject.clone() };
    let later = Snapshot { now: Time(snapshot.now.0 + SignedDuration::from_hours(8)), ..snapshot.clone() };
    let decision = decide(&later, &subject);
    let repeated = status::model(&later, &subject, &decision, &applied(&later, &subject, &decision));
    assert_eq!(repeated, status, "{what}: the status ticks");
}

fn run(scenario: &Path) -> usize {
    let text = std::fs::read_to_string(scenario.join("expect.yaml")).unwrap();
    let name = scenario.file_name().unwrap().to_string_lossy().into_owned();
    let expectation: Expectation =
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}/expect.yaml: {error}"));
    let mut given = Manifests::default();
    let included = expectation.include.iter().map(|file| folder().join("shared").join(file));
    for document in included.chain([scenario.join("given.yaml")]).flat_map(|file| documents(&file)) {
        given.add(document).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let settings = Settings {
        ungoverned_namespaces: expectation.ungoverned_namespaces.iter().cloned().collect(),
        tools_image: expectation.tools_image.clone(),
        mirrors: Mirrors::read(expectation.mirrors.iter().map(String::as_str)).unwrap(),
        gateway: expectation
            .gateway
            .as_deref()
            .and_then(|gateway| gateway.split_once('/'))
            .map(|(namespace, name)| Key::new(namespace, name)),
        load: LoadSource { prometheus: expectation.prometheus.clone(), requests: None },
        ..Settings::default()
    };
    let snapshot = given.snapshot(Time(expectation.now.parse().unwrap()), settings);
    let models: Vec<_> = given.models.keys().map(Key::to_string).collect();
    let named: Vec<_> = expectation.models.keys().cloned().collect();
    assert_eq!(models, named, "{name} ({}): models given and models expected", expectation.title);
    for (key, expected) in given.models.keys().zip(expectation.models.values()) {
        check_model(&format!("{name}: {key}"), &snapshot, &given.subject(key).unwrap(), expected);
    }
    models.len()
}

#[test]
fn every_scenario_holds() {
    let mut folders: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() && !path.ends_with("shared"))
        .collect();
    folders.sort();
    assert!(folders.len() >= 20, "only {} scenarios were found", folders.len());
    let mut failed = Vec::new();
    let mut judged = 0;
    for scenario in &folders {
        // Each failure is printed as it comes; the next scenario is judged all the same.
        match std::panic::catch_unwind(|| run(scenario)) {
            Ok(models) => judged += models,
            Err(_) => failed.push(scenario.file_name().unwrap().to_string_lossy().into_owned()),
        }
    }
    println!("{judged} models judged in {} scenarios", folders.len());
    assert!(failed.is_empty(), "{} of {} scenarios fail: {}", failed.len(), folders.len(), failed.join(", "));
    assert!(judged >= folders.len(), "{judged} models in {} scenarios", folders.len());
}
