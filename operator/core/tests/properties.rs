//! What holds for every set of policies: the meet is a meet, policies only restrict, and the default is deny.

#[path = "properties/dates.rs"]
mod dates;
#[path = "properties/exhaustive.rs"]
mod exhaustive;
#[path = "properties/sweep.rs"]
mod sweep;
#[path = "properties/world.rs"]
mod world;

use std::cell::Cell;

use hemvist_api::ModelDeployment;
use hemvist_api::values::{Enforcement, InformationClass, RiskClass};
use hemvist_core::policy::{EffectivePolicy, fields_without_effect};
use hemvist_core::violation::{Finding, Violation, summary};
use k8s_openapi::jiff::civil::{Date, date};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{TestCaseResult, TestRunner};
use world::{
    HOME, Policies, ROOT, any_model, book, complete_region, model, newcomer, policies, settings, unreadable,
};

const TODAY: Date = date(2026, 11, 1);

/// Tries `property` on at least 2,000 random cases; `PROPTEST_CASES` can ask for more.
#[track_caller]
#[allow(clippy::panic, reason = "a property that does not hold fails its test")]
fn for_all<S: Strategy>(cases: &S, property: impl Fn(S::Value) -> TestCaseResult) {
    let defaults = ProptestConfig::default();
    let config = ProptestConfig { cases: defaults.cases.max(2000), failure_persistence: None, ..defaults };
    if let Err(failure) = TestRunner::new(config).run(cases, property) {
        panic!("{failure}");
    }
}

fn effective(policies: &Policies) -> EffectivePolicy {
    EffectivePolicy::for_namespace(&book(policies), &settings(), HOME)
}

/// What each policy states alone.
fn parts(policies: &Policies) -> Vec<EffectivePolicy> {
    policies.iter().map(|policy| effective(&vec![policy.clone()])).collect()
}

fn allows(policy: &EffectivePolicy, model: &ModelDeployment) -> bool {
    policy.check(model, TODAY).is_empty()
}

/// That whatever `tighter` allows or leaves free, `wider` does too, for models of `classes`.
fn assert_within(
    tighter: &EffectivePolicy,
    wider: &EffectivePolicy,
    model: &ModelDeployment,
    classes: &[InformationClass],
) -> TestCaseResult {
    assert_within_found(tighter, (wider, &wider.check(model, TODAY)), model, classes)
}

/// The same, where it is known what `wider` finds in the model.
fn assert_within_found(
    tighter: &EffectivePolicy,
    (wider, found): (&EffectivePolicy, &[Violation]),
    model: &ModelDeployment,
    classes: &[InformationClass],
) -> TestCaseResult {
    prop_assert!(found.is_empty() || !allows(tighter, model), "{}", summary(found));
    prop_assert!(tighter.enforcement() >= wider.enforcement());
    prop_assert!(tighter.allowed_args().is_subset(&wider.allowed_args()));
    prop_assert!(tighter.unmanaged_accelerators() >= wider.unmanaged_accelerators());
    let within_limit = |inner: Option<i64>, outer: Option<i64>| {
        outer.is_none_or(|outer| inner.is_some_and(|inner| inner <= outer))
    };
    let quota = |policy: &EffectivePolicy| policy.accelerator_quota().map(|(limit, _)| i64::from(limit));
    prop_assert!(within_limit(quota(tighter), quota(wider)));
    let energy = |policy: &EffectivePolicy| policy.monthly_energy().map(|(limit, _)| limit);
    prop_assert!(within_limit(energy(tighter), energy(wider)));
    let asked = model.spec.placement.as_ref().and_then(|placement| placement.data_centres.as_deref());
    for class in classes.iter().copied() {
        prop_assert!(tighter.isolation(class) >= wider.isolation(class));
        let (inner, outer) = (tighter.clearance(class, asked), wider.clearance(class, asked));
        prop_assert!(inner.data_centres.is_subset(&outer.data_centres));
        prop_assert!(inner.levels.is_subset(&outer.levels));
        let regions_within = match (&inner.regions, &outer.regions) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(inner), Some(outer)) => inner.is_subset(outer),
        };
        prop_assert!(regions_within);
        // What a class needs can be stated with the class only, so that no policy sets it for a class that is not allowed.
        let is_covered = !outer.levels.is_empty();
        prop_assert!(!is_covered || tighter.on_expiry(class) <= wider.on_expiry(class));
        let unmet = found.iter().any(Violation::is_duty);
        if is_covered && unmet && class == model.spec.purpose.information_class {
            // Where no policy denies, no duty refuses anything.
            let refuses = |policy: &EffectivePolicy| {
                policy.enforcement() == Enforcement::Deny && policy.duties(model, true, TODAY).refuses
            };
            prop_assert!(refuses(tighter) || !refuses(wider));
        }
    }
    Ok(())
}

#[test]
fn the_meet_is_commutative_associative_and_idempotent() {
    let three = (policies(), newcomer(), newcomer(), model());
    for_all(&three, |(a, b, c, model)| {
        let (a, b, c) = (effective(&a), effective(&vec![b]), effective(&vec![c]));
        let verdict = |policy: &EffectivePolicy| policy.check(&model, TODAY);
        prop_assert_eq!(a.meet(&b), b.meet(&a));
        prop_assert_eq!(verdict(&a.meet(&b)), verdict(&b.meet(&a)));
        prop_assert_eq!(a.meet(&b).meet(&c), a.meet(&b.meet(&c)));
        prop_assert_eq!(a.meet(&a), a);
        Ok(())
    });
}

