//! A judge of Hemvist from outside: real clusters, simulated nodes, and an oracle that reads the rules on its own.
//!
//! A [`ControlPlane`] is a whole Kubernetes control plane on loopback ports with simulated nodes; several run at
//! once. The [`oracle`] watches it and knows the rules of residency by its own naive reading, as plain JSON. Nothing
//! here may depend on the operator's code, since a judge that shares a fault with the accused does not see it.

#![allow(
    missing_docs,
    reason = "no other project uses this library: a comment that repeats a name helps nobody"
)]

pub mod audit;
pub mod bench;
pub mod binaries;
pub mod bypass;
pub mod certificates;
pub mod command;
pub mod command_line;
pub mod control_plane;
pub mod demo;
pub mod governed;
pub mod helm;
pub mod installation;
pub mod interface;
pub mod kubeconfig;
pub mod kubectl;
pub mod manifests;
pub mod models;
pub mod narrator;
pub mod nodes;
pub mod objects;
pub mod operator;
pub mod optional_crds;
pub mod oracle;
pub mod ports;
pub mod process;
pub mod region;
pub mod wait;

pub use control_plane::{Component, ControlPlane, Options};
pub use wait::{Progress, wait_until};
