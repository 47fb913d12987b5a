//! `hemvist model`.

use std::num::NonZeroUsize;
use std::path::Path;

use crate::outcome::{Exit, Outcome};

/// Files that are read at the same time.
const THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// Prints the digest of the weights at `path`.
pub fn digest(path: &Path) -> Outcome {
    match hemvist_digest::digest(path, THREADS) {
        Ok(digest) => Outcome::result(format!("{digest}\n")),
        Err(error) => Outcome::failure(Exit::Input, format!("error: {error}\n")),
    }
}
