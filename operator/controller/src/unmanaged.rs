//! The guard that walks around: pods that use accelerators and that no model made, on nodes that are not cleared for them.

use hemvist_core::snapshot::{Key, PodFacts};
use hemvist_core::unmanaged::evictions;

use crate::context::Context;
use crate::evict::evict_unmanaged;
use crate::reconcile::{Next, ReconcileError};

/// The one key of this queue: every such pod is looked at together, as most clusters have none.
pub fn key() -> Key {
    Key::new("", "unmanaged")
}

/// Makes pods of nobody's leave nodes that the policies of their namespace do not clear for them.
///
/// # Errors
/// Where one could not be made to leave. Every other one was tried too.
pub async fn reconcile(context: &Context) -> Result<Next, ReconcileError> {
    let snapshot = context.view.snapshot();
    let pods: Vec<PodFacts> = {
        let pods = context.view.pods.lock();
        let of_nobody = pods.iter().filter(|(_, pod)| pod.model_uid.is_none());
        of_nobody.map(|(_, pod)| PodFacts::clone(pod)).collect()
    };
    evict_unmanaged(context, &evictions(&snapshot, pods.iter())).await?;
    Ok(Next::Settled)
}
