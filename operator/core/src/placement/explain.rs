//! The words of a placement: why nodes are out, and what a model waits for. Stable order, bounded length.

use std::collections::BTreeMap;

use hemvist_api::model_deployment::Exclusion as ExclusionStatus;

use super::{Exclusion, Placement};
use crate::request::ModelRequest;
use crate::snapshot::Snapshot;
use hemvist_api::values::InformationClass;

/// How many nodes are named for each reason.
const NAMED_NODES: usize = 3;

/// How many reasons are listed.
const LISTED_REASONS: usize = 16;

/// How many holders are named.
const NAMED_HOLDERS: usize = 4;

impl Exclusion {
    /// The reason in one word.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RegionUnknown => "RegionUnknown",
            Self::RegionNotAllowed { .. } => "RegionNotAllowed",
            Self::DataCentreUnknown => "DataCentreUnknown",
            Self::DataCentreNotAllowed { .. } => "DataCentreNotAllowed",
            Self::NotCleared { .. } => "NotCleared",
            Self::ClearanceTooLow { .. } => "ClearanceTooLow",
            Self::NoAccelerator { .. } => "NoAccelerator",
            Self::ProductNotAsked { .. } => "ProductNotAsked",
            Self::TooFewAccelerators { .. } => "TooFewAccelerators",
            Self::BrokenAccelerators { .. } => "BrokenAccelerators",
            Self::Tainted { .. } => "Tainted",
            Self::Cordoned => "Cordoned",
            Self::NotReady => "NotReady",
            Self::SharedWithOthers { .. } => "SharedWithOthers",
            Self::Busy { .. } => "Busy",
        }
    }

    /// Why a node is not cleared for information of `class`, in words that follow its name; empty where clearance is not
    /// the reason.
    pub fn of_clearance(&self, class: InformationClass) -> String {
        match self {
            Self::RegionUnknown => "has no region label".to_owned(),
            Self::RegionNotAllowed { region } => format!("is in region {region}, which is not allowed"),
            Self::DataCentreUnknown => "has no data-centre label".to_owned(),
            Self::DataCentreNotAllowed { data_centre } => {
                format!("is in {data_centre}, which is not allowed for this model")
            }
            Self::NotCleared { clearance } if clearance.is_empty() => "has no clearance label".to_owned(),
            Self::NotCleared { clearance } => {
                format!("has the clearance {clearance:?}, which is no information class")
            }
            Self::ClearanceTooLow { clearance } => {
                format!("is cleared for {clearance} only, and the model is {class}")
            }
            _ => String::new(),
        }
    }

    /// The reason in words, to be read after the name of the node.
    pub fn message(&self, model: &ModelRequest) -> String {
        match self {
            Self::RegionUnknown
            | Self::RegionNotAllowed { .. }
            | Self::DataCentreUnknown
            | Self::DataCentreNotAllowed { .. }
            | Self::NotCleared { .. }
            | Self::ClearanceTooLow { .. } => self.of_clearance(model.information_class),
            Self::NoAccelerator { resource } => format!("has no {resource}"),
            Self::ProductNotAsked { product } if product.is_empty() => {
                "does not say which product it has".to_owned()
            }
            Self::ProductNotAsked { product } => format!("has {product}, which was not asked for"),
            Self::TooFewAccelerators { has } => {
                format!(
                    "has {has} {}, and one replica needs {}",
                    model.accelerator.resource, model.accelerator.count
                )
            }
            Self::BrokenAccelerators { broken, total } => {
                format!("has {broken} of {total} {} out of order", model.accelerator.resource)
            }
            Self::Tainted { taint } => format!("is kept for others by the taint {taint}"),
            Self::Cordoned => "takes no new pods".to_owned(),
            Self::NotReady => "is not ready".to_owned(),
            Self::SharedWithOthers { holder } => {
                format!("is shared with {holder}, and {} needs a node of its own", model.information_class)
            }
            Self::Busy { free, total } => {
                format!("has {free} of {total} {} free", model.accelerator.resource)
            }
        }
    }
}

/// The exclusions by reason, the most frequent first; at most sixteen.
pub fn grouped(placement: &Placement, model: &ModelRequest) -> Vec<ExclusionStatus> {
    let mut by_reason: BTreeMap<&'static str, Vec<(&String, &Exclusion)>> = BTreeMap::new();
    for (node, exclusion) in &placement.exclusions {
        by_reason.entry(exclusion.code()).or_default().push((node, exclusion));
    }
    let mut groups: Vec<_> = by_reason.into_iter().collect();
    groups.sort_by_key(|(code, nodes)| (usize::MAX - nodes.len(), *code));
    groups.truncate(LISTED_REASONS);
    groups.into_iter().map(|(code, nodes)| group(code, &nodes, model)).collect()
}

fn group(code: &str, nodes: &[(&String, &Exclusion)], model: &ModelRequest) -> ExclusionStatus {
    let mut named: Vec<String> = nodes
        .iter()
        .take(NAMED_NODES)
        .map(|(node, exclusion)| format!("{node} {}", exclusion.message(model)))
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
        format!("{} {remedy}", bounded(&text, 1000 - remedy.chars().count()))
    }

    /// What would help a model that no node suits: a cleared node that lacks the hardware calls for other hardware, and one
    /// that has it and is not cleared calls for a clearance.
    fn remedy(&self, model: &ModelRequest) -> String {
        let is_cleared = |exclusion: &Exclusion| {
            matches!(
                exclusion,
                Exclusion::NoAccelerator { .. }
                    | Exclusion::ProductNotAsked { .. }
                    | Exclusion::TooFewAccelerators { .. }
            )
        };
        if self.exclusions.values().any(is_cleared) {
            return format!(
                "Change spec.accelerator to what the cleared nodes have, or clear a node that has it for {}.",
                model.information_class
            );
        }
        format!("Clear a node for {} in {}.", model.information_class, place(model))
    }

    /// What the model waits for, in one sentence with who holds it.
    pub fn waiting_for(&self, snapshot: &Snapshot, model: &ModelRequest) -> String {
        let slots: i64 = self.candidates.values().map(|candidate| candidate.slots).sum();
        let suitable = self.candidates.len()
            + self.exclusions.values().filter(|exclusion| exclusion.is_passing()).count();
        let mut text = format!(
            "{} × {}{} on one node in {}, for each of {} replicas: there is room for {slots} on {suitable} suitable {}",
            model.accelerator.count,
            model.accelerator.resource,
            products(model),
            place(model),
            self.wanted,
            if suitable == 1 { "node" } else { "nodes" },
        );
        let passing = self.exclusions.iter().filter(|(_, exclusion)| exclusion.is_passing());
        let states: Vec<_> = passing
            .clone()
            .take(NAMED_NODES)
            .map(|(node, exclusion)| format!("{node} {}", exclusion.message(model)))
            .collect();
        if !states.is_empty() {
            text = format!("{text}; {}", states.join("; "));
        }
        let holders = self.holders(snapshot, model);
        if !holders.is_empty() {
            text = format!("{text}; held by {holders}");
        }
        bounded(&text, 1000)
    }

    /// Who holds accelerators on the nodes that would suit, the greatest first.
    fn holders(&self, snapshot: &Snapshot, model: &ModelRequest) -> String {
        let passing =
            self.exclusions.iter().filter(|(_, exclusion)| exclusion.is_passing()).map(|(node, _)| node);
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

fn place(model: &ModelRequest) -> String {
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
