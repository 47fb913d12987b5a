//! What a node could leave behind on the machine.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// How long processes that were killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// The containers of the node whose first process this is.
pub fn containers(first_process: u32) -> Vec<String> {
    let tasks = format!("/proc/{first_process}/root/run/containerd/io.containerd.runtime.v2.task/k8s.io");
    let entries = std::fs::read_dir(tasks).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Removes the control groups of containers that nobody has ended in order. They are empty: their processes are gone with
/// the node's first one.
pub fn remove_control_groups(containers: &[String]) -> Result<()> {
    for group in containers.iter().flat_map(|container| control_groups(container)) {
        remove_when_empty(&group)?;
    }
    Ok(())
}

/// The processes end with the node's first one, but a moment later.
fn remove_when_empty(group: &Path) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match std::fs::remove_dir(group) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            result => return result.with_context(|| format!("removing {}", group.display())),
        }
    }
}

/// The control groups of a container, whatever the version and the layout.
pub fn control_groups(container: &str) -> Vec<PathBuf> {
    let hierarchies =
        std::fs::read_dir(CONTROL_GROUPS).into_iter().flatten().flatten().map(|entry| entry.path());
    let places = hierarchies.chain([PathBuf::from(CONTROL_GROUPS)]);
    places
        .flat_map(|place| [place.join(container), place.join("k8s.io").join(container)])
        .filter(|path| path.is_dir())
        .collect()
}

/// Fails where something is still mounted below the node's folder on the machine itself.
pub fn ensure_none(folder: &Path) -> Result<()> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").context("reading the mounts")?;
    let prefix = format!("{}/", folder.display());
    let left: Vec<_> = mounts.lines().filter(|line| line.contains(&prefix)).collect();
    ensure!(left.is_empty(), "still mounted: {left:?}");
    Ok(())
}
