//! How much the models of a namespace may use, and what unmanaged pods with accelerators may do.
//!
//! Limits take the minimum of all policies that bind. Factors for climate are no limits: the region's value holds, and a
//! department's only where the region sets none.

use std::collections::BTreeSet;

use hemvist_api::values::{Decimal, UnmanagedAccelerators};

use super::EffectivePolicy;
use super::limit::Statement;
use crate::violation::RuleSource;

impl EffectivePolicy {
    /// The most accelerators that the namespace may hold at the same time, with the rule that says so; `None` where no
    /// policy limits them.
    pub fn accelerator_quota(&self) -> Option<(i32, RuleSource)> {
        least(&self.quota)
    }

    /// The most energy that the namespace may use in a month, in kWh, with the rule that says so; `None` where no policy
    /// limits it.
    pub fn monthly_energy(&self) -> Option<(i64, RuleSource)> {
        least(&self.monthly_energy)
    }

    /// The greenhouse gases of the electricity, in grams of CO2 equivalent per kWh, with the rule that says so. Of several
    /// values the greatest, so that nothing is calculated too low.
    pub fn grams_co2e_per_kwh(&self) -> Option<(i32, RuleSource)> {
        factor(&self.emission_factor, |value| *value)
    }

    /// All the energy of the data centre for each unit that reaches the machines, with the rule that says so. Of several
    /// values the greatest, so that nothing is calculated too low.
    pub fn power_usage_effectiveness(&self) -> Option<(Decimal, RuleSource)> {
        factor(&self.power_usage_effectiveness, millionths)
    }

    /// What happens to pods that use an accelerator and that no ModelDeployment made: the strictest that a policy states,
    /// and `Deny` where none of the root namespace states it.
    pub fn unmanaged_accelerators(&self) -> UnmanagedAccelerators {
        let stated = self.unmanaged_accelerators.iter();
        let root = self.is_bound() && stated.clone().any(|statement| statement.from_root);
        stated.map(|statement| statement.value).max().filter(|_| root).unwrap_or(UnmanagedAccelerators::Deny)
    }
}

/// The least value, with the first of the rules that state it.
fn least<T: Copy + Ord>(limits: &BTreeSet<Statement<T>>) -> Option<(T, RuleSource)> {
    let least = limits.iter().min_by_key(|statement| (statement.value, &statement.source))?;
    Some((least.value, least.source.clone()))
}

/// The greatest value of the root namespace, or where it sets none of anybody, with the first of the rules that state it.
fn factor<T: Clone + Ord, K: Ord>(
    stated: &BTreeSet<Statement<T>>,
    size: impl Fn(&T) -> K,
) -> Option<(T, RuleSource)> {
    let by_root = stated.iter().any(|statement| statement.from_root);
    // Of equals `max_by_key` takes the last, so the order is turned around.
    let counted = stated.iter().rev().filter(|statement| statement.from_root == by_root);
    let greatest = counted.max_by_key(|statement| size(&statement.value))?;
    Some((greatest.value.clone(), greatest.source.clone()))
}

