//! The core at work in a small cluster: in any order of events, and wherever the operator crashes, the invariants hold at
//! every step and the end is the same.
//!
//! ```text
//!  setup ──▶ world: objects, as an API server keeps them ◀──▶ cluster: scheduler, kubelets and other controllers
//!              ▲                      │
//!              │                      └──▶ operator: watch → decide → render → apply → prune → evict → status
//!              └── invariants, looked at after every step and at the end
//! ```
//!
//! The operator may see every kind late, pods too: a Deployment may have made a pod that it has not seen when it takes the
//! model down.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test may read files and the clock, and fails where it cannot go on"
)]

#[path = "sequences/cluster.rs"]
mod cluster;
#[path = "sequences/fault.rs"]
mod fault;
#[path = "sequences/invariants.rs"]
mod invariants;
#[path = "sequences/operator.rs"]
mod operator;
#[path = "sequences/setup.rs"]
mod setup;
#[path = "sequences/world.rs"]
mod world;

use std::path::Path;
use std::time::Instant;

use cluster::Actor;
use fault::Fault;
use invariants::{Invariants, fixed_point};
use operator::{Operator, Stop};
use setup::{CLUSTERS, Event, events};
use world::World;

/// How many orders are tried, unless `HEMVIST_SEEDS` says another number.
const SEEDS: u64 = 1000;

/// How many orders are tried of each mistake, until it is found.
const SEEDS_OF_A_FAULT: u64 = 60;

/// What has to have happened in how many of a thousand orders at least, by a piece of the log.
const HAPPENED: [(&str, usize); 8] = [
    ("operator              crashes", 300),
    ("operator              evict pod", 200),
    ("against the budget", 10),
    ("operator              delete NetworkPolicy", 200),
    ("operator              replace Service", 50),
    ("node controller       delete pod", 50),
    ("refuse pod", 20),
    ("no node for pod", 20),
];

/// The most rounds until nothing happens any more.
const MOST_ROUNDS: usize = 60;

/// A cluster with an operator and the invariants.
struct Sequence {
    models: &'static [&'static str],
    world: World,
    operator: Operator,
    invariants: Invariants,
}

impl Sequence {
    fn new(models: &'static [&'static str], fault: Option<Fault>) -> Self {
        let (world, foreign) = setup::cluster(models);
        let invariants = Invariants::new(&world, &foreign);
        let mut operator = Operator::new(fault);
        operator.watch(&world);
        Self { models, world, operator, invariants }
    }

    fn check(&mut self) -> Result<(), String> {
        self.world.step += 1;
        self.invariants.check(&self.world, &self.operator)
    }

    /// The operator looks at one model. Where it dies of it, the next process takes its place.
    fn reconcile(&mut self, key: &hemvist_core::snapshot::Key) -> Result<(), String> {
        let saw_all = self.operator.has_seen_all_of(&self.world);
        match self.operator.reconcile(&mut self.world, key) {
            Ok(()) if saw_all => Invariants::check_reconciled(&self.world, key)?,
            Ok(()) | Err(Stop::Failed(_)) => {}
            Err(Stop::Crashed) => {
                self.world.record("operator", "crashes");
                let restarted = std::mem::take(&mut self.operator).restarted();
                self.operator = restarted;
                self.operator.watch(&self.world);
            }
        }
        self.check()
    }

    /// Lets everything happen until nothing does any more; gives the number of rounds.
    fn settle(&mut self) -> Result<usize, String> {
        for round in 0..MOST_ROUNDS {
            let before = self.world.revision();
            self.operator.watch(&self.world);
            for key in self.operator.models() {
                self.operator.watch(&self.world);
                self.reconcile(&key)?;
            }
            for actor in Actor::ALL {
                while actor.act(&mut self.world, &mut |_| 0) {
                    self.check()?;
                }
            }
            if self.world.revision() == before {
                return Ok(round);
            }
        }
        Err(format!("settled: after {MOST_ROUNDS} rounds something still happens"))
    }

    /// That nothing is written any more, neither by this process nor by the next.
    fn check_quiet(&mut self) -> Result<(), String> {
        let before = self.world.writes;
        self.settle()?;
        self.operator = std::mem::take(&mut self.operator).restarted();
        self.settle()?;
        let written = self.world.writes - before;
        if written == 0 { Ok(()) } else { Err(format!("quiet: {written} writes where all is done")) }
    }

    /// Does something by chance.
    fn step(&mut self, random: &mut fastrand::Rng) -> Result<(), String> {
        match random.u8(0..10) {
            0..=5 => {
                let actor = Actor::ALL[random.usize(0..Actor::ALL.len())];
                for _ in 0..random.u8(1..=4) {
                    if !actor.act(&mut self.world, &mut |count| random.usize(0..count)) {
                        break;
                    }
                    self.check()?;
                }
                Ok(())
            }
            6 => {
                self.operator.watch(&self.world);
                Ok(())
            }
            _ => {
                self.operator.watch_some(&self.world, random.u8(..));
                let models = self.operator.models();
                let key = models[random.usize(0..models.len())].clone();
                self.reconcile(&key)
            }
        }
    }
}

