//! The schedule is a function of the snapshot: whatever happened before, and in whatever order, it is the one that is made from
//! nothing. And its sums are those of its nodes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may fail and say how, and take its seed from outside"
)]

#[path = "clusters/mod.rs"]
mod clusters;

use std::collections::BTreeMap;
use std::sync::Arc;

use clusters::{KINDS, cluster, model, named, node, pod, policies};
use fastrand::Rng;
use hemvist_core::decide::{Decision, decide};
use hemvist_core::placement::{Excluded, Exclusion, Placement, Verdict};
use hemvist_core::schedule::{Schedule, schedule};
use hemvist_core::snapshot::{Key, Snapshot, Subject};
use k8s_openapi::jiff::SignedDuration;

const NODES: usize = 12;
const MODELS: usize = 24;
const PODS: usize = 30;
const STEPS: usize = 400;

/// Something happens in the cluster.
fn happen(random: &mut Rng, snapshot: &mut Snapshot) {
    let settings = snapshot.settings.clone();
    match random.usize(..20) {
        0..=4 => {
            let (name, node) = named(node(random.usize(..NODES), random.usize(..KINDS)));
            snapshot.nodes.insert_mut(name, node);
        }
        5 => drop(snapshot.nodes.remove_mut(&format!("node-{:05}", random.usize(..NODES)))),
        6..=11 => {
            let owner = random.bool().then(|| random.usize(..MODELS));
            snapshot.usage.set(&pod(random.usize(..PODS), random.usize(..NODES), owner), &settings);
        }
        12..=13 => {
            let pods: Vec<Key> =
                snapshot.usage.nodes().values().flat_map(|usage| usage.holders.keys().cloned()).collect();
            if let Some(pod) = random.choice(&pods) {
                snapshot.usage.remove(pod);
            }
        }
        14..=16 => {
            let (key, facts) = model(random.usize(..MODELS));
            snapshot.models.insert_mut(key, facts);
        }
        17 => drop(snapshot.models.remove_mut(&model(random.usize(..MODELS)).0)),
        18 => {
            let isolation = ["Partition", "WholeDevice", "WholeNode"][random.usize(..3)];
            snapshot.policies = Arc::new(policies(isolation));
        }
        _ => snapshot.now.0 += SignedDuration::from_hours(9),
    }
}

/// Where each accepted model can go.
fn placements(snapshot: &Snapshot, schedule: &Schedule) -> BTreeMap<Key, (Decision, Placement)> {
    let decided = snapshot.models.iter().map(|(key, facts)| {
        let subject = Subject {
            model: &facts.model,
            children: BTreeMap::new(),
            pods: Vec::new(),
            fetchers: Vec::new(),
        };
        let decision = decide(snapshot, schedule, &subject);
        let plan = decision.plan().unwrap_or_else(|| panic!("{key} is refused: {:?}", decision.violations));
        let placement = plan.placement.clone();
        (key.clone(), (decision, placement))
    });
    decided.collect()
}

/// That what is said of all nodes together is what is said of each.
fn check_sums(schedule: &Schedule, decision: &Decision, placement: &Placement) {
    let (mut slots, mut candidates) = (0, 0);
    let mut excluded: BTreeMap<Vec<Exclusion>, Vec<String>> = BTreeMap::new();
    for (name, found) in schedule.nodes(&decision.plan().unwrap().model) {
        match found {
            Ok(candidate) => {
                slots += candidate.slots;
                candidates += 1;
            }
            Err(reasons) => excluded.entry(reasons).or_default().push(name),
        }
    }
    assert_eq!((placement.slots, placement.candidates), (slots, candidates));
    let groups = excluded.into_iter().map(|(reasons, mut names)| {
        let nodes = names.len();
        names.truncate(3);
        Excluded { reasons, nodes, names }
    });
    assert_eq!(placement.excluded, groups.collect::<Vec<_>>());
}

