//! The days on which a decision can change though no object changes.
//!
//! Every rule with a date is a comparison of today with a day that is calculated from what stands in the objects. Those days
//! are collected here, so that the operator knows when to look again and never has to look in between.

use std::collections::{BTreeMap, BTreeSet};

use hemvist_api::ModelDeployment;
use hemvist_api::model_deployment::Purpose;
use hemvist_api::values::Date as WrittenDate;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::civil::Date;

use super::duties::Demand;
use super::exception::all_exceptions;
use super::expiry::{Expiry, WARNING_DAYS};
use super::{EffectivePolicy, PolicyBook, PolicyEntry};
use crate::date;
use crate::snapshot::Settings;

/// The days on which a duty of the model `name` with `purpose` may be met no longer, or again.
pub(super) fn turning_days(policy: &EffectivePolicy, name: &str, purpose: &Purpose) -> BTreeSet<Date> {
    let (class, risk) = (purpose.information_class, purpose.risk_class);
    let duties: Vec<_> = policy.duties.iter().filter(|duty| duty.value.concerns(class, risk)).collect();
    let mut days: BTreeSet<Date> = duties.iter().filter_map(|duty| duty.value.not_before).collect();
    let exceptions = policy.exceptions.iter().filter(|exception| exception.model == name);
    days.extend(exceptions.map(|exception| date::days_after(exception.expires_on, 1)));
    for assessment in purpose.assessments.iter().flatten() {
        let last = assessment.valid_until.as_ref().and_then(day);
        days.extend(last.map(|last| date::days_after(last, 1)));
        let Some(decided) = day(&assessment.decided_on) else { continue };
        days.insert(decided);
        days.extend(duties.iter().filter_map(|duty| match duty.value.demand {
            Demand::MaxAssessmentAge(age) => Some(date::days_after(decided, i64::from(age) + 1)),
            _ => None,
        }));
    }
    days
}

/// The next moment at which a decision about a model, or what is said of it or of a policy, may change by time alone:
/// the midnight, in UTC, with which the nearest such day begins. `None` where no such day comes.
///
/// Days on which nothing turns out to change may be among them; days on which something changes are never left out.
pub fn next_change<'a>(
    book: &PolicyBook,
    settings: &Settings,
    models: impl Iterator<Item = &'a ModelDeployment>,
    now: &Time,
) -> Option<Time> {
    let today = date::today(now);
    let mut days = policy_days(book, settings);
    let mut policies: BTreeMap<&str, EffectivePolicy> = BTreeMap::new();
    for model in models {
        let namespace = model.metadata.namespace.as_deref().unwrap_or_default();
        let policy = policies
            .entry(namespace)
            .or_insert_with(|| EffectivePolicy::for_namespace(book, settings, namespace));
        days.extend(model_days(policy, model));
    }
    days.into_iter().filter(|day| *day > today).find_map(date::midnight)
}

/// The days on which what is said of a policy may change.
fn policy_days(book: &PolicyBook, settings: &Settings) -> BTreeSet<Date> {
    let reviews = book.entries.values().filter_map(|entry| match entry {
        PolicyEntry::Readable(policy) => policy.spec.decision.as_ref()?.review_by.as_ref().and_then(day),
        PolicyEntry::Unreadable { .. } => None,
    });
    let mut days: BTreeSet<Date> = reviews
        .flat_map(|review| [date::days_after(review, -WARNING_DAYS), date::days_after(review, 1)])
        .collect();
    days.extend(all_exceptions(book, settings).map(|exception| date::days_after(exception.expires_on, 1)));
    days
}

/// The days on which a duty of `model` turns, on which it is warned that it will, and on which the grace after it ends.
fn model_days(policy: &EffectivePolicy, model: &ModelDeployment) -> impl Iterator<Item = Date> + use<> {
    let purpose = &model.spec.purpose;
    let name = model.metadata.name.as_deref().unwrap_or_default();
    let grace = match policy.on_expiry(purpose.information_class) {
        Expiry::Stop { grace_days } => i64::from(grace_days),
        Expiry::Warn => 0,
    };
    turning_days(policy, name, purpose)
        .into_iter()
        .flat_map(move |day| [date::days_after(day, -WARNING_DAYS - 1), day, date::days_after(day, grace)])
}

fn day(written: &WrittenDate) -> Option<Date> {
    date::parse(written.as_str())
}
