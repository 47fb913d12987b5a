//! What is to be done about one model, as data: from the snapshot and the schedule of all models.

use std::collections::BTreeMap;

use hemvist_api::condition::Reason;
use hemvist_api::model_deployment::{ExceptionUse, PolicyUse};

use crate::acceptance::{Acceptance, accept};
use crate::placement::{Exclusion, Placement, Verdict, stay_exclusions};
use crate::policy::{DutyStanding, EffectivePolicy};
use crate::request::{AcceleratorRequest, Demand, ModelRequest};
use crate::schedule::Schedule;
use crate::snapshot::{
    ChildFacts, ChildKind, Key, NodeFacts, PodFacts, PodTrouble, Snapshot, Subject, TroubleKind, is_running,
};
use crate::violation::Violation;

/// What is to be done about a model.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Whether it may be carried out, and how.
    pub outcome: Outcome,
    /// Everything that was found wrong, in stable order. Of an accepted model: what would be refused if the policies
    /// denied and did not only warn.
    pub violations: Vec<Violation>,
    /// How its duties stand.
    pub duties: DutyStanding,
    /// The policies that set its limits.
    pub policies: Vec<PolicyUse>,
    /// The exceptions that hold for it.
    pub exceptions: Vec<ExceptionUse>,
    /// Pods that have to leave their node.
    pub evictions: Vec<Eviction>,
}

/// Whether a model may be carried out, and how.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It may not. Nothing is rendered, and what was made for it is pruned.
    Refused,
    /// It may.
    Accepted(Box<Plan>),
}

/// How an accepted model is carried out. Rendering follows it, and knows nothing else of the cluster.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The model, with everything that was left out filled in.
    pub model: ModelRequest,
    /// Where it can go.
    pub placement: Placement,
    /// What makes its pods.
    pub workload: Workload,
}

/// What makes the pods of a model.
///
/// A replica that needs more accelerators than a node has would need a LeaderWorkerSet: one more variant here, chosen in
/// [`Plan::new`], and one more kind of child. Every `match` names all variants, so the compiler finds what has to follow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Workload {
    /// A Deployment: each replica is one pod.
    Deployment,
}

impl Plan {
    /// The plan of a model that can go where `placement` says.
    pub const fn new(model: ModelRequest, placement: Placement) -> Self {
        Self { model, placement, workload: Workload::Deployment }
    }

    /// The accelerators of a replica: what was asked for, as the resource that nodes offer.
    pub const fn accelerator(&self) -> &AcceleratorRequest {
        &self.model.accelerator
    }
}

/// A pod that has to leave its place: the node is not cleared for it, or the accelerator that it holds is broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Eviction {
    /// The pod.
    pub pod: Key,
    /// Its UID; another pod of the same name is not meant.
    pub uid: String,
    /// The node.
    pub node: String,
    /// Why, in one word.
    pub cause: Reason,
    /// Why, in words, to be read after the name of the node.
    pub reason: String,
}

impl Decision {
    /// The plan of an accepted model.
    pub fn plan(&self) -> Option<&Plan> {
        match &self.outcome {
            Outcome::Accepted(plan) => Some(plan),
            Outcome::Refused => None,
        }
    }
}

/// Decides about a model. Total: whatever stands in the objects, the answer is a decision.
pub fn decide(snapshot: &Snapshot, schedule: &Schedule, subject: &Subject<'_>) -> Decision {
    let namespace = subject.model.metadata.namespace.as_deref().unwrap_or_default();
    let policy = EffectivePolicy::for_namespace(&snapshot.policies, &snapshot.settings, namespace);
    let Acceptance { request, violations, duties, policies, exceptions } =
        accept(snapshot, &policy, subject.model, runs(subject));
    let (outcome, evictions) = match request {
        None => (Outcome::Refused, Vec::new()),
        Some(request) => {
            let model = schedule.resolve(request);
            let wanted = wanted(subject, &model);
            let mut evictions = evictions(snapshot, subject, &model);
            let placed = evictions.is_empty() && is_placed(subject, wanted);
            let placement = schedule.placement(&model, wanted, placed);
            // One departure at a time: what can be seen after it decides on the next.
            if evictions.is_empty() {
                evictions = from_broken_accelerators(subject, &placement);
            }
            (Outcome::Accepted(Box::new(Plan::new(model, placement))), evictions)
        }
    };
    Decision { outcome, violations, duties, policies, exceptions, evictions }
}

/// Whether every replica has its node.
fn is_placed(subject: &Subject<'_>, wanted: i32) -> bool {
    let bound = subject.pods.iter().filter(|pod| pod.holds_a_place()).count();
    i32::try_from(bound).unwrap_or(i32::MAX) >= wanted
}

/// Replicas that are wanted now; see [`ModelRequest::wanted`].
pub(crate) fn wanted(subject: &Subject<'_>, model: &ModelRequest) -> i32 {
    let deployment = subject.children.get(&ChildKind::Deployment).and_then(ChildFacts::deployment);
    model.wanted(deployment.map(|deployment| deployment.wanted))
}