#[test]
fn the_effective_policy_is_the_meet_of_its_parts_in_any_order() {
    let order = proptest::collection::vec(any::<Index>(), 8);
    for_all(&(policies(), order), |(policies, order)| {
        let whole = effective(&policies);
        let mut parts = parts(&policies);
        let mut meet: Option<EffectivePolicy> = None;
        for index in order.iter().cycle() {
            if parts.is_empty() {
                break;
            }
            let part = parts.remove(index.index(parts.len()));
            meet = Some(meet.map_or(part.clone(), |meet| meet.meet(&part)));
        }
        prop_assert_eq!(meet, Some(whole));
        Ok(())
    });
}

#[test]
fn adding_a_policy_never_allows_more() {
    let (allowed, refused_by_it) = (Cell::new(0), Cell::new(0));
    for_all(&(complete_region(), policies(), newcomer(), model()), |(region, policies, newcomer, model)| {
        let mut before = policies;
        before.push(region);
        let mut after = before.clone();
        after.push(newcomer);
        let (before, after) = (effective(&before), effective(&after));
        allowed.set(allowed.get() + usize::from(allows(&before, &model)));
        refused_by_it
            .set(refused_by_it.get() + usize::from(allows(&before, &model) && !allows(&after, &model)));
        assert_within(&after, &before, &model, InformationClass::ALL)
    });
    // A property of what is allowed says nothing where nothing ever is.
    assert!(allowed.get() > 50, "only {} cases were allowed", allowed.get());
    assert!(refused_by_it.get() > 10, "only {} cases were refused by the newcomer", refused_by_it.get());
}

#[test]
fn only_what_is_denied_by_default_can_be_opened_by_a_policy() {
    let opened = Cell::new(0);
    for_all(&(policies(), newcomer(), model()), |(before, newcomer, model)| {
        let mut after = before.clone();
        after.push(newcomer);
        let (before, after) = (effective(&before), effective(&after));
        let by_a_policy =
            |finding: &Finding| !matches!(finding, Finding::NoPolicy { .. } | Finding::ListNotStated { .. });
        let refused = before.check(&model, TODAY).iter().any(|violation| by_a_policy(&violation.finding));
        opened.set(opened.get() + usize::from(!allows(&before, &model) && allows(&after, &model)));
        prop_assert!(!refused || !allows(&after, &model), "{}", summary(&before.check(&model, TODAY)));
        Ok(())
    });
    assert!(opened.get() > 10, "only {} cases were opened by a region that speaks", opened.get());
}

#[test]
fn local_policies_allow_no_more_than_the_region_alone() {
    let allowed = Cell::new(0);
    for_all(&(policies(), model()), |(all, model)| {
        let region: Policies = all.iter().filter(|(key, _)| key.namespace == ROOT).cloned().collect();
        let (all, region) = (effective(&all), effective(&region));
        allowed.set(allowed.get() + usize::from(allows(&all, &model)));
        assert_within(&all, &region, &model, InformationClass::ALL)
    });
    assert!(allowed.get() > 50, "only {} cases were allowed", allowed.get());
}

#[test]
fn without_the_region_nothing_is_allowed() {
    for_all(&(policies(), model()), |(all, model)| {
        let local: Policies = all.into_iter().filter(|(key, _)| key.namespace != ROOT).collect();
        let policy = effective(&local);
        prop_assert!(!allows(&policy, &model));
        let clearance = policy.clearance(model.spec.purpose.information_class, None);
        prop_assert!(clearance.data_centres.is_empty() && clearance.levels.is_empty());
        prop_assert!(policy.allowed_args().is_empty());
        Ok(())
    });
}

#[test]
fn a_policy_that_cannot_be_read_refuses_where_it_may_bind() {
    let allowed = Cell::new(0);
    for_all(&(policies(), model(), any::<Index>()), |(readable, model, index)| {
        let mut broken = readable.clone();
        let at = index.index(broken.len());
        let key = broken[at].0.clone();
        broken[at].1 = unreadable();
        let (policy, before) = (effective(&broken), effective(&readable));
        if key.namespace == ROOT || key.namespace == HOME {
            prop_assert!(!allows(&policy, &model));
            prop_assert!(policy.clearance(model.spec.purpose.information_class, None).levels.is_empty());
        } else {
            prop_assert_eq!(&policy, &before);
            allowed.set(allowed.get() + usize::from(allows(&policy, &model)));
        }
        Ok(())
    });
    assert!(allowed.get() > 10, "only {} cases were allowed", allowed.get());
}

#[test]
fn unacceptable_risk_is_never_allowed() {
    for_all(&(complete_region(), policies(), model()), |(region, mut policies, mut model)| {
        policies.push(region);
        model.spec.purpose.risk_class = RiskClass::Unacceptable;
        let violations = effective(&policies).check(&model, TODAY);
        let said = violations.iter().filter(|violation| violation.finding == Finding::RiskClassUnacceptable);
        prop_assert_eq!(said.count(), 1);
        Ok(())
    });
}

#[test]
fn every_text_gets_an_answer_and_every_answer_is_bounded() {
    for_all(&(policies(), any_model()), |(policies, model)| {
        let violations = effective(&policies).check(&model, TODAY);
        prop_assert!(violations.is_sorted());
        prop_assert!(summary(&violations).chars().count() <= 1000);
        let purpose = &model.spec.purpose;
        let uses = effective(&policies).uses(purpose.information_class, purpose.risk_class);
        prop_assert!(uses.len() <= 32 && uses.iter().all(|used| used.fields.len() <= 32));
        for (key, _) in &policies {
            let fields = fields_without_effect(&book(&policies), &settings(), key);
            prop_assert!(
                fields.len() <= 32 && fields.iter().all(|entry| entry.message.chars().count() <= 512)
            );
        }
        Ok(())
    });
}
