//! Where a model can go: every node is a candidate or has its reason.
//!
//! This plans and explains; it does not bind. The scheduler binds, within the required affinity that rendering writes from
//! the same [`Clearance`](crate::request::Clearance), so that a wrong plan can cost time and never residency.

mod exclusion;
mod explain;
mod filter;
mod remedy;

use std::collections::BTreeMap;

use crate::accelerator::{Offer, Unit};
use crate::request::ModelRequest;
use crate::snapshot::{NodeFacts, Snapshot};

pub use exclusion::Exclusion;
pub(crate) use explain::bounded;
pub use explain::{grouped, messages};
pub use filter::{clearance_exclusions, not_isolated, stay_exclusions};

/// Where a model can go.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Placement {
    /// Nodes that are cleared for the model, suit it and can take a replica of it now or hold one, by name.
    pub candidates: BTreeMap<String, Candidate>,
    /// Every reason why each other node is out, the weightiest first, by name.
    pub exclusions: BTreeMap<String, Vec<Exclusion>>,
    /// Replicas that are wanted.
    pub wanted: i64,
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
    /// The architecture of the machine, where it is told.
    pub architecture: Option<String>,
}

impl Candidate {
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

/// The architecture for which every image is made unless it says otherwise.
const USUAL_ARCHITECTURE: &str = "amd64";

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
    /// Looks at every node, for as many replicas as are wanted.
    pub fn plan(snapshot: &Snapshot, model: &ModelRequest, wanted: i32) -> Self {
        let mut placement = Self { wanted: i64::from(wanted), ..Self::default() };
        for node in snapshot.nodes.values() {
            match filter::filter(snapshot, model, node) {
                Ok(candidate) => drop(placement.candidates.insert(node.name.clone(), candidate)),
                Err(reasons) => drop(placement.exclusions.insert(node.name.clone(), reasons)),
            }
        }
        placement
    }

    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        let slots: i64 = self.candidates.values().map(|candidate| candidate.slots).sum();
        if slots >= self.wanted {
            Verdict::Fits
        } else if self.candidates.is_empty() && self.passing().next().is_none() {
            Verdict::NoEligibleNode
        } else {
            Verdict::Waiting
        }
    }

    /// The nodes that would suit and are out for now: every reason can pass by itself.
    fn passing(&self) -> impl Iterator<Item = (&String, &Vec<Exclusion>)> {
        self.exclusions.iter().filter(|(_, reasons)| reasons.iter().all(Exclusion::is_passing))
    }
}

/// Free accelerators of a node as the model sees them: its own replicas do not stand in its way.
fn free(snapshot: &Snapshot, node: &NodeFacts, offer: &Offer, model: &ModelRequest) -> i64 {
    offer.usable - snapshot.usage.held(&node.name, &model.accelerator.resource, &model.uid)
}
