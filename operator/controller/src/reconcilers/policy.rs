//! Writes the status of an AIPolicy.

use std::time::Duration;

use hemvist_core::snapshot::Key;
use hemvist_core::status as core_status;

use crate::context::Context;
use crate::queue::Queue;
use crate::reconciler::{Concurrency, Next, ReconcileError, Reconciler};
use crate::status::write_policy;
use crate::triggers::{Event, SETTLE};
use crate::view::View;

/// A burst of models leads to few writes of the counts.
const SETTLE_COUNTS: Duration = Duration::from_secs(2);

/// Reconciles AIPolicies. There are few of them.
pub const RECONCILER: Reconciler = Reconciler {
    name: "aipolicy",
    concurrency: Concurrency::Fixed(2),
    triggers,
    reconcile: |context, key, _| Box::pin(reconcile(context, key)),
};

fn triggers(event: &Event<'_>, view: &View, queue: &Queue<Key>) {
    let all = |delay| {
        for key in view.policy_keys() {
            queue.add_after(key, delay);
        }
    };
    match event {
        Event::Policy { key, change } => {
            queue.add_after(Key::clone(key), SETTLE);
            if !change.asks_the_same() {
                all(SETTLE_COUNTS);
            }
        }
        Event::Model { change, .. } if !change.asks_the_same() => all(SETTLE_COUNTS),
        Event::Decided => all(SETTLE_COUNTS),
        Event::Compiled(key) => queue.add(Key::clone(key)),
        Event::Day => all(SETTLE),
        _ => {}
    }
}

/// Writes the status of the policy `key`.
async fn reconcile(context: &Context, key: &Key) -> Result<Next, ReconcileError> {
    let Some(seen) = context.view.policies.lock().get(key).filter(|seen| !seen.terminating) else {
        return Ok(Next::Gone);
    };
    if !context.view.all_decided() {
        // The last missing decision brings the policy back. Until then its last status is the best that is known.
        return Ok(Next::Settled);
    }
    let snapshot = context.view.snapshot();
    let refused = context.view.refused_by(key).len();
    let counts = core_status::counts(&snapshot, key, &context.view.model_keys(), refused);
    let Some(compilation) = context.view.compiled.compilation(key, &seen) else {
        // The same: as soon as something is known, the policy comes back.
        return Ok(Next::Settled);
    };
    let status =
        core_status::policy(&snapshot.policies, &snapshot.settings, key, counts, &compilation, &snapshot.now);
    write_policy(context, key, &seen, &status).await?;
    Ok(Next::Settled)
}
