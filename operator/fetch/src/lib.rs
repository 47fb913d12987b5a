//! Fetches weights from a mirror of the region's own, verifies them and seals them; and verifies what lies there already.
//!
//! It runs in pods beside models and never in the operator: it is the one part of Hemvist that reaches a store. A fetch ends
//! with a folder that is named after the digest of what is in it, or with nothing of that name.

#![allow(
    missing_docs,
    reason = "no other project uses this library: a comment that repeats a name helps nobody"
)]

pub mod download;
pub mod fetch;
pub mod listing;
pub mod mirror;
pub mod outcome;
pub mod store;
pub mod verify;
