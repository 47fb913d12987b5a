//! What processes take of the machine, from `/proc`.

use std::fs;

use anyhow::{Context, Result};
use serde::Serialize;

use super::rounded;
use super::scene::Scene;
use crate::Component;

/// Linux counts CPU time for programs in hundredths of a second, whatever its own clock does.
const TICKS_PER_SECOND: u32 = 100;

/// Memory of a process.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    /// At which moment.
    pub moment: &'static str,
    /// What it holds now, in MiB.
    pub resident_mib: f64,
    /// The most that it has held since it started, in MiB.
    pub peak_mib: f64,
}

impl Memory {
    /// Reads it.
    pub(super) fn of(process: u32, moment: &'static str) -> Result<Self> {
        let path = format!("/proc/{process}/status");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        Ok(Self {
            moment,
            resident_mib: mebibytes(&text, "VmRSS:").context("no VmRSS")?,
            peak_mib: mebibytes(&text, "VmHWM:").context("no VmHWM")?,
        })
    }
}

fn mebibytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(rounded(f64::from(kibibytes) / 1024.0))
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct CpuSeconds {
    /// Of the one that writes: the operator, or the benchmark itself where it is the plain client.
    pub writer: f64,
    pub api_server: f64,
    pub etcd: f64,
}

impl CpuSeconds {
    /// Of all processes together.
    pub fn total(&self) -> f64 {
        self.writer + self.api_server + self.etcd
    }
}

/// The CPU seconds that have been used so far.
pub(super) struct Meter<'a> {
    scene: &'a Scene,
    writer: u32,
    begin: CpuSeconds,
}

impl<'a> Meter<'a> {
    /// From now on, with `writer` as the process that writes.
    pub(super) fn start(scene: &'a Scene, writer: u32) -> Result<Self> {
        Ok(Self { scene, writer, begin: used(scene, writer)? })
    }

    /// From the begin of a process on that has just been started.
    pub(super) fn with_new(self, writer: u32) -> Self {
        Self { writer, begin: CpuSeconds { writer: 0.0, ..self.begin }, ..self }
    }

    /// What was used since.
    pub(super) fn read(&self) -> Result<CpuSeconds> {
        let now = used(self.scene, self.writer)?;
        Ok(CpuSeconds {
            writer: rounded(now.writer - self.begin.writer),
            api_server: rounded(now.api_server - self.begin.api_server),
            etcd: rounded(now.etcd - self.begin.etcd),
        })
    }
}

fn used(scene: &Scene, writer: u32) -> Result<CpuSeconds> {
    let of = |component| {
        let process = scene.cluster.component(component).context("a part of the cluster does not run")?;
        seconds(process.id())
    };
    Ok(CpuSeconds {
        writer: seconds(writer)?,
        api_server: of(Component::ApiServer)?,
        etcd: of(Component::Etcd)?,
    })
}

/// CPU seconds that a process has used since it started.
///
/// # Errors
/// Where it is gone.
pub(super) fn seconds(process: u32) -> Result<f64> {
    let path = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    ticks(&text).map(|ticks| f64::from(ticks) / f64::from(TICKS_PER_SECOND)).context("not a line of /proc")
}

/// User and system time. The second field is the program's name and may hold spaces.
fn ticks(stat: &str) -> Option<u32> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let (user, system): (u32, u32) = (fields.get(11)?.parse().ok()?, fields.get(12)?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_spaces() {
        let line = "7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 120 30 0 0 20 0 4 0 100 1000 200";
        assert_eq!(ticks(line), Some(150));
    }

    #[test]
    fn memory_is_found_by_its_name() {
        assert_eq!(mebibytes("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n", "VmRSS:"), Some(1.0));
    }
}
