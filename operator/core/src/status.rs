//! Status from what was decided and what was observed; never from what was wished.

use hemvist_api::{AIPolicyStatus, ModelDeploymentStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::decide::Decision;
use crate::policy::PolicyBook;
use crate::render::{Applied, DesiredObjects};
use crate::snapshot::{ChildKind, Key, Settings, Subject};

/// What became of a decision.
pub enum Application {
    /// Every object is as it was rendered.
    Applied(DesiredObjects<Applied>),
    /// The model was refused; what was made for it is withdrawn, or being withdrawn.
    Withdrawn,
    /// An object could not be written.
    Failed {
        /// The kind of the object.
        kind: ChildKind,
        /// Its name.
        name: String,
        /// Whether an object of that name exists that Hemvist did not make.
        conflict: bool,
        /// What the API server said.
        message: String,
    },
}

/// How many models a policy binds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PolicyTally {
    /// Namespaces with ModelDeployments that it binds.
    pub namespaces: i32,
    /// ModelDeployments that it binds.
    pub models: i32,
    /// ModelDeployments that it refuses.
    pub refused: i32,
}

/// The status of a ModelDeployment.
pub fn model(_subject: &Subject<'_>, _decision: &Decision, _application: &Application, _now: &Time) -> ModelDeploymentStatus {
    ModelDeploymentStatus::default()
}

/// The status of a ModelDeployment that this version cannot read.
pub fn unreadable_model(_generation: Option<i64>, _error: &str, _now: &Time) -> ModelDeploymentStatus {
    ModelDeploymentStatus::default()
}

/// The status of an AIPolicy.
pub fn policy(
    _book: &PolicyBook,
    _settings: &Settings,
    _key: &Key,
    _tally: PolicyTally,
    _now: &Time,
) -> AIPolicyStatus {
    AIPolicyStatus::default()
}
