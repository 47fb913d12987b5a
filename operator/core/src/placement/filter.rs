//! One function per reason why a node is out, in the order in which they are asked: what no scheduler may overrule first,
//! then what the node is, then what state it is in, then who holds it.

use hemvist_api::values::{InformationClass, Isolation};

use super::{Candidate, free};
use crate::policy::Clearance;
use crate::request::{ModelRequest, tolerations};
use crate::snapshot::{NodeFacts, Snapshot, Taint};

/// Why a node is out.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Exclusion {
    /// The node has no region label.
    RegionUnknown,
    /// Its region is not allowed.
    RegionNotAllowed {
        /// Its region.
        region: String,
    },
    /// The node has no data-centre label.
    DataCentreUnknown,
    /// Its data centre is not allowed.
    DataCentreNotAllowed {
        /// Its data centre.
        data_centre: String,
    },
    /// The node has no clearance label, or one that is no information class.
    NotCleared {
        /// What the label says, empty where there is none.
        clearance: String,
    },
    /// Its clearance is lower than the model's class.
    ClearanceTooLow {
        /// Its clearance.
        clearance: InformationClass,
    },
    /// It has none of the accelerators that the model needs.
    NoAccelerator {
        /// The resource.
        resource: String,
    },
    /// Its product is not one that was asked for.
    ProductNotAsked {
        /// Its product, empty where no label names it.
        product: String,
    },
    /// It has fewer accelerators than one replica needs.
    TooFewAccelerators {
        /// How many it has.
        has: i64,
    },
    /// Too few of its accelerators work for one replica.
    BrokenAccelerators {
        /// How many are broken.
        broken: i64,
        /// How many it has.
        total: i64,
    },
    /// It carries a taint that the model's pods do not tolerate.
    Tainted {
        /// The taint, as `key=value:effect`.
        taint: String,
    },
    /// It takes no new pods.
    Cordoned,
    /// Its kubelet does not say that it is ready.
    NotReady,
    /// The class demands a whole node, and others are on it.
    SharedWithOthers {
        /// One of the pods.
        holder: String,
    },
    /// Others hold too many of its accelerators.
    Busy {
        /// How many are free.
        free: i64,
        /// How many it has.
        total: i64,
    },
}

impl Exclusion {
    /// Whether the reason can pass without anybody changing a label, a policy or the hardware.
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::BrokenAccelerators { .. }
                | Self::Cordoned
                | Self::NotReady
                | Self::SharedWithOthers { .. }
                | Self::Busy { .. }
        )
    }
}

/// A candidate, or the first reason why the node is none.
pub(super) fn filter(
    snapshot: &Snapshot,
    model: &ModelRequest,
    node: &NodeFacts,
) -> Result<Candidate, Exclusion> {
    let data_centre = cleared(&model.clearance, model.information_class, node)?;
    let total = accelerators(model, node)?;
    product(model, node)?;
    taints(model, node)?;
    state(node)?;
    alone(snapshot, model, node)?;
    let count = i64::from(model.accelerator.count);
    let free = free(snapshot, node, &model.accelerator.resource, &model.uid);
    if free < count {
        return Err(Exclusion::Busy { free: free.max(0), total });
    }
    Ok(Candidate { data_centre, slots: free / count, free })
}

/// Why a node may not hold a model, or `None` if it may. This is the residency rule, alone: what a running pod is judged by.
pub fn clearance_exclusion(
    clearance: &Clearance,
    class: InformationClass,
    node: &NodeFacts,
) -> Option<Exclusion> {
    cleared(clearance, class, node).err()
}

fn cleared(clearance: &Clearance, class: InformationClass, node: &NodeFacts) -> Result<String, Exclusion> {
    if let Some(allowed) = &clearance.regions {
        let region = node.region.as_ref().ok_or(Exclusion::RegionUnknown)?;
        if !allowed.contains(region) {
            return Err(Exclusion::RegionNotAllowed { region: region.clone() });
        }
    }
    let data_centre = node.data_centre.as_ref().ok_or(Exclusion::DataCentreUnknown)?;
    if !clearance.data_centres.contains(data_centre) {
        return Err(Exclusion::DataCentreNotAllowed { data_centre: data_centre.clone() });
    }
    match node.clearance() {
        None => Err(Exclusion::NotCleared { clearance: node.clearance.clone().unwrap_or_default() }),
        Some(level) if level < class || !clearance.levels.contains(&level) => {
            Err(Exclusion::ClearanceTooLow { clearance: level })
        }
        Some(_) => Ok(data_centre.clone()),
    }
}

fn accelerators(model: &ModelRequest, node: &NodeFacts) -> Result<i64, Exclusion> {
    let resource = &model.accelerator.resource;
    let wanted = i64::from(model.accelerator.count);
    let broken = node.broken_accelerators.get(resource).copied().unwrap_or_default();
    match node.accelerators.get(resource).copied().unwrap_or_default() {
        // Not a lack of hardware: a device is mended, and a plug-in that starts anew counts its devices again.
        has if has < wanted && has + broken >= wanted => {
            Err(Exclusion::BrokenAccelerators { broken, total: has + broken })
        }
        0 => Err(Exclusion::NoAccelerator { resource: resource.clone() }),
        has if has < wanted => Err(Exclusion::TooFewAccelerators { has }),
        has => Ok(has),
    }
}

fn product(model: &ModelRequest, node: &NodeFacts) -> Result<(), Exclusion> {
    if model.accelerator.products.is_empty() {
        return Ok(());
    }
    let product = node.products.get(model.accelerator.product_label);
    match product {
        Some(product) if model.accelerator.products.contains(product) => Ok(()),
        other => Err(Exclusion::ProductNotAsked { product: other.cloned().unwrap_or_default() }),
    }
}

fn taints(model: &ModelRequest, node: &NodeFacts) -> Result<(), Exclusion> {
    let hindrance = node.taints.iter().find(|taint| !is_tolerated(model, taint));
    hindrance.map_or(Ok(()), |taint| {
        Err(Exclusion::Tainted { taint: format!("{}={}:{}", taint.key, taint.value, taint.effect) })
    })
}

/// Taints that follow a node's state are left to [`state`], and those that only ask are no hindrance.
fn is_tolerated(model: &ModelRequest, taint: &Taint) -> bool {
    taint.effect == "PreferNoSchedule"
        || taint.key.starts_with("node.kubernetes.io/")
        || tolerations(model).iter().any(|toleration| {
            toleration.key.as_deref() == Some(taint.key.as_str())
                && toleration.effect.as_deref().is_none_or(|effect| effect == taint.effect)
                && (toleration.operator.as_deref() == Some("Exists")
                    || toleration.value.as_deref().unwrap_or_default() == taint.value)
        })
}

fn state(node: &NodeFacts) -> Result<(), Exclusion> {
    if !node.schedulable {
        return Err(Exclusion::Cordoned);
    }
    if !node.ready {
        return Err(Exclusion::NotReady);
    }
    Ok(())
}

fn alone(snapshot: &Snapshot, model: &ModelRequest, node: &NodeFacts) -> Result<(), Exclusion> {
    if model.isolation < Isolation::WholeNode {
        return Ok(());
    }
    let other = snapshot.usage.others(&node.name, &model.uid).next();
    other.map_or(Ok(()), |holder| Err(Exclusion::SharedWithOthers { holder: holder.pod.to_string() }))
}
