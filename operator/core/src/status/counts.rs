//! How many models an AIPolicy applies to.

use std::collections::BTreeSet;

use super::PolicyCounts;
use crate::date;
use crate::policy::{binds, excepted_models};
use crate::snapshot::{Key, Snapshot};

/// Counts, of the ModelDeployments `models` of the cluster, those that the AIPolicy `key` applies to and excepts. `refused` is
/// the number of those that its rules refuse.
pub fn counts(snapshot: &Snapshot, key: &Key, models: &[Key], refused: usize) -> PolicyCounts {
    let Some(policy) = snapshot.policies.entries.get(key) else { return PolicyCounts::default() };
    let namespaces: BTreeSet<&str> = models.iter().map(|model| model.namespace.as_str()).collect();
    let bound: BTreeSet<&str> = namespaces
        .into_iter()
        .filter(|namespace| binds(&snapshot.settings, key, policy, namespace))
        .collect();
    let today = date::today(&snapshot.now);
    let named = excepted_models(&snapshot.policies, &snapshot.settings, key, today);
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    PolicyCounts {
        namespaces: count(bound.len()),
        models: count(models.iter().filter(|model| bound.contains(model.namespace.as_str())).count()),
        refused: count(refused),
        excepted: count(models.iter().filter(|model| named.contains(*model)).count()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    use super::*;
    use crate::policy::fixture::{book, region};
    use crate::snapshot::Settings;

    #[test]
    fn a_policy_counts_the_models_it_applies_to() {
        let mut spec = region();
        spec["namespaces"] = json!(["halsa", "teknik"]);
        let now = Time("2026-11-01T12:00:00Z".parse().unwrap());
        let policies = Arc::new(book(&[("hemvist-system", "region", spec)]));
        let snapshot = Snapshot { policies, ..Snapshot::empty(now, Settings::default()) };
        let models = [("halsa", "a"), ("halsa", "b"), ("kommunikation", "c")]
            .map(|(namespace, name)| Key::new(namespace, name));
        let found = counts(&snapshot, &Key::new("hemvist-system", "region"), &models, 1);
        assert_eq!(found, PolicyCounts { namespaces: 1, models: 2, refused: 1, excepted: 0 });
        let unknown = counts(&snapshot, &Key::new("hemvist-system", "other"), &models, 1);
        assert_eq!(unknown, PolicyCounts::default());
    }
}
