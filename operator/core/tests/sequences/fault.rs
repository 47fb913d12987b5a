//! Mistakes of the operator, each of which one invariant has to find.

use hemvist_core::render::{Applied, DesiredObjects};
use hemvist_core::snapshot::Observed;

/// A mistake that is made on purpose, to see that it is found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The replicas are written before what isolates them.
    ReplicasFirst,
    /// The isolation of a refused model goes at once, and not after its last pod.
    IsolationGoesFirst,
    /// What makes pods goes at once, and its pods after it.
    DeletionInTheBackground,
    /// No pod is made to leave its node.
    NoEviction,
    /// Nothing of a refused model is deleted.
    RefusedKept,
    /// A Deployment of another name stays beside the new one.
    NoPruning,
    /// The affinity is left out of the pods.
    NoAffinity,
    /// An object of the name is taken over, whoever has made it.
    Adoption,
    /// The status says what was wished.
    WishesAsStatus,
    /// The status is written whether or not it says something new.
    StatusAlways,
    /// What was written is remembered in the process and nowhere else, and written again by the next one.
    MemoryInTheProcess,
    /// What others have changed stays.
    NoRepair,
}

/// What was applied, with the replicas as they were wished.
pub fn as_wished(wanted: i32, applied: &DesiredObjects<Applied>) -> DesiredObjects<Applied> {
    let mut wished = DesiredObjects::default();
    for mut child in applied.facts().cloned() {
        if let Observed::Deployment(deployment) = &mut child.observed {
            (deployment.replicas, deployment.updated) = (wanted, wanted);
            (deployment.ready, deployment.available) = (wanted, wanted);
            deployment.observed_generation = deployment.generation;
        }
        wished.add(child);
    }
    wished
}
