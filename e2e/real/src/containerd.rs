//! The container runtime of a real node, through its own client `ctr`.

use std::path::Path;

use anyhow::{Context, Result};
use hemvist_e2e::command::{Output, Program};

use crate::image::Image;
use crate::programs::node_program;

/// The socket of containerd. In the node's own `/run`, since the name of a socket must not be long.
pub const SOCKET: &str = "/run/containerd/containerd.sock";

/// The containerd of the node whose first process this is.
#[derive(Clone, Copy, Debug)]
pub struct Containerd {
    node: u32,
}

impl Containerd {
    pub(crate) const fn new(node: u32) -> Self {
        Self { node }
    }

    /// Runs `ctr` among the kubelet's containers; a status other than 0 is in the output and no error.
    ///
    /// # Errors
    /// Where it cannot run or does not end.
    pub async fn ctr(&self, arguments: &[&str]) -> Result<Output> {
        let mut all = enter(self.node).to_vec();
        all.push(node_program("ctr")?.display().to_string());
        all.extend(["--address", SOCKET, "--namespace", "k8s.io"].map(str::to_owned));
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        Program::new("nsenter").run(&all, "").await
    }

    /// Puts an image where the kubelet finds it.
    ///
    /// # Errors
    /// Where containerd refuses it.
    pub async fn import(&self, image: &Image, folder: &Path) -> Result<()> {
        let archive = folder.join("image.tar");
        std::fs::write(&archive, image.archive())
            .with_context(|| format!("writing {}", archive.display()))?;
        let path = archive.display().to_string();
        // `--local`: the transfer service knows only the platform's own images.
        let arguments = ["images", "import", "--local", &path];
        self.ctr(&arguments).await?.success().with_context(|| format!("importing {}", image.reference()))?;
        std::fs::remove_file(&archive).with_context(|| format!("removing {}", archive.display()))
    }

    /// Runs a command in a container as the container's own processes run: its user, its capabilities, its filter of
    /// system calls. A status other than 0 is in the output and no error.
    ///
    /// # Errors
    /// Where it cannot run or does not end.
    pub async fn run_inside(&self, container: &str, command: &[&str]) -> Result<Output> {
        // No two commands of a container may have the same name.
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let name = format!("check-{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let mut arguments = vec!["tasks", "exec", "--exec-id", &name, container];
        arguments.extend(command);
        self.ctr(&arguments).await
    }
}

/// The arguments of `nsenter` before a command that is to run in the namespaces of the process.
pub fn enter(process: u32) -> [String; 6] {
    let target = process.to_string();
    ["--target", &target, "--mount", "--pid", "--net", "--"].map(str::to_owned)
}
