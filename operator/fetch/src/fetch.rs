//! One fetch, from the list of a mirror to a sealed folder.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use hemvist_api::condition::Reason;
use hemvist_digest::{Digest, digest};

use crate::download::{Downloaded, download};
use crate::listing::{Selection, selected};
use crate::mirror::Mirror;
use crate::outcome::Failure;
use crate::store::{Store, mebibytes};
use crate::verify::verify;

/// How often a fetch begins again because the mirror has changed, or because what was kept of an earlier fetch was damaged.
const BEGINNINGS: u32 = 3;

/// What is to be fetched, and where to.
#[derive(Clone, Debug)]
pub struct Order {
    /// The folder of the volume.
    pub into: PathBuf,
    /// The digest of what is named.
    pub digest: Digest,
    /// The file or folder of the mirror; empty for everything.
    pub path: String,
    /// Files that are fetched or read at the same time.
    pub threads: NonZeroUsize,
}

/// Carries out an order; gives a sentence about what is there afterwards.
///
/// # Errors
/// Where nothing is there afterwards, or something else than was ordered.
pub fn fetch(mirror: &dyn Mirror, order: &Order) -> Result<String, Failure> {
    let store = Store::new(&order.into, &order.digest);
    if let Some(verified) = verified_before(&store, order)? {
        return Ok(verified);
    }
    let _lock = store.lock()?;
    // Somebody else may have fetched it while this one waited.
    if let Some(verified) = verified_before(&store, order)? {
        return Ok(verified);
    }
    for _ in 0..BEGINNINGS {
        let Selection { entries, file } = selected(mirror.list()?, &order.path, mirror.surplus())?;
        let total: u64 = entries.iter().map(|entry| entry.size).sum();
        let kept = store.prepare(&entries)?;
        store.has_room(total.saturating_sub(kept))?;
        tracing::info!(
            files = entries.len(),
            "fetching {}, of which {} are here",
            mebibytes(total),
            mebibytes(kept)
        );
        if download(mirror, &store, &entries, kept, order.threads)? == Downloaded::Changed {
            tracing::warn!("the mirror has changed; starting over");
            continue;
        }
        let found = digest(&named(&store.partial(), file.as_deref()), order.threads)?;
        if found == order.digest {
            store.seal()?;
            return Ok(format!("{} with the digest {found} were fetched and verified", mebibytes(total)));
        }
        store.clear()?;
        if kept == 0 {
            return Err(Failure::mismatch("what the mirror holds", &order.digest, &found));
        }
        tracing::warn!("the partial download does not match; starting over");
    }
    let message = "the mirror changed during every attempt; fetch from a place that nobody writes to";
    Err(Failure::new(Reason::MirrorContentRefused, message))
}

/// Verifies what was fetched earlier; `None` where nothing was.
fn verified_before(store: &Store, order: &Order) -> Result<Option<String>, Failure> {
    let sealed = store.sealed();
    if !sealed.is_dir() {
        return Ok(None);
    }
    // What was named cannot be told from a folder with one file; the digest is that of one or of the other.
    let as_folder = verify(&sealed, &order.digest, order.threads);
    let name = order.path.rsplit('/').next().unwrap_or_default();
    if as_folder.is_err() && sealed.join(name).is_file() {
        return verify(&sealed.join(name), &order.digest, order.threads).map(Some);
    }
    as_folder.map(Some)
}

fn named(folder: &Path, file: Option<&str>) -> PathBuf {
    file.map_or_else(|| folder.to_owned(), |file| folder.join(file))
}
