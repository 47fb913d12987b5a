//! The engine's process, as the kernel reports it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Check;

/// Variables that the container runtime, the image or the device plug-in brings, besides those of the pod.
const FOREIGN_VARIABLES: [&str; 3] = ["PATH", "HOSTNAME", "NVIDIA_VISIBLE_DEVICES"];

/// The first process of a container.
#[derive(Clone, Debug)]
pub struct EngineProcess {
    id: u32,
    status: BTreeMap<String, String>,
}

impl EngineProcess {
    /// The process of a container that runs a program.
    ///
    /// # Errors
    /// Where there is none.
    pub fn of(container: &str, program: &str) -> Result<Self> {
        let id = processes()
            .find(|id| {
                let runs = read(*id, "cmdline").split('\0').next() == Some(program);
                runs && read(*id, "cgroup").contains(container)
            })
            .with_context(|| format!("no process of container {container} runs {program}"))?;
        let status = read(id, "status");
        let status = status.lines().filter_map(|line| line.split_once(":\t"));
        let status = status.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        Ok(Self { id, status })
    }

    /// The id, as the machine sees it.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Its command line, the program first.
    pub fn arguments(&self) -> Vec<String> {
        read(self.id, "cmdline").split_terminator('\0').map(str::to_owned).collect()
    }

