//! The taints that the pods of a model tolerate. Placement asks which nodes that leaves, rendering writes them down.

use std::collections::BTreeSet;

use hemvist_api::labels::NODE_DEDICATED_TAINT;
use hemvist_api::values::InformationClass;

use super::AcceleratorRequest;
use crate::accelerator::vendor;
use crate::snapshot::{Settings, ToleratedTaint};

/// The taints that the pods of a model tolerate: that of nodes kept for its information class, those with which nodes with
/// accelerators are commonly kept free of other work, named after the resource, and those of the installation. Each has a
/// key; a toleration without a key tolerates everything.
pub fn tolerations(
    class: InformationClass,
    accelerator: &AcceleratorRequest,
    settings: &Settings,
) -> Vec<ToleratedTaint> {
    let effect = || Some("NoSchedule".to_owned());
    let dedicated = ToleratedTaint {
        key: NODE_DEDICATED_TAINT.to_owned(),
        value: Some(class.as_str().to_owned()),
        effect: effect(),
    };
    // A node that offers partitions of a device can carry the taint of the whole device.
    let devices = vendor(accelerator.vendor).devices;
    let resources: BTreeSet<&str> =
        devices.iter().take(1).copied().chain([accelerator.resource.as_str()]).collect();
    let of_accelerators = resources.into_iter().map(|resource| ToleratedTaint {
        key: resource.to_owned(),
        value: None,
        effect: effect(),
    });
    std::iter::once(dedicated).chain(of_accelerators).chain(settings.tolerations.iter().cloned()).collect()
}
