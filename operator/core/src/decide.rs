//! The one judgement: from a snapshot and a model to what is to be done, as data.

use hemvist_api::model_deployment::PolicyUse;

use crate::placement::Placement;
use crate::snapshot::{ChildKind, Key, Snapshot, Subject};
use crate::validate::ValidatedModel;
use crate::violation::Violation;

/// What is to be done about a model.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Whether it may be carried out, and how.
    pub outcome: Outcome,
    /// Everything that was found wrong, in stable order. Of an accepted model: what would be refused if the policies
    /// denied and did not only warn.
    pub violations: Vec<Violation>,
    /// The policies that set its limits.
    pub policies: Vec<PolicyUse>,
    /// Pods that have to leave their node.
    pub evictions: Vec<Eviction>,
}

/// Whether a model may be carried out, and how.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It may not. Nothing is rendered, and what was made for it is withdrawn.
    Refused,
    /// It may.
    Accepted(Box<Plan>),
}

/// How an accepted model is carried out.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The model, with everything that was left out filled in.
    pub model: ValidatedModel,
    /// Where it can go.
    pub placement: Placement,
}

/// A pod that has to leave its node, because the node is not cleared for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Eviction {
    /// The pod.
    pub pod: Key,
    /// Its UID; another pod of the same name is not meant.
    pub uid: String,
    /// The node.
    pub node: String,
    /// Why, in words.
    pub reason: String,
}

impl Decision {
    /// The plan of an accepted model.
    pub fn plan(&self) -> Option<&Plan> {
        match &self.outcome {
            Outcome::Accepted(plan) => Some(plan),
            Outcome::Refused => None,
        }
    }
}

/// Judges a model. Total: whatever stands in the objects, the answer is a decision.
pub fn decide(_snapshot: &Snapshot, _subject: &Subject<'_>) -> Decision {
    Decision { outcome: Outcome::Refused, violations: Vec::new(), policies: Vec::new(), evictions: Vec::new() }
}

/// The children of a refused model that are to be deleted now, in order: the replicas first, and the isolation of their
/// network last, when no pod is left that it could protect.
pub fn withdrawal(subject: &Subject<'_>) -> Vec<ChildKind> {
    ChildKind::ALL
        .into_iter()
        .rev()
        .filter(|kind| subject.children.get(kind).is_some_and(|child| !child.terminating))
        .filter(|kind| *kind != ChildKind::NetworkPolicy || subject.pods.is_empty())
        .collect()
}
