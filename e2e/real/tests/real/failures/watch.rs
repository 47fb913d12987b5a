//! What a model says of itself while something is wrong, and when.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hemvist_e2e::objects::{condition, text};
use serde_json::Value;

use super::PROMPT;
use crate::surroundings::{MODEL, Surroundings};

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(200);

/// One failure and what came of it.
pub struct Row {
    failure: &'static str,
    reason: &'static str,
    reported: Duration,
    back: Duration,
    fault: Option<String>,
}

impl Row {
    /// What came of a failure: how long it took to be reported and to pass, or what was wrong with that.
    pub fn new(
        failure: &'static str,
        reason: &'static str,
        came_of_it: Result<(Duration, Duration)>,
    ) -> Self {
        let (reported, back, fault) = match came_of_it {
            Ok((reported, back)) if reported <= PROMPT => (reported, back, None),
            Ok((reported, back)) => {
                (reported, back, Some(format!("{failure}: reported after {reported:.1?}")))
            }
            Err(error) => (Duration::ZERO, Duration::ZERO, Some(format!("{failure}: {error:#}"))),
        };
        if let Some(fault) = &fault {
            println!("FAILED {fault}");
        }
        Self { failure, reason, reported, back, fault }
    }

    /// What was wrong, where something was.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failure, reason, reported, back, fault } = self;
        match fault {
            // What restarts is never missed, so there was nothing to tell and nothing to come back from.
            None if reported.is_zero() && back.is_zero() => {
                write!(formatter, "| {failure} | `{reason}` throughout | | |")
            }
            None => write!(formatter, "| {failure} | `{reason}` | {reported:.1?} | {back:.1?} |"),
            Some(fault) => write!(formatter, "| {failure} | FAILED: {fault} | | |"),
        }
    }
}

/// Reads one condition of the model again and again and notes down what it says.
pub struct Watch<'a> {
    surroundings: &'a Surroundings,
    type_: &'static str,
    begun: Instant,
    said: Vec<(Duration, String, String)>,
}

impl<'a> Watch<'a> {
    /// Begins to watch.
    pub fn new(surroundings: &'a Surroundings, type_: &'static str) -> Self {
        Self { surroundings, type_, begun: Instant::now(), said: Vec::new() }
    }

    /// The reason that the condition has now.
    async fn look(&mut self) -> Result<String> {
        let model = self.surroundings.governed.model(MODEL).await?;
        let found = condition(&model, self.type_);
        let (reason, message) = (text(&found["reason"]).to_owned(), text(&found["message"]).to_owned());
        if self.said.last().is_none_or(|(_, said, words)| *said != reason || *words != message) {
            println!("  {:5.1?} {reason}: {message}", self.begun.elapsed());
            self.said.push((self.begun.elapsed(), reason.clone(), message));
        }
        Ok(reason)
    }

    /// Waits until the failure is there, as the cluster sees it, and the condition has the reason for it; gives the time
    /// in between.
    pub async fn reports(
        &mut self,
        reason: &str,
        patience: Duration,
        is_there: impl AsyncFn() -> Result<bool>,
    ) -> Result<Duration> {
        let mut there = None;
        while self.begun.elapsed() < patience {
            if there.is_none() && is_there().await? {
                there = Some(Instant::now());
            }
            let said = self.look().await?;
            if let (Some(since), true) = (there, said == reason) {
                return Ok(since.elapsed());
            }
            tokio::time::sleep(INTERVAL).await;
        }
        bail!("{reason} was not said in {patience:?} (there: {}), but {}", there.is_some(), self.story())
    }

    /// Watches that the condition keeps its reason and its words.
    pub async fn keeps_on(&mut self, reason: &str, how_long: Duration) -> Result<()> {
        let until = Instant::now() + how_long;
        self.look().await?;
        let begun = self.said.len();
        while Instant::now() < until {
            let said = self.look().await?;
            if said != reason {
                bail!("{reason} did not last: {}", self.story());
            }
            tokio::time::sleep(INTERVAL).await;
        }
        match self.said.len() - begun {
            0 => Ok(()),
            words => bail!("{reason} was said in {} ways: {}", words + 1, self.story()),
        }
    }

    /// Fails where a piece is not in what was said last.
    pub fn has_said(&self, pieces: &[&str]) -> Result<()> {
        let (_, reason, message) = self.said.last().context("nothing was said")?;
        match pieces.iter().find(|piece| !message.contains(*piece)) {
            None => Ok(()),
            Some(piece) => bail!("{reason} does not say {piece:?} but {message:?}"),
        }
    }

    fn story(&self) -> String {
        let reported = |(when, reason, message): &(Duration, String, String)| {
            format!("{:.1} s {reason}: {message}", when.as_secs_f32())
        };
        self.said.iter().map(reported).collect::<Vec<_>>().join("; ")
    }
}

/// The status of the engine's container in a pod.
pub fn engine(pod: &Value) -> Option<&Value> {
    pod["status"]["containerStatuses"].as_array()?.iter().find(|container| container["name"] == "engine")
}
