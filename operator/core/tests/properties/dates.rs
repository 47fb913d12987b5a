//! Time alone: what is said between now and the next change is what is said now.

#![allow(clippy::unwrap_used, reason = "what a property needs and does not get fails its test")]

use std::cell::Cell;
use std::sync::Arc;

use hemvist_api::ModelDeployment;
use hemvist_core::date;
use hemvist_core::decide::decide;
use hemvist_core::policy::{excepted_models, next_change};
use hemvist_core::schedule::schedule;
use hemvist_core::snapshot::{ChildFacts, ChildKind, Key, PolicyBook, Snapshot, Subject};
use hemvist_core::status::{self, Application, Compilation, PolicyCounts};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

use super::for_all;
use super::world::{HOME, NAME, book, complete_region, model, policies, settings, with_exceptions};

/// How many days are compared one by one.
const DAYS: i64 = 40;

fn noon(days: i64) -> Time {
    let first: Time = Time("2026-11-01T12:00:00Z".parse().unwrap());
    Time(first.0 + SignedDuration::from_hours(24 * days))
}

/// Everything that is decided and said at a moment, without the times of transition.
fn said(policies: &Arc<PolicyBook>, model: &ModelDeployment, running: bool, now: &Time) -> Vec<String> {
    let snapshot = Snapshot { policies: policies.clone(), ..Snapshot::empty(now.clone(), settings()) };
    let deployment = json!({"metadata": {"namespace": HOME, "name": NAME, "uid": "d-1",
                            "ownerReferences": [{"controller": true, "uid": "u-1"}]}});
    let deployment = ChildFacts::of(ChildKind::Deployment, &deployment).filter(|_| running);
    let children = deployment.into_iter().map(|child| (ChildKind::Deployment, child)).collect();
    let subject = Subject { model, children, pods: Vec::new(), fetchers: Vec::new() };
    let decision = decide(&snapshot, &schedule(&snapshot), &subject);
    let mut reported = status::model(&snapshot, &subject, &decision, &Application::Pruned);
    let untimed = |conditions: &mut Option<Vec<Condition>>| {
        for condition in conditions.iter_mut().flatten() {
            condition.last_transition_time = noon(0);
        }
    };
    untimed(&mut reported.conditions);
    let mut all = vec![decision.plan().is_some().to_string(), format!("{reported:?}")];
    for key in policies.entries.keys() {
        let excepted = excepted_models(policies, &snapshot.settings, key, date::today(now)).len();
        let counts = PolicyCounts { excepted: i32::try_from(excepted).unwrap(), ..PolicyCounts::default() };
        let mut reported = status::policy(policies, &snapshot.settings, key, counts, &Compilation::Off, now);
        untimed(&mut reported.conditions);
        all.push(format!("{key} {reported:?}"));
    }
    all
}

#[test]
fn nothing_changes_before_the_next_change() {
    let (changed, accepted) = (Cell::new(0), Cell::new(0));
    let given = (complete_region(), with_exceptions(policies()), model(), any::<bool>());
    for_all(&given, |(region, mut policies, model, running)| {
        policies.push(region);
        let policies = Arc::new(book(&policies));
        let now = noon(0);
        let first = said(&policies, &model, running, &now);
        accepted.set(accepted.get() + usize::from(first[0] == "true"));
        let next = next_change(&policies, &settings(), [&model].into_iter(), &now);
        prop_assert!(next.as_ref().is_none_or(|next| next.0 > now.0));
        let before_next = |later: &Time| next.as_ref().is_none_or(|next| later.0 < next.0);
        let days = (1..=DAYS).map(noon);
        for later in days.take_while(before_next) {
            prop_assert_eq!(
                &said(&policies, &model, running, &later),
                &first,
                "at {:?}, before {:?}",
                later,
                next
            );
        }
        if let Some(next) = next {
            changed.set(changed.get() + usize::from(said(&policies, &model, running, &next) != first));
        }
        Ok(())
    });
    println!(
        "{} of the next changes change something; {} models are accepted",
        changed.get(),
        accepted.get()
    );
    assert!(changed.get() > 200 && accepted.get() > 100, "{} and {}", changed.get(), accepted.get());
}

#[test]
fn the_next_change_is_that_of_any_model() {
    let one = model();
    for_all(&(with_exceptions(policies()), one, model()), |(policies, one, other)| {
        let (policies, settings, now) = (book(&policies), settings(), noon(0));
        let next =
            |models: &[&ModelDeployment]| next_change(&policies, &settings, models.iter().copied(), &now);
        let both = next(&[&one, &other]).map(|time| time.0);
        let each = [next(&[&one]), next(&[&other])].into_iter().flatten().map(|time| time.0).min();
        prop_assert_eq!(both, each);
        let key = Key::new(HOME, NAME);
        prop_assert_eq!(one.metadata.name.as_ref(), Some(&key.name));
        Ok(())
    });
}
