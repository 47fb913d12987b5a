//! The status of an AIPolicy: whether all of it has effect, who enforces it, and whether it is due for review.

use hemvist_api::AIPolicyStatus;
use hemvist_api::ai_policy::FieldWithoutEffect;
use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason, transition};
use hemvist_api::{AIPolicy, AIPolicySpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::civil::Date;

use super::enforced::enforced;
use super::{Compilation, PolicyCounts, draft};
use crate::date;
use crate::policy::{EXCEPTION_FIELD, ROOT_ONLY_FIELDS, WARNING_DAYS, fields_without_effect, licence_advice};
use crate::rules::listing;
use crate::snapshot::{Key, Settings};
use crate::snapshot::{PolicyBook, PolicyEntry};

/// The most sentences of advice in one message.
const MAX_ADVICE: usize = 3;

/// The status of an AIPolicy. The limits of a policy are in force also where it is not accepted: only what loosens them
/// has no effect.
pub fn policy(
    book: &PolicyBook,
    settings: &Settings,
    key: &Key,
    counts: PolicyCounts,
    compilation: &Compilation,
    now: &Time,
) -> AIPolicyStatus {
    let Some(entry) = book.entries.get(key) else {
        return AIPolicyStatus::default();
    };
    let (previous, generation, without_effect, drafts) = match entry {
        PolicyEntry::Unreadable { error } => {
            (Vec::new(), None, Vec::new(), unreadable(key, settings, error, compilation))
        }
        PolicyEntry::Readable(policy) => {
            let without_effect = fields_without_effect(book, settings, key);
            let drafts = readable(policy, key, settings, &without_effect, compilation, date::today(now));
            let previous =
                policy.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
            (previous, policy.metadata.generation, without_effect, drafts)
        }
    };
    AIPolicyStatus {
        observed_generation: generation,
        conditions: Some(transition(&previous, drafts, generation, now)),
        bound_namespaces: Some(counts.namespaces),
        bound_model_deployments: Some(counts.models),
        refused: Some(counts.refused),
        excepted: Some(counts.excepted),
        without_effect: Some(without_effect).filter(|fields| !fields.is_empty()),
    }
}

fn unreadable(key: &Key, settings: &Settings, error: &str, compilation: &Compilation) -> Vec<ConditionDraft> {
    let where_it_denies = if key.namespace == settings.root_namespace {
        "Every model in every governed namespace is refused".to_owned()
    } else {
        format!("Every model in {} is refused", key.namespace)
    };
    let error = error.trim_end_matches('.');
    let message = format!("The policy cannot be read: {error}. {where_it_denies} until it is fixed.");
    let not_accepted = |type_, status: bool| draft(type_, status.into(), Reason::Unreadable, message.clone());
    vec![
        not_accepted(ConditionType::Ready, false),
        not_accepted(ConditionType::Accepted, false),
        enforced(compilation),
        not_accepted(ConditionType::Stalled, true),
    ]
}

fn readable(
    policy: &AIPolicy,
    key: &Key,
    settings: &Settings,
    without_effect: &[FieldWithoutEffect],
    compilation: &Compilation,
    today: Date,
) -> Vec<ConditionDraft> {
    let reason = acceptance(without_effect);
    let accepted = reason == Reason::InForce;
    let message = if accepted {
        in_force(&policy.spec, key, settings)
    } else {
        in_force_without(reason, without_effect, settings)
    };
    let message = message + &advice(&policy.spec);
    let enforced = enforced(compilation);
    // A policy of which the API server lets something through is not as it should be, however well it is written.
    let ready = if accepted && enforced.reason == Reason::EnforcementFailed {
        draft(ConditionType::Ready, ConditionStatus::False, enforced.reason, enforced.message.clone())
    } else {
        draft(ConditionType::Ready, accepted.into(), reason, message.clone())
    };
    let mut drafts = vec![
        ready,
        draft(ConditionType::Accepted, accepted.into(), reason, message.clone()),
        enforced,
        review_due(&policy.spec, today),
    ];
    if !accepted {
        drafts.push(draft(ConditionType::Stalled, ConditionStatus::True, reason, message));
    }
    drafts
}

/// Whether the policy is accepted, as the reason that says so.
fn acceptance(without_effect: &[FieldWithoutEffect]) -> Reason {
    let root_only = |entry: &FieldWithoutEffect| ROOT_ONLY_FIELDS.contains(&entry.field.as_str());
    let of_exception = |entry: &FieldWithoutEffect| entry.field.starts_with(EXCEPTION_FIELD);
    if without_effect.is_empty() {
        Reason::InForce
    } else if without_effect.iter().all(root_only) {
        Reason::RootNamespaceOnly
    } else if without_effect.iter().all(of_exception) {
        Reason::NotWaivable
    } else {
        Reason::LoosensRegion
    }
}

fn in_force(spec: &AIPolicySpec, key: &Key, settings: &Settings) -> String {
    let text = where_in_force(spec, key, settings);
    // A field that is read and not carried out: whoever relies on it has to know.
    if spec.climate.is_none() {
        return text;
    }
    format!("{text} spec.climate has no effect in this version.")
}

/// What the author should know though everything has effect, with a space before it; empty where there is nothing.
fn advice(spec: &AIPolicySpec) -> String {
    let advice = licence_advice(spec);
    let sentence = |text: &String| format!(" spec.models.licences: {text}.");
    let reported = advice.iter().take(MAX_ADVICE).map(sentence).collect::<Vec<_>>().concat();
    match advice.len().saturating_sub(MAX_ADVICE) {
        0 => reported,
        more => format!("{reported} And {more} more."),
    }
}

fn where_in_force(spec: &AIPolicySpec, key: &Key, settings: &Settings) -> String {
    if key.namespace != settings.root_namespace {
        return format!(
            "The policy is in force in {} and restricts what {} allows.",
            key.namespace, settings.root_namespace
        );
    }
    match &spec.namespaces {
        None => "The policy is in force in every governed namespace.".to_owned(),
        Some(names) if names.is_empty() => "The policy lists no namespaces and applies to none.".to_owned(),
        Some(names) => format!("The policy is in force in {}.", listing(names.iter(), "no namespace")),
    }
}

/// Which fields have no effect, and that the others have.
fn in_force_without(reason: Reason, without_effect: &[FieldWithoutEffect], settings: &Settings) -> String {
    let mut fields: Vec<&str> = without_effect.iter().map(|entry| entry.field.as_str()).collect();
    fields.dedup();
    let why = match reason {
        Reason::RootNamespaceOnly => format!("has effect only in {}", settings.root_namespace),
        Reason::NotWaivable => "has no effect".to_owned(),
        _ => format!("would allow more than {}, so it has no effect", settings.root_namespace),
    };
    let first = without_effect
        .first()
        .map_or_else(String::new, |entry| format!(" {}: {}.", entry.field, entry.message));
    format!(
        "{} {why}. Every other limit of the policy is in force.{first}",
        listing(fields.iter(), "no field")
    )
}

fn review_due(spec: &AIPolicySpec, today: Date) -> ConditionDraft {
    let written = spec.decision.as_ref().and_then(|decision| decision.review_by.as_ref());
    let (due, reason, message) = match written.map(|written| (written, date::parse(written.as_str()))) {
        None => (false, Reason::NoReviewDate, "spec.decision.reviewBy is not set.".to_owned()),
        Some((written, Some(day))) if date::days_between(today, day) > WARNING_DAYS => {
            (false, Reason::ReviewNotDue, format!("The review is due by {written}."))
        }
        Some((written, Some(day))) if day >= today => (
            false,
            Reason::ReviewSoon,
            format!(
                "The review is due by {written}, within 30 days. The policy stays in force after that day."
            ),
        ),
        Some((written, Some(_))) => (
            true,
            Reason::ReviewDatePassed,
            format!("The review was due by {written}. The policy stays in force."),
        ),
        Some((written, None)) => (
            true,
            Reason::ReviewDatePassed,
            format!("spec.decision.reviewBy is {written}, which is not a date."),
        ),
    };
    draft(ConditionType::ReviewDue, due.into(), reason, message)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::fixture::{book, region, with};

    const NOW: &str = "2026-11-01T12:00:00Z";

    fn moment(text: &str) -> Time {
        Time(text.parse().unwrap())
    }

    fn reported(status: &AIPolicyStatus) -> Vec<String> {
        let line =
            |condition: &Condition| format!("{}={} {}", condition.type_, condition.status, condition.reason);
        status.conditions.iter().flatten().map(line).collect()
    }

    fn local(spec: Value) -> AIPolicyStatus {
        let book = book(&[("hemvist-system", "region", region()), ("halsa", "own", spec)]);
        policy(
            &book,
            &Settings::default(),
            &Key::new("halsa", "own"),
            PolicyCounts::default(),
            &Compilation::Off,
            &moment(NOW),
        )
    }

    #[test]
    fn a_policy_is_accepted_when_all_of_it_has_effect() {
        for (spec, reason) in [
            (json!({"models": {"licences": ["MIT"]}}), None),
            (json!({"models": {"licences": ["GPL-3.0"]}, "namespaces": []}), Some("LoosensRegion")),
            (json!({"namespaces": []}), Some("RootNamespaceOnly")),
        ] {
            let status = local(spec);
            let found = reported(&status);
            let accepted = if reason.is_none() { "True" } else { "False" };
            let reported_reason = reason.unwrap_or("InForce");
            assert_eq!(
                found[..2],
                [
                    format!("Ready={accepted} {reported_reason}"),
                    format!("Accepted={accepted} {reported_reason}")
                ]
            );
            assert_eq!(found[2], "Enforced=False ControllerOnly");
            assert_eq!(found.get(4).is_some(), reason.is_some(), "{found:?}");
            assert_eq!(status.without_effect.is_some(), reason.is_some());
            assert_eq!(status.observed_generation, Some(3));
        }
    }

    #[test]
    fn an_exception_from_what_cannot_be_waived_is_reported() {
        let exceptions = json!([{"namespace": "halsa", "modelDeployment": "pilot", "waives": ["Residency"],
                                 "reason": "Pilot.", "approvedBy": "CISO", "expiresOn": "2026-12-31"}]);
        let book = book(&[("hemvist-system", "region", with(region(), "/exceptions", exceptions))]);
        let key = Key::new("hemvist-system", "region");
        let status = policy(
            &book,
            &Settings::default(),
            &key,
            PolicyCounts::default(),
            &Compilation::Off,
            &moment(NOW),
        );
        assert_eq!(reported(&status)[1], "Accepted=False NotWaivable");
        assert_eq!(
            status.conditions.unwrap()[1].message,
            "spec.exceptions[halsa/pilot].waives has no effect. Every other limit of the policy is in force. \
             spec.exceptions[halsa/pilot].waives: Residency cannot be waived; what can be is AssessmentAge, \
             HumanOversight, TransparencyNotice, RecordReference and Assessment/ with one of DPIA, FRIA, \
             InformationSecurity, Procurement, Accessibility, Climate."
        );
    }

    #[test]
    fn a_licence_that_spdx_does_not_know_is_reported_and_changes_nothing() {
        let own = json!(["mit", "Apache-2.0", "GPLv3", "bsd", "isc", "LicenseRef-Own"]);
        let book = book(&[("hemvist-system", "region", with(region(), "/models/licences", own))]);
        let key = Key::new("hemvist-system", "region");
        let status = policy(
            &book,
            &Settings::default(),
            &key,
            PolicyCounts::default(),
            &Compilation::Off,
            &moment(NOW),
        );
        assert_eq!(reported(&status)[1], "Accepted=True InForce");
        let refer = "a licence that SPDX does not list is written as LicenseRef- and a name";
        assert_eq!(
            status.conditions.unwrap()[1].message,
            format!(
                "The policy is in force in every governed namespace. spec.models.licences: SPDX knows no licence mit; \
                 SPDX writes MIT. spec.models.licences: SPDX knows no licence GPLv3; {refer}. spec.models.licences: \
                 SPDX knows no licence bsd; {refer}. And 1 more."
            )
        );
    }

    #[test]
    fn a_refused_field_is_named_and_the_rest_stays_in_force() {
        let status = local(json!({"models": {"licences": ["GPL-3.0"]}}));
        let conditions = status.conditions.unwrap();
        assert_eq!(
            conditions[1].message,
            "spec.models.licences would allow more than hemvist-system, so it has no effect. Every other limit of the \
             policy is in force. spec.models.licences: GPL-3.0 is not allowed by AIPolicy hemvist-system/region and \
             stays not allowed."
        );
    }

    #[test]
    fn review_is_due_after_its_day() {
        for (day, expected) in [
            (json!("2026-12-02"), "ReviewDue=False ReviewNotDue"),
            (json!("2026-12-01"), "ReviewDue=False ReviewSoon"),
            (json!("2026-11-01"), "ReviewDue=False ReviewSoon"),
            (json!("2026-10-31"), "ReviewDue=True ReviewDatePassed"),
            (json!("2026-10-32"), "ReviewDue=True ReviewDatePassed"),
            (Value::Null, "ReviewDue=False NoReviewDate"),
        ] {
            let decision = json!({"title": "AI-policy", "reference": "R 1", "decidedBy": "Fullmäktige",
                                  "decidedOn": "2026-06-16", "reviewBy": "2027-06-16"});
            let spec = with(with(region(), "/decision", decision), "/decision/reviewBy", day.clone());
            let book = book(&[("hemvist-system", "region", spec)]);
            let key = Key::new("hemvist-system", "region");
            let status = policy(
                &book,
                &Settings::default(),
                &key,
                PolicyCounts::default(),
                &Compilation::Off,
                &moment(NOW),
            );
            assert_eq!(reported(&status)[3], expected, "{day}");
        }
    }

    #[test]
    fn times_of_transition_are_kept_while_the_value_is_the_same() {
        let mut book = book(&[("hemvist-system", "region", region())]);
        let key = Key::new("hemvist-system", "region");
        let settings = Settings::default();
        let counts = PolicyCounts { namespaces: 2, models: 3, refused: 1, excepted: 1 };
        let first = policy(&book, &settings, &key, counts, &Compilation::Off, &moment(NOW));
        if let Some(PolicyEntry::Readable(readable)) = book.entries.get_mut(&key) {
            readable.status = Some(first.clone());
        }
        assert_eq!(
            policy(&book, &settings, &key, counts, &Compilation::Off, &moment("2026-11-02T12:00:00Z")),
            first
        );
    }

    #[test]
    fn what_the_server_lets_through_makes_a_policy_not_ready() {
        let key = Key::new("hemvist-system", "region");
        let says = |spec: Value, compilation: &Compilation| {
            let book = book(&[("hemvist-system", "region", spec)]);
            let counts = PolicyCounts::default();
            reported(&policy(&book, &Settings::default(), &key, counts, compilation, &moment(NOW)))[..3]
                .to_vec()
        };
        let failed = Compilation::Failed { why: "It is let through.".to_owned() };
        assert_eq!(
            says(region(), &failed),
            ["Ready=False EnforcementFailed", "Accepted=True InForce", "Enforced=False EnforcementFailed"]
        );
        let not_yet = Compilation::NotYet { why: "It is tried.".to_owned() };
        assert_eq!(
            says(region(), &not_yet),
            ["Ready=True InForce", "Accepted=True InForce", "Enforced=False NotYetEnforced"]
        );
        let proven = Compilation::Proven { policies: Vec::new(), lenient: Vec::new() };
        assert_eq!(
            says(region(), &proven),
            ["Ready=True InForce", "Accepted=True InForce", "Enforced=True Enforced"]
        );
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_stalled() {
        let mut book = PolicyBook::default();
        let key = Key::new("halsa", "own");
        book.entries
            .insert(key.clone(), PolicyEntry::Unreadable { error: "unknown variant `X`.".to_owned() });
        let status = policy(
            &book,
            &Settings::default(),
            &key,
            PolicyCounts::default(),
            &Compilation::Off,
            &moment(NOW),
        );
        assert_eq!(
            reported(&status),
            [
                "Ready=False Unreadable",
                "Accepted=False Unreadable",
                "Enforced=False ControllerOnly",
                "Stalled=True Unreadable"
            ]
        );
        assert_eq!(
            status.conditions.unwrap()[1].message,
            "The policy cannot be read: unknown variant `X`. Every model in halsa is refused until it is fixed."
        );
    }
}
