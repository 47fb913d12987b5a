//! The result of a command: its exit code, or an error.

use std::process::ExitCode;

/// The exit code of a command. It does not depend on the format of the output.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Nothing was found.
    Success = 0,
    /// Something was found: a refused model, or an object that the API server would refuse.
    Findings = 1,
    /// The command line makes no sense.
    Usage = 3,
    /// The input could not be read, or holds nothing to look at.
    Input = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What a command comes to: what it writes, and its exit code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// For the standard output: the result and nothing else.
    pub stdout: String,
    /// For the standard error: what went wrong on the way.
    pub stderr: String,
    /// The exit code.
    pub exit: Exit,
}

impl Outcome {
    /// A result, and nothing went wrong.
    pub const fn result(stdout: String) -> Self {
        Self { stdout, stderr: String::new(), exit: Exit::Success }
    }

    /// No result.
    pub const fn failure(exit: Exit, stderr: String) -> Self {
        Self { stdout: String::new(), stderr, exit }
    }
}
