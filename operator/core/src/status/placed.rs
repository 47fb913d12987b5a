//! `Placed`: whether cleared nodes hold the replicas, and if not, what stands in the way.

use std::collections::BTreeSet;

use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason};

use super::draft;
use super::obstacle::{predecessor, unreachable_node};
use crate::decide::{Decision, Plan, reason_to_leave, wanted};
use crate::placement::{Verdict, bounded};
use crate::snapshot::{PodFacts, Snapshot, Subject, TroubleKind};

pub(super) fn placed(snapshot: &Snapshot, subject: &Subject<'_>, decision: &Decision) -> ConditionDraft {
    let type_ = ConditionType::Placed;
    let Some(plan) = decision.plan() else {
        return draft(
            type_,
            ConditionStatus::Unknown,
            Reason::NotAccepted,
            "The model is not accepted.".to_owned(),
        );
    };
    if let Some((reason, text)) = being_evicted(snapshot, subject, plan) {
        return draft(type_, ConditionStatus::False, reason, text);
    }
    let wanted = wanted(subject, &plan.model);
    if wanted == 0 {
        return draft(type_, ConditionStatus::True, Reason::ScaledToZero, "Scaled to zero.".to_owned());
    }
    let bound: Vec<_> = subject.pods.iter().filter(|pod| pod.holds_a_place()).collect();
    if i32::try_from(bound.len()).unwrap_or(i32::MAX) >= wanted {
        return draft(type_, ConditionStatus::True, Reason::Placed, places(snapshot, &bound));
    }
    if plan.placement.verdict() != Verdict::Fits
        && let Some(text) = unreachable_node(snapshot, subject, plan)
    {
        return draft(type_, ConditionStatus::False, Reason::NodeNotReady, text);
    }
    match plan.placement.verdict() {
        Verdict::NoEligibleNode => {
            draft(type_, ConditionStatus::False, Reason::NoEligibleNode, plan.placement.no_eligible_node())
        }
        Verdict::Waiting => {
            let text = format!("Waits for {}.", plan.placement.waiting_for());
            draft(type_, ConditionStatus::False, Reason::WaitingForAccelerators, bounded(&text, 1024))
        }
        Verdict::Fits => scheduling(snapshot, subject, plan, bound.len()),
    }
}

/// Replicas on nodes where they cannot stay, with the reason, and whether there is anywhere else to go.
fn being_evicted(snapshot: &Snapshot, subject: &Subject<'_>, plan: &Plan) -> Option<(Reason, String)> {
    let demand = &plan.placement.demand;
    let mut out = subject.pods.iter().filter(|pod| !pod.ended).filter_map(|pod| {
        let (node, exclusion) = reason_to_leave(snapshot, demand, &plan.model.uid, pod)?;
        Some((exclusion.of_eviction(), format!("{} {}", node.name, exclusion.message(demand))))
    });
    let (reason, first) = out.next()?;
    let elsewhere = match plan.placement.verdict() {
        Verdict::Fits => "Other nodes have room.".to_owned(),
        Verdict::Waiting => format!("It waits for {}.", plan.placement.waiting_for()),
        Verdict::NoEligibleNode => plan.placement.no_eligible_node(),
    };
    let more = out.count();
    let others = if more > 0 { format!(" (and {more} more replicas)") } else { String::new() };
    let text = format!("Evicting a replica, because node {first}{others}. {elsewhere}");
    Some((reason, bounded(&text, 1024)))
}

fn places(snapshot: &Snapshot, bound: &[&PodFacts]) -> String {
    let nodes = bound.iter().filter_map(|pod| snapshot.nodes.get(pod.node.as_ref()?));
    let data_centres: BTreeSet<_> = nodes.filter_map(|node| node.data_centre.as_deref()).collect();
    let data_centres: Vec<_> = data_centres.into_iter().collect();
    let replicas = if bound.len() == 1 { "replica is" } else { "replicas are" };
    format!("{} {replicas} on cleared nodes in {}.", bound.len(), data_centres.join(", "))
}

fn scheduling(snapshot: &Snapshot, subject: &Subject<'_>, plan: &Plan, bound: usize) -> ConditionDraft {
    let type_ = ConditionType::Placed;
    if let Some(text) = predecessor(snapshot, subject, plan) {
        return draft(type_, ConditionStatus::False, Reason::WaitingForPredecessor, text);
    }
    let wanted = wanted(subject, &plan.model);
    let troubles = subject.pods.iter().filter_map(|pod| pod.trouble.as_ref());
    let refused = troubles.filter(|trouble| trouble.kind == TroubleKind::Unschedulable).min();
    refused.map_or_else(
        || {
            let text = format!(
                "{bound} of {wanted} replicas have a node; the others fit and wait for the scheduler."
            );
            draft(type_, ConditionStatus::False, Reason::Scheduling, text)
        },
        |trouble| {
            let text = format!("The scheduler found no node for a replica: {}", trouble.message);
            draft(type_, ConditionStatus::False, Reason::Unschedulable, text)
        },
    )
}
