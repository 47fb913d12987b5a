//! Exceptions: duties that a policy of the root namespace waives for one model, for a time.
//!
//! An exception waives what policies of the root namespace demand, and nothing else. What a department demands of itself
//! stays, because the region cannot know why it does. An exception counts where its policy applies to the namespace of the
//! model, holds through its last day, and then ends by itself. One whose last day no calendar has never held.
//!
//! Only duties can be waived. Where a model may be, which classes, licences, registries and engines it may have, and the
//! practices that the AI Act forbids are the same for every model.

use std::collections::BTreeSet;
use std::fmt;

use hemvist_api::AIPolicySpec;
use hemvist_api::ai_policy::Exception;
use hemvist_api::model_deployment::ExceptionUse;
use hemvist_api::values::AssessmentType;
use k8s_openapi::jiff::civil::Date;

use super::duties::{Demand, Duty};
use super::limit::Statement;
use super::{PolicyBook, PolicyEntry, binds};
use crate::date;
use crate::rules::shortened;
use crate::snapshot::{Key, Settings};

/// The most exceptions of a model that status reports.
const MAX_USES: usize = 8;

/// The longest reason of an exception in status, in characters. The whole stands in the policy.
const MAX_REASON: usize = 256;

/// A duty that can be waived. There is no other.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Waiver {
    /// An assessment: that it is there, that it is valid, and that it is young enough. Written as `Assessment/DPIA`.
    Assessment(AssessmentType),
    /// The greatest age of every assessment.
    AssessmentAge,
    /// Oversight by people.
    HumanOversight,
    /// A notice to those who meet the model.
    TransparencyNotice,
    /// A registry number.
    RecordReference,
}

/// An exception of a policy of the root namespace. [`active_exceptions`] gives those that hold on a day.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ActiveException {
    /// The policy that states it.
    pub policy: Key,
    /// The namespace of the model.
    pub namespace: String,
    /// The name of the model.
    pub model: String,
    /// What it waives; may be empty, where nothing that it names can be waived.
    pub waivers: BTreeSet<Waiver>,
    /// The last day that it holds, in UTC.
    pub expires_on: Date,
    /// Why, in the words of the policy.
    pub reason: String,
    /// Who approved it.
    pub approved_by: String,
}

impl Waiver {
    /// The waiver with this spelling, or `None` where nothing of the kind can be waived.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "AssessmentAge" => Some(Self::AssessmentAge),
            "HumanOversight" => Some(Self::HumanOversight),
            "TransparencyNotice" => Some(Self::TransparencyNotice),
            "RecordReference" => Some(Self::RecordReference),
            _ => text.strip_prefix("Assessment/").and_then(AssessmentType::parse).map(Self::Assessment),
        }
    }

    /// The waiver that a duty with this demand needs.
    pub(crate) const fn of(demand: Demand) -> Self {
        match demand {
            Demand::Assessment(type_) => Self::Assessment(type_),
            Demand::MaxAssessmentAge(_) => Self::AssessmentAge,
            Demand::HumanOversight => Self::HumanOversight,
            Demand::TransparencyNotice => Self::TransparencyNotice,
            Demand::RecordReference => Self::RecordReference,
        }
    }

    /// What can be waived, in words.
    pub(super) fn vocabulary() -> String {
        let types: Vec<&str> = AssessmentType::ALL.iter().map(|type_| type_.as_str()).collect();
        format!(
            "AssessmentAge, HumanOversight, TransparencyNotice, RecordReference and Assessment/ with one of {}",
            types.join(", ")
        )
    }
}

impl fmt::Display for Waiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assessment(type_) => write!(formatter, "Assessment/{type_}"),
            Self::AssessmentAge => formatter.write_str("AssessmentAge"),
            Self::HumanOversight => formatter.write_str("HumanOversight"),
            Self::TransparencyNotice => formatter.write_str("TransparencyNotice"),
            Self::RecordReference => formatter.write_str("RecordReference"),
        }
    }
}

