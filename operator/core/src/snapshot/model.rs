//! What the schedule knows of a model: what it asks for, and what runs of it.

use std::sync::Arc;

use hemvist_api::ModelDeployment;

use super::ChildFacts;

/// A model, and what is observed of its replicas.
#[derive(Clone, Debug)]
pub struct ModelFacts {
    /// The model as it was asked for, with its last status.
    pub model: Arc<ModelDeployment>,
    /// Whether its Deployment is there, is its own, and is not being deleted.
    pub runs: bool,
    /// Replicas that its Deployment asks for, where there is one. An autoscaler may have decided that number.
    pub replicas: Option<i32>,
}

impl ModelFacts {
    /// A model with the Deployment that was made for it, if one was.
    pub fn new(model: Arc<ModelDeployment>, deployment: Option<&ChildFacts>) -> Self {
        let runs = deployment.is_some_and(|deployment| is_running(&model, deployment));
        let facts = deployment.and_then(ChildFacts::deployment);
        Self { runs, replicas: facts.map(|facts| facts.wanted), model }
    }
}

/// Whether the Deployment is that of this very model, and is not being deleted.
pub fn is_running(model: &ModelDeployment, deployment: &ChildFacts) -> bool {
    let uid = model.metadata.uid.as_deref();
    !deployment.terminating && uid.is_some() && deployment.owner_uid.as_deref() == uid
}
