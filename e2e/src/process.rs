//! Servers as child processes: a log file each, ended for sure.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The name for messages and for the log file.
    pub name: String,
    /// The program's file.
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    /// What is added to its environment.
    pub environment: Vec<(String, OsString)>,
    /// The cluster's folder: holds the logs and the list of processes.
    pub folder: PathBuf,
}

/// A running child process in a process group of its own. It is killed when the value is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
    kill_on_drop: bool,
}

impl Process {
    /// Starts it. Its outputs are appended to `<folder>/<name>.log`, its id to the cluster's list of processes.
    ///
    /// # Errors
    /// Where the program cannot be started or the folder cannot be written.
    pub fn start(launch: &Launch) -> Result<Self> {
        let log = launch.folder.join(format!("{}.log", launch.name));
        let output = append(&log)?;
        let child = Command::new(&launch.program)
            .args(&launch.arguments)
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("sharing the log file")?)
            .stderr(output)
            // Of its own, so that Ctrl-C in a terminal does not end the parts of a cluster in no order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", launch.program.display()))?;
        let process = Self { name: launch.name.clone(), log, child, kill_on_drop: true };
        writeln!(append(&launch.folder.join(PROCESSES))?, "{}", process.id())
            .context("listing the process")?;
        Ok(process)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, or nothing while it runs.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("looking after {}", self.name))
    }

    /// Nothing while it runs.
    ///
    /// # Errors
    /// Once it has ended; the error holds the end of its log.
    pub fn ensure_running(&mut self) -> Result<()> {
        if let Some(status) = self.exit_status()? {
            bail!(
                "{} ended with {status}; the end of {}:\n{}",
                self.name,
                self.log.display(),
                self.log_tail(20)
            );
        }
        Ok(())
    }

    /// The last lines of the log.
    pub fn log_tail(&self, lines: usize) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// Asks it to end, waits, and kills it when `patience` is over. Returns when it is gone.
    ///
    /// # Errors
    /// Where the system does not say whether it is gone.
    pub async fn stop(&mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        signal_group(self.id(), Signal::TERM);
        while self.exit_status()?.is_none() {
            if Instant::now() >= deadline {
                tracing::warn!("{} did not end within {patience:?} and is killed", self.name);
                return self.kill();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Ends it as a power cut would, with its whole process group, and waits until it is gone.
    ///
    /// # Errors
    /// Where the system does not say whether it is gone.
    pub fn kill(&mut self) -> Result<()> {
        if self.exit_status()?.is_none() {
            signal_group(self.id(), Signal::KILL);
            self.child.wait().with_context(|| format!("waiting for the end of {}", self.name))?;
        }
        Ok(())
    }

    /// Lets it live on after this program.
    pub fn detach(mut self) {
        self.kill_on_drop = false;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.kill_on_drop
            && let Err(error) = self.kill()
        {
            tracing::error!("{error:#}");
        }
    }
}

/// The file in a cluster's folder that lists its processes, in the order of their start.
const PROCESSES: &str = "processes";

/// Ends all processes that a cluster's folder lists, the last one first, and waits until they are gone.
///
/// An id may by now belong to a process that has nothing to do with us. One that names the folder neither in its
/// command line nor in its environment is left alone.
///
/// # Errors
/// Where one does not end.
pub fn end_processes_of(folder: &Path) -> Result<()> {
    let list = std::fs::read_to_string(folder.join(PROCESSES)).unwrap_or_default();
    for id in list.lines().rev().filter_map(|line| line.parse().ok()) {
        if !belongs_to(id, folder) {
            continue;
        }
        signal_group(id, Signal::KILL);
        let deadline = Instant::now() + Duration::from_secs(10);
        while belongs_to(id, folder) {
            if Instant::now() > deadline {
                bail!("process {id} of {} does not end", folder.display());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    Ok(())
}

/// The listed processes of a cluster's folder that run.
pub fn running_processes_of(folder: &Path) -> Vec<u32> {
    let list = std::fs::read_to_string(folder.join(PROCESSES)).unwrap_or_default();
    list.lines().filter_map(|line| line.parse().ok()).filter(|id| belongs_to(*id, folder)).collect()
}

fn belongs_to(id: u32, folder: &Path) -> bool {
    // With the separator, since one cluster's name may be the beginning of another's.
    let wanted = format!("{}/", folder.display());
    ["cmdline", "environ"].iter().any(|file| {
        let content = std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&content).contains(&wanted)
    })
}

/// Whether a process of this id exists.
pub fn exists(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}

fn signal_group(id: u32, signal: Signal) {
    let group = i32::try_from(id).ok().and_then(Pid::from_raw);
    if let Some(group) = group
        // It fails where the group is gone already, which is what was wanted.
        && let Err(error) = rustix::process::kill_process_group(group, signal)
    {
        tracing::debug!("signalling process group {id}: {error}");
    }
}

fn append(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("opening {} to append", path.display()))
}
