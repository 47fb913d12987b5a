//! Real nodes, rewritten: what a model finds on each. A folder `nodes/` has a file for each node with what is on it, the models
//! that are asked for, and `expect.yaml` with what becomes of them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test may read files, and fails where one is missing"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hemvist_core::decide::decide;
use hemvist_core::placement::{Verdict, messages};
use hemvist_core::schedule::schedule;
use hemvist_core::snapshot::{Manifests, Settings};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// How many replicas the node has room for.
    room: Option<i64>,
    /// Every reason why the node is out for good.
    out: Option<Vec<String>>,
    /// Every reason why the node is out for now.
    waits: Option<Vec<String>>,
    /// What is said of it.
    #[serde(default)]
    says: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nodes")
}

fn documents(file: &str) -> Vec<Value> {
    let path = folder().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What becomes of a model on a node: the reasons, the verdict, the room, and everything that is said.
fn judged(node: &str, model: &str) -> (Vec<String>, Verdict, i64, String) {
    let mut manifests = Manifests::default();
    for file in [format!("{node}.yaml"), format!("models/{model}.yaml"), "models/policy.yaml".to_owned()] {
        for document in documents(&file) {
            manifests.add(document).unwrap();
        }
    }
    let snapshot = manifests.snapshot(Time("2026-11-28T08:00:00Z".parse().unwrap()), Settings::default());
    let key = manifests.models.keys().next().unwrap_or_else(|| panic!("{model} cannot be read")).clone();
    let schedule = schedule(&snapshot);
    let decision = decide(&snapshot, &schedule, &manifests.subject(&key).unwrap());
    let plan = decision.plan().unwrap_or_else(|| panic!("{model} is refused: {:?}", decision.violations));
    let placement = &plan.placement;
    let mut said = placement.no_eligible_node();
    let mut codes = Vec::new();
    for found in schedule.nodes(&plan.model).values() {
        match found {
            Ok(candidate) => said.extend(candidate.note()),
            Err(reasons) => {
                said += &messages(reasons, &placement.demand);
                codes.extend(reasons.iter().map(|reason| reason.code().to_owned()));
            }
        }
    }
    (codes, placement.verdict(), placement.slots, said)
}

fn check(node: &str, model: &str, expected: &Expected) -> Result<(), String> {
    let (reasons, verdict, room, said) = judged(node, model);
    let found = format!("{verdict:?}, room for {room}, {reasons:?}: {said}");
    let is_right = match expected {
        Expected { room: Some(wanted), out: None, waits: None, .. } => room == *wanted,
        Expected { room: None, out: Some(wanted), waits: None, .. } => {
            verdict == Verdict::NoEligibleNode && reasons == *wanted
        }
        Expected { room: None, out: None, waits: Some(wanted), .. } => {
            verdict == Verdict::Waiting && reasons == *wanted
        }
        _ => return Err("one of room, out and waits is expected".to_owned()),
    };
    let missing: Vec<_> = expected.says.iter().filter(|piece| !said.contains(piece.as_str())).collect();
    let is_misled =
        said.contains("out of order") || (expected.room.is_none() && said.contains("Clear a node"));
    if is_right && missing.is_empty() && !is_misled {
        Ok(())
    } else {
        Err(format!("{found}; missing {missing:?}"))
    }
}

#[test]
fn models_find_on_real_nodes_what_is_there() {
    let text = std::fs::read_to_string(folder().join("expect.yaml")).unwrap();
    let expected: BTreeMap<String, BTreeMap<String, Expected>> = serde_saphyr::from_str(&text).unwrap();
    let mut faults = Vec::new();
    let mut judged = 0;
    for (node, models) in &expected {
        for (model, expected) in models {
            judged += 1;
            if let Err(fault) = check(node, model, expected) {
                faults.push(format!("{node}, {model}: {fault}"));
            }
        }
    }
    let files = std::fs::read_dir(folder()).unwrap().filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "yaml")
    });
    assert_eq!(files.count(), expected.len() + 1, "a node without expectation");
    assert!(judged > 60, "only {judged} were judged");
    assert!(faults.is_empty(), "{} of {judged}:\n{}", faults.len(), faults.join("\n"));
}
