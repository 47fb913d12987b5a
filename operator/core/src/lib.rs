//! Everything in Hemvist that decides, as pure functions over plain values.
//!
//! ```text
//!  Snapshot ──▶ schedule ──▶ decide ──▶ Decision ──▶ render ──▶ DesiredObjects<Rendered>
//!               all models   one model                                │ applied by the controller
//!  ModelDeploymentStatus ◀── status ◀── DesiredObjects<Applied> ◀─────┘
//! ```
//!
//! Nothing here reads a clock, a file, the environment or the network, and nothing is random: the crate has no dependency
//! that could. A refusal is a value, never an error. The controller, the command line and the tests all call the same
//! functions: [`schedule::schedule`], [`decide::decide`], [`render::render`], [`status::model`] and [`status::policy`]; and [`admission::compile`],
//! which gives the same rules to the API server.

pub mod accelerator;
pub mod acceptance;
pub mod admission;
pub mod bytes;
pub mod date;
pub mod decide;
pub mod engine;
pub mod placement;
pub mod policy;
pub mod quantity;
pub mod render;
pub mod request;
pub mod rules;
pub mod schedule;
pub mod snapshot;
pub mod status;
pub mod unmanaged;
pub mod violation;
