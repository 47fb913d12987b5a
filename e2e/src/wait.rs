//! Waiting for what a cluster does in its own time.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a state is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// What one look has shown.
#[derive(Debug)]
pub enum Progress<T> {
    /// What was waited for, with what came of it.
    Done(T),
    /// Not yet; the text describes what is there instead and ends up in the error when time runs out.
    NotYet(String),
}

impl<T> Progress<T> {
    /// Not yet, and this is what was seen.
    pub fn not_yet(observed: impl Display) -> Self {
        Self::NotYet(observed.to_string())
    }
}

impl Progress<()> {
    /// Done if the condition holds, else not yet with the state that was seen.
    pub fn when(condition: bool, observed: impl Display) -> Self {
        if condition { Self::Done(()) } else { Self::not_yet(observed) }
    }
}

/// Looks until it is done. An error of a look is not final: servers that restart refuse connections for a while.
///
/// # Errors
/// When time runs out; the error says what was waited for and what was seen last.
pub async fn wait_until<T>(
    what: &str,
    timeout: Duration,
    mut look: impl AsyncFnMut() -> Result<Progress<T>>,
) -> Result<T> {
    let started = Instant::now();
    let mut last = "nothing".to_owned();
    loop {
        let left = timeout.saturating_sub(started.elapsed());
        match tokio::time::timeout(left.max(INTERVAL), look()).await {
            Ok(Ok(Progress::Done(result))) => return Ok(result),
            Ok(Ok(Progress::NotYet(observed))) => last = observed,
            Ok(Err(error)) => last = format!("an error: {error:#}"),
            Err(_) => last = format!("a call without an answer; before it, {last}"),
        }
        if started.elapsed() >= timeout {
            bail!("waited {timeout:?} in vain for {what}; last seen: {last}");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
