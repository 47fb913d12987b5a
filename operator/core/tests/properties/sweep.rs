//! The laws over a hundred thousand sets of policies. What single policies state is read once, and the sets are drawn
//! from it: a set costs its meets and its judgements and nothing else.

#![allow(clippy::unwrap_used, reason = "what a law needs and does not get fails its test")]

use std::collections::BTreeSet;

use hemvist_api::ModelDeployment;
use hemvist_core::policy::{ActiveException, EffectivePolicy, Waiver, active_exceptions};
use hemvist_core::violation::{Finding, Violation};
use k8s_openapi::jiff::civil::{Date, date};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{TestCaseResult, TestRunner};

use super::world::{
    HOME, NAME, Policies, ROOT, book, complete_region, model, newcomer, settings, with_exceptions,
};
use super::{TODAY, allows, assert_within, assert_within_found, effective};

/// How many sets are tried.
const SETS: usize = 100_000;

/// How many threads share the sets: as many as a small CI machine has cores.
const THREADS: usize = 2;

/// How many of each kind are made, of which the sets are drawn.
const POOL: usize = 400;

/// A day on which every exception has ended.
const AFTER_ALL: Date = date(2030, 1, 1);

/// A sequence of numbers that looks like chance and is always the same.
struct Dice(fastrand::Rng);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0.usize(..bound)
    }

    fn pick<'a, T>(&mut self, pool: &'a [T]) -> &'a T {
        &pool[self.below(pool.len())]
    }
}

/// A region's policy without its exceptions and with them.
struct Region {
    plain: EffectivePolicy,
    excepting: EffectivePolicy,
    active: Vec<ActiveException>,
}

/// What one further policy states.
struct Part {
    effective: EffectivePolicy,
    root: bool,
}

/// How often a law had something to say.
#[derive(Debug, Default)]
struct Count {
    sets: usize,
    allowed: usize,
    refused_by_newcomer: usize,
    deletions: usize,
    excepting: usize,
    excepted: usize,
    waived: usize,
}

fn pool<T>(strategy: &impl Strategy<Value = T>, runner: &mut TestRunner) -> Vec<T> {
    (0..POOL).map(|_| strategy.new_tree(runner).unwrap().current()).collect()
}

fn regions(runner: &mut TestRunner) -> Vec<Region> {
    let with = with_exceptions(complete_region().prop_map(|region| vec![region]));
    let read = |mut policies: Policies| {
        let excepting = effective(&policies);
        let active = active_exceptions(&book(&policies), &settings(), TODAY);
        let ours = active.into_iter().filter(|one| one.namespace == HOME && one.model == NAME).collect();
        for (_, entry) in &mut policies {
            if let hemvist_core::snapshot::PolicyEntry::Readable(policy) = entry {
                policy.spec.exceptions = None;
            }
        }
        Region { plain: effective(&policies), excepting, active: ours }
    };
    pool(&with, runner).into_iter().map(read).collect()
}

fn parts(runner: &mut TestRunner) -> Vec<Part> {
    let named = pool(&newcomer(), runner).into_iter().enumerate();
    named
        .map(|(number, (mut key, entry))| {
            key.name = format!("p-{number}");
            Part { root: key.namespace == ROOT, effective: effective(&vec![(key, entry)]) }
        })
        .collect()
}

fn meet_of<'a>(first: &EffectivePolicy, others: impl Iterator<Item = &'a Part>) -> EffectivePolicy {
    others.fold(first.clone(), |meet, part| meet.meet(&part.effective))
}

/// The meet does not depend on order, grouping or repetition.
fn assert_meet(
    region: &EffectivePolicy,
    base: &EffectivePolicy,
    others: &[&Part],
    newcomer: &Part,
) -> TestCaseResult {
    let after = base.meet(&newcomer.effective);
    prop_assert!(newcomer.effective.meet(base) == after, "not commutative");
    prop_assert!(after.meet(&after) == after, "not idempotent");
    let grouped = meet_of(&newcomer.effective, others.iter().copied());
    prop_assert!(region.meet(&grouped) == after, "not associative");
    Ok(())
}

/// Whichever policies go, but the region's: no more is allowed than by the region's alone. Without the region's, nothing.
fn assert_deletions(
    region: &EffectivePolicy,
    base: &EffectivePolicy,
    others: &[&Part],
    model: &ModelDeployment,
    count: &mut Count,
) -> TestCaseResult {
    let class = [model.spec.purpose.information_class];
    let found = region.check(model, TODAY);
    let alone = (region, found.as_slice());
    // Without the last of them it is the base.
    assert_within_found(base, alone, model, &class)?;
    count.deletions += 1;
    for gone in 0..others.len() - 1 {
        let left = others.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, part)| *part);
        assert_within_found(&meet_of(region, left), alone, model, &class)?;
        count.deletions += 1;
    }
    let mut local = others.iter().filter(|part| !part.root);
    if let Some(first) = local.next() {
        let orphaned = meet_of(&first.effective, local.copied());
        prop_assert!(!allows(&orphaned, model));
        let clearance = orphaned.clearance(class[0], None);
        prop_assert!(clearance.data_centres.is_empty() && clearance.levels.is_empty());
    }
    Ok(())
}

/// What would waive a violation, by a reading of its own.
fn waivers(violation: &Violation) -> Vec<Waiver> {
    match &violation.finding {
        Finding::AssessmentMissing { assessment }
        | Finding::AssessmentExpired { assessment, .. }
        | Finding::AssessmentDateInvalid { assessment, .. } => vec![Waiver::Assessment(*assessment)],
        Finding::AssessmentTooOld { assessment, .. } => {
            vec![Waiver::Assessment(*assessment), Waiver::AssessmentAge]
        }
        Finding::HumanOversightMissing => vec![Waiver::HumanOversight],
        Finding::TransparencyNoticeMissing => vec![Waiver::TransparencyNotice],
        Finding::RecordReferenceMissing => vec![Waiver::RecordReference],
        _ => Vec::new(),
    }
}

