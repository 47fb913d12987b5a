//! Evicts unmanaged pods with accelerators from nodes that are not cleared for them.

use hemvist_core::snapshot::{Key, PodFacts};
use hemvist_core::unmanaged::evictions;

use crate::context::Context;
use crate::evict::evict;
use crate::queue::Queue;
use crate::reconciler::{Concurrency, Next, ReconcileError, Reconciler};
use crate::triggers::{Event, SETTLE, SETTLE_NODES};
use crate::view::View;

/// Reconciles all unmanaged pods together, by one key: most clusters have none.
pub const RECONCILER: Reconciler = Reconciler {
    name: "unmanaged",
    concurrency: Concurrency::Fixed(1),
    triggers,
    reconcile: |context, _, _| Box::pin(reconcile(context)),
};

fn triggers(event: &Event<'_>, _view: &View, queue: &Queue<Key>) {
    let delay = match event {
        Event::Policy { change, .. } if !change.asks_the_same() => SETTLE,
        Event::Pod(change) if change.after().is_some_and(|pod| pod.model_uid.is_none()) => SETTLE,
        Event::Node(_) => SETTLE_NODES,
        Event::Day => SETTLE,
        _ => return,
    };
    queue.add_after(Key::new("", "unmanaged"), delay);
}

/// Evicts unmanaged pods from nodes that the policies of their namespace do not clear for them.
async fn reconcile(context: &Context) -> Result<Next, ReconcileError> {
    let snapshot = context.view.snapshot();
    let pods: Vec<PodFacts> = {
        let pods = context.view.pods.lock();
        let unmanaged = pods.iter().filter(|(_, pod)| pod.model_uid.is_none());
        unmanaged.map(|(_, pod)| PodFacts::clone(pod)).collect()
    };
    evict(context, None, &evictions(&snapshot, pods.iter())).await?;
    Ok(Next::Settled)
}
