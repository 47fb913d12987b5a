//! Why nodes are out: every reason, in the order of their weight. What no scheduler may overrule first, then what a node has,
//! then what keeps pods away from it, then what state it is in, then who holds it.

use std::collections::BTreeMap;

use hemvist_api::labels::WHOLE_DEVICES;
use hemvist_api::values::{InformationClass, Isolation};

use super::class::NodeClass;
use super::exclusion::Exclusion;
use crate::accelerator::{DeviceClass, Offer, Unit};
use crate::policy::Clearance;
use crate::request::Demand;
use crate::snapshot::{NodeFacts, NodeUsage, Taint};

/// What a node has for replicas of a model.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Room {
    /// Accelerators that nobody else holds.
    pub free: i64,
    /// How many replicas they are enough for.
    pub slots: i64,
}

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
const START_UP: [&str; 10] = [
    "cni.istio.io/not-ready",
    "ignore-taint.cluster-autoscaler.kubernetes.io/",
    "k8s.ovn.org/network-unavailable",
    "karpenter.sh/unregistered",
    "node.cilium.io/",
    "node.cluster.x-k8s.io/uninitialized",
    "node.cloudprovider.kubernetes.io/uninitialized",
    "readiness.k8s.io/",
    "startup-taint.cluster-autoscaler.kubernetes.io/",
    "status-taint.cluster-autoscaler.kubernetes.io/",
];

