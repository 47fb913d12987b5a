//! Runs every folder of `scenarios/` through the core: given these objects, expect this judgement and this status.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test may read files and start programs, and fails where one of them does"
)]

mod folders;

use std::collections::BTreeMap;
use std::path::Path;

use folders::{ExpectedModel, Folder};
use hemvist_core::decide::{Decision, Plan, decide};
use hemvist_core::placement::Exclusion;
use hemvist_core::render::{Applied, DesiredObjects, Object, Then, There, render};
use hemvist_core::schedule::{Schedule, schedule};
use hemvist_core::snapshot::{ChildFacts, Observed, Snapshot, Subject};
use hemvist_core::status::{self, Application};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::SignedDuration;

/// What the controller would have after taking every step: of what others write into, what is observed where it is there.
fn applied(snapshot: &Snapshot, subject: &Subject<'_>, decision: &Decision) -> Application {
    let Some(plan) = decision.plan() else { return Application::Pruned };
    let children = |kind| subject.children.get(&kind).cloned().into_iter().collect();
    let observed = |kind| {
        let child = subject.children.get(&kind).cloned();
        child.filter(|child: &ChildFacts| child.observed != Observed::Nothing)
    };
    let desired = render(plan, &snapshot.settings);
    let mut applied = DesiredObjects::<Applied>::default();
    for step in desired.steps() {
        let has_fetchers = !subject.fetchers.is_empty();
        let there = There { children: &children, has_fetchers, applied: &applied, now: &snapshot.now };
        let after = match step.todo(&there).then {
            Then::Put(object) => Some(observed(object.kind).unwrap_or_else(|| facts(object))),
            Then::Keep(child) => Some(*child),
            Then::Nothing => None,
        };
        if let Some(child) = after {
            applied.add(child);
        }
    }
    Application::Applied(applied)
}

fn facts(object: &Object) -> ChildFacts {
    ChildFacts::of(object.kind, &object.json).unwrap()
}

fn check_placement(what: &str, schedule: &Schedule, plan: &Plan, expected: &ExpectedModel) {
    let (mut candidates, mut exclusions) = (Vec::new(), BTreeMap::new());
    let mut slots = 0;
    for (node, found) in schedule.nodes(&plan.model) {
        match found {
            Ok(candidate) => {
                slots += candidate.slots;
                candidates.push(node);
            }
            Err(reasons) => {
                let codes: Vec<_> = reasons.iter().map(Exclusion::code).collect();
                exclusions.insert(node, codes.join(", "));
            }
        }
    }
    assert_eq!(candidates, expected.candidates, "{what}: candidates");
    assert_eq!(exclusions, expected.exclusions, "{what}: exclusions");
    let placement = &plan.placement;
    assert_eq!((placement.slots, placement.candidates), (slots, candidates.len()), "{what}: the sums differ");
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
    let scheduled = schedule(snapshot);
    let decision = decide(snapshot, &scheduled, subject);
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
        check_placement(what, &scheduled, plan, expected);
    } else {
        let pruned: Vec<_> = hemvist_core::decide::to_prune(&subject.children, &subject.pods)
            .into_iter()
            .map(|kind| kind.to_string())
            .collect();
        assert_eq!(pruned, expected.pruned, "{what}: pruned");
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
    let decision = decide(&later, &schedule(&later), &subject);
    let repeated = status::model(&later, &subject, &decision, &applied(&later, &subject, &decision));
    assert_eq!(repeated, status, "{what}: the status ticks");
}

fn run(folder: &Folder) -> usize {
    let given = folder.given();
    let snapshot = given.snapshot(folder.now(), folder.settings());
    for (key, expected) in given.models.keys().zip(folder.expectation.models.values()) {
        let what = format!("{}: {key}", folder.name);
        check_model(&what, &snapshot, &given.subject(key).unwrap(), expected);
    }
    given.models.len()
}

#[test]
fn every_scenario_holds() {
    let folders = folders::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios"));
    let mut judged = 0;
    folders::for_each(&folders, |folder| judged += run(folder));
    println!("{judged} models judged in {} scenarios", folders.len());
    assert!(judged >= folders.len(), "{judged} models in {} scenarios", folders.len());
}