    /// Ends it as a fault would, without a word.
    ///
    /// # Errors
    /// Where it is gone already.
    pub fn kill(&self) -> Result<()> {
        let id = i32::try_from(self.id).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.context("no process")?, rustix::process::Signal::KILL)
            .context("killing the engine")
    }

    /// What the kernel says, held against the pod that was asked for.
    pub fn checks(&self, pod: &Value, node: u32) -> Vec<Check> {
        let mut checks = self.rights();
        checks.extend(self.mounts());
        checks.extend(self.environment(pod));
        checks.extend(self.namespaces(node));
        checks.push(self.ports());
        checks.push(self.memory(pod));
        checks
    }

    fn field(&self, name: &str) -> &str {
        self.status.get(name).map_or("", String::as_str)
    }

    /// What it may do, as the kernel says.
    pub fn rights(&self) -> Vec<Check> {
        let only = |name: &str, wanted: &str| self.field(name).split_whitespace().all(|id| id == wanted);
        let names = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
        let capabilities = names.map(|name| self.field(name));
        let none = capabilities.iter().all(|set| !set.is_empty() && set.chars().all(|digit| digit == '0'));
        vec![
            Check::new("every user id is 2000", only("Uid", "2000"), self.field("Uid")),
            Check::new("every group id is 2000", only("Gid", "2000"), self.field("Gid")),
            Check::new("it has no group besides the volumes'", only("Groups", "2000"), self.field("Groups")),
            Check::new("it has no capability and can have none", none, &capabilities.join(" ")),
            Check::new("it can gain no privilege", self.field("NoNewPrivs") == "1", self.field("NoNewPrivs")),
            Check::new("system calls are filtered", self.field("Seccomp") == "2", self.field("Seccomp")),
        ]
    }

    fn mounts(&self) -> Vec<Check> {
        let text = read(self.id, "mountinfo");
        let mounts: BTreeMap<&str, &str> = text
            .lines()
            .filter_map(|line| {
                let fields: Vec<_> = line.split(' ').collect();
                Some((*fields.get(4)?, *fields.get(5)?))
            })
            .collect();
        let read_only = |path: &str| {
            mounts.get(path).is_some_and(|options| options.split(',').any(|option| option == "ro"))
        };
        let options = |path: &str| mounts.get(path).copied().unwrap_or("not mounted");
        let secrets: Vec<_> = mounts
            .keys()
            .filter(|path| path.contains("secrets") || path.contains("serviceaccount"))
            .collect();
        let bounded = |path: &str| mounts.contains_key(path);
        let writable = ["/cache", "/tmp", "/dev/shm"];
        vec![
            Check::new("the root file system is mounted read-only", read_only("/"), options("/")),
            Check::new("the weights are mounted read-only", read_only("/models"), options("/models")),
            Check::new("no secret is mounted", secrets.is_empty(), &format!("{secrets:?}")),
            Check::new(
                "what is written goes to volumes",
                writable.into_iter().all(bounded),
                &format!("{writable:?}"),
            ),
            Check::new("/sys is mounted read-only", read_only("/sys"), options("/sys")),
        ]
    }

    fn environment(&self, pod: &Value) -> Vec<Check> {
        let text = read(self.id, "environ");
        let found: BTreeSet<_> =
            text.split('\0').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name).collect();
        let given = pod["spec"]["containers"][0]["env"].as_array();
        let given: BTreeSet<_> =
            given.into_iter().flatten().filter_map(|variable| variable["name"].as_str()).collect();
        // The kubelet gives those of the API server's Service to every container, whatever the pod says.
        let foreign = |name: &&&str| {
            !given.contains(**name) && !name.starts_with("KUBERNETES_") && !FOREIGN_VARIABLES.contains(name)
        };
        let foreign: Vec<_> = found.iter().filter(foreign).collect();
        vec![
            Check::new(
                "the environment holds what the pod says, and no other service",
                foreign.is_empty(),
                &format!("{foreign:?}"),
            ),
            Check::new(
                "every variable of the pod is there",
                given.is_subset(&found),
                &format!("{} variables", given.len()),
            ),
        ]
    }

    fn namespaces(&self, node: u32) -> Vec<Check> {
        [
            ("its network is its own", "net"),
            ("its processes are its own", "pid"),
            ("its shared memory is its own", "ipc"),
            ("its mounts are its own", "mnt"),
        ]
        .map(|(promise, name)| {
            let [own, others] = [self.id, node].map(|id| namespace(id, name));
            Check::new(promise, own.is_some() && own != others, &format!("{own:?}"))
        })
        .into()
    }

    /// Every port that anything in the pod's network listens on, for others and for itself.
    fn ports(&self) -> Check {
        let sockets = ["net/tcp", "net/tcp6"].map(|file| read(self.id, file)).concat();
        let listening = sockets.lines().filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            // 0A is the state in which a socket listens; its address is `address:port`, in hexadecimal, the bytes of an
            // address of four from the last to the first.
            let (address, port) = fields.get(1).filter(|_| fields.get(3) == Some(&"0A"))?.rsplit_once(':')?;
            Some((address == "0100007F", u16::from_str_radix(port, 16).ok()?))
        });
        let listening: BTreeSet<_> = listening.collect();
        let kept = listening == BTreeSet::from([(false, 8000), (false, 8001), (true, 8080)]);
        let seen = format!("{listening:?}");
        Check::new("the proxy alone listens for others, and the engine on the loopback", kept, &seen)
    }

    /// The limit in bytes, as the kernel holds it.
    fn memory(&self, pod: &Value) -> Check {
        let text = read(self.id, "cgroup");
        let limits: Vec<_> = text
            .lines()
            .filter_map(|line| {
                let mut fields = line.splitn(3, ':').skip(1);
                let (controllers, path) = (fields.next()?, fields.next()?);
                let file = match controllers {
                    "memory" => format!("memory{path}/memory.limit_in_bytes"),
                    "" => format!("{path}/memory.max"),
                    _ => return None,
                };
                std::fs::read_to_string(PathBuf::from("/sys/fs/cgroup").join(file.trim_start_matches('/')))
                    .ok()
            })
            .collect();
        let bytes = limits.first().and_then(|text| text.trim().parse::<u64>().ok());
        let asked =
            pod["spec"]["containers"][0]["resources"]["limits"]["memory"].as_str().unwrap_or_default();
        let gibibytes = asked.strip_suffix("Gi").and_then(|number| number.parse::<u64>().ok());
        let kept = bytes.is_some() && bytes == gibibytes.map(|number| number << 30);
        Check::new("its memory is limited to what it asked for", kept, &format!("{bytes:?} bytes of {asked}"))
    }
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// A file of a process, empty where the process is gone.
fn read(id: u32, file: &str) -> String {
    let content = std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
    String::from_utf8_lossy(&content).into_owned()
}

fn namespace(id: u32, name: &str) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{id}/ns/{name}")).ok()
}
