//! Programs that run to their end: `kubectl`, `helm` and the project's own command line.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const TIME_LIMIT: Duration = Duration::from_mins(2);

/// What a program has left.
#[derive(Clone, Debug)]
pub struct Output {
    /// The program and its arguments, for messages.
    pub command: String,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// The exit status, -1 where a signal ended it.
    pub code: i32,
}

impl Output {
    /// The standard output of a program that succeeded.
    ///
    /// # Errors
    /// Where the exit status is not 0; the error holds both outputs.
    pub fn success(self) -> Result<String> {
        if self.code != 0 {
            bail!("`{}` ended with {}:\n{}{}", self.command, self.code, self.stdout, self.stderr);
        }
        Ok(self.stdout)
    }
}

/// A program with its surroundings, to be run any number of times.
#[derive(Clone, Debug)]
pub struct Program {
    path: std::path::PathBuf,
    environment: Vec<(String, std::ffi::OsString)>,
}

impl Program {
    /// The program at this path, or of this name in the search path.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), environment: Vec::new() }
    }

    /// With a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs it with a standard input; a status other than 0 is in the output and no error.
    ///
    /// # Errors
    /// Where it cannot run or does not end.
    pub async fn run<A: AsRef<OsStr>>(&self, arguments: &[A], input: &str) -> Result<Output> {
        let shown = arguments.iter().map(|argument| argument.as_ref().to_string_lossy());
        let program = self.path.file_name().unwrap_or_default().to_string_lossy();
        let command = std::iter::once(program).chain(shown).collect::<Vec<_>>().join(" ");
        let output = tokio::time::timeout(TIME_LIMIT, self.output(arguments, input))
            .await
            .with_context(|| format!("`{command}` did not end within {TIME_LIMIT:?}"))?
            .with_context(|| format!("running `{command}`"))?;
        Ok(Output {
            command,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        })
    }

    async fn output<A: AsRef<OsStr>>(&self, arguments: &[A], input: &str) -> Result<std::process::Output> {
        let mut child = Command::new(&self.path)
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            let input = input.to_owned();
            // On its own, because a program may fill its output before it has read all input. One that ends without
            // reading it breaks the pipe, which is its right.
            tokio::spawn(async move { stdin.write_all(input.as_bytes()).await });
        }
        Ok(child.wait_with_output().await?)
    }
}
