//! The API of Hemvist: its kinds, their values, conditions and names.
//!
//! This crate says *what* can be written and read; it decides nothing. Rules that one object can be judged by alone
//! stand beside its fields as CEL and are enforced by the API server. Rules that need a policy live in
//! `hemvist-core`. The YAML beside the sources is made from these types and tested equal to them.

#![allow(
    clippy::duplicated_attributes,
    reason = "two printer columns of one type are not the same attribute twice"
)]

pub mod ai_policy;
mod closed_enum;
pub mod condition;
mod definition;
pub mod labels;
pub mod model_deployment;
pub mod values;

pub use ai_policy::{AIPolicy, AIPolicySpec, AIPolicyStatus};
pub use definition::{all_definitions, definition_yaml_name};
pub use model_deployment::{ModelDeployment, ModelDeploymentSpec, ModelDeploymentStatus};

/// The API group of every kind of Hemvist.
pub const GROUP: &str = "hemvist.dev";

/// The version that is served and stored.
pub const VERSION: &str = "v1alpha1";
