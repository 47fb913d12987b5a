//! Why a node is out: every reason, in the order of their weight. What no scheduler may overrule first, then what the node
//! has, then what keeps pods away from it, then what state it is in, then who holds it.

use hemvist_api::labels::WHOLE_DEVICES;
use hemvist_api::values::{InformationClass, Isolation};

use super::exclusion::Exclusion;
use super::{Candidate, free};
use crate::accelerator::{Offer, SliceFacts, Unit, vendor};
use crate::policy::Clearance;
use crate::request::ModelRequest;
use crate::snapshot::{NodeFacts, Snapshot, Taint};

/// Taints that Kubernetes sets for a state of the node, which [`state`] reads from where it comes from.
const OF_STATE: [&str; 7] = [
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/network-unavailable",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/unschedulable",
];

/// What the keys of taints begin with that go away by themselves when a node has started: those of cloud providers, network
/// plugins, autoscalers and readiness gates.
const START_UP: [&str; 9] = [
    "cni.istio.io/not-ready",
    "ignore-taint.cluster-autoscaler.kubernetes.io/",
    "karpenter.sh/unregistered",
    "node.cilium.io/",
    "node.cluster.x-k8s.io/uninitialized",
    "node.cloudprovider.kubernetes.io/uninitialized",
    "readiness.k8s.io/",
    "startup-taint.cluster-autoscaler.kubernetes.io/",
    "status-taint.cluster-autoscaler.kubernetes.io/",
];

/// What the keys of taints begin with that say that a node is being taken away or restarted: those of autoscalers, remediation
/// and reboot daemons.
const LEAVING: [&str; 8] = [
    "DeletionCandidateOfClusterAutoscaler",
    "ToBeDeletedByClusterAutoscaler",
    "cloud.google.com/impending-node-termination",
    "karpenter.sh/disrupted",
    "karpenter.sh/disruption",
    "medik8s.io/",
    "node.cloudprovider.kubernetes.io/shutdown",
    "weave.works/kured-node-reboot",
];

/// What such keys end with, whoever sets them.
const NOT_READY: &str = "/agent-not-ready";

