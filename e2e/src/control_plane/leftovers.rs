//! Data folders: one for each cluster, and what happens to those whose owner is gone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::binaries::clusters_folder;
use crate::process::{end_processes_of, exists};

/// The file that says which process a cluster belongs to.
const OWNER: &str = "owner";

/// The file that marks a cluster whose logs are to be kept.
const FAILED: &str = "failed";

/// How long the logs of a failed cluster are kept.
const KEEP: Duration = Duration::from_hours(24);

/// Makes the empty folder of a new cluster that belongs to this process.
pub(super) fn create(name: &str) -> Result<PathBuf> {
    let owner = std::process::id();
    let folder = clusters_folder().join(format!("{name}-{owner}"));
    make_empty(&folder)?;
    std::fs::write(folder.join(OWNER), owner.to_string()).context("writing the owner")?;
    Ok(folder)
}

/// Makes the empty folder of a new cluster that belongs to no process. Ends the one that was there before.
pub(super) fn create_detached(name: &str) -> Result<PathBuf> {
    let folder = clusters_folder().join(name);
    end_processes_of(&folder)?;
    make_empty(&folder)?;
    Ok(folder)
}

fn make_empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))
}

/// Ends the clusters whose owner is gone and removes their folders, but those of failures that are not old yet.
pub(super) fn sweep() -> Result<()> {
    let Ok(entries) = std::fs::read_dir(clusters_folder()) else { return Ok(()) };
    for folder in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        let owner = std::fs::read_to_string(folder.join(OWNER)).ok().and_then(|text| text.parse().ok());
        // Without an owner it is detached, or not a cluster.
        let Some(owner) = owner else { continue };
        if exists(owner) {
            continue;
        }
        end_processes_of(&folder)?;
        if !is_recent_failure(&folder) {
            // Two that start at once may both want to remove it; that it is gone is all that counts.
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
    Ok(())
}

/// Keeps the folder of a cluster that a failed test has used, but its store, which is large and says little.
pub(super) fn keep_after_failure(folder: &Path) {
    let _ = std::fs::write(folder.join(FAILED), "");
    let _ = std::fs::remove_dir_all(folder.join("etcd"));
}

fn is_recent_failure(folder: &Path) -> bool {
    let modified = std::fs::metadata(folder.join(FAILED)).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age < KEEP))
}
