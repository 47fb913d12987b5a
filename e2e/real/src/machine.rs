//! Whether this machine can have a real node.

use std::path::Path;
use std::sync::LazyLock;

use hemvist_e2e::binaries::control_plane_program;

use crate::programs::{model, node_program};

/// Programs of the system that make the namespaces of a node and its link.
const COMMANDS: [&str; 4] = ["ip", "mount", "nsenter", "unshare"];

/// Programs of the node.
const PROGRAMS: [&str; 9] = [
    "busybox",
    "client",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "device-plugin",
    "llama-server",
    "nft",
    "runc",
];

/// Why this machine cannot have a real node, in one line; nothing where it can.
pub fn obstacle() -> Option<String> {
    // Once, since tests of one program that ask at the same time would be in each other's way.
    static HAS_CONTROL_GROUPS: LazyLock<bool> = LazyLock::new(has_control_groups);
    if !rustix::process::geteuid().is_root() {
        return Some("a real node needs root: namespaces, mounts and control groups are made".to_owned());
    }
    if !*HAS_CONTROL_GROUPS {
        return Some("a real node needs control groups that can be written, at /sys/fs/cgroup".to_owned());
    }
    if let Some(command) = COMMANDS.iter().find(|command| !is_in_search_path(command)) {
        return Some(format!("a real node needs the command {command} (packages util-linux and iproute2)"));
    }
    let control_plane = ["kubelet", "kube-proxy"].map(control_plane_program);
    let node = PROGRAMS.map(node_program);
    let missing = control_plane.into_iter().chain(node).chain([model()]).find_map(Result::err);
    missing.map(|error| error.to_string())
}

/// Version 2 has one hierarchy with a list of controllers; version 1 has a hierarchy for each.
fn has_control_groups() -> bool {
    let root = Path::new("/sys/fs/cgroup");
    let probe = |hierarchy: &Path| {
        let group = hierarchy.join(format!("hemvist-probe-{}", std::process::id()));
        std::fs::create_dir(&group).is_ok() && std::fs::remove_dir(&group).is_ok()
    };
    if root.join("cgroup.controllers").exists() { probe(root) } else { probe(&root.join("memory")) }
}

fn is_in_search_path(command: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(command).exists())
}