/// The taint of a node that an administrator has declared to be off.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// A candidate, or every reason why the node is none.
pub(super) fn filter(
    snapshot: &Snapshot,
    model: &ModelRequest,
    node: &NodeFacts,
) -> Result<Candidate, Vec<Exclusion>> {
    let mut reasons = clearance_exclusions(&model.clearance, model.information_class, node);
    let offer = devices(snapshot, model, node, &mut reasons);
    reasons.extend(taints(model, node));
    reasons.extend(state(node));
    reasons.extend(alone(snapshot, model, node));
    let Some(offer) = offer else { return Err(reasons) };
    let count = i64::from(model.accelerator.count);
    let free = free(snapshot, node, &offer, model);
    // Nobody waits for accelerators of a node that is out for another reason.
    if free < count && reasons.is_empty() {
        reasons.push(Exclusion::Busy { free: free.max(0), total: offer.usable });
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    Ok(Candidate {
        data_centre: node.data_centre.clone().unwrap_or_default(),
        slots: free / count,
        free,
        unit: offer.unit,
        announced_by: offer.announced_by,
        architecture: node.architecture.clone(),
    })
}

/// Why a node may not hold a model, the weightiest reason first; nothing if it may. This is the residency rule, alone: what a
/// running pod is judged by.
pub fn clearance_exclusions(
    clearance: &Clearance,
    class: InformationClass,
    node: &NodeFacts,
) -> Vec<Exclusion> {
    let mut reasons = Vec::new();
    if let Some(allowed) = &clearance.regions {
        match &node.region {
            None => reasons.push(Exclusion::RegionUnknown),
            Some(region) if allowed.contains(region) => {}
            Some(region) => reasons.push(Exclusion::RegionNotAllowed { region: region.clone() }),
        }
    }
    match &node.data_centre {
        None => reasons.push(Exclusion::DataCentreUnknown),
        Some(data_centre) if clearance.data_centres.contains(data_centre) => {}
        Some(data_centre) => {
            reasons.push(Exclusion::DataCentreNotAllowed { data_centre: data_centre.clone() });
        }
    }
    match node.clearance() {
        None => {
            reasons.push(Exclusion::NotCleared { clearance: node.clearance.clone().unwrap_or_default() });
        }
        Some(level) if level < class || !clearance.levels.contains(&level) => {
            reasons.push(Exclusion::ClearanceTooLow { clearance: level });
        }
        Some(_) => {}
    }
    if clearance.devices_label && node.devices_label.as_deref() != Some(WHOLE_DEVICES) {
        reasons.push(Exclusion::DevicesNotLabelled { label: node.devices_label.clone().unwrap_or_default() });
    }
    reasons
}

/// Why a pod of the model cannot stay on a node, the weightiest reason first; nothing if it can. Beside the clearance that is
/// whether what it holds is kept apart as the class demands, as far as the node announces it.
pub fn stay_exclusions(model: &ModelRequest, node: &NodeFacts) -> Vec<Exclusion> {
    let mut reasons = clearance_exclusions(&model.clearance, model.information_class, node);
    let offer = node.offers.get(&model.accelerator.resource);
    reasons.extend(offer.and_then(|offer| not_isolated(model.isolation, offer)));
    reasons
}

/// Whether a unit of what the node offers is less than `demanded`.
pub fn not_isolated(demanded: Isolation, offer: &Offer) -> Option<Exclusion> {
    let announced_by = offer.announced_by.clone().unwrap_or_default();
    (offer.unit.isolation() < demanded.min(Isolation::WholeDevice))
        .then_some(Exclusion::NotIsolated { unit: offer.unit, announced_by })
}

/// What the node offers the model, with the reasons why that is not enough.
fn devices(
    snapshot: &Snapshot,
    model: &ModelRequest,
    node: &NodeFacts,
    reasons: &mut Vec<Exclusion>,
) -> Option<Offer> {
    let before = reasons.len();
    let Some(offer) = offer_of(snapshot, model, node) else {
        reasons.push(nothing_offered(snapshot, model, node));
        return None;
    };
    if let Some(says) = offer.unusable.clone() {
        reasons.push(Exclusion::DevicesUnusable { says });
        return None;
    }
    reasons.extend(product(model, node));
    reasons.extend(apart(model, &offer));
    reasons.extend(enough(model, &offer));
    (reasons.len() == before).then_some(offer)
}

/// What the node offers under the resource that the model asks for: by a device plugin, or by dynamic resource allocation
/// where a device class gives out what asks for that resource.
fn offer_of(snapshot: &Snapshot, model: &ModelRequest, node: &NodeFacts) -> Option<Offer> {
    let resource = &model.accelerator.resource;
    if let Some(offer) = node.offers.get(resource).filter(|offer| !offer.left_over) {
        return Some(offer.clone());
    }
    if !snapshot.device_classes.values().any(|class| class.gives(resource)) {
        return None;
    }
    let devices = claimable(snapshot, model, node);
    (devices > 0).then_some(Offer {
        vendor: model.accelerator.vendor,
        unit: Unit::Device,
        usable: devices,
        unhealthy: 0,
        memory_mebibytes: None,
        announced_by: None,
        unusable: None,
        left_over: false,
    })
}

/// Whole devices of the model's vendor that the node publishes in ResourceSlices.
fn claimable(snapshot: &Snapshot, model: &ModelRequest, node: &NodeFacts) -> i64 {
    let vendor = vendor(model.accelerator.vendor);
    let slices = snapshot.slices.get(&node.name).into_iter().flatten();
    let published: Vec<_> = slices.filter(|slice| vendor.publishes(slice)).collect();
    // While a driver publishes a pool anew, slices of the generation before are still there.
    let is_newest = |slice: &&&SliceFacts| {
        let same = published.iter().filter(|other| other.pool == slice.pool);
        same.map(|other| other.generation).max() == Some(slice.generation)
    };
    let devices: usize = published.iter().filter(is_newest).map(|slice| slice.devices.len()).sum();
    i64::try_from(devices).unwrap_or(i64::MAX)
}

fn nothing_offered(snapshot: &Snapshot, model: &ModelRequest, node: &NodeFacts) -> Exclusion {
    let accelerator = &model.accelerator;
    let resource = accelerator.resource.clone();
    let usable = node.offers.iter().filter(|(_, offer)| offer.usable > 0);
    let offers: Vec<_> = usable.map(|(name, offer)| format!("{} × {name}", offer.usable)).collect();
    if !offers.is_empty() {
        return Exclusion::NoAccelerator { resource, offers: offers.join(" and ") };
    }
    if claimable(snapshot, model, node) > 0 {
        let devices = claimable(snapshot, model, node);
        return Exclusion::ClaimsOnly { resource, devices };
    }
    match node.labelled.get(&accelerator.vendor) {
        Some(labelled) => Exclusion::NotOffered { labelled: labelled.clone() },
        None => Exclusion::NoAccelerator { resource, offers: String::new() },
    }
}

fn product(model: &ModelRequest, node: &NodeFacts) -> Option<Exclusion> {
    if model.accelerator.products.is_empty() {
        return None;
    }
    let product = model.accelerator.product_label.and_then(|label| node.device_labels.get(label));
    match product {
        Some(product) if model.accelerator.products.contains(product) => None,
        other => Some(Exclusion::ProductNotAsked { product: other.cloned().unwrap_or_default() }),
    }
}

/// Whether units are what the class demands, and can work together where one replica needs several: a request for several
/// shares or partitions can be given several of one device.
fn apart(model: &ModelRequest, offer: &Offer) -> Option<Exclusion> {
    let announced_by = || offer.announced_by.clone().unwrap_or_default();
    let together = model.accelerator.count > 1 && offer.unit < Unit::Device;
    not_isolated(model.isolation, offer).or_else(|| {
        together.then(|| Exclusion::CannotWorkTogether { unit: offer.unit, announced_by: announced_by() })
    })
}

fn enough(model: &ModelRequest, offer: &Offer) -> Option<Exclusion> {
    let wanted = i64::from(model.accelerator.count);
    let (usable, unhealthy) = (offer.usable, offer.unhealthy);
    match usable {
        has if has >= wanted => None,
        // Not a lack of hardware: a device is mended, and a plug-in that starts anew counts its devices again.
        has if has + unhealthy >= wanted => {
            Some(Exclusion::UnhealthyAccelerators { unhealthy, total: has + unhealthy })
        }
        has => Some(Exclusion::TooFewAccelerators { has }),
    }
}

fn taints(model: &ModelRequest, node: &NodeFacts) -> Vec<Exclusion> {
    let hindrances = node.taints.iter().filter(|taint| !is_tolerated(model, taint));
    hindrances
        .map(|taint| {
            let starts =
                START_UP.iter().any(|key| taint.key.starts_with(key)) || taint.key.ends_with(NOT_READY);
            let text = taint.to_string();
            if starts {
                Exclusion::StartingUp { taint: text }
            } else if LEAVING.iter().any(|key| taint.key.starts_with(key)) {
                Exclusion::Leaving { taint: text }
            } else if taint.key == OUT_OF_SERVICE {
                Exclusion::OutOfService
            } else {
                Exclusion::Tainted { taint: text }
            }
        })
        .collect()
}

/// Taints that follow a node's state are left to [`state`], and those that only ask are no hindrance.
fn is_tolerated(model: &ModelRequest, taint: &Taint) -> bool {
    taint.effect == "PreferNoSchedule"
        || OF_STATE.contains(&taint.key.as_str())
        || model.tolerations.iter().any(|toleration| {
            toleration.key.as_deref() == Some(taint.key.as_str())
                && toleration.effect.as_deref().is_none_or(|effect| effect == taint.effect)
                && (toleration.operator.as_deref() == Some("Exists")
                    || toleration.value.as_deref().unwrap_or_default() == taint.value)
        })
}

fn state(node: &NodeFacts) -> Vec<Exclusion> {
    let mut reasons = Vec::new();
    if !node.schedulable {
        reasons.push(Exclusion::Cordoned);
    }
    if !node.ready {
        reasons.push(Exclusion::NotReady);
    }
    let pressure = |condition: &String| Exclusion::UnderPressure { condition: condition.clone() };
    reasons.extend(node.pressures.iter().map(pressure));
    if reasons.is_empty() {
        // A taint comes before what it stands for, or stays after it.
        let of_state = |taint: &&Taint| OF_STATE.contains(&taint.key.as_str());
        let early = node.taints.iter().filter(of_state).find(|taint| taint.effect != "PreferNoSchedule");
        reasons.extend(early.map(|taint| pressure(&taint.key)));
    }
    reasons
}

fn alone(snapshot: &Snapshot, model: &ModelRequest, node: &NodeFacts) -> Option<Exclusion> {
    if model.isolation < Isolation::WholeNode {
        return None;
    }
    let other = snapshot.usage.others(&node.name, &model.uid).next()?;
    Some(Exclusion::SharedWithOthers { holder: other.pod.to_string() })
}
