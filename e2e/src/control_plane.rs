//! Whole Kubernetes control planes with simulated nodes, as many at once as there is room for.

mod arguments;
mod bootstrap;
mod credentials;
mod leftovers;
mod options;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use kube::Client;

use self::arguments::{Arguments, Ports};
use self::credentials::Credentials;
pub use self::options::{Component, Options};
use crate::audit::AuditLog;
use crate::binaries::{clusters_folder, control_plane_program};
use crate::helm::Helm;
use crate::kubeconfig;
use crate::kubectl::Kubectl;
use crate::process::{Launch, Process, end_processes_of};

/// How long a part may take to end in order before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running cluster. It ends with this value; end it with [`ControlPlane::stop`] where errors matter.
pub struct ControlPlane {
    arguments: Arguments,
    client: Client,
    processes: BTreeMap<Component, Process>,
    stopped: bool,
}

impl ControlPlane {
    /// Starts a cluster and waits until it serves. First ends what killed test runs have left behind.
    ///
    /// # Errors
    /// Where the control plane has not been built, or a part does not come up; the error holds the end of its log.
    pub async fn start(options: Options) -> Result<Self> {
        for component in Component::ALL {
            control_plane_program(component.program())?;
        }
        leftovers::sweep().context("ending clusters of test runs that are gone")?;
        let folder = if options.detached {
            leftovers::create_detached(&options.name)?
        } else {
            leftovers::create(&options.name)?
        };
        let ports = Ports::choose()?;
        let credentials = Credentials::create(&folder.join("credentials"), &ports.server(), &options.users)?;
        let client = kubeconfig::client(&credentials.kubeconfig("admin"), |_| ()).await?;
        let arguments = Arguments { folder, ports, credentials, options };
        bootstrap::write_configuration(&arguments)?;
        let mut cluster = Self { arguments, client, processes: BTreeMap::new(), stopped: false };
        cluster.start_all().await.with_context(|| format!("starting {}", cluster.folder().display()))?;
        Ok(cluster)
    }

    async fn start_all(&mut self) -> Result<()> {
        self.start_component(Component::Etcd).await?;
        self.start_component(Component::ApiServer).await?;
        bootstrap::grant_kwok(&self.client).await?;
        for component in [Component::ControllerManager, Component::Scheduler, Component::Kwok] {
            if self.arguments.options.has(component) {
                self.start_component(component).await?;
            }
        }
        if self.arguments.options.has(Component::ControllerManager) {
            bootstrap::wait_for_default_service_account(&self.client).await?;
        }
        Ok(())
    }

    /// Starts a part that is not running. Of the API server it waits until it is ready.
    ///
    /// # Errors
    /// Where it does not come up.
    pub async fn start_component(&mut self, component: Component) -> Result<()> {
        let mut environment = Vec::new();
        if !self.arguments.options.detached {
            environment.push(("CONTROLPLANE_OWNER".to_owned(), std::process::id().to_string().into()));
        }
        if component == Component::ApiServer {
            // It compiles policies by the hundred, for which Go's collector takes a third of the time where it runs as often
            // as it does by default.
            environment.push(("GOGC".to_owned(), "400".into()));
        }
        let process = Process::start(&Launch {
            name: component.program().to_owned(),
            program: control_plane_program(component.program())?,
            arguments: self.arguments.of(component).into_iter().map(OsString::from).collect(),
            environment,
            folder: self.arguments.folder.clone(),
        })?;
        self.processes.insert(component, process);
        if component == Component::ApiServer {
            self.wait_until_served().await?;
        }
        Ok(())
    }

    async fn wait_until_served(&mut self) -> Result<()> {
        let client = self.client.clone();
        let ready = bootstrap::wait_until_ready(&client);
        tokio::pin!(ready);
        // A server that has ended will not become ready; its log says why, and at once.
        loop {
            tokio::select! {
                result = &mut ready => return result,
                () = tokio::time::sleep(Duration::from_millis(200)) => {
                    for component in [Component::Etcd, Component::ApiServer] {
                        if let Some(process) = self.processes.get_mut(&component) {
                            process.ensure_running()?;
                        }
                    }
                }
            }
        }
    }

    /// Stops a part in order and waits until it is gone.
    ///
    /// # Errors
    /// Where it does not end.
    pub async fn stop_component(&mut self, component: Component) -> Result<()> {
        match self.processes.remove(&component) {
            Some(mut process) => process.stop(PATIENCE).await,
            None => Ok(()),
        }
    }

    /// Ends a part as a power cut would.
    ///
    /// # Errors
    /// Where it does not end.
    pub fn kill_component(&mut self, component: Component) -> Result<()> {
        match self.processes.remove(&component) {
            Some(mut process) => process.kill(),
            None => Ok(()),
        }
    }

