//! Where the programs lie that the clusters consist of.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The folder that everything built or run lies under.
pub fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target"), PathBuf::from)
}

/// The folder of the clusters' data, one folder each.
pub fn clusters_folder() -> PathBuf {
    target_folder().join("e2e")
}

/// A program of the control plane, such as `kube-apiserver`.
///
/// # Errors
/// Where it has not been built; the error names the command that builds it.
pub fn control_plane_program(name: &str) -> Result<PathBuf> {
    let path = target_folder().join("controlplane/bin").join(name);
    if !path.exists() {
        bail!("{} is missing: run `make controlplane` first", path.display());
    }
    Ok(path)
}

/// A program of this workspace, such as `hemvist-operator`, of the same profile as the program that asks.
///
/// # Errors
/// Where it has not been built; the error names the command that builds it.
pub fn workspace_program(name: &str) -> Result<PathBuf> {
    let running = std::env::current_exe().context("finding the running program")?;
    // A test lies in `deps`, one folder below the programs.
    let candidates = running.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    candidates
        .into_iter()
        .find(|path| path.exists())
        .with_context(|| format!("{name} is missing beside {}: run `cargo build` first", running.display()))
}
