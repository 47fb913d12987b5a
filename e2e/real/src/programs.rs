//! Where the programs and files lie that a real node consists of.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use hemvist_e2e::binaries::target_folder;

/// The folder that `e2e/node/build.sh` fills.
fn folder() -> PathBuf {
    target_folder().join("node")
}

/// The folder of the programs, as it stands first in the search path of a node.
pub fn programs_folder() -> PathBuf {
    folder().join("bin")
}

/// The folder of the CNI plug-ins.
pub fn cni_folder() -> PathBuf {
    folder().join("cni")
}

/// A program of the node, such as `containerd`.
///
/// # Errors
/// Where it has not been built; the error names the command that builds it.
pub fn node_program(name: &str) -> Result<PathBuf> {
    existing(programs_folder().join(name))
}

/// The model of random weights.
///
/// # Errors
/// Where it has not been written; the error names the command that does.
pub fn model() -> Result<PathBuf> {
    existing(folder().join("model.gguf"))
}

/// The folder of the proxy with its libraries, as they lie in its image.
///
/// # Errors
/// Where it has not been built; the error names the command that builds it.
pub fn proxy() -> Result<PathBuf> {
    existing(folder().join("envoy"))
}

/// The S3 server.
///
/// # Errors
/// Where it has not been built; the error names the command that builds it.
pub fn object_store() -> Result<PathBuf> {
    let path = target_folder().join("objectstore/bin/versitygw");
    ensure!(path.exists(), "{} is missing: run `make objectstore` first", path.display());
    Ok(path)
}

fn existing(path: PathBuf) -> Result<PathBuf> {
    ensure!(path.exists(), "{} is missing: run `make node` first", path.display());
    Ok(path)
}
