//! The controller of Hemvist.
//!
//! ```text
//!  watch ──▶ view ──▶ snapshot ──▶ decide ──▶ render ──▶ apply ──▶ status
//!    │                                │                    │
//!    └──▶ triggers ──▶ queue ──▶ workers                   └──▶ back into the view
//! ```
//!
//! What decides is in `hemvist-core`; here is what sees, waits and writes. Only [`admission`], [`apply`], [`withdraw`],
//! `fetch`, [`evict`], [`quota`], [`status`], [`events`] and [`lease`] write.

pub mod admission;
pub mod apply;
pub mod args;
pub mod cache;
pub mod call;
pub mod client;
pub mod clock;
pub mod context;
pub mod events;
pub mod evict;
#[cfg(test)]
mod fake_api;
mod fetch;
pub mod http;
pub mod inspect;
pub mod jitter;
pub mod lease;
pub mod managed_fields;
pub mod metrics;
pub mod objects;
pub mod policy;
pub mod queue;
pub mod quota;
pub mod reconcile;
mod run;
pub mod sightings;
pub mod status;
pub mod telemetry;
pub mod triggers;
pub mod unmanaged;
pub mod view;
pub mod watch;
pub mod withdraw;
pub mod workers;

pub use run::{RunError, run};
