//! One real node: its programs in namespaces of their own, beside a cluster of the end-to-end tests.
//!
//! The node's first process holds its mounts, its processes and its network. When it ends, all of them are gone, whatever
//! state they were in: no mount, no shim and no interface is left on the machine.

mod configuration;
mod link;
mod traces;

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use hemvist_e2e::binaries::control_plane_program;
use hemvist_e2e::command::Program;
use hemvist_e2e::nodes::is_ready;
use hemvist_e2e::process::{Launch, Process};
use hemvist_e2e::{Component, ControlPlane, Options, Progress, wait_until};
use k8s_openapi::api::core::v1::Node;
use kube::Api;

use self::configuration::{Configuration, write_kubeconfig};
use self::link::Link;
use crate::containerd::{Containerd, enter};
use crate::image::Image;
use crate::programs::{node_program, programs_folder};

/// The name of the node.
pub const NAME: &str = "real";

/// The user that a kubelet is, whose name the authorizer of nodes knows, and the file of its access.
const KUBELET: [&str; 3] = ["kubelet", "system:node:real", "system:nodes"];

/// The user that Kubernetes' own roles give to kube-proxy.
const KUBE_PROXY: [&str; 3] = ["kube-proxy", "system:kube-proxy", ""];

/// Processors that the node says it has: each of two replicas asks for three, and proxies and clients for a little.
const PROCESSORS: u32 = 8;

/// How long a part may take to come up or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// A node that runs. It ends with this value; end it with [`RealNode::stop`] where errors matter.
pub struct RealNode {
    folder: PathBuf,
    // In the order in which they end.
    device_plugin: Option<Process>,
    kube_proxy: Option<Process>,
    kubelet: Option<Process>,
    containerd: Option<Process>,
    first: Process,
    first_id: u32,
    link: Link,
}

impl RealNode {
    /// A cluster that a real node can join: it knows the node's users, and reaches the kubelet by address.
    pub fn expected_by(options: Options) -> Options {
        let by_address = "--kubelet-preferred-address-types=InternalIP";
        let options = options.argument(Component::ApiServer, by_address);
        [KUBELET, KUBE_PROXY]
            .into_iter()
            .fold(options, |options, [file, user, groups]| options.user(file, user, groups))
    }

    /// Starts a node beside a cluster and waits until it is ready. The images are there from the start, so that nothing
    /// is ever pulled; the first one holds the namespaces of pods.
    ///
    /// # Errors
    /// Where something has not been built or does not come up.
    pub async fn start(cluster: &ControlPlane, images: &[&Image]) -> Result<Self> {
        let folder = cluster.folder().join("node");
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let mut first = start_first_process(&folder)?;
        let first_id = first_process_id(&folder, &mut first).await?;
        let port = cluster.server().rsplit(':').next().and_then(|port| port.parse().ok());
        let link = Link::create(first_id, port.context("an API server without a port")?).await?;
        let sandbox = images.first().context("no image holds the namespaces of pods")?.reference();
        let mut node = Self {
            folder,
            device_plugin: None,
            kube_proxy: None,
            kubelet: None,
            containerd: None,
            first,
            first_id,
            link,
        };
        node.configure(cluster, &sandbox)?;
        node.start_containerd().await?;
        for image in images {
            node.containerd().import(image, &node.folder).await?;
        }
        node.start_kubelet()?;
        node.start_kube_proxy()?;
        node.wait_until_ready(cluster).await?;
        Ok(node)
    }

    fn configure(&self, cluster: &ControlPlane, sandbox: &str) -> Result<()> {
        let pods = self.link.pods();
        let configuration = Configuration {
            pods: &pods,
            folder: &self.folder,
            name: NAME,
            address: self.link.node_address(),
            sandbox_image: sandbox,
        };
        configuration.write()?;
        for [file, ..] in [KUBELET, KUBE_PROXY] {
            self.bring_kubeconfig(file, &cluster.kubeconfig_of(file))?;
        }
        Ok(())
    }

    /// Makes a kubeconfig with a fresh token of a service account, for a program that runs on the node.
    ///
    /// # Errors
    /// Where no token is given or the file cannot be written.
    pub async fn service_account_kubeconfig(
        &self,
        cluster: &ControlPlane,
        [namespace, name]: [&str; 2],
    ) -> Result<PathBuf> {
        let of_the_cluster = cluster.service_account_kubeconfig(namespace, name).await?;
        self.bring_kubeconfig(&format!("{namespace}.{name}"), &of_the_cluster)
    }

    /// Writes a kubeconfig of the cluster again, for use on the node.
    fn bring_kubeconfig(&self, name: &str, of_the_cluster: &Path) -> Result<PathBuf> {
        let path = self.folder.join(format!("{name}.kubeconfig"));
        write_kubeconfig(&path, of_the_cluster, &self.link.api_server())?;
        Ok(path)
    }

