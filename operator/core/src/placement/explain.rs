//! The words of a placement: why nodes are out, and what a model waits for. Stable order, bounded length.

use std::collections::BTreeMap;

use hemvist_api::model_deployment::Exclusion as ExclusionStatus;

use super::{Exclusion, Placement};
use crate::request::ModelRequest;
use crate::snapshot::Snapshot;

/// How many nodes are named for each reason.
const NAMED_NODES: usize = 3;

/// How many reasons are listed.
const LISTED_REASONS: usize = 16;

/// How many holders are named.
const NAMED_HOLDERS: usize = 4;

/// The exclusions by reason, the most frequent first; at most sixteen.
pub fn grouped(placement: &Placement, model: &ModelRequest) -> Vec<ExclusionStatus> {
    let mut by_reason: BTreeMap<&'static str, Vec<(&String, &Vec<Exclusion>)>> = BTreeMap::new();
    for (node, reasons) in &placement.exclusions {
        by_reason.entry(reasons.first().map_or("", Exclusion::code)).or_default().push((node, reasons));
    }
    let mut groups: Vec<_> = by_reason.into_iter().collect();
    groups.sort_by_key(|(code, nodes)| (usize::MAX - nodes.len(), *code));
    groups.truncate(LISTED_REASONS);
    groups.into_iter().map(|(code, nodes)| group(code, &nodes, model)).collect()
}

fn group(code: &str, nodes: &[(&String, &Vec<Exclusion>)], model: &ModelRequest) -> ExclusionStatus {
    let mut named: Vec<String> = nodes
        .iter()
        .take(NAMED_NODES)
        .map(|(node, reasons)| format!("{node} {}", messages(reasons, model)))
        .collect();
    if nodes.len() > NAMED_NODES {
        named.push(format!("and {} more", nodes.len() - NAMED_NODES));
    }
    ExclusionStatus {
        reason: code.to_owned(),
        nodes: i32::try_from(nodes.len()).unwrap_or(i32::MAX),
        message: bounded(&named.join("; "), 512),
    }
}

impl Placement {
    /// Why no node is eligible, in one sentence with what would help.
    pub fn no_eligible_node(&self, model: &ModelRequest) -> String {
        if self.exclusions.is_empty() {
            return "The cluster has no node. Add one and clear it for the model's information class."
                .to_owned();
        }
        let reasons: Vec<_> = grouped(self, model).into_iter().map(|group| group.message).collect();
        let text = format!(
            "None of {} nodes is cleared and suitable for {} × {}{} in {}: {}.",
            self.exclusions.len(),
            model.accelerator.count,
            model.accelerator.resource,
            products(model),
            place(model),
            reasons.join("; "),
        );
        // What would help is never cut off.
        let remedy = self.remedy(model);
        format!("{} {remedy}", bounded(&text, 1000_usize.saturating_sub(remedy.chars().count())))
    }

    /// What the model waits for, in one sentence with who holds it.
    pub fn waiting_for(&self, snapshot: &Snapshot, model: &ModelRequest) -> String {
        let slots: i64 = self.candidates.values().map(|candidate| candidate.slots).sum();
        let suitable = self.candidates.len() + self.passing().count();
        let mut text = format!(
            "{} × {}{} on one node in {}, for each of {} replicas: there is room for {slots} on {suitable} suitable {}",
            model.accelerator.count,
            model.accelerator.resource,
            products(model),
            place(model),
            self.wanted,
            if suitable == 1 { "node" } else { "nodes" },
        );
        let states: Vec<_> = self
            .passing()
            .take(NAMED_NODES)
            .map(|(node, reasons)| format!("{node} {}", messages(reasons, model)))
            .collect();
        if !states.is_empty() {
            text = format!("{text}; {}", states.join("; "));
        }
        let holders = self.holders(snapshot, model);
        if !holders.is_empty() {
            text = format!("{text}; in use by {holders}");
        }
        bounded(&text, 1000)
    }

    /// Who holds accelerators on the nodes that would suit, the greatest first.
    fn holders(&self, snapshot: &Snapshot, model: &ModelRequest) -> String {
        let passing = self.passing().map(|(node, _)| node);
        let mut held: BTreeMap<String, i64> = BTreeMap::new();
        for node in passing.chain(self.candidates.keys()) {
            for holder in snapshot.usage.others(node, &model.uid) {
                let count = holder.accelerators.get(&model.accelerator.resource).copied().unwrap_or_default();
                let name = match &holder.model_name {
                    Some(name) => format!("{}/{name}", holder.pod.namespace),
                    None => format!("pod {}", holder.pod),
                };
                *held.entry(name).or_default() += count;
            }
        }
        let mut held: Vec<_> = held.into_iter().filter(|(_, count)| *count > 0).collect();
        held.sort_by_key(|(name, count)| (-count, name.clone()));
        let more = held.len().saturating_sub(NAMED_HOLDERS);
        let mut named: Vec<_> =
            held.iter().take(NAMED_HOLDERS).map(|(name, count)| format!("{name} ({count})")).collect();
        if more > 0 {
            named.push(format!("{more} more"));
        }
        named.join(", ")
    }
}

/// Every reason of a node in words, to be read after its name.
pub fn messages(reasons: &[Exclusion], model: &ModelRequest) -> String {
    let texts: Vec<_> = reasons.iter().map(|reason| reason.message(model)).collect();
    match texts.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{}, and {last}", others.join(", ")),
        _ => texts.concat(),
    }
}

pub(super) fn place(model: &ModelRequest) -> String {
    let data_centres: Vec<_> = model.clearance.data_centres.iter().map(String::as_str).collect();
    if data_centres.is_empty() { "no data centre".to_owned() } else { data_centres.join(" or ") }
}

fn products(model: &ModelRequest) -> String {
    let products: Vec<_> = model.accelerator.products.iter().map(String::as_str).collect();
    if products.is_empty() { String::new() } else { format!(" ({})", products.join(" or ")) }
}

/// The text, cut at a character so that it has at most `max` characters.
pub(crate) fn bounded(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}
