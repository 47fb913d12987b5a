//! What a replica is and can do, seen from its process and from within its container: what the rendered pod promises.

mod process;

use anyhow::{Context, Result};
use serde_json::Value;

pub use self::process::EngineProcess;
use crate::containerd::Containerd;
use crate::engine::BUSYBOX;

/// One promise and what was found of it.
#[derive(Clone, Debug)]
pub struct Check {
    pub promise: &'static str,
    /// Whether it is kept.
    pub kept: bool,
    /// What was seen.
    pub seen: String,
}

impl Check {
    pub(crate) fn new(promise: &'static str, kept: bool, seen: &str) -> Self {
        Self { promise, kept, seen: seen.trim().replace('\n', " ") }
    }
}

/// A container of a pod that runs.
#[derive(Clone, Debug)]
pub struct Inside {
    containerd: Containerd,
    container: String,
}

impl Inside {
    /// The first container of a pod.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn of(containerd: Containerd, pod: &Value) -> Result<Self> {
        let id = pod["status"]["containerStatuses"][0]["containerID"].as_str();
        let id = id.and_then(|id| id.strip_prefix("containerd://")).context("the pod has no container")?;
        Ok(Self { containerd, container: id.to_owned() })
    }

    /// The container's id.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Output and status of a command of the container's own tools, run as its processes run.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub async fn run(&self, command: &[&str]) -> Result<(i32, String)> {
        let output = self.containerd.run_inside(&self.container, &[&[BUSYBOX], command].concat()).await?;
        // What `ctr` itself has to say stands among what the command says.
        let seen = output.stdout + &output.stderr;
        let seen = seen.lines().filter(|line| !line.starts_with("time=")).collect::<Vec<_>>().join("\n");
        Ok((output.code, seen))
    }

    /// What can be tried from within. `weights` is the file of weights and the digest that it must have.
    ///
    /// # Errors
    /// Where a command cannot be run.
    pub async fn checks(&self, weights: (&str, &str)) -> Result<Vec<Check>> {
        let (path, digest) = weights;
        let mut checks = Vec::new();
        let (_, seen) = self.run(&["id", "-u"]).await?;
        checks.push(Check::new("a command within is not root", seen.trim() == "2000", &seen));
        let (_, seen) = self.run(&["sha256sum", path]).await?;
        let expected = digest.trim_start_matches("sha256:");
        checks.push(Check::new("the weights are those of the digest", seen.starts_with(expected), &seen));
        for (promise, command, word) in refused(path) {
            let (code, seen) = self.run(&command).await?;
            checks.push(Check::new(promise, code != 0 && seen.contains(word), &seen));
        }
        for (promise, command) in allowed() {
            let (code, seen) = self.run(&command).await?;
            checks.push(Check::new(promise, code == 0, &seen));
        }
        Ok(checks)
    }
}

/// What must fail, and the word that says why: another failure would show nothing.
fn refused(weights: &str) -> [(&'static str, Vec<&str>, &'static str); 8] {
    let read_only = "Read-only file system";
    let not_permitted = "not permitted";
    [
        ("the root file system cannot be written", vec!["touch", "/written"], read_only),
        ("the engine cannot be replaced", vec!["rm", "/app/llama-server"], read_only),
        ("the weights cannot be removed", vec!["rm", weights], read_only),
        ("nothing can be put beside the weights", vec!["touch", "/models/written"], read_only),
        ("there is no token", vec!["ls", "/var/run/secrets"], "No such file"),
        ("nothing can be mounted", vec!["mount", "-t", "tmpfs", "tmpfs", "/tmp"], "permission denied"),
        ("no user namespace can be made", vec!["unshare", "-U", "/bin/busybox", "id"], not_permitted),
        ("no file can be given to another user", vec!["chown", "0", "/cache"], not_permitted),
    ]
}

/// What must work, or an engine cannot.
fn allowed() -> [(&'static str, Vec<&'static str>); 3] {
    [
        ("the cache can be written", vec!["touch", "/cache/written"]),
        ("the temporary folder can be written", vec!["touch", "/tmp/written"]),
        ("the shared memory can be written", vec!["touch", "/dev/shm/written"]),
    ]
}
