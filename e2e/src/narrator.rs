//! What a demonstration says, to whoever reads along.

use std::io::Write;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::ControlPlane;
use crate::region::{Refusal, refusals};

/// Width of paragraphs, in characters.
const WIDTH: usize = 110;

/// Writes headings, commands and their tables.
pub struct Narrator {
    out: Mutex<Box<dyn Write + Send>>,
    started: Instant,
}

impl Narrator {
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
        lines.extend(wrapped(text));
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

    /// Runs a kubectl command that the API server has to refuse by one of Hemvist's policies, and shows what it says.
    /// Arguments with blanks are shown in quotes.
    ///
    /// # Errors
    /// Where it is not refused, or by something else.
    pub async fn refused(&self, cluster: &ControlPlane, arguments: &[&str]) -> Result<Refusal> {
        let answer = cluster.kubectl()?.run(arguments).await?;
        let refusal = refusals(&answer).into_iter().next();
        let refusal = refusal.with_context(|| format!("it was to be refused: {answer:?}"))?;
        ensure!(answer.code != 0, "refused, and kubectl ended well: {answer:?}");
        let quoted: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
        self.paragraph(&format!("$ kubectl {}", quoted.join(" ")), &refusal.message)?;
        Ok(refusal)
    }
}

/// An argument as a shell would need it.
fn quoted(argument: &str) -> String {
    if argument.contains([' ', '{', '"']) { format!("'{argument}'") } else { argument.to_owned() }
}

/// A text in lines of [`WIDTH`], indented.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
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
    lines
}
