//! Verifies weights that exist already against their digest.

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