impl ActiveException {
    fn read(policy: &Key, stated: &Exception) -> Option<Self> {
        Some(Self {
            policy: policy.clone(),
            namespace: stated.namespace.to_string(),
            model: stated.model_deployment.to_string(),
            waivers: stated.waives.iter().filter_map(|text| Waiver::parse(text)).collect(),
            expires_on: date::parse(stated.expires_on.as_str())?,
            reason: stated.reason.clone(),
            approved_by: stated.approved_by.clone(),
        })
    }

    /// Whether it holds on `day`.
    pub fn holds_on(&self, day: Date) -> bool {
        day <= self.expires_on
    }

    /// Whether it waives `duty` while it holds, by one of `waivers`.
    fn concerns(&self, model: &str, duty: &Statement<Duty>, waivers: &[Waiver]) -> bool {
        duty.from_root && self.model == model && waivers.iter().any(|waiver| self.waivers.contains(waiver))
    }
}

/// The exceptions that a policy states for models of `namespace`, ended ones too; none where the policy is not one of
/// the root namespace.
pub(super) fn stated_exceptions(
    settings: &Settings,
    key: &Key,
    spec: &AIPolicySpec,
    namespace: &str,
) -> BTreeSet<ActiveException> {
    let stated = spec.exceptions.iter().flatten();
    stated
        .filter(|exception| {
            key.namespace == settings.root_namespace && exception.namespace.as_str() == namespace
        })
        .filter_map(|exception| ActiveException::read(key, exception))
        .collect()
}

/// Every exception of every policy of the root namespace that applies to the namespace of its model, ended ones too.
pub(super) fn all_exceptions<'a>(
    book: &'a PolicyBook,
    settings: &'a Settings,
) -> impl Iterator<Item = ActiveException> + 'a {
    let roots = book.entries.iter().filter(|(key, _)| key.namespace == settings.root_namespace);
    roots.flat_map(move |(key, entry)| {
        let stated = match entry {
            PolicyEntry::Readable(policy) => policy.spec.exceptions.as_deref().unwrap_or_default(),
            PolicyEntry::Unreadable { .. } => &[],
        };
        let binding =
            stated.iter().filter(|exception| binds(settings, key, entry, exception.namespace.as_str()));
        binding.filter_map(|exception| ActiveException::read(key, exception))
    })
}

/// Every exception that holds on `today` and whose policy applies to the namespace of its model, by policy.
pub fn active_exceptions(book: &PolicyBook, settings: &Settings, today: Date) -> Vec<ActiveException> {
    all_exceptions(book, settings)
        .filter(|exception| exception.holds_on(today) && !exception.waivers.is_empty())
        .collect()
}

/// Whether `duty` is waived for `model` on `day` by one of `waivers`.
pub(super) fn waived(
    exceptions: &BTreeSet<ActiveException>,
    model: &str,
    duty: &Statement<Duty>,
    waivers: &[Waiver],
    day: Date,
) -> bool {
    exceptions.iter().any(|exception| exception.holds_on(day) && exception.concerns(model, duty, waivers))
}

/// The last day on which an exception of `model` by one of `waivers` held for `duty`, if it has ended by `day`.
pub(super) fn ended(
    exceptions: &BTreeSet<ActiveException>,
    model: &str,
    duty: &Statement<Duty>,
    waivers: &[Waiver],
    day: Date,
) -> Option<Date> {
    exceptions
        .iter()
        .filter(|exception| !exception.holds_on(day) && exception.concerns(model, duty, waivers))
        .map(|exception| exception.expires_on)
        .max()
}

