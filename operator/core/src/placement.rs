//! Where a model can go: how much room there is for it, and why other nodes are out.
//!
//! This plans and explains; it does not bind. The scheduler of Kubernetes binds, within the required affinity that rendering
//! writes from the same [`Clearance`](crate::policy::Clearance), so that a wrong plan can cost time and never residency.
//! [`schedule`](crate::schedule) makes placements, for all models together.

mod class;
mod exclusion;
mod explain;
mod filter;
mod remedy;

use std::sync::Arc;

use crate::accelerator::{Offer, Unit};
use crate::request::Demand;

pub use class::NodeClass;
pub use exclusion::Exclusion;
pub(crate) use explain::bounded;
pub use explain::{grouped, messages};
pub(crate) use filter::{Room, room, shared_with, suits};
pub use filter::{clearance_exclusions, not_isolated, stay_exclusions};

/// Where a model can go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Placement {
    /// What it asks of a node.
    pub demand: Arc<Demand>,
    /// Replicas that are wanted.
    pub wanted: i64,
    /// Replicas that there is room for, those that run already among them.
    pub slots: i64,
    /// Nodes with room for at least one.
    pub candidates: usize,
    /// Why other nodes are out. Nodes that are out for the same reasons are counted together. Where every replica has its
    /// node, those that are only busy are left out.
    pub excluded: Vec<Excluded>,
    /// Who holds accelerators on the nodes that would suit, with how many, the greatest first. Only while it waits.
    pub holders: Vec<(String, i64)>,
    /// How many models wait for the same accelerators and are older. Only while it waits.
    pub ahead: usize,
}

/// Nodes that are out for the same reasons.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Excluded {
    /// Every reason, the weightiest first.
    pub reasons: Vec<Exclusion>,
    /// How many nodes they are.
    pub nodes: usize,
    /// The first of them by name, at most [`NAMED_NODES`].
    pub names: Vec<String>,
}

/// How many nodes are named for each reason.
pub const NAMED_NODES: usize = 3;

impl Excluded {
    /// Whether every reason can pass by itself.
    pub fn is_passing(&self) -> bool {
        self.reasons.iter().all(Exclusion::is_passing)
    }

    /// Whether the nodes may not hold the model, whatever they have.
    pub fn is_of_clearance(&self) -> bool {
        self.reasons.iter().any(Exclusion::is_of_clearance)
    }
}

/// A node that can take replicas of a model.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate {
    /// Its data centre.
    pub data_centre: String,
    /// How many replicas of the model it can hold, those that it holds already among them.
    pub slots: i64,
    /// Accelerators that nobody else holds.
    pub free: i64,
    /// What a unit of them is.
    pub unit: Unit,
    /// What says that a unit is less than a device, where it is.
    pub announced_by: Option<String>,
    /// The architecture of the machine, where a label names it.
    pub architecture: Option<String>,
}

/// The architecture for which every image is made unless it says otherwise.
const USUAL_ARCHITECTURE: &str = "amd64";

impl Candidate {
    /// A node of `class` that offers `offer` and has this room.
    pub(crate) fn new(class: &NodeClass, offer: &Offer, room: Room) -> Self {
        Self {
            data_centre: class.node.data_centre.clone().unwrap_or_default(),
            slots: room.slots,
            free: room.free,
            unit: offer.unit,
            announced_by: offer.announced_by.clone(),
            architecture: class.node.architecture.clone(),
        }
    }

    /// What has to be known before a replica goes there: that its accelerators are not whole devices, and that the machine is
    /// of another architecture than most images are made for.
    pub fn note(&self) -> Option<String> {
        let unit = (self.unit < Unit::Device).then(|| {
            let says = self.announced_by.as_deref().unwrap_or_default();
            format!("a replica gets one of its {} ({says})", self.unit.plural())
        });
        let usual = |architecture: &&String| architecture.as_str() != USUAL_ARCHITECTURE;
        let machine = self.architecture.as_ref().filter(usual).map(|architecture| {
            format!("the machine is {architecture}, and whether the images are made for it is not known")
        });
        let notes: Vec<_> = unit.into_iter().chain(machine).collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }
}

/// What a placement comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Every replica has a place.
    Fits,
    /// Nodes are cleared and suitable, but not enough of them are free.
    Waiting,
    /// No node is cleared and suitable. Somebody has to change something.
    NoEligibleNode,
}

impl Placement {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        if self.slots >= self.wanted {
            Verdict::Fits
        } else if self.candidates == 0 && self.passing().next().is_none() {
            Verdict::NoEligibleNode
        } else {
            Verdict::Waiting
        }
    }

    /// The nodes that would suit and are out for now: every reason can pass by itself.
    fn passing(&self) -> impl Iterator<Item = &Excluded> {
        self.excluded.iter().filter(|group| group.is_passing())
    }
}
