//! What a model asks of the node of a replica: all of a request that placement looks at.

use hemvist_api::values::{InformationClass, Isolation};

use super::{AcceleratorRequest, ModelRequest, tolerations};
use crate::policy::Clearance;
use crate::snapshot::{Settings, ToleratedTaint};

/// What a model asks of the node of a replica. Models with the same demand can go to the same nodes.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Demand {
    /// Its information class.
    pub information_class: InformationClass,
    /// How far it is kept apart from other models.
    pub isolation: Isolation,
    /// The accelerators of one replica.
    pub accelerator: AcceleratorRequest,
    /// Where it may be.
    pub clearance: Clearance,
    /// Taints of nodes that its pods tolerate.
    pub tolerations: Vec<ToleratedTaint>,
}

impl ModelRequest {
    /// What it asks of the node of a replica.
    pub fn demand(&self) -> Demand {
        Demand {
            information_class: self.information_class,
            isolation: self.isolation,
            accelerator: self.accelerator.clone(),
            clearance: self.clearance.clone(),
            tolerations: self.tolerations.clone(),
        }
    }

    /// Replicas that are wanted now. Where an autoscaler decides, it is what the Deployment asks for, where there is one.
    pub fn wanted(&self, of_deployment: Option<i32>) -> i32 {
        of_deployment.filter(|_| self.scaling.is_some()).unwrap_or(self.replicas)
    }

    /// The same model, which asks for its accelerators by another of their names.
    #[must_use]
    pub fn with_resource(mut self, resource: &str, settings: &Settings) -> Self {
        resource.clone_into(&mut self.accelerator.resource);
        self.tolerations = tolerations(self.information_class, &self.accelerator, settings);
        self
    }
}