/// The events in an order by chance. One that follows another stays behind it.
fn shuffled(events: Vec<Event>, random: &mut fastrand::Rng) -> Vec<Event> {
    let mut groups: Vec<Vec<Event>> = Vec::new();
    for event in events {
        match groups.last_mut() {
            Some(group) if event.follows => group.push(event),
            _ => groups.push(vec![event]),
        }
    }
    let mut order: Vec<usize> =
        groups.iter().enumerate().flat_map(|(number, group)| vec![number; group.len()]).collect();
    random.shuffle(&mut order);
    for group in &mut groups {
        group.reverse();
    }
    order.into_iter().map(|number| groups[number].pop().unwrap()).collect()
}

/// The models of the cluster that a seed begins with.
fn models_of(seed: u64) -> &'static [&'static str] {
    CLUSTERS[usize::try_from(seed).unwrap() % CLUSTERS.len()]
}

/// What the world comes to in an order by chance, and what happened; or what does not hold, after what has happened.
fn run(seed: u64, fault: Option<Fault>) -> Result<(String, Vec<String>), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut sequence = Sequence::new(models_of(seed), fault);
    let result = play(&mut sequence, &mut random);
    let log = sequence.world.log;
    match result {
        Ok(end) => Ok((end, log)),
        Err(broken) => {
            let last = log[log.len().saturating_sub(40)..].join("\n");
            Err(format!("{broken}\nseed {seed}, after\n{last}"))
        }
    }
}

fn play(sequence: &mut Sequence, random: &mut fastrand::Rng) -> Result<String, String> {
    let events = shuffled(events(sequence.models), random);
    if random.u8(0..4) > 0 {
        sequence.operator.crash_after = Some(random.u64(1..60));
    }
    for event in events {
        for _ in 0..random.u8(0..12) {
            sequence.step(random)?;
            if sequence.operator.crash_after.is_none() && random.u8(0..40) == 0 {
                sequence.operator.crash_after = Some(random.u64(1..30));
            }
        }
        sequence.world.record("somebody", event.name);
        (event.happens)(&mut sequence.world);
    }
    sequence.settle()?;
    Invariants::check_settled(&sequence.world)?;
    sequence.check_quiet()?;
    Ok(fixed_point(&sequence.world))
}

/// What the world comes to where everything happens in its order and nobody dies.
fn in_order(models: &'static [&'static str]) -> String {
    let mut sequence = Sequence::new(models, None);
    let mut rounds = 0;
    for event in events(models) {
        rounds += sequence.settle().unwrap();
        (event.happens)(&mut sequence.world);
    }
    rounds += sequence.settle().unwrap();
    assert!(rounds > 10 && sequence.world.writes > 20, "{rounds} rounds, {} writes", sequence.world.writes);
    fixed_point(&sequence.world)
}

fn end_of(ends: &[String; CLUSTERS.len()], seed: u64) -> &String {
    &ends[usize::try_from(seed).unwrap() % CLUSTERS.len()]
}

/// Tries some orders; gives in how many of them each thing [`HAPPENED`].
fn run_all(seeds: impl Iterator<Item = u64>, ends: &[String; CLUSTERS.len()]) -> [usize; HAPPENED.len()] {
    let mut happened = [0; HAPPENED.len()];
    for seed in seeds {
        let (end, log) = run(seed, None).unwrap_or_else(|broken| panic!("{broken}"));
        assert_eq!(end, *end_of(ends, seed), "seed {seed} comes to another end");
        for (count, (piece, _)) in happened.iter_mut().zip(HAPPENED) {
            *count += usize::from(log.iter().any(|line| line.contains(piece)));
        }
    }
    happened
}

