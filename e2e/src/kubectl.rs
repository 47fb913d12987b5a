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
    shell: Program,
}

impl Kubectl {
    /// For the cluster of this kubeconfig.
    ///
    /// # Errors
    /// Where the control plane has not been built.
    pub fn new(kubeconfig: &Path) -> Result<Self> {
        let path = control_plane_program("kubectl")?;
        let programs = path.parent().unwrap_or(&path).to_owned();
        let others = std::env::var_os("PATH").unwrap_or_default();
        let programs = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&others)))?;
        let with_access = |program: Program| {
            // kubectl keeps what an API server serves by address; ports are used again by clusters that serve other kinds.
            let cache = kubeconfig.with_extension("cache");
            program.env("KUBECONFIG", kubeconfig).env("KUBECACHEDIR", cache).env("KUBERC", "off")
        };
        let shell = with_access(Program::new("sh")).env("PATH", programs);
        Ok(Self { program: with_access(Program::new(path)), shell })
    }

    /// Runs lines of a shell, as somebody types them, in which `kubectl` and `helm` are those of the control plane. The first
    /// that fails ends it.
    ///
    /// # Errors
    /// Where it cannot run or does not end.
    pub async fn shell(&self, lines: &str, folder: &Path) -> Result<Output> {
        // The folder is an argument, since it may hold any sign.
        let script = format!("cd \"$1\"\n{lines}");
        let arguments = ["-e".as_ref(), "-c".as_ref(), script.as_ref(), "sh".as_ref(), folder.as_os_str()];
        self.shell.run(&arguments, "").await
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
