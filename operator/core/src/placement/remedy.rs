//! What would help a model that no node suits, by what is in its way.

use std::collections::BTreeSet;

use hemvist_api::labels::{NODE_DEDICATED_TAINT, NODE_DEVICES, WHOLE_DEVICES};

use super::explain::place;
use super::{Excluded, Exclusion, Placement};

/// The most remedies that are listed.
const MOST_REMEDIES: usize = 3;

impl Placement {
    /// What would help: for cleared nodes what each of them lacks, and a clearance only where a node has everything else.
    pub(super) fn remedy(&self) -> String {
        let class = self.demand.information_class;
        let cleared = self.excluded.iter().filter(|group| !group.is_of_clearance());
        let lacking = || cleared.clone().flat_map(|group| &group.reasons);
        let mut remedies: Vec<String> = Vec::new();
        // A node that lacks several things is not helped by one of them.
        let alone = cleared.clone().filter(|group| group.reasons.len() == 1).flat_map(|group| &group.reasons);
        for remedy in alone.filter_map(setup) {
            if !remedies.contains(&remedy) && remedies.len() < MOST_REMEDIES {
                remedies.push(remedy);
            }
        }
        if lacking().any(|reason| matches!(reason, Exclusion::NotIsolated { .. })) {
            remedies.push(format!(
                "Offer whole devices on a cleared node, or clear a node that has them for {class}."
            ));
        } else if lacking().any(Exclusion::is_of_hardware) {
            let what = "what the cleared nodes have";
            remedies
                .push(format!("Change spec.accelerator to {what}, or clear a node that has it for {class}."));
        }
        if remedies.len() < MOST_REMEDIES {
            remedies.extend(self.clearance());
        }
        if remedies.is_empty() {
            remedies
                .extend(lacking().filter_map(setup).collect::<BTreeSet<_>>().into_iter().take(MOST_REMEDIES));
        }
        if remedies.is_empty() {
            let place = place(&self.demand);
            remedies.push(format!("Add a node that has it, and clear it for {class} in {place}."));
        }
        remedies.join(" ")
    }

    /// Which node lacks nothing but what an administrator can say of it by labels.
    fn clearance(&self) -> Option<String> {
        let by_labels = |reason: &Exclusion| {
            let elsewhere =
                matches!(reason, Exclusion::RegionNotAllowed { .. } | Exclusion::DataCentreNotAllowed { .. });
            (reason.is_of_clearance() && !elsewhere) || reason.is_passing()
        };
        let clearable = || self.excluded.iter().filter(|group| group.reasons.iter().all(by_labels));
        let named = clearable().flat_map(|group| group.names.iter().map(move |name| (name, group)));
        let (node, group): (&String, &Excluded) = named.min_by_key(|(name, _)| *name)?;
        let labels = || group.reasons.iter().filter(|reason| reason.is_of_clearance());
        let (class, place) = (self.demand.information_class, place(&self.demand));
        Some(if labels().all(|reason| matches!(reason, Exclusion::DevicesNotLabelled { .. })) {
            format!("Label {node} {NODE_DEVICES}={WHOLE_DEVICES}, if it hands out whole devices alone.")
        } else if clearable().map(|group| group.nodes).sum::<usize>() == 1 {
            format!("Clear {node} for {class} in {place}.")
        } else {
            format!("Clear a node for {class} in {place}.")
        })
    }
}

/// What would help where a node is not set up for the model.
fn setup(reason: &Exclusion) -> Option<String> {
    match reason {
        Exclusion::Tainted { taint } if taint.starts_with(NODE_DEDICATED_TAINT) => Some(format!(
            "The taint {taint} keeps a node for the models of that class. Remove it if this one may run there too."
        )),
        Exclusion::Tainted { taint } => Some(format!(
            "Have the installation tolerate {taint} (tolerations of the chart, --tolerations), or remove the taint."
        )),
        Exclusion::NotOffered { .. } => {
            Some("Look at the device plugin of the node: it offers no accelerator.".to_owned())
        }
        Exclusion::DevicesUnusable { .. } => {
            Some("Set up the devices of the node again, and look at its device plugin.".to_owned())
        }
        Exclusion::ClaimsOnly { resource, .. } => Some(format!(
            "Set spec.extendedResourceName of a DeviceClass to {resource}, so that pods can ask for its devices by it."
        )),
        _ => None,
    }
}