/// An exception takes away the duties it waives, of the model it names, while it holds, and changes nothing else.
fn assert_excepting(
    region: &Region,
    others: &[&Part],
    model: &ModelDeployment,
    namesake: &ModelDeployment,
    count: &mut Count,
) -> TestCaseResult {
    count.excepting += 1;
    if region.plain == region.excepting {
        // No exception for a model of the namespace is stated, so there is nothing that could differ.
        return Ok(());
    }
    let plain = meet_of(&region.plain, others.iter().copied());
    let excepting = meet_of(&region.excepting, others.iter().copied());
    prop_assert_eq!(excepting.check(namesake, TODAY), plain.check(namesake, TODAY));
    prop_assert_eq!(excepting.check(model, AFTER_ALL), plain.check(model, AFTER_ALL));
    let class = [model.spec.purpose.information_class];
    assert_within(&excepting, &plain, namesake, &class)?;
    assert_within(&plain, &excepting, namesake, &class)?;

    let waived: BTreeSet<Waiver> = region.active.iter().flat_map(|one| one.waivers.iter().copied()).collect();
    let of_region =
        |violation: &Violation| violation.rule.as_ref().is_some_and(|rule| rule.namespace == ROOT);
    let is_waived = |violation: &Violation| {
        of_region(violation) && waivers(violation).iter().any(|waiver| waived.contains(waiver))
    };
    let (before, after) = (plain.check(model, TODAY), excepting.check(model, TODAY));
    for violation in &after {
        prop_assert!(!is_waived(violation), "{violation:?} is waived and reported");
        let too_old = |one: &Violation| matches!(one.finding, Finding::AssessmentTooOld { .. });
        // Where the region's age is waived, the department's own may be the one that is reported.
        let reported_instead = too_old(violation)
            && before.iter().any(|one| too_old(one) && one.field == violation.field && is_waived(one));
        prop_assert!(before.contains(violation) || reported_instead, "{violation:?} is new");
    }
    // An age, also one that a department demands, is that of an assessment that is demanded. Where nobody demands it any more,
    // it has no age.
    let not_demanded = |violation: &Violation| match violation.finding {
        Finding::AssessmentTooOld { assessment, .. } => waived.contains(&Waiver::Assessment(assessment)),
        _ => false,
    };
    for violation in before.iter().filter(|violation| !after.contains(violation)) {
        prop_assert!(is_waived(violation) || not_demanded(violation), "{violation:?} is gone and not waived");
        prop_assert!(violation.is_duty());
        count.waived += 1;
    }
    count.excepted += usize::from(!waived.is_empty());
    Ok(())
}

/// What the sets are drawn from.
struct Pools {
    regions: Vec<Region>,
    parts: Vec<Part>,
    models: Vec<ModelDeployment>,
    /// Each model under another name, which no exception names.
    namesakes: Vec<ModelDeployment>,
}

impl Pools {
    fn new() -> Self {
        let mut runner = TestRunner::deterministic();
        let (regions, parts) = (regions(&mut runner), parts(&mut runner));
        let models = pool(&model(), &mut runner);
        let mut namesakes = models.clone();
        for namesake in &mut namesakes {
            namesake.metadata.name = Some("third".to_owned());
        }
        Self { regions, parts, models, namesakes }
    }
}

/// Checks the laws on the sets of one thread: every [`THREADS`]th. All threads draw the same sets.
fn check_sets(pools: &Pools, thread: usize) -> Count {
    let (mut dice, mut count) = (Dice(fastrand::Rng::with_seed(20_261_102)), Count::default());
    for set in 0..SETS {
        let region = dice.pick(&pools.regions);
        let others: Vec<&Part> = (0..dice.below(3)).map(|_| dice.pick(&pools.parts)).collect();
        let newcomer = dice.pick(&pools.parts);
        let number = dice.below(pools.models.len());
        if set % THREADS != thread {
            continue;
        }
        let (model, namesake) = (&pools.models[number], &pools.namesakes[number]);
        let mut all = others.clone();
        all.push(newcomer);
        let base = meet_of(&region.plain, others.iter().copied());
        let after = base.meet(&newcomer.effective);
        let found = base.check(model, TODAY);
        let laws = || -> TestCaseResult {
            assert_meet(&region.plain, &base, &others, newcomer)?;
            let class = [model.spec.purpose.information_class];
            assert_within_found(&after, (&base, &found), model, &class)?;
            assert_deletions(&region.plain, &base, &all, model, &mut count)?;
            assert_excepting(region, &others, model, namesake, &mut count)
        };
        let held = { laws }();
        assert!(held.is_ok(), "set {set}: {held:?}");
        count.sets += 1;
        let allowed = found.is_empty();
        count.allowed += usize::from(allowed);
        count.refused_by_newcomer += usize::from(allowed && !allows(&after, model));
    }
    count
}

#[test]
fn the_laws_hold_for_a_hundred_thousand_sets() {
    let pools = Pools::new();
    let counts: Vec<Count> = std::thread::scope(|scope| {
        let pools = &pools;
        let started: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || check_sets(pools, thread))).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    println!("{counts:?}");
    let sum = |of: fn(&Count) -> usize| counts.iter().map(of).sum::<usize>();
    assert_eq!(sum(|count| count.sets), SETS);
    // A law of what is allowed says nothing where nothing ever is.
    assert!(sum(|count| count.allowed) > 2_000 && sum(|count| count.refused_by_newcomer) > 500, "{counts:?}");
    assert!(sum(|count| count.waived) > 2_000, "{counts:?}");
}
