//! What is said about one AIPolicy.

use std::collections::HashSet;

use hemvist_core::date;
use hemvist_core::policy::{binds, excepted_models};
use hemvist_core::snapshot::{Key, Snapshot};
use hemvist_core::status::{self as core_status, PolicyTally};

use crate::context::Context;
use crate::objects::SeenPolicy;
use crate::reconcile::{Next, ReconcileError};
use crate::status::write_policy;

/// Writes the status of the policy `key`.
///
/// # Errors
/// Where the machine failed.
pub async fn reconcile(context: &Context, key: &Key) -> Result<Next, ReconcileError> {
    let Some(seen) = context.view.policies.lock().get(key).filter(|seen| !seen.terminating) else {
        return Ok(Next::Gone);
    };
    if !context.view.all_decided() {
        // The last missing decision brings the policy back. Until then its last status is the best that is known.
        return Ok(Next::Settled);
    }
    let snapshot = context.view.snapshot();
    let tally = tally(context, &snapshot, key, &seen);
    let Some(compilation) = context.view.compiled.compilation(key, &seen) else {
        // The same: as soon as something is known, the policy comes back.
        return Ok(Next::Settled);
    };
    let status =
        core_status::policy(&snapshot.policies, &snapshot.settings, key, tally, &compilation, &snapshot.now);
    write_policy(context, key, &seen, &status).await?;
    Ok(Next::Settled)
}

/// How many models the policy binds, and how many of them it refuses.
fn tally(context: &Context, snapshot: &Snapshot, key: &Key, policy: &SeenPolicy) -> PolicyTally {
    let models = context.view.model_keys();
    let namespaces: HashSet<&str> = models.iter().map(|model| model.namespace.as_str()).collect();
    let bound: HashSet<&str> = namespaces
        .into_iter()
        .filter(|namespace| binds(&snapshot.settings, key, &policy.content, namespace))
        .collect();
    let refused = context.view.refused_by(key);
    let today = date::today(&snapshot.now);
    let named = excepted_models(&snapshot.policies, &snapshot.settings, key, today);
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    PolicyTally {
        namespaces: count(bound.len()),
        models: count(models.iter().filter(|model| bound.contains(model.namespace.as_str())).count()),
        refused: count(refused.len()),
        excepted: count(models.iter().filter(|model| named.contains(*model)).count()),
    }
}
