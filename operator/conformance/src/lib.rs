//! Holds what AIPolicies are compiled to against the reference judgement, on a real API server.
//!
//! The core judges a ModelDeployment or a pod in plain Rust, and the API server judges it by the compiled policies. Both
//! have to say the same, and name the same rule. Here are random [`policies`] with [`exceptions`], [`models`] and [`pods`], a [`server`] that
//! is asked, and the [`verdict`] that compares. A [`fault`] breaks the compiled policies on purpose, to see that it is found,
//! and [`extremes`] are the largest of all.

#![allow(
    missing_docs,
    reason = "no other project uses this library: a comment that repeats a name helps nobody"
)]
#![allow(
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "every caller is a test, for which an error is the end"
)]

pub mod allowed;
pub mod comparison;
pub mod exceptions;
pub mod extremes;
pub mod fault;
pub mod models;
pub mod newcomer;
pub mod pods;
pub mod policies;
pub mod random;
pub mod server;
pub mod sharing;
pub mod table;
pub mod texts;
pub mod verdict;