/// A decimal number in millionths; digits beyond the sixth are left out, and what is no number is 0.
fn millionths(decimal: &Decimal) -> u64 {
    let (whole, fraction) = decimal.as_str().split_once('.').unwrap_or((decimal.as_str(), ""));
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let number = |digits: &str| digits.parse::<u64>().unwrap_or_default();
    number(whole).saturating_mul(1_000_000).saturating_add(number(&fraction))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::{book, effective, region, with};
    use super::*;
    use crate::policy::fields_without_effect;
    use crate::snapshot::{Key, Settings};

    fn named<T>(found: Option<(T, RuleSource)>) -> Option<(T, String, String)> {
        found.map(|(value, source)| (value, source.name, source.field))
    }

    #[test]
    fn limits_take_the_minimum_and_name_their_rule() {
        let region = with(region(), "/quota", json!({"accelerators": 16}));
        let local = |accelerators: i32| json!({"quota": {"accelerators": accelerators}});
        let quota = |locals: &[Value]| named(effective(region.clone(), locals).accelerator_quota());
        let field = "spec.quota.accelerators".to_owned();
        assert_eq!(quota(&[]), Some((16, "region".to_owned(), field.clone())));
        assert_eq!(quota(&[local(20)]), Some((16, "region".to_owned(), field.clone())));
        assert_eq!(quota(&[local(20), local(0)]), Some((0, "second".to_owned(), field.clone())));
        // A limit is no list: where the region sets none a department can limit itself.
        let unset = effective(super::super::fixture::region(), &[local(4)]);
        assert_eq!(named(unset.accelerator_quota()), Some((4, "first".to_owned(), field)));
        assert_eq!(effective(super::super::fixture::region(), &[]).accelerator_quota(), None);

        let climate = |kwh: i64| json!({"climate": {"monthlyKWh": kwh}});
        let policy =
            effective(with(region.clone(), "/climate", json!({"monthlyKWh": 4000})), &[climate(900)]);
        assert_eq!(policy.monthly_energy().map(|(limit, _)| limit), Some(900));
    }

    #[test]
    fn factors_are_the_regions_and_a_departments_only_where_the_region_sets_none() {
        let local = json!({"climate": {"gramsCO2ePerKWh": 5, "powerUsageEffectiveness": "9"}});
        let stated = json!({"gramsCO2ePerKWh": 25, "powerUsageEffectiveness": "1.25"});
        let factors = |policy: &EffectivePolicy| {
            let effectiveness = policy.power_usage_effectiveness().map(|(value, _)| value.to_string());
            (policy.grams_co2e_per_kwh().map(|(value, _)| value), effectiveness)
        };
        let both = effective(with(region(), "/climate", stated), std::slice::from_ref(&local));
        assert_eq!(factors(&both), (Some(25), Some("1.25".to_owned())));
        assert_eq!(factors(&effective(region(), &[local])), (Some(5), Some("9".to_owned())));
        assert_eq!(factors(&effective(region(), &[])), (None, None));
        assert!(millionths(&"10.5".into()) > millionths(&"9.75".into()));
        assert!(millionths(&"1.25".into()) > millionths(&"1.2".into()));
    }

    #[test]
    fn unmanaged_accelerators_are_denied_unless_the_region_says_otherwise() {
        let stated = |value: &str| json!({"unmanagedAccelerators": value});
        let own = |value: &str| with(region(), "/unmanagedAccelerators", json!(value));
        for (region, locals, expected) in [
            (region(), vec![], UnmanagedAccelerators::Deny),
            (region(), vec![stated("RequireResidency")], UnmanagedAccelerators::Deny),
            (own("RequireResidency"), vec![], UnmanagedAccelerators::RequireResidency),
            (own("RequireResidency"), vec![stated("Deny")], UnmanagedAccelerators::Deny),
            (own("Deny"), vec![stated("RequireResidency")], UnmanagedAccelerators::Deny),
        ] {
            assert_eq!(effective(region, &locals).unmanaged_accelerators(), expected, "{locals:?}");
        }
    }

    #[test]
    fn what_a_department_says_in_vain_is_reported() {
        let local = |days: i32| {
            json!({"quota": {"accelerators": 17}, "unmanagedAccelerators": "RequireResidency",
                   "climate": {"monthlyKWh": 4001, "gramsCO2ePerKWh": 5, "powerUsageEffectiveness": "1.1"},
                   "informationClasses": [{"class": "Sensitive", "onExpiry": {"action": "Stop", "graceDays": days}}]})
        };
        let climate = json!({"monthlyKWh": 4000, "gramsCO2ePerKWh": 25, "powerUsageEffectiveness": "1.25"});
        let speaking = with(with(region(), "/quota", json!({"accelerators": 16})), "/climate", climate);
        let speaking =
            with(speaking, "/informationClasses/1/onExpiry", json!({"action": "Stop", "graceDays": 30}));
        let reported = |region: Value, days: i32| {
            let book = book(&[("hemvist-system", "region", region), ("halsa", "own", local(days))]);
            let key = Key::new("halsa", "own");
            let fields = fields_without_effect(&book, &Settings::default(), &key);
            fields.into_iter().map(|entry| format!("{}: {}", entry.field, entry.message)).collect::<Vec<_>>()
        };
        let quota =
            "spec.quota.accelerators: 17 is more than the 16 of AIPolicy hemvist-system/region, which stay";
        let unmanaged = "spec.unmanagedAccelerators: RequireResidency is less than Deny, which the root namespace keeps in \
                         force";
        let expiry = |how: &str| {
            format!(
                "spec.informationClasses[class=Sensitive].onExpiry: a lapsed duty stops what runs {how}, because the \
                 root namespace allows no more, and that stays"
            )
        };
        assert_eq!(
            reported(speaking.clone(), 31),
            [
                quota,
                "spec.climate.monthlyKWh: 4001 is more than the 4000 of AIPolicy hemvist-system/region, which stay",
                "spec.climate.gramsCO2ePerKWh: AIPolicy hemvist-system/region states 25, and 5 has no effect beside it",
                "spec.climate.powerUsageEffectiveness: AIPolicy hemvist-system/region states 1.25, and 1.1 has no effect \
                 beside it",
                unmanaged,
                &expiry("after 30 days of grace"),
            ]
        );
        assert_eq!(reported(speaking, 30).len(), 5);
        assert_eq!(reported(region(), 1), [unmanaged.to_owned(), expiry("at once")]);
    }
}