#[test]
fn in_any_order_and_after_any_crash_the_end_is_the_same() {
    let seeds = std::env::var("HEMVIST_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let begun = Instant::now();
    let ends = CLUSTERS.map(in_order);
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    let counts: Vec<_> = std::thread::scope(|scope| {
        let ends = &ends;
        let work = |worker: usize| (0..seeds).skip(worker).step_by(workers);
        let started: Vec<_> =
            (0..workers).map(|worker| scope.spawn(move || run_all(work(worker), ends))).collect();
        started.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    println!("{seeds} orders, {:?}", begun.elapsed());
    for (position, (piece, least)) in HAPPENED.into_iter().enumerate() {
        let happened: usize = counts.iter().map(|count| count[position]).sum();
        println!("{happened:>6} {piece}");
        assert!(seeds < SEEDS || happened >= least, "{piece:?} happened in {happened} orders");
    }
}

/// Each mistake, with the invariant by which it has to be found.
#[test]
fn every_mistake_of_the_operator_is_found_by_its_invariant() {
    let ends = CLUSTERS.map(in_order);
    for (fault, invariant) in [
        (Fault::ReplicasFirst, "isolated"),
        (Fault::IsolationGoesFirst, "isolated"),
        (Fault::NoEviction, "left"),
        (Fault::RefusedKept, "pruned"),
        (Fault::NoPruning, "settled"),
        (Fault::NoAffinity, "bound"),
        (Fault::Adoption, "foreign"),
        (Fault::WishesAsStatus, "ready"),
        (Fault::StatusAlways, "settled"),
        (Fault::MemoryInTheProcess, "quiet"),
        (Fault::NoRepair, "end"),
    ] {
        let found = (0..SEEDS_OF_A_FAULT).find_map(|seed| match run(seed, Some(fault)) {
            Ok((end, _)) if end != *end_of(&ends, seed) => Some("end: another one".to_owned()),
            Ok(_) => None,
            Err(broken) => Some(broken),
        });
        let found = found.unwrap_or_else(|| panic!("{fault:?} is not found"));
        assert!(found.starts_with(&format!("{invariant}: ")), "{fault:?} is found by {found}");
    }
}

/// A model is refused right after a pod of it was made, and the operator, which knows all but that pod, looks at it again and
/// again.
fn refused_before_its_pod_is_seen(fault: Option<Fault>) -> Result<String, String> {
    let mut sequence = Sequence::new(&["chatt"], fault);
    let key = sequence.operator.models()[0].clone();
    sequence.reconcile(&key)?;
    while Actor::Deployments.act(&mut sequence.world, &mut |_| 0) {
        sequence.check()?;
    }
    setup::no_internal(&mut sequence.world);
    for _ in 0..3 {
        sequence.operator.watch_all_but(&sequence.world, "Pod");
        sequence.reconcile(&key)?;
    }
    sequence.settle()?;
    Invariants::check_settled(&sequence.world)?;
    sequence.check_quiet()?;
    Ok(sequence.world.log.join("\n"))
}

#[test]
fn a_pod_that_nobody_has_seen_keeps_the_isolation_of_its_network() {
    let log = refused_before_its_pod_is_seen(None).unwrap();
    let at = |piece: &str| log.find(piece).unwrap_or_else(|| panic!("{piece:?} did not happen:\n{log}"));
    assert!(at("operator              delete Deployment") < at("garbage collector     delete Pod"), "{log}");
    assert!(
        at("garbage collector     delete Pod") < at("operator              delete NetworkPolicy"),
        "{log}"
    );
    for fault in [Fault::IsolationGoesFirst, Fault::DeletionInTheBackground] {
        let found = refused_before_its_pod_is_seen(Some(fault)).unwrap_err();
        assert!(found.starts_with("isolated: "), "{fault:?} is found by {found}");
    }
}

/// What somebody does in a small cluster, with its name.
type Act = (&'static str, fn(&mut World));

/// What happens one after the other in a small cluster, each until nothing happens any more.
fn log(events: &[Act]) -> String {
    let mut sequence = Sequence::new(&["chatt"], None);
    sequence.world.log.push("A new model with one replica.".to_owned());
    sequence.settle().unwrap();
    for (name, happens) in events {
        sequence.world.log.push(format!("\n{name}"));
        happens(&mut sequence.world);
        sequence.settle().unwrap();
    }
    sequence.check_quiet().unwrap();
    sequence.world.log.join("\n") + "\n"
}

fn golden(name: &str, events: &[Act]) {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sequences/golden").join(format!("{name}.txt"));
    let text = log(events);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let wanted = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(wanted == text, "{} differs; UPDATE=1 writes it anew. Now it is:\n{text}", file.display());
}

#[test]
fn a_rollout_goes_step_by_step() {
    golden("rollout", &[("A new engine image.", setup::new_image)]);
}

#[test]
fn a_lost_node_gives_its_replica_away() {
    golden(
        "lost-node",
        &[
            ("The node is not heard of any more.", setup::lose_its_node),
            ("It is taken out of the cluster.", setup::delete_its_node),
        ],
    );
}

#[test]
fn a_policy_that_tightens_takes_the_model_down_and_lets_it_come_back() {
    golden(
        "policy-tightens",
        &[
            ("The policy no longer allows the class.", setup::no_internal),
            ("It does again.", setup::internal_again),
        ],
    );
}

#[test]
fn a_node_that_loses_its_clearance_is_left() {
    golden("clearance-lost", &[("The node loses its clearance.", setup::lose_clearance)]);
}

#[test]
fn replicas_come_and_go() {
    golden("scaling", &[("Two replicas.", setup::two_replicas), ("One replica.", setup::one_replica)]);
}
