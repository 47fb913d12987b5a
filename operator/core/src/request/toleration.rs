//! The taints that the pods of a model tolerate. Placement asks which nodes that leaves, rendering writes them down.

use std::collections::BTreeSet;

use hemvist_api::labels::NODE_DEDICATED_TAINT;
use k8s_openapi::api::core::v1::Toleration;

use super::ModelRequest;
use crate::accelerator::vendor;

/// The taints that the pods of `model` tolerate: that of nodes kept for its information class, and those with which nodes
/// with accelerators are commonly kept free of other work, named after the resource. Each has a key and an effect; a
/// toleration without a key tolerates everything.
pub fn tolerations(model: &ModelRequest) -> Vec<Toleration> {
    let dedicated = Toleration {
        key: Some(NODE_DEDICATED_TAINT.to_owned()),
        operator: Some("Equal".to_owned()),
        value: Some(model.information_class.as_str().to_owned()),
        effect: Some("NoSchedule".to_owned()),
        ..Default::default()
    };
    // A node that offers partitions of a device can carry the taint of the whole device.
    let resources =
        BTreeSet::from([model.accelerator.resource.as_str(), vendor(model.accelerator.vendor).resource]);
    let accelerator = resources.into_iter().map(|resource| Toleration {
        key: Some(resource.to_owned()),
        operator: Some("Exists".to_owned()),
        effect: Some("NoSchedule".to_owned()),
        ..Default::default()
    });
    std::iter::once(dedicated).chain(accelerator).collect()
}
