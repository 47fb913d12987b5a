//! Where a model can go: every node is a candidate or has its reason.
//!
//! This plans and explains; it does not bind. The scheduler binds, within the required affinity that rendering writes from
//! the same [`Clearance`](crate::request::Clearance), so that a wrong plan can cost time and never residency.

mod explain;
mod filter;

use std::collections::BTreeMap;

use crate::request::ModelRequest;
use crate::snapshot::{NodeFacts, Snapshot};

pub(crate) use explain::bounded;
pub use explain::grouped;
pub use filter::{Exclusion, clearance_exclusion};

/// Where a model can go.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Placement {
    /// Nodes that are cleared for the model, suit it and can take a replica of it now or hold one, by name.
    pub candidates: BTreeMap<String, Candidate>,
    /// Why each other node is out, by name.
    pub exclusions: BTreeMap<String, Exclusion>,
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
    /// Looks at every node, for as many replicas as are wanted.
    pub fn plan(snapshot: &Snapshot, model: &ModelRequest, wanted: i32) -> Self {
        let mut placement = Self { wanted: i64::from(wanted), ..Self::default() };
        for node in snapshot.nodes.values() {
            match filter::filter(snapshot, model, node) {
                Ok(candidate) => drop(placement.candidates.insert(node.name.clone(), candidate)),
                Err(exclusion) => drop(placement.exclusions.insert(node.name.clone(), exclusion)),
            }
        }
        placement
    }

    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        let slots: i64 = self.candidates.values().map(|candidate| candidate.slots).sum();
        if slots >= self.wanted {
            Verdict::Fits
        } else if self.candidates.is_empty() && !self.exclusions.values().any(Exclusion::is_passing) {
            Verdict::NoEligibleNode
        } else {
            Verdict::Waiting
        }
    }
}

/// Free accelerators of a node as the model with `uid` sees them: its own replicas do not stand in its way.
fn free(snapshot: &Snapshot, node: &NodeFacts, resource: &str, uid: &str) -> i64 {
    let total = node.accelerators.get(resource).copied().unwrap_or_default();
    total - snapshot.usage.held(&node.name, resource, uid)
}