/// The exceptions that hold for `model` on `day`, as status reports them; at most 8, by policy.
pub(super) fn uses(exceptions: &BTreeSet<ActiveException>, model: &str, day: Date) -> Vec<ExceptionUse> {
    let holding = exceptions
        .iter()
        .filter(|one| one.model == model && one.holds_on(day) && !one.waivers.is_empty())
        .map(|one| ExceptionUse {
            namespace: one.policy.namespace.clone(),
            name: one.policy.name.clone(),
            waives: one.waivers.iter().map(Waiver::to_string).collect(),
            reason: shortened(&one.reason, MAX_REASON),
            approved_by: one.approved_by.clone(),
            expires_on: one.expires_on.to_string(),
        });
    holding.take(MAX_USES).collect()
}

/// The models for which `policy` has an exception on `today`, whether they exist or not.
pub fn excepted_models(book: &PolicyBook, settings: &Settings, policy: &Key, today: Date) -> BTreeSet<Key> {
    let active = active_exceptions(book, settings, today).into_iter();
    active.filter(|one| one.policy == *policy).map(|one| Key::new(one.namespace, one.model)).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::civil::date;
    use serde_json::{Value, json};

    use super::super::fixture::{NAME, TODAY, book, check, effective, model, region, reported, with};
    use super::*;
    use crate::policy::fields_without_effect;

    fn exception(namespace: &str, model: &str, waives: &Value, expires_on: &str) -> Value {
        json!({"namespace": namespace, "modelDeployment": model, "waives": waives, "reason": "Pilot.",
               "approvedBy": "CISO", "expiresOn": expires_on})
    }

    fn excepting(waives: &Value, expires_on: &str) -> Value {
        with(region(), "/exceptions", json!([exception("halsa", NAME, waives, expires_on)]))
    }

    /// Without an assessment and without oversight.
    fn bare() -> Value {
        with(with(model(), "/purpose/assessments", Value::Null), "/purpose/humanOversight", Value::Null)
    }

    const MISSING: &str = "spec.purpose.assessments: AssessmentMissing by region";
    const UNSEEN: &str = "spec.purpose.humanOversight: HumanOversightMissing by region";

    #[test]
    fn only_what_is_named_is_waived_and_through_the_last_day() {
        for (waives, last, expected) in [
            (json!(["Assessment/DPIA", "HumanOversight"]), "2026-11-01", vec![]),
            (json!(["Assessment/DPIA"]), "2026-11-02", vec![UNSEEN]),
            (json!(["HumanOversight"]), "2026-11-02", vec![MISSING]),
            (json!(["Assessment/FRIA", "RecordReference"]), "2026-11-02", vec![MISSING, UNSEEN]),
            (json!(["Assessment/DPIA", "HumanOversight"]), "2026-10-31", vec![MISSING, UNSEEN]),
            (json!(["Assessment/DPIA", "HumanOversight"]), "2026-11-31", vec![MISSING, UNSEEN]),
        ] {
            let found = reported(&check(&effective(excepting(&waives, last), &[]), bare()));
            assert_eq!(found, expected, "{waives} until {last}");
        }
    }

    #[test]
    fn an_assessment_is_waived_with_its_dates_and_its_age() {
        let dpia = |decided: &str, valid: &str| {
            let made =
                json!([{"type": "DPIA", "reference": "R 1", "decidedOn": decided, "validUntil": valid}]);
            with(model(), "/purpose/assessments", made)
        };
        for (decided, valid, by_age) in [
            ("2026-05-02", "2026-10-31", false),
            ("2024-05-02", "2027-01-01", true),
            ("2027-05-02", "2027-06-01", false),
            ("2026-05-02", "2026-02-30", false),
        ] {
            let found =
                |waives| check(&effective(excepting(&waives, "2026-12-31"), &[]), dpia(decided, valid));
            assert_eq!(found(json!(["RecordReference"])).len(), 1, "{decided} {valid}");
            assert_eq!(found(json!(["Assessment/DPIA"])), [], "{decided} {valid}");
            assert_eq!(found(json!(["AssessmentAge"])).is_empty(), by_age, "{decided} {valid}");
        }
    }

    #[test]
    fn an_exception_holds_for_the_model_it_names_where_its_policy_applies() {
        let waives = json!(["Assessment/DPIA", "HumanOversight"]);
        let found = |exceptions: Value, namespaces: Value| {
            let policy = with(region(), "/exceptions", exceptions);
            let beside = json!({"namespaces": namespaces, "exceptions": policy["exceptions"]});
            let book = book(&[("hemvist-system", "region", region()), ("hemvist-system", "waiver", beside)]);
            let settings = Settings::default();
            let policy = super::super::EffectivePolicy::for_namespace(&book, &settings, "halsa");
            let active = active_exceptions(&book, &settings, TODAY).len();
            (check(&policy, bare()).is_empty(), active)
        };
        let one = |namespace, model| json!([exception(namespace, model, &waives, "2026-12-31")]);
        assert_eq!(found(one("halsa", NAME), Value::Null), (true, 1));
        assert_eq!(found(one("halsa", NAME), json!(["halsa"])), (true, 1));
        assert_eq!(found(one("halsa", NAME), json!(["skola"])), (false, 0));
        assert_eq!(found(one("skola", NAME), Value::Null), (false, 1));
        assert_eq!(found(one("halsa", "other"), Value::Null), (false, 1));
    }

    #[test]
    fn what_a_department_demands_of_itself_stays() {
        let local = json!({"informationClasses": [{"class": "Sensitive", "requires": {"assessments": ["DPIA"]}}],
                           "exceptions": [exception("halsa", NAME, &json!(["HumanOversight"]), "2026-12-31")]});
        let policy = effective(excepting(&json!(["Assessment/DPIA"]), "2026-12-31"), &[local]);
        let expected = ["spec.purpose.assessments: AssessmentMissing by first", UNSEEN];
        assert_eq!(reported(&check(&policy, bare())), expected);
    }

    #[test]
    fn what_cannot_be_waived_is_reported_and_stays() {
        let waives =
            json!(["Assessment/DPIA", "Residency", "UnacceptableRisk", "Assessment/Horoscope", "Assessment"]);
        let spec = excepting(&waives, "2026-12-31");
        let spec = with(spec, "/namespaces", json!(["halsa"]));
        let mut exceptions = spec["exceptions"].clone();
        let more = exception("skola", "other", &json!(["HumanOversight"]), "2026-02-30");
        exceptions.as_array_mut().unwrap().push(more);
        let book = book(&[("hemvist-system", "region", with(spec, "/exceptions", exceptions))]);
        let settings = Settings::default();
        let key = Key::new("hemvist-system", "region");
        let fields = fields_without_effect(&book, &settings, &key);
        let found: Vec<_> = fields
            .iter()
            .map(|entry| format!("{} {}", entry.field, entry.message.split(' ').next().unwrap_or_default()))
            .collect();
        assert_eq!(
            found,
            [
                "spec.exceptions[halsa/journal].waives Residency",
                "spec.exceptions[halsa/journal].waives UnacceptableRisk",
                "spec.exceptions[halsa/journal].waives Assessment/Horoscope",
                "spec.exceptions[halsa/journal].waives Assessment",
                "spec.exceptions[skola/other].namespace the",
                "spec.exceptions[skola/other].expiresOn 2026-02-30",
            ]
        );
        assert!(fields[0].message.ends_with("Procurement, Accessibility, Climate"), "{}", fields[0].message);
        let active = active_exceptions(&book, &settings, TODAY);
        let reported: Vec<_> = active.iter().flat_map(|one| &one.waivers).map(Waiver::to_string).collect();
        assert_eq!(reported, ["Assessment/DPIA"]);
        assert_eq!(excepted_models(&book, &settings, &key, TODAY), BTreeSet::from([Key::new("halsa", NAME)]));
        assert!(excepted_models(&book, &settings, &key, date(2027, 1, 1)).is_empty());
    }
}
