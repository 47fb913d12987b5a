//! Reconciles a ModelDeployment: snapshot, decide, render, apply or prune, evict, status.

use std::time::Duration;

use hemvist_api::ModelDeployment;
use hemvist_core::decide::Decision;
use hemvist_core::render::render;
use hemvist_core::snapshot::{Key, PodFacts, Snapshot, Subject};
use hemvist_core::status::{self as core_status, Application, FollowUp, follow_up};

use crate::apply::apply;
use crate::cache::Change;
use crate::call::Categorised;
use crate::context::Context;
use crate::evict::evict;
use crate::objects::SeenModel;
use crate::prune::prune;
use crate::queue::Queue;
use crate::reconciler::{Concurrency, Next, ReconcileError, Reconciler};
use crate::status::write_model;
use crate::triggers::{Event, SETTLE, SETTLE_NODES};
use crate::view::View;

/// For a model that waits only its status changes: the scheduler assigns the nodes. A burst of pods must not reconcile all
/// waiting models once for each pod.
const SETTLE_WAITING: Duration = Duration::from_secs(2);

/// Reconciles ModelDeployments.
pub const RECONCILER: Reconciler = Reconciler {
    name: "modeldeployment",
    concurrency: Concurrency::Configured,
    triggers,
    reconcile: |context, key, failures| Box::pin(reconcile(context, key, failures)),
};

fn triggers(event: &Event<'_>, view: &View, queue: &Queue<Key>) {
    let all = |delay| {
        for key in view.model_keys() {
            queue.add_after(key, delay);
        }
    };
    match event {
        Event::Model { key, change } => match change {
            Change::Nothing => {}
            // Mostly the echo of an own write that was faster than its answer.
            Change::Set { old: Some(old), new } if old.asks_the_same(new) => {
                queue.add_after(Key::clone(key), SETTLE);
            }
            Change::Set { .. } | Change::Gone { .. } => queue.add(Key::clone(key)),
        },
        Event::LeftQueue => waiting(view, queue),
        // A new status of a policy concerns nobody else.
        Event::Policy { change, .. } if !change.asks_the_same() => all(SETTLE),
        Event::Node(_) | Event::Slice(_) | Event::DeviceClass(_) => all(SETTLE_NODES),
        Event::Kinds | Event::Day => all(SETTLE),
        Event::Pod(change) => pod_changed(change, view, queue),
        Event::Child(change) => {
            for child in change.before().into_iter().chain(change.after()) {
                if let Some(name) = &child.owner_name {
                    queue.add_after(Key::new(&child.facts.key.namespace, name), SETTLE);
                }
            }
        }
        Event::Answered(model) => queue.add(Key::clone(model)),
        _ => {}
    }
}

fn pod_changed(change: &Change<PodFacts>, view: &View, queue: &Queue<Key>) {
    let (old, new) = (change.before(), change.after());
    for pod in old.into_iter().chain(new) {
        if let Some(name) = &pod.model_name {
            queue.add_after(Key::new(&pod.key.namespace, name), SETTLE);
        }
        // There are few of these, and they have only the UID: the name is what those that serve are found by.
        if let Some(model) = pod.weights_of.as_deref().and_then(|uid| view.model_with(uid)) {
            queue.add_after(model, SETTLE);
        }
    }
    if old.and_then(holds) != new.and_then(holds) {
        waiting(view, queue);
    }
}

/// Makes the models due that wait.
fn waiting(view: &View, queue: &Queue<Key>) {
    for model in view.waiting() {
        queue.add_after(model, SETTLE_WAITING);
    }
}

/// What a pod takes from others: on which node, and how much.
fn holds(pod: &PodFacts) -> Option<(&str, &std::collections::BTreeMap<String, i64>)> {
    let node = pod.node.as_deref()?;
    (!pod.ended && pod.may_use_accelerator()).then_some((node, &pod.devices))
}