/// What the keys of taints begin with that say that a node is being taken away or restarted: those of autoscalers, remediation
/// and reboot daemons. AMD's operator sets its own while it mends devices or sets up partitions.
const LEAVING: [&str; 10] = [
    "DeletionCandidateOfClusterAutoscaler",
    "ToBeDeletedByClusterAutoscaler",
    "amd-dcm",
    "amd-gpu-unhealthy",
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

/// What nodes of the class offer the models with this demand; or every reason why none of them suits. Who holds what of a
/// node is not looked at.
pub(crate) fn suits(
    demand: &Demand,
    class: &NodeClass,
    device_classes: &BTreeMap<String, DeviceClass>,
) -> Result<Offer, Vec<Exclusion>> {
    let node = &class.node;
    let mut reasons = clearance_exclusions(&demand.clearance, demand.information_class, node);
    let offer = devices(demand, class, device_classes, &mut reasons);
    reasons.extend(taints(demand, node));
    reasons.extend(state(node));
    offer.filter(|_| reasons.is_empty()).ok_or(reasons)
}

/// How many replicas a node can hold that offers `offer` and of which `usage` is held; or why none. What the model with
/// `uid` holds itself does not stand in its way.
pub(crate) fn room(
    demand: &Demand,
    offer: &Offer,
    usage: Option<&NodeUsage>,
    uid: &str,
) -> Result<Room, Exclusion> {
    if let Some(shared) = shared_with(demand, usage, uid) {
        return Err(shared);
    }
    let (resource, count) = (&demand.accelerator.resource, i64::from(demand.accelerator.count));
    let held = usage.and_then(|usage| usage.held.get(resource)).copied().unwrap_or_default();
    let own = usage.filter(|_| held > 0 && !uid.is_empty()).map_or(0, |usage| usage.held_by(uid, resource));
    let free = offer.usable - held + own;
    if free < count {
        return Err(Exclusion::Busy { free: free.max(0), total: offer.usable });
    }
    Ok(Room { free, slots: free / count })
}

/// The pod of others that is on a node which the class demands for itself.
pub(crate) fn shared_with(demand: &Demand, usage: Option<&NodeUsage>, uid: &str) -> Option<Exclusion> {
    if demand.isolation < Isolation::WholeNode {
        return None;
    }
    let (pod, _) = usage?.others(uid).next()?;
    Some(Exclusion::SharedWithOthers { holder: pod.to_string() })
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

/// Why a pod of the model with `uid` cannot stay on a node of which `usage` is held, the weightiest reason first; nothing if it
/// can. Beside the clearance that is whether what it holds is kept apart as the class demands, as far as the node announces
/// it, and that no other model is there where the class demands a whole node. Other pods leave the node themselves.
pub fn stay_exclusions(
    demand: &Demand,
    node: &NodeFacts,
    usage: Option<&NodeUsage>,
    uid: &str,
) -> Vec<Exclusion> {
    let mut reasons = clearance_exclusions(&demand.clearance, demand.information_class, node);
    let offer = node.offers.get(&demand.accelerator.resource);
    reasons.extend(offer.and_then(|offer| not_isolated(demand.isolation, offer)));
    if demand.isolation == Isolation::WholeNode {
        let mut others = usage.into_iter().flat_map(|usage| usage.others(uid));
        let model = others.find(|(_, holder)| holder.model_uid.is_some());
        reasons.extend(model.map(|(pod, _)| Exclusion::SharedWithOthers { holder: pod.to_string() }));
    }
    reasons
}

/// Whether a unit of what the node offers is less than `demanded`.
pub fn not_isolated(demanded: Isolation, offer: &Offer) -> Option<Exclusion> {
    let announced_by = offer.announced_by.clone().unwrap_or_default();
    (offer.unit.isolation() < demanded.min(Isolation::WholeDevice))
        .then_some(Exclusion::NotIsolated { unit: offer.unit, announced_by })
}

/// What the nodes offer the model, with the reasons why that is not enough.
fn devices(
    demand: &Demand,
    class: &NodeClass,
    device_classes: &BTreeMap<String, DeviceClass>,
    reasons: &mut Vec<Exclusion>,
) -> Option<Offer> {
    let before = reasons.len();
    let Some(offer) = offer_of(demand, class, device_classes) else {
        reasons.push(nothing_offered(demand, class));
        return None;
    };
    if let Some(says) = offer.unusable.clone() {
        reasons.push(Exclusion::DevicesUnusable { says });
        return None;
    }
    reasons.extend(product(demand, &class.node));
    reasons.extend(apart(demand, &offer));
    reasons.extend(enough(demand, &offer));
    (reasons.len() == before).then_some(offer)
}

/// What the nodes offer under the resource that the model asks for: by a device plugin, or by dynamic resource allocation
/// where a device class gives out what asks for that resource.
fn offer_of(
    demand: &Demand,
    class: &NodeClass,
    device_classes: &BTreeMap<String, DeviceClass>,
) -> Option<Offer> {
    let resource = &demand.accelerator.resource;
    if let Some(offer) = class.node.offers.get(resource).filter(|offer| !offer.left_over) {
        return Some(offer.clone());
    }
    if !device_classes.values().any(|class| class.gives(resource)) {
        return None;
    }
    let vendor = demand.accelerator.vendor;
    let devices = class.claimable.get(&vendor).copied()?;
    Some(Offer {
        vendor,
        unit: Unit::Device,
        usable: devices,
        unhealthy: 0,
        memory_mebibytes: None,
        announced_by: None,
        unusable: None,
        left_over: false,
    })
}

fn nothing_offered(demand: &Demand, class: &NodeClass) -> Exclusion {
    let accelerator = &demand.accelerator;
    let resource = accelerator.resource.clone();
    let usable = class.node.offers.iter().filter(|(_, offer)| offer.usable > 0);
    let offers: Vec<_> = usable.map(|(name, offer)| format!("{} × {name}", offer.usable)).collect();
    if !offers.is_empty() {
        return Exclusion::NoAccelerator { resource, offers: offers.join(" and ") };
    }
    if let Some(&devices) = class.claimable.get(&accelerator.vendor) {
        return Exclusion::ClaimsOnly { resource, devices };
    }
    match class.node.labelled.get(&accelerator.vendor) {
        Some(labelled) => Exclusion::NotOffered { labelled: labelled.clone() },
        None => Exclusion::NoAccelerator { resource, offers: String::new() },
    }
}

fn product(demand: &Demand, node: &NodeFacts) -> Option<Exclusion> {
    if demand.accelerator.products.is_empty() {
        return None;
    }
    let product = demand.accelerator.product_label.and_then(|label| node.device_labels.get(label));
    match product {
        Some(product) if demand.accelerator.products.contains(product) => None,
        other => Some(Exclusion::ProductNotAsked { product: other.cloned().unwrap_or_default() }),
    }
}

/// Whether units are what the class demands, and can work together where one replica needs several: a request for several
/// shares or partitions can be given several of one device.
fn apart(demand: &Demand, offer: &Offer) -> Option<Exclusion> {
    let announced_by = || offer.announced_by.clone().unwrap_or_default();
    let together = demand.accelerator.count > 1 && offer.unit < Unit::Device;
    not_isolated(demand.isolation, offer).or_else(|| {
        together.then(|| Exclusion::CannotWorkTogether { unit: offer.unit, announced_by: announced_by() })
    })
}

fn enough(demand: &Demand, offer: &Offer) -> Option<Exclusion> {
    let wanted = i64::from(demand.accelerator.count);
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

fn taints(demand: &Demand, node: &NodeFacts) -> Vec<Exclusion> {
    let hindrances = node.taints.iter().filter(|taint| !is_tolerated(demand, taint));
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
fn is_tolerated(demand: &Demand, taint: &Taint) -> bool {
    taint.effect == "PreferNoSchedule"
        || OF_STATE.contains(&taint.key.as_str())
        || demand.tolerations.iter().any(|tolerated| {
            tolerated.key == taint.key
                && tolerated.effect.as_ref().is_none_or(|effect| *effect == taint.effect)
                && tolerated.value.as_ref().is_none_or(|value| *value == taint.value)
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