    /// Has the node's network keep the machine out of a port of every pod, as a network plug-in would that carries out
    /// NetworkPolicies. This one carries out none.
    ///
    /// # Errors
    /// Where the system refuses.
    pub async fn keep_machine_out_of(&self, port: u16) -> Result<()> {
        let machine = self.link.machine_address();
        let rules = format!(
            "add table ip plugin\n\
             add chain ip plugin forward {{ type filter hook forward priority 0; }}\n\
             add rule ip plugin forward ip saddr {machine} tcp dport {port} drop\n"
        );
        let node = self.first_id.to_string();
        let nft = node_program("nft")?;
        let enter = ["--target", &node, "--net", "--"].map(OsString::from);
        let command = [enter.as_slice(), &[nft.into(), "--file".into(), "-".into()]].concat();
        Program::new("nsenter").run(&command, &rules).await?.success()?;
        Ok(())
    }

    /// Starts containerd and waits until it answers.
    ///
    /// # Errors
    /// Where it does not come up.
    pub async fn start_containerd(&mut self) -> Result<()> {
        let program = node_program("containerd")?;
        let config = self.folder.join("containerd.toml");
        let mut process = self.launch("containerd", program, &["--config".into(), config.into()])?;
        let containerd = self.containerd();
        wait_until("containerd to answer", PATIENCE, async || {
            process.ensure_running()?;
            let answer = containerd.ctr(&["version"]).await?;
            Ok(Progress::when(answer.code == 0, answer.stderr))
        })
        .await?;
        self.containerd = Some(process);
        Ok(())
    }