/// How many older models wait for nodes that would suit this one too, counted one by one.
fn ahead(
    key: &Key,
    all: &BTreeMap<Key, (Decision, Placement)>,
    snapshot: &Snapshot,
    schedule: &Schedule,
) -> usize {
    let suitable = |key: &Key| -> Vec<String> {
        let nodes = schedule.nodes(&all[key].0.plan().unwrap().model).into_iter();
        let passing = nodes.filter(|(_, found)| {
            found.as_ref().err().is_none_or(|reasons| reasons.iter().all(Exclusion::is_passing))
        });
        passing.map(|(name, _)| name).collect()
    };
    let created = |key: &Key| snapshot.models[key].model.metadata.creation_timestamp.clone().unwrap();
    let mine = suitable(key);
    let waiting = all.iter().filter(|(_, (_, placement))| placement.verdict() == Verdict::Waiting);
    let older = waiting.filter(|(other, _)| (created(other), *other) < (created(key), key));
    older.filter(|(other, _)| suitable(other).iter().any(|node| mine.contains(node))).count()
}

#[test]
fn a_schedule_that_is_brought_up_to_date_is_the_one_from_nothing() {
    let seed = std::env::var("HEMVIST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_128);
    let mut random = Rng::with_seed(seed);
    let mut snapshot = cluster(NODES, MODELS / 2);
    let mut kept = schedule(&snapshot);
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    let mut queued = 0;
    for step in 0..STEPS {
        for _ in 0..random.usize(1..4) {
            happen(&mut random, &mut snapshot);
        }
        kept.update(&snapshot);
        let fresh = schedule(&snapshot);
        let (all, expected) = (placements(&snapshot, &kept), placements(&snapshot, &fresh));
        for (key, (decision, placement)) in &all {
            assert_eq!(*placement, expected[key].1, "seed {seed}, step {step}, {key}");
            check_sums(&kept, decision, placement);
            *verdicts.entry(format!("{:?}", placement.verdict())).or_default() += 1;
            if placement.verdict() == Verdict::Waiting {
                assert_eq!(
                    placement.ahead,
                    ahead(key, &all, &snapshot, &kept),
                    "seed {seed}, step {step}, {key}"
                );
                queued += placement.ahead;
            }
        }
        assert_eq!(all.len(), expected.len());
    }
    println!("{verdicts:?}, {queued} times a model waited behind another");
    for verdict in ["Fits", "Waiting", "NoEligibleNode"] {
        assert!(verdicts.get(verdict).is_some_and(|count| *count > 100), "{verdict}: {verdicts:?}");
    }
    assert!(queued > 100, "only {queued} models were behind another");
}

#[test]
fn a_snapshot_of_before_brings_the_schedule_of_before() {
    let before = cluster(NODES, MODELS);
    let mut after = before.clone();
    after.nodes.remove_mut("node-00001");
    after.models.remove_mut(&model(3).0);
    let mut kept = schedule(&before);
    kept.update(&after);
    kept.update(&before);
    let said = |all: BTreeMap<Key, (Decision, Placement)>| -> Vec<Placement> {
        all.into_values().map(|(_, placement)| placement).collect()
    };
    assert_eq!(said(placements(&before, &kept)), said(placements(&before, &schedule(&before))));
}

#[test]
fn an_accelerator_of_several_names_is_asked_for_by_one_that_a_cleared_node_has() {
    let mut snapshot = cluster(0, 0);
    let (key, facts) = model(4);
    snapshot.models.insert_mut(key.clone(), facts);
    let named_by = |clearance: usize, resource: &str| {
        let mut node = node(clearance, 4 + clearance);
        let offer = node.offers.iter().next().unwrap().1.clone();
        let vendor = hemvist_api::values::AcceleratorVendor::Intel;
        let offer = hemvist_core::accelerator::Offer { vendor, ..offer };
        node.offers = [(resource.to_owned(), offer)].into_iter().collect();
        named(node)
    };
    let resource = |snapshot: &Snapshot| {
        let placement = placements(snapshot, &schedule(snapshot)).remove(&key).unwrap().1;
        placement.demand.accelerator.resource.clone()
    };
    assert_eq!(resource(&snapshot), "gpu.intel.com/xe", "the first, where no node has any");
    // Kind 4 is cleared for Secret, kind 7 for Open alone.
    let (name, open) = named_by(3, "gpu.intel.com/xe");
    snapshot.nodes.insert_mut(name, open);
    let (name, secret) = named_by(0, "gpu.intel.com/i915");
    snapshot.nodes.insert_mut(name, secret);
    assert_eq!(resource(&snapshot), "gpu.intel.com/i915");
}
