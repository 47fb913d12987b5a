//! What would help a model that no node suits, by what is in its way.

use std::collections::BTreeSet;

use hemvist_api::labels::{NODE_DEDICATED_TAINT, NODE_DEVICES, WHOLE_DEVICES};

use super::explain::place;
use super::{Exclusion, Placement};
use crate::request::ModelRequest;

/// The most remedies that are listed.
const MOST_REMEDIES: usize = 3;

impl Placement {
    /// What would help: for cleared nodes what each of them lacks, and a clearance only where a node has everything else.
    pub(super) fn remedy(&self, model: &ModelRequest) -> String {
        let class = model.information_class;
        let cleared =
            self.exclusions.values().filter(|reasons| !reasons.iter().any(Exclusion::is_of_clearance));
        let mut remedies: Vec<String> = Vec::new();
        // A node that lacks several things is not helped by one of them.
        let alone = cleared.clone().filter(|reasons| reasons.len() == 1);
        for remedy in alone.flatten().filter_map(setup) {
            if !remedies.contains(&remedy) && remedies.len() < MOST_REMEDIES {
                remedies.push(remedy);
            }
        }
        if cleared.clone().flatten().any(|reason| matches!(reason, Exclusion::NotIsolated { .. })) {
            remedies.push(format!(
                "Offer whole devices on a cleared node, or clear a node that has them for {class}."
            ));
        } else if cleared.clone().flatten().any(Exclusion::is_of_hardware) {
            let what = "what the cleared nodes have";
            remedies
                .push(format!("Change spec.accelerator to {what}, or clear a node that has it for {class}."));
        }
        let clearable = self.clearable();
        if let Some(node) = clearable.first().filter(|_| remedies.len() < MOST_REMEDIES) {
            let reasons = self.exclusions.get(*node).into_iter().flatten();
            let labels = reasons.filter(|reason| reason.is_of_clearance());
            remedies.push(
                if labels.clone().all(|reason| matches!(reason, Exclusion::DevicesNotLabelled { .. })) {
                    format!(
                        "Label {node} {NODE_DEVICES}={WHOLE_DEVICES}, if it hands out whole devices alone."
                    )
                } else if clearable.len() == 1 {
                    format!("Clear {node} for {class} in {}.", place(model))
                } else {
                    format!("Clear a node for {class} in {}.", place(model))
                },
            );
        }
        if remedies.is_empty() {
            remedies.extend(
                cleared.flatten().filter_map(setup).collect::<BTreeSet<_>>().into_iter().take(MOST_REMEDIES),
            );
        }
        if remedies.is_empty() {
            remedies.push(format!("Add a node that has it, and clear it for {class} in {}.", place(model)));
        }
        remedies.join(" ")
    }

    /// The nodes that lack nothing but what an administrator can say of them, by labels.
    fn clearable(&self) -> Vec<&String> {
        let by_labels = |reason: &Exclusion| {
            let elsewhere =
                matches!(reason, Exclusion::RegionNotAllowed { .. } | Exclusion::DataCentreNotAllowed { .. });
            (reason.is_of_clearance() && !elsewhere) || reason.is_passing()
        };
        let all = self.exclusions.iter().filter(|(_, reasons)| reasons.iter().all(by_labels));
        all.map(|(node, _)| node).collect()
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
            Some("Set the devices of the node up anew, and look at its device plugin.".to_owned())
        }
        Exclusion::ClaimsOnly { resource, .. } => Some(format!(
            "Set spec.extendedResourceName of a DeviceClass to {resource}, so that pods can ask for its devices by it."
        )),
        _ => None,
    }
}
