//! How many models an AIPolicy concerns.

use std::collections::BTreeSet;

use super::PolicyTally;
use crate::date;
use crate::policy::{binds, excepted_models};
use crate::snapshot::{Key, Snapshot};

/// Counts, of the ModelDeployments `models` of the cluster, those that the AIPolicy `key` binds and excepts. `refused` is
/// the number of those that its rules refuse.
pub fn tally(snapshot: &Snapshot, key: &Key, models: &[Key], refused: usize) -> PolicyTally {
    let Some(policy) = snapshot.policies.entries.get(key) else { return PolicyTally::default() };
    let namespaces: BTreeSet<&str> = models.iter().map(|model| model.namespace.as_str()).collect();
    let bound: BTreeSet<&str> = namespaces
        .into_iter()
        .filter(|namespace| binds(&snapshot.settings, key, policy, namespace))
        .collect();
    let today = date::today(&snapshot.now);
    let named = excepted_models(&snapshot.policies, &snapshot.settings, key, today);
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    PolicyTally {
        namespaces: count(bound.len()),
        models: count(models.iter().filter(|model| bound.contains(model.namespace.as_str())).count()),
        refused: count(refused),
        excepted: count(models.iter().filter(|model| named.contains(*model)).count()),
    }
}
