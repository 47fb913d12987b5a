//! What a cluster does all day. None of it may be refused.
//!
//! L01 workloads of tenants · L02 what controllers make of them · L03 the system's · L04 other objects · L05 changes and
//! deletions · L06 scaling · L07 namespaces · L08 scheduling and Jobs · L09 people and their pods · L10 what the cluster does
//! with a model's objects · L11 a model's kubelet · L12 nodes that join and beat · L13 nodes that are described · L14 nodes
//! that are cleared · L15 models · L16 policies

mod models;
mod nodes;
mod objects;
mod pods;
mod to_pods;
mod workloads;

use super::attempt::{Attempt, Attempts};
use super::situation::Situation;
pub use to_pods::workloads_become_pods;

/// Whether a root policy has been compiled, so that models which it allows are let through. Where none ever was, the
/// baseline is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Models {
    /// What the policies allow is let through.
    ByPolicy,
    /// No model is let through, and none is in the list.
    Closed,
}

/// All of it.
pub(super) fn requests(situation: &Situation, models: Models) -> Vec<Attempt> {
    let mut all = Attempts::default();
    all.extend(workloads::requests());
    all.extend(objects::requests(situation));
    all.extend(pods::requests(situation));
    all.extend(nodes::requests(situation));
    if models == Models::ByPolicy {
        all.extend(models::requests(situation));
    }
    all.into_list()
}
