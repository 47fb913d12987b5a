//! The project's own command line, `hemvist`, as people and pipelines run it.

use std::ffi::OsStr;

use anyhow::Result;

use crate::binaries::workspace_program;
use crate::command::{Output, Program};

/// `hemvist`, without a cluster.
#[derive(Clone, Debug)]
pub struct Hemvist {
    program: Program,
}

impl Hemvist {
    /// The one that was built beside the program that asks.
    ///
    /// # Errors
    /// Where it has not been built.
    pub fn new() -> Result<Self> {
        Ok(Self { program: Program::new(workspace_program("hemvist")?) })
    }

    /// Runs it; a status other than 0 is in the output and no error.
    ///
    /// # Errors
    /// Where it cannot run or does not end.
    pub async fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Output> {
        self.program.run(arguments, "").await
    }
}
