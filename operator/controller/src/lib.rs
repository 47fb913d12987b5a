//! The controller of Hemvist.
//!
//! ```text
//!  watch ──▶ view ──▶ snapshot ──▶ decide ──▶ render ──▶ apply ──▶ status
//!    │                                │                    │
//!    └──▶ triggers ──▶ queue ──▶ workers                   └──▶ back into the view
//! ```
//!
//! What decides is in `hemvist-core`; here is what sees, waits and writes. Modules use those below them and no others;
//! their order stands in `docs/src/architecture.md` and in `operator/core/tests/direction.rs`, which holds them to it.

#![allow(
    missing_docs,
    reason = "no other project uses this library: a comment that repeats a name helps nobody"
)]

pub mod apply;
pub mod args;
pub mod cache;
pub mod call;
pub mod client;
pub mod clock;
pub mod compiled;
pub mod context;
pub mod events;
pub mod evict;
#[cfg(test)]
mod fake_api;
#[cfg(test)]
mod fixture;
pub mod http;
pub mod jitter;
pub mod lease;
pub mod managed_fields;
pub mod metrics;
pub mod objects;
pub mod probes;
pub mod prune;
pub mod queue;
pub mod reconciler;
pub mod reconcilers;
mod run;
pub mod status;
pub mod telemetry;
pub mod triggers;
pub mod view;
pub mod watch;
pub mod workers;

pub use run::{RunError, run};
