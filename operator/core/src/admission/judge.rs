//! The verdict of the compiled policies, in plain Rust: the reference that they are compared with.
//!
//! It is written from the rules and not from the expressions. A differential test sends random objects to a real API server
//! and compares verdict and rule.

mod containers;
mod models;
mod pods;

pub use models::judge_new_model;
pub use pods::{PodFinding, judge_new_pod};
