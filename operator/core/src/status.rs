//! Status, from the decision and from what was observed; never from the spec alone.

mod autoscaled;
mod available;
mod counts;
mod duties;
mod enforced;
mod follow_up;
mod isolated;
mod model;
mod obstacle;
mod placed;
mod policy;
mod routed;
mod transitions;
mod weights;

use hemvist_api::condition::{ConditionDraft, ConditionStatus, ConditionType, Reason};

pub use counts::counts;
pub use enforced::Compilation;
pub use follow_up::{FollowUp, follow_up};
pub use model::{model, unreadable_model};
pub use policy::policy;
pub use transitions::{Transition, model_transitions, policy_transition};

use crate::render::{Applied, DesiredObjects};
use crate::snapshot::ChildKind;

/// What became of a decision.
#[allow(clippy::large_enum_variant, reason = "one lives at a time, on the stack of one reconcile")]
pub enum Application {
    /// Every object is as it was rendered.
    Applied(DesiredObjects<Applied>),
    /// The model was refused; its objects are pruned, or being pruned.
    Pruned,
    /// An object could not be written.
    Failed {
        /// The kind of the object.
        kind: ChildKind,
        /// Its name.
        name: String,
        /// Why.
        cause: WriteFailure,
    },
}

impl Application {
    /// The reason of a condition that could only be judged by objects which are not written.
    const fn reason_of_failure(&self) -> Reason {
        match self {
            Self::Failed { cause: WriteFailure::Leaving, .. } => Reason::WaitingForPredecessor,
            _ => Reason::ApplyFailed,
        }
    }
}

/// Why an object could not be written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WriteFailure {
    /// An object of its name exists that Hemvist did not make.
    NotOurs,
    /// The previous object of its name is being deleted, with its pods.
    Leaving,
    /// The API server refused it, or could not be reached: what it said.
    Call(String),
}

/// How many models a policy binds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PolicyCounts {
    /// Namespaces with ModelDeployments that it binds.
    pub namespaces: i32,
    /// ModelDeployments that it binds.
    pub models: i32,
    /// ModelDeployments that it refuses.
    pub refused: i32,
    /// ModelDeployments for which an exception of it holds; see [`excepted_models`](crate::policy::excepted_models).
    pub excepted: i32,
}

pub(crate) const fn draft(
    type_: ConditionType,
    status: ConditionStatus,
    reason: Reason,
    message: String,
) -> ConditionDraft {
    ConditionDraft { type_, status, reason, message }
}
