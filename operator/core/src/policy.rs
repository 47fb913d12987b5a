//! The effective policy: what all AIPolicies that bind a namespace allow together.

use std::collections::{BTreeMap, BTreeSet};

use hemvist_api::AIPolicy;
use hemvist_api::ModelDeploymentSpec;
use hemvist_api::ai_policy::FieldWithoutEffect;
use hemvist_api::model_deployment::PolicyUse;
use hemvist_api::values::{DataCentre, Enforcement, InformationClass, Isolation, RiskClass};
use k8s_openapi::jiff::civil::Date;

use crate::snapshot::{Key, Settings};
use crate::validate::Clearance;
use crate::violation::Violation;

/// Every AIPolicy of the cluster, by namespace and name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyBook {
    /// The policies.
    pub entries: BTreeMap<Key, PolicyEntry>,
}

/// An AIPolicy as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyEntry {
    /// It could be read.
    Readable(Box<AIPolicy>),
    /// It could not, so it denies wherever it may bind.
    Unreadable {
        /// Why not.
        error: String,
    },
}

/// What all AIPolicies that bind a namespace allow together.
#[derive(Clone, Debug)]
pub struct EffectivePolicy {}

impl EffectivePolicy {
    /// The meet of the policies that bind `namespace`.
    pub fn for_namespace(_book: &PolicyBook, _settings: &Settings, _namespace: &str) -> Self {
        Self {}
    }

    /// Everything in `model` that the policies do not allow, in stable order and without doubles.
    pub fn check(&self, _model: &ModelDeploymentSpec, _today: Date) -> Vec<Violation> {
        Vec::new()
    }

    /// What a violation leads to: the strictest that a policy states, `Deny` where none does.
    pub fn enforcement(&self) -> Enforcement {
        Enforcement::Deny
    }

    /// Where a model of `class` may be, narrowed to the data centres that it asks for.
    pub fn clearance(&self, class: InformationClass, _asked: Option<&[DataCentre]>) -> Clearance {
        Clearance {
            regions: None,
            data_centres: BTreeSet::new(),
            levels: BTreeSet::from([class]),
            reason: String::new(),
        }
    }

    /// The least isolation of a model of `class`.
    pub fn isolation(&self, _class: InformationClass) -> Isolation {
        Isolation::Shared
    }

    /// Arguments that every policy that speaks of arguments allows besides the engine's own.
    pub fn allowed_args(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }

    /// Which policies set which limits of a model of these classes; at most 32, in order.
    pub fn uses(&self, _class: InformationClass, _risk: RiskClass) -> Vec<PolicyUse> {
        Vec::new()
    }
}

/// Fields of a policy that have no effect: what a local one would loosen, and what only the root namespace may say.
pub fn fields_without_effect(_book: &PolicyBook, _settings: &Settings, _key: &Key) -> Vec<FieldWithoutEffect> {
    Vec::new()
}
