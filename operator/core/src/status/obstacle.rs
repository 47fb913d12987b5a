//! What keeps replicas from serving that their own pods do not show: an unreachable node, and an old replica that has not
//! ended.

use crate::decide::{Plan, wanted};
use crate::placement::{Verdict, bounded};
use crate::snapshot::{PodFacts, Snapshot, Subject, TroubleKind};

/// The longest message, in characters.
const MAX_MESSAGE: usize = 1000;

/// That the node of a replica is not ready, so that nobody knows what has become of it. One that Kubernetes has given up
/// counts as long as there is no place for another.
pub(super) fn unreachable_node(snapshot: &Snapshot, subject: &Subject<'_>, plan: &Plan) -> Option<String> {
    let fits = plan.placement.verdict() == Verdict::Fits;
    let is_unreachable = |pod: &&PodFacts| {
        let node = pod.node.as_ref().and_then(|node| snapshot.nodes.get(node));
        !pod.ended && (!pod.terminating || !fits) && node.is_some_and(|node| !node.ready)
    };
    let pod = subject.pods.iter().find(is_unreachable)?;
    let node = pod.node.as_deref().unwrap_or_default();
    let elsewhere = match plan.placement.verdict() {
        Verdict::Fits => {
            "Other nodes have room, and Kubernetes replaces the replica after a few minutes.".to_owned()
        }
        Verdict::Waiting => {
            format!("No other place is free: it needs {}.", plan.placement.waiting_for())
        }
        Verdict::NoEligibleNode => plan.placement.no_eligible_node(),
    };
    let text = format!(
        "Node {node} does not say that it is ready, so what its replica {} does is not known. When the node is back it \
         serves by itself. {elsewhere}",
        pod.key.name
    );
    Some(bounded(&text, MAX_MESSAGE))
}

/// That a replica waits for an old one of the same model, which is being ended and still holds its accelerators.
pub(super) fn predecessor(snapshot: &Snapshot, subject: &Subject<'_>, plan: &Plan) -> Option<String> {
    let bound = subject.pods.iter().filter(|pod| pod.holds_a_place()).count();
    let missing = i32::try_from(bound).unwrap_or(i32::MAX) < wanted(subject, &plan.model);
    // The scheduler has not looked at it yet, and there may be room.
    let is_new = |pod: &PodFacts| pod.node.is_none() && !pod.ended && !refused_by_the_scheduler(pod);
    if !missing || subject.pods.iter().any(is_new) {
        return None;
    }
    let resource = &plan.model.accelerator.resource;
    let holds = |pod: &PodFacts| pod.devices.get(resource).copied().filter(|count| *count > 0);
    let leaving = |pod: &&PodFacts| pod.terminating && !pod.ended && holds(pod).is_some();
    let old = subject.pods.iter().find(leaving)?;
    let node = old.node.as_ref()?;
    let why = if snapshot.nodes.get(node).is_some_and(|node| !node.ready) {
        "The node is not ready, so nobody knows when that is: bring it back, or delete the pod with --force once the node is \
         off for certain."
    } else {
        "It has spec.rollout.drainSeconds to finish its requests."
    };
    let text = format!(
        "A replica waits until {} on node {node} has ended and released {} × {resource}. {why}",
        old.key.name,
        holds(old)?,
    );
    Some(bounded(&text, MAX_MESSAGE))
}

fn refused_by_the_scheduler(pod: &PodFacts) -> bool {
    pod.trouble.as_ref().is_some_and(|trouble| trouble.kind == TroubleKind::Unschedulable)
}
