//! The real `helm`, on a cluster or without one.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use anyhow::Result;

use crate::binaries::{clusters_folder, control_plane_program};
use crate::command::{Output, Program};

/// `helm`, with its own caches and settings instead of the user's.
#[derive(Clone, Debug)]
pub struct Helm {
    program: Program,
}

impl Helm {
    /// Without a cluster; good for [`Helm::template`] and `helm lint`.
    ///
    /// # Errors
    /// Where the control plane has not been built.
    pub fn new() -> Result<Self> {
        let home = clusters_folder().join("helm");
        let program = Program::new(control_plane_program("helm")?)
            .env("HELM_CACHE_HOME", home.join("cache"))
            .env("HELM_CONFIG_HOME", home.join("config"))
            .env("HELM_DATA_HOME", home.join("data"));
        Ok(Self { program })
    }

    /// For the cluster of this kubeconfig.
    ///
    /// # Errors
    /// Where the control plane has not been built.
    pub fn with_kubeconfig(kubeconfig: &Path) -> Result<Self> {
        Ok(Self { program: Self::new()?.program.env("KUBECONFIG", kubeconfig) })
    }

    /// Runs it; a status other than 0 is in the output and no error.
    ///
    /// # Errors
    /// Where it cannot run or does not end.
    pub async fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Output> {
        self.program.run(arguments, "").await
    }

    /// The manifests of a chart. The values are `path=value` pairs, as `--set` takes them.
    ///
    /// # Errors
    /// Where the chart does not render.
    pub async fn template(
        &self,
        release: &str,
        chart: &Path,
        namespace: &str,
        values: &[&str],
    ) -> Result<String> {
        let mut arguments: Vec<OsString> = vec!["template".into(), release.into(), chart.into()];
        arguments.extend(["--namespace".into(), namespace.into()]);
        for value in values {
            arguments.extend(["--set".into(), (*value).into()]);
        }
        self.run(&arguments).await?.success()
    }
}