    /// Starts the kubelet.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start_kubelet(&mut self) -> Result<()> {
        let arguments = [
            self.flag("--config", "kubelet.json"),
            self.flag("--kubeconfig", "kubelet.kubeconfig"),
            self.flag("--root-dir", "kubelet"),
            self.flag("--cert-dir", "kubelet-certificates"),
            format!("--hostname-override={NAME}").into(),
            format!("--node-ip={}", self.link.node_address()).into(),
        ];
        self.kubelet = Some(self.launch("kubelet", control_plane_program("kubelet")?, &arguments)?);
        Ok(())
    }

    /// Ends containerd. What it has started runs on.
    ///
    /// # Errors
    /// Where it does not end.
    pub async fn stop_containerd(&mut self) -> Result<()> {
        stop(&mut self.containerd).await
    }

    /// Ends the kubelet. What it has started runs on, and nobody looks after it.
    ///
    /// # Errors
    /// Where it does not end.
    pub async fn stop_kubelet(&mut self) -> Result<()> {
        stop(&mut self.kubelet).await
    }

    fn start_kube_proxy(&mut self) -> Result<()> {
        let arguments = [self.flag("--config", "kube-proxy.json")];
        self.kube_proxy =
            Some(self.launch("kube-proxy", control_plane_program("kube-proxy")?, &arguments)?);
        Ok(())
    }

    fn flag(&self, name: &str, file: &str) -> OsString {
        format!("{name}={}", self.folder.join(file).display()).into()
    }

    /// Runs a program in the node's namespaces.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn launch(&self, name: &str, program: PathBuf, arguments: &[OsString]) -> Result<Process> {
        let mut all: Vec<OsString> = enter(self.first_id).iter().map(OsString::from).collect();
        all.push(program.into());
        all.extend_from_slice(arguments);
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path =
            std::env::join_paths([programs_folder()].into_iter().chain(std::env::split_paths(&others)))?;
        Process::start(&Launch {
            name: name.to_owned(),
            program: "nsenter".into(),
            arguments: all,
            environment: vec![("PATH".to_owned(), path)],
            folder: self.folder.clone(),
        })
    }

    async fn wait_until_ready(&mut self, cluster: &ControlPlane) -> Result<()> {
        let nodes: Api<Node> = Api::all(cluster.client());
        let parts = [&mut self.containerd, &mut self.kubelet, &mut self.kube_proxy];
        let mut parts: Vec<_> = parts.into_iter().flatten().collect();
        wait_until("the real node to be ready", PATIENCE, async || {
            for part in &mut parts {
                part.ensure_running()?;
            }
            let node = nodes.get_opt(NAME).await?;
            Ok(Progress::when(
                node.as_ref().is_some_and(is_ready),
                format!("{:?}", node.and_then(|node| node.status)),
            ))
        })
        .await
    }

    /// Starts a device plug-in that hands out devices which are not there, in place of the one before, and waits until the
    /// node counts them.
    ///
    /// # Errors
    /// Where it does not come up.
    pub async fn hand_out(&mut self, cluster: &ControlPlane, resource: &str, count: u32) -> Result<()> {
        stop(&mut self.device_plugin).await?;
        let broken = self.broken_devices();
        std::fs::create_dir_all(&broken).with_context(|| format!("making {}", broken.display()))?;
        let arguments = [resource.into(), count.to_string().into(), broken.into()];
        let mut plugin = self.launch("device-plugin", node_program("device-plugin")?, &arguments)?;
        let nodes: Api<Node> = Api::all(cluster.client());
        wait_until(&format!("the real node to have {count} {resource}"), PATIENCE, async || {
            plugin.ensure_running()?;
            let status = nodes.get(NAME).await?.status.unwrap_or_default();
            let allocatable = status.allocatable.unwrap_or_default();
            let has = allocatable.get(resource).map_or("", |amount| amount.0.as_str());
            Ok(Progress::when(has == count.to_string(), format!("{allocatable:?}")))
        })
        .await?;
        self.device_plugin = Some(plugin);
        Ok(())
    }

    /// Lets the device plug-in say that a device is broken.
    ///
    /// # Errors
    /// Where that cannot be read.
    pub fn break_device(&self, id: &str) -> Result<()> {
        std::fs::write(self.broken_devices().join(id), "").with_context(|| format!("breaking {id}"))
    }

    /// Lets the device plug-in say that a broken device is whole again.
    ///
    /// # Errors
    /// Where that cannot be read.
    pub fn mend_device(&self, id: &str) -> Result<()> {
        std::fs::remove_file(self.broken_devices().join(id)).with_context(|| format!("mending {id}"))
    }

    fn broken_devices(&self) -> PathBuf {
        self.folder.join("broken-devices")
    }

    /// The node's address.
    pub fn address(&self) -> Ipv4Addr {
        self.link.node_address()
    }

    /// The container runtime.
    pub const fn containerd(&self) -> Containerd {
        Containerd::new(self.first_id)
    }

    /// What a command of the machine says that succeeds in the node's namespaces.
    ///
    /// # Errors
    /// Where it cannot run or does not succeed.
    pub async fn run(&self, command: &[&str]) -> Result<String> {
        let all: Vec<_> =
            enter(self.first_id).into_iter().chain(command.iter().map(|&word| word.to_owned())).collect();
        Program::new("nsenter").run(&all, "").await?.success()
    }

    /// The id of the node's first process, which holds its namespaces.
    pub const fn first_process(&self) -> u32 {
        self.first_id
    }

    /// The node's folder, with a log of each part.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends it in order and then everything that is left of it.
    ///
    /// # Errors
    /// Where a part does not end, or leaves something on the machine.
    pub async fn stop(mut self) -> Result<()> {
        for part in [&mut self.device_plugin, &mut self.kube_proxy, &mut self.kubelet, &mut self.containerd] {
            stop(part).await?;
        }
        self.end()?;
        traces::ensure_none(&self.folder)
    }

    /// Ends the first process, and with it every other; then removes what outlives processes.
    fn end(&mut self) -> Result<()> {
        let containers = traces::containers(self.first_id);
        self.first.kill()?;
        traces::remove_control_groups(&containers)
    }
}

impl Drop for RealNode {
    fn drop(&mut self) {
        // After a stop in order there is nothing left to do, and nothing is done.
        if let Err(error) = self.end() {
            eprintln!("the real node did not end: {error:#}");
        }
    }
}

/// Ends a part, where it runs.
async fn stop(part: &mut Option<Process>) -> Result<()> {
    match part.take() {
        Some(mut process) => process.stop(PATIENCE).await,
        None => Ok(()),
    }
}

fn start_first_process(folder: &Path) -> Result<Process> {
    let script = folder.join("enter.sh");
    std::fs::write(&script, include_str!("node/enter.sh"))
        .with_context(|| format!("writing {}", script.display()))?;
    let mut arguments: Vec<OsString> =
        ["--mount", "--pid", "--net", "--fork", "--kill-child", "sh"].map(OsString::from).into();
    arguments.extend([script.into(), folder.into(), std::process::id().to_string().into()]);
    arguments.push(PROCESSORS.to_string().into());
    Process::start(&Launch {
        name: "node".to_owned(),
        program: "unshare".into(),
        arguments,
        environment: Vec::new(),
        // Listed with the cluster's processes, so that a test run that was killed is cleared away as a whole.
        folder: folder.parent().unwrap_or(folder).to_owned(),
    })
}

/// The id of the first process as the machine sees it, which it writes down once its namespaces are set up.
async fn first_process_id(folder: &Path, process: &mut Process) -> Result<u32> {
    let ready = folder.join("ready");
    loop {
        process.ensure_running()?;
        if let Ok(text) = std::fs::read_to_string(&ready) {
            return text.trim().parse().context("reading the id of the node's first process");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
