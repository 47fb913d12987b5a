//! The words of a placement: why nodes are out, and what a model waits for. Stable order, bounded length.

use std::collections::BTreeMap;

use hemvist_api::model_deployment::Exclusion as ExclusionStatus;

use super::{Excluded, Exclusion, NAMED_NODES, Placement};
use crate::request::Demand;

/// How many reasons are listed.
const LISTED_REASONS: usize = 16;

/// How many holders are named.
const NAMED_HOLDERS: usize = 4;

/// The exclusions by reason, the most frequent first; at most sixteen.
pub fn grouped(placement: &Placement) -> Vec<ExclusionStatus> {
    let mut by_reason: BTreeMap<&'static str, Vec<&Excluded>> = BTreeMap::new();
    for group in &placement.excluded {
        by_reason.entry(group.reasons.first().map_or("", Exclusion::code)).or_default().push(group);
    }
    let nodes = |groups: &[&Excluded]| groups.iter().map(|group| group.nodes).sum::<usize>();
    let mut groups: Vec<_> = by_reason.into_iter().collect();
    groups.sort_by_key(|(code, groups)| (usize::MAX - nodes(groups), *code));
    groups.truncate(LISTED_REASONS);
    let status = |(code, groups): (&str, Vec<&Excluded>)| {
        let count = nodes(&groups);
        let mut named = first_named(groups.into_iter(), &placement.demand);
        if count > NAMED_NODES {
            named.push(format!("and {} more", count - NAMED_NODES));
        }
        ExclusionStatus {
            reason: code.to_owned(),
            nodes: i32::try_from(count).unwrap_or(i32::MAX),
            message: bounded(&named.join("; "), 512),
        }
    };
    groups.into_iter().map(status).collect()
}

/// The first nodes of these groups by name, each with all its reasons.
fn first_named<'a>(groups: impl Iterator<Item = &'a Excluded>, demand: &Demand) -> Vec<String> {
    let mut named: Vec<(&String, &Excluded)> =
        groups.flat_map(|group| group.names.iter().map(move |name| (name, group))).collect();
    named.sort_by_key(|(name, _)| *name);
    named.truncate(NAMED_NODES);
    named.into_iter().map(|(name, group)| format!("{name} {}", messages(&group.reasons, demand))).collect()
}

impl Placement {
    /// Why no node is eligible, in one sentence with what would help.
    pub fn no_eligible_node(&self) -> String {
        if self.excluded.is_empty() {
            return "The cluster has no node. Add one and clear it for the model's information class."
                .to_owned();
        }
        let accelerator = &self.demand.accelerator;
        let reasons: Vec<_> = grouped(self).into_iter().map(|group| group.message).collect();
        let text = format!(
            "None of {} nodes is cleared and suitable for {} × {}{} in {}: {}.",
            self.excluded.iter().map(|group| group.nodes).sum::<usize>(),
            accelerator.count,
            accelerator.resource,
            products(&self.demand),
            place(&self.demand),
            reasons.join("; "),
        );
        // What would help is never cut off.
        let remedy = self.remedy();
        format!("{} {remedy}", bounded(&text, 1000_usize.saturating_sub(remedy.chars().count())))
    }

    /// What the model waits for, in one sentence with who holds it and who waits before it.
    pub fn waiting_for(&self) -> String {
        let accelerator = &self.demand.accelerator;
        let suitable = self.candidates + self.passing().map(|group| group.nodes).sum::<usize>();
        let mut text = format!(
            "{} × {}{} on one node in {}, for each of {} replicas: there is room for {} on {suitable} suitable {}",
            accelerator.count,
            accelerator.resource,
            products(&self.demand),
            place(&self.demand),
            self.wanted,
            self.slots,
            if suitable == 1 { "node" } else { "nodes" },
        );
        let states = first_named(self.passing(), &self.demand);
        if !states.is_empty() {
            text = format!("{text}; {}", states.join("; "));
        }
        if !self.holders.is_empty() {
            text = format!("{text}; in use by {}", self.named_holders());
        }
        match self.ahead {
            0 => {}
            1 => text.push_str("; 1 older model waits too"),
            older => text = format!("{text}; {older} older models wait too"),
        }
        bounded(&text, 1000)
    }

    fn named_holders(&self) -> String {
        let mut named: Vec<_> = self
            .holders
            .iter()
            .take(NAMED_HOLDERS)
            .map(|(name, count)| format!("{name} ({count})"))
            .collect();
        let more = self.holders.len().saturating_sub(NAMED_HOLDERS);
        if more > 0 {
            named.push(format!("{more} more"));
        }
        named.join(", ")
    }
}

/// Every reason of a node in words, to be read after its name.
pub fn messages(reasons: &[Exclusion], demand: &Demand) -> String {
    let texts: Vec<_> = reasons.iter().map(|reason| reason.message(demand)).collect();
    match texts.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{}, and {last}", others.join(", ")),
        _ => texts.concat(),
    }
}

pub(super) fn place(demand: &Demand) -> String {
    let data_centres: Vec<_> = demand.clearance.data_centres.iter().map(String::as_str).collect();
    if data_centres.is_empty() { "no data centre".to_owned() } else { data_centres.join(" or ") }
}

fn products(demand: &Demand) -> String {
    let products: Vec<_> = demand.accelerator.products.iter().map(String::as_str).collect();
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
