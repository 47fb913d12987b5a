//! Fetches weights from a mirror of the region's own, verifies them and seals them; and verifies what lies there already.
//!
//! It runs in pods beside models and never in the operator: it is the one part of Hemvist that reaches a store. A fetch ends
//! with a folder that is named after the digest of what is in it, or with nothing of that name.

pub mod download;
pub mod fetch;
pub mod listing;
pub mod mirror;
pub mod outcome;
pub mod store;

use std::num::NonZeroUsize;
use std::path::Path;

use hemvist_digest::{Digest, digest};

use crate::outcome::Failure;

/// Holds what is at `path` to a digest, with up to `threads` files read at the same time; gives a sentence about it.
///
/// # Errors
/// Where it has another digest, or none.
pub fn verify(path: &Path, expected: &Digest, threads: NonZeroUsize) -> Result<String, Failure> {
    let found = digest(path, threads)?;
    if found == *expected {
        Ok(format!("{} has the digest {expected}", path.display()))
    } else {
        Err(Failure::mismatch(&path.display().to_string(), expected, &found))
    }
}
