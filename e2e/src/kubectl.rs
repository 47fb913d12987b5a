//! The real `kubectl`: what people see, they see through it.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Result;

use crate::binaries::control_plane_program;
use crate::command::{Output, Program};

/// `kubectl` with one kubeconfig.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: Program,
}

impl Kubectl {
    /// For the cluster of this kubeconfig.
    ///
    /// # Errors
    /// Where the control plane has not been built.
    pub fn new(kubeconfig: &Path) -> Result<Self> {
        // kubectl keeps what an API server serves by address; ports are used again by clusters that serve other kinds.
        let cache = kubeconfig.with_extension("cache");
        let program = Program::new(control_plane_program("kubectl")?)
            .env("KUBECONFIG", kubeconfig)
            .env("KUBECACHEDIR", cache)
            .env("KUBERC", "off");
        Ok(Self { program })
    }

    /// Runs it; a status other than 0 is in the output and no error.
    ///
    /// # Errors
    /// Where it cannot run or does not end.
    pub async fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Output> {
        self.program.run(arguments, "").await
    }

    /// Runs it with a standard input, as `kubectl apply -f -` reads it.
    ///
    /// # Errors
    /// Where it cannot run or does not end.
    pub async fn run_with_input<A: AsRef<OsStr>>(&self, arguments: &[A], input: &str) -> Result<Output> {
        self.program.run(arguments, input).await
    }
}
