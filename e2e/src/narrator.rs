//! What a demonstration says, to whoever reads along.

use std::io::Write;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::ControlPlane;

/// Width of paragraphs, in characters.
const WIDTH: usize = 110;

/// Writes headings, commands and their tables.
pub struct Narrator {
    out: Mutex<Box<dyn Write + Send>>,
    started: Instant,
}

impl Narrator {
    /// One that writes to `out`.
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self { out: Mutex::new(Box::new(out)), started: Instant::now() }
    }

    /// A heading, with the seconds since the beginning.
    ///
    /// # Errors
    /// Where nothing can be written.
    pub fn heading(&self, text: &str) -> Result<()> {
        self.text(&format!("=== {text}  [{:.0} s]", self.started.elapsed().as_secs_f32()))
    }

    /// Text as it is.
    ///
    /// # Errors
    /// Where nothing can be written.
    pub fn text(&self, text: &str) -> Result<()> {
        let mut out = self.out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        writeln!(out, "{}\n", text.trim_end()).and_then(|()| out.flush()).context("writing")
    }

    /// A title with a text below it, wrapped and indented.
    ///
    /// # Errors
    /// Where nothing can be written.
    pub fn paragraph(&self, title: &str, text: &str) -> Result<()> {
        let mut lines = vec![title.to_owned()];
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && line.chars().count() + word.chars().count() + 5 > WIDTH {
                lines.push(format!("    {line}"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(format!("    {line}"));
        self.text(&lines.join("\n"))
    }

    /// What kubectl answers.
    ///
    /// # Errors
    /// Where it fails.
    pub async fn table(&self, cluster: &ControlPlane, arguments: &[&str]) -> Result<String> {
        cluster.kubectl()?.run(arguments).await?.success()
    }

    /// A kubectl command with its answer.
    ///
    /// # Errors
    /// Where nothing can be written.
    pub fn shown(&self, arguments: &[&str], answer: &str) -> Result<()> {
        self.text(&format!("$ kubectl {}\n{}", arguments.join(" "), answer.trim_end()))
    }

    /// Runs a kubectl command and shows it.
    ///
    /// # Errors
    /// Where it fails.
    pub async fn command(&self, cluster: &ControlPlane, arguments: &[&str]) -> Result<()> {
        let answer = self.table(cluster, arguments).await?;
        self.shown(arguments, &answer)
    }
}
