//! The operator as a child process: started, stopped, killed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use kube::{Client, Config};

use crate::binaries::workspace_program;
use crate::process::{Launch, Process};

/// How the operator is to run.
#[derive(Clone, Debug)]
pub struct OperatorOptions {
    /// The name of its log, for clusters that run more than one.
    pub name: String,
    /// The kubeconfig of who it is.
    pub kubeconfig: PathBuf,
    pub arguments: Vec<String>,
    /// What is added to its environment.
    pub environment: Vec<(String, String)>,
}

impl OperatorOptions {
    /// With the rights of this kubeconfig.
    pub fn new(kubeconfig: impl Into<PathBuf>) -> Self {
        Self {
            name: "hemvist-operator".to_owned(),
            kubeconfig: kubeconfig.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// With another name of its log.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// With a further argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// What an operator that runs with these options counts, as text.
    ///
    /// # Errors
    /// Where it says nothing.
    pub async fn metrics(&self) -> Result<String> {
        let argument = self.arguments.iter().find_map(|argument| argument.strip_prefix("--metrics-address="));
        let address = argument.context("the operator was told no address of metrics")?;
        let client = Client::try_from(Config::new(format!("http://{address}").parse()?))?;
        let request = http::Request::get("/metrics").body(Vec::new())?;
        client.request_text(request).await.with_context(|| format!("reading the metrics of {}", self.name))
    }
}

/// A running operator. It is killed when the value is dropped.
#[derive(Debug)]
pub struct Operator {
    process: Process,
}

impl Operator {
    /// Starts it beside the cluster whose folder this is; it says nothing about whether it is ready.
    ///
    /// # Errors
    /// Where it has not been built or cannot be started.
    pub fn start(cluster: &Path, options: &OperatorOptions) -> Result<Self> {
        let mut environment = vec![("KUBECONFIG".to_owned(), OsString::from(&options.kubeconfig))];
        environment.extend(options.environment.iter().map(|(name, value)| (name.clone(), value.into())));
        let process = Process::start(&Launch {
            name: options.name.clone(),
            program: workspace_program("hemvist-operator")?,
            arguments: options.arguments.iter().map(OsString::from).collect(),
            environment,
            folder: cluster.to_owned(),
        })?;
        Ok(Self { process })
    }

    /// Its process: id, log, whether it runs.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Asks it to end and waits.
    ///
    /// # Errors
    /// Where it does not end.
    pub async fn stop(mut self) -> Result<()> {
        self.process.stop(Duration::from_secs(30)).await
    }

    /// Ends it as a power cut would (`kill -9`).
    ///
    /// # Errors
    /// Where it does not end.
    pub fn kill(mut self) -> Result<()> {
        self.process.kill()
    }

    /// Lets it live on after this program.
    pub fn detach(self) {
        self.process.detach();
    }
}
