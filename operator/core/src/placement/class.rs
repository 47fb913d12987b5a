//! Nodes that no demand can tell apart, and who of them is which.

use std::collections::BTreeMap;

use hemvist_api::values::AcceleratorVendor;

use crate::accelerator::{SliceFacts, VENDORS, Vendor};
use crate::snapshot::NodeFacts;

/// What nodes have in common that no demand can tell apart, whoever holds what of them.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct NodeClass {
    /// Their facts, without name and UID.
    pub node: NodeFacts,
    /// Whole devices that each publishes in ResourceSlices, by vendor; never 0.
    pub claimable: BTreeMap<AcceleratorVendor, i64>,
}

impl NodeClass {
    /// The class of a node that publishes these slices.
    pub fn of(node: &NodeFacts, slices: &[SliceFacts]) -> Self {
        let claimable = VENDORS.iter().map(|vendor| (vendor.vendor, claimable(vendor, slices)));
        Self {
            node: NodeFacts { name: String::new(), uid: String::new(), ..node.clone() },
            claimable: claimable.filter(|(_, devices)| *devices > 0).collect(),
        }
    }
}

/// Whole devices of a vendor that a node publishes.
fn claimable(vendor: &Vendor, slices: &[SliceFacts]) -> i64 {
    let published: Vec<_> = slices.iter().filter(|slice| vendor.publishes(slice)).collect();
    // While a driver publishes a pool anew, slices of the generation before are still there.
    let is_newest = |slice: &&&SliceFacts| {
        let same = published.iter().filter(|other| other.pool == slice.pool);
        same.map(|other| other.generation).max() == Some(slice.generation)
    };
    let devices: usize = published.iter().filter(is_newest).map(|slice| slice.devices.len()).sum();
    i64::try_from(devices).unwrap_or(i64::MAX)
}