/// Whether the replicas of the model have been made: its Deployment is there, is its own, and is not on its way out.
fn runs(subject: &Subject<'_>) -> bool {
    let deployment = subject.children.get(&ChildKind::Deployment);
    deployment.is_some_and(|deployment| is_running(subject.model, deployment))
}

/// Pods on nodes that are not cleared for them, or that do not keep them apart as their class demands: the required affinity
/// keeps new pods away, but it does not move those that were there when a label or a policy changed. A node that is gone takes its pods with it.
fn evictions(snapshot: &Snapshot, subject: &Subject<'_>, model: &ModelRequest) -> Vec<Eviction> {
    let demand = model.demand();
    let running = subject.pods.iter().filter(|pod| !pod.ended && !pod.terminating);
    running
        .filter_map(|pod| {
            let (node, exclusion) = reason_to_leave(snapshot, &demand, &model.uid, pod)?;
            Some(Eviction {
                pod: pod.key.clone(),
                uid: pod.uid.clone(),
                node: node.name.clone(),
                cause: exclusion.of_eviction(),
                reason: exclusion.message(&demand),
            })
        })
        .collect()
}

/// The weightiest reason why a pod of the model with `uid` cannot stay on its node, with the node; `None` where it can.
pub(crate) fn reason_to_leave<'a>(
    snapshot: &'a Snapshot,
    demand: &Demand,
    uid: &str,
    pod: &PodFacts,
) -> Option<(&'a NodeFacts, Exclusion)> {
    let node = snapshot.nodes.get(pod.node.as_ref()?)?;
    let usage = snapshot.usage.on(&node.name).map(|usage| &**usage);
    let exclusion = stay_exclusions(demand, node, usage, uid).into_iter().next()?;
    Some((node, exclusion))
}

/// Replicas that hold a broken accelerator and take no requests, where another one is free: a pod keeps the devices that it
/// was given, however often its containers are started again.
fn from_broken_accelerators(subject: &Subject<'_>, placement: &Placement) -> Vec<Eviction> {
    if placement.verdict() != Verdict::Fits {
        return Vec::new();
    }
    let is_broken = |trouble: &PodTrouble| trouble.kind == TroubleKind::AcceleratorUnhealthy;
    let useless = |pod: &&PodFacts| {
        !pod.ended && !pod.terminating && !pod.ready && pod.trouble.as_ref().is_some_and(is_broken)
    };
    let eviction = |pod: &PodFacts| {
        Some(Eviction {
            pod: pod.key.clone(),
            uid: pod.uid.clone(),
            node: pod.node.clone()?,
            cause: Reason::AcceleratorUnhealthy,
            reason: "has an unhealthy accelerator that the pod holds, and another one is free".to_owned(),
        })
    };
    subject.pods.iter().filter(useless).filter_map(eviction).collect()
}

/// The children of a refused model that are to be deleted now, in order: the replicas first, and the isolation of their
/// network last, when no pod is left that it could protect. A pod may be there before anybody has seen it. So the isolation
/// stays while anything is there that makes pods, which is deleted in the foreground and therefore seen until its pods are
/// gone.
pub fn to_prune(children: &BTreeMap<ChildKind, ChildFacts>, pods: &[PodFacts]) -> Vec<ChildKind> {
    let has_pods = !pods.is_empty() || children.keys().any(|kind| kind.makes_pods());
    ChildKind::ALL
        .into_iter()
        .rev()
        .filter(|kind| children.get(kind).is_some_and(|child| !child.terminating))
        .filter(|kind| *kind != ChildKind::NetworkPolicy || !has_pods)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn children(deployment: Option<bool>) -> BTreeMap<ChildKind, ChildFacts> {
        let child = |kind: ChildKind, terminating: bool| {
            let deleted = terminating.then_some("2026-11-23T12:00:00Z");
            let metadata = json!({"namespace": "n", "name": "m", "deletionTimestamp": deleted});
            (kind, ChildFacts::of(kind, &json!({"metadata": metadata})).unwrap())
        };
        let others = [ChildKind::NetworkPolicy, ChildKind::Service].map(|kind| child(kind, false));
        let deployment = deployment.map(|terminating| child(ChildKind::Deployment, terminating));
        others.into_iter().chain(deployment).collect()
    }

    #[test]
    fn the_isolation_of_the_network_goes_when_no_pod_can_be_left() {
        let pods = [PodFacts::default()];
        let before = [ChildKind::Deployment, ChildKind::Service];
        assert_eq!(to_prune(&children(Some(false)), &pods), before);
        assert_eq!(to_prune(&children(Some(false)), &[]), before, "a pod may be there that nobody has seen");
        assert_eq!(to_prune(&children(Some(true)), &[]), [ChildKind::Service]);
        assert_eq!(to_prune(&children(None), &pods), [ChildKind::Service]);
        assert_eq!(to_prune(&children(None), &[]), [ChildKind::Service, ChildKind::NetworkPolicy]);
    }
}