    /// The running process of a part.
    pub fn component(&self, component: Component) -> Option<&Process> {
        self.processes.get(&component)
    }

    /// The cluster's folder, with a log of each part.
    pub fn folder(&self) -> &Path {
        &self.arguments.folder
    }

    /// Puts other policies in the place of those on the API server's own disk, as a whole file at once.
    ///
    /// # Errors
    /// Where the cluster was started without any, or the file cannot be written.
    pub fn replace_policies_on_disk(&self, text: &str) -> Result<()> {
        let folder = self.arguments.policies_on_disk();
        // The name ends otherwise, so that the API server does not read it before it is whole.
        let (half, whole) = (folder.join("half"), folder.join(bootstrap::POLICIES_FILE));
        std::fs::write(&half, text).with_context(|| format!("writing {}", half.display()))?;
        std::fs::rename(&half, &whole).with_context(|| format!("writing {}", whole.display()))
    }

    /// The address of the API server.
    pub fn server(&self) -> String {
        self.arguments.ports.server()
    }

    /// The loopback ports that the cluster uses.
    pub fn ports(&self) -> [u16; 4] {
        self.arguments.ports.all()
    }

    /// A client that may do everything.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// A client that acts as another user, by impersonation.
    ///
    /// # Errors
    /// Where the administrator's kubeconfig cannot be read.
    pub async fn client_as(&self, user: &str, groups: &[&str]) -> Result<Client> {
        kubeconfig::client(&self.kubeconfig(), |config| {
            config.auth_info.impersonate = Some(user.to_owned());
            config.auth_info.impersonate_groups =
                Some(groups.iter().map(|&group| group.to_owned()).collect());
        })
        .await
    }

    /// The kubeconfig of a user who may do everything.
    pub fn kubeconfig(&self) -> PathBuf {
        self.arguments.credentials.kubeconfig("admin")
    }

    /// The kubeconfig of a user that [`Options::user`] has brought.
    pub fn kubeconfig_of(&self, file: &str) -> PathBuf {
        self.arguments.credentials.kubeconfig(file)
    }

    /// Makes a kubeconfig with a fresh token of a service account: the rights that a program has in a real cluster.
    ///
    /// # Errors
    /// Where the service account does not exist.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let token = bootstrap::service_account_token(&self.client, namespace, name).await?;
        let path = self.arguments.credentials.kubeconfig(&format!("{namespace}.{name}"));
        let access = kubeconfig::Access {
            server: self.server(),
            certificate_authority: self.arguments.credentials.file("ca.crt"),
            token,
            namespace: namespace.to_owned(),
        };
        access.write(&path)?;
        Ok(path)
    }

    /// `kubectl` as a user who may do everything.
    ///
    /// # Errors
    /// Where it has not been built.
    pub fn kubectl(&self) -> Result<Kubectl> {
        Kubectl::new(&self.kubeconfig())
    }

    /// `helm` as a user who may do everything.
    ///
    /// # Errors
    /// Where it has not been built.
    pub fn helm(&self) -> Result<Helm> {
        Helm::with_kubeconfig(&self.kubeconfig())
    }

    /// The log of all requests.
    pub fn audit_log(&self) -> AuditLog {
        AuditLog::new(self.arguments.audit_log())
    }

    /// Stops all parts in order, waits until they are gone, and removes the data.
    ///
    /// # Errors
    /// Where a part does not end or the data cannot be removed.
    pub async fn stop(mut self) -> Result<()> {
        for component in Component::ALL.into_iter().rev() {
            self.stop_component(component).await?;
        }
        self.stopped = true;
        std::fs::remove_dir_all(self.folder())
            .with_context(|| format!("removing {}", self.folder().display()))
    }

    /// Lets a cluster that was started with [`Options::detached`] live on after this program.
    pub fn detach(mut self) {
        self.stopped = true;
        while let Some((_, process)) = self.processes.pop_first() {
            process.detach();
        }
    }

    /// Ends the detached cluster of this name and removes its data. Nothing happens where there is none.
    ///
    /// # Errors
    /// Where a part does not end or the data cannot be removed.
    pub fn end_detached(name: &str) -> Result<()> {
        let folder = clusters_folder().join(name);
        end_processes_of(&folder)?;
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
        }
        Ok(())
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if self.stopped {
            return;
        }
        while let Some((_, process)) = self.processes.pop_last() {
            drop(process);
        }
        // Not stopped means that something failed: a panic, or an error on its way out of a test.
        leftovers::keep_after_failure(self.folder());
        eprintln!("the cluster was not stopped; its logs are in {}", self.folder().display());
    }
}