/// Reconciles the model `key`, which has failed `failures` times in a row.
async fn reconcile(context: &Context, key: &Key, failures: u32) -> Result<Next, ReconcileError> {
    let Some(seen) = context.view.models.lock().get(key) else {
        left_queue(context, context.view.forget(key));
        return Ok(Next::Gone);
    };
    if seen.terminating {
        // What was made for it goes with it, by its owner references.
        left_queue(context, context.view.remember(key, &FollowUp::default()));
        return Ok(Next::Gone);
    }
    match &seen.content {
        Ok(model) => reconcile_readable(context, key, &seen, model, failures).await,
        Err(error) => reconcile_unreadable(context, key, &seen, error).await,
    }
}

async fn reconcile_readable(
    context: &Context,
    key: &Key,
    seen: &SeenModel,
    model: &ModelDeployment,
    failures: u32,
) -> Result<Next, ReconcileError> {
    let snapshot = context.view.snapshot();
    let subject = context.view.subject(model);
    let decision = context.view.decide(&snapshot, &subject);
    let carried_out = carry_out(context, &snapshot, &subject, &decision, failures).await;
    // A pod has to leave whether or not its model could be written.
    let evicted = evict(context, Some(seen), &decision.evictions).await;
    let (application, retry) = carried_out?;
    // As it is after the writing, which the view has seen.
    let subject = context.view.subject(model);
    let status = core_status::model(&snapshot, &subject, &decision, &application);
    remember(context, key, &follow_up(&decision, &status));
    write_model(context, key, seen, &status).await?;
    evicted?;
    Ok(retry.map_or(Next::Settled, Next::Retry))
}

/// Makes the cluster be as decided; with the word for metrics where that has to be tried again.
async fn carry_out(
    context: &Context,
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    decision: &Decision,
    failures: u32,
) -> Result<(Application, Option<&'static str>), ReconcileError> {
    let Some(plan) = decision.plan() else {
        let pods: Vec<_> = subject.pods.iter().chain(&subject.fetchers).cloned().collect();
        prune(context, &subject.children, &pods).await?;
        return Ok((Application::Pruned, None));
    };
    let desired = render(plan, &snapshot.settings);
    // On the heap for as long as it takes: every reconcile would be as large as what it writes.
    let scaling = plan.model.scaling.as_ref();
    match Box::pin(apply(context, subject, desired, scaling, &snapshot.now)).await {
        Ok(objects) => Ok((Application::Applied(objects), None)),
        Err(error) => {
            let category = error.category();
            Ok((error.reported(failures)?, Some(category)))
        }
    }
}

/// Says that the model cannot be read, and takes back what was made for it: no judgement is a no. What runs would
/// otherwise go on by a policy of yesterday, as nobody can say whether that of today still allows it.
async fn reconcile_unreadable(
    context: &Context,
    key: &Key,
    seen: &SeenModel,
    error: &str,
) -> Result<Next, ReconcileError> {
    let (children, pods) = context.view.observed(&key.namespace, &seen.uid);
    prune(context, &children, &pods).await?;
    let conditions = seen.status().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let now = context.view.snapshot().now;
    remember(context, key, &FollowUp::default());
    let status = core_status::unreadable_model(conditions, seen.generation, error, &now);
    write_model(context, key, seen, &status).await?;
    Ok(Next::Settled)
}

/// Lets the others know that a model waits no more of which `before` was decided, if it waited.
fn left_queue(context: &Context, before: Option<FollowUp>) {
    if before.is_some_and(|before| before.waits) {
        context.triggers.publish(&Event::LeftQueue);
    }
}

/// Remembers what the counts of the policies and the queue for accelerators need.
fn remember(context: &Context, key: &Key, follow_up: &FollowUp) {
    let Some(before) = context.view.remember(key, follow_up) else { return };
    context.triggers.publish(&Event::Decided);
    left_queue(context, Some(before).filter(|_| !follow_up.waits));
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "model_triggers_tests.rs"]
mod triggers_tests;
