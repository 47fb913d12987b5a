//! Runs attempts, eight at a time, and collects what comes of all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use serde_json::Value;

use super::actor::{Actor, Callers};
use super::attempt::Attempt;
use super::call::{Answer, Call};

/// Requests at a time.
const AT_A_TIME: usize = 8;

/// How the API server begins when a policy of Hemvist's refuses.
const REFUSAL: &str = "ValidatingAdmissionPolicy 'hemvist";

/// Whether attempts may change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earnest {
    /// Dry runs only, where the verb has them: to see what would be possible.
    DryRun,
    /// A dry run, and for real what the dry run was refused: neither may be a way around the other.
    DryRunAndReal,
    /// For real alone.
    Real,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It was done, or got as far as a connection to a node.
    LetThrough,
    /// A policy of Hemvist's refused it.
    RefusedByHemvist,
    /// It was refused by what is known to refuse it without any policy.
    AlreadyRefused,
    /// It failed for another reason, so it shows nothing.
    Unexpected,
}

/// An attempt and what came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The attempt's id.
    pub id: String,
    /// Its line of the catalogue.
    pub line: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    pub request: String,
    /// The HTTP status.
    pub code: u16,
    /// What the API server said.
    pub message: String,
}

/// What came of all of them.
#[derive(Clone, Debug, Default)]
pub struct Report {
    outcomes: Vec<Outcome>,
    took: Duration,
}

/// Runs attempts and judges each answer.
///
/// # Errors
/// Where an id is there twice. What comes of each is in the report, a server that does not answer too.
pub async fn run_attempts(callers: &Callers, attempts: Vec<Attempt>, earnest: Earnest) -> Result<Report> {
    let mut ids = BTreeSet::new();
    let twice: Vec<&str> =
        attempts.iter().map(|attempt| attempt.id.as_str()).filter(|id| !ids.insert(*id)).collect();
    ensure!(twice.is_empty(), "ids that are there twice: {twice:#?}");
    let started = Instant::now();
    let mut outcomes: Vec<Outcome> = futures::stream::iter(attempts)
        .map(|attempt| async move { outcome(callers, &attempt, earnest).await })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    outcomes.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(Report { outcomes, took: started.elapsed() })
}

async fn outcome(callers: &Callers, attempt: &Attempt, earnest: Earnest) -> Outcome {
    let tried = try_it(callers, attempt, earnest).await;
    let (verdict, code, message) = match tried {
        Ok((verdict, answer)) => (verdict, answer.code, answer.message()),
        // One that could not be made does not keep the others from being made.
        Err(error) => (Verdict::Unexpected, 0, format!("{error:#}")),
    };
    let (id, request) = (attempt.id.clone(), attempt.call.line());
    Outcome { id, line: attempt.line, verdict, request, code, message }
}

async fn try_it(callers: &Callers, attempt: &Attempt, earnest: Earnest) -> Result<(Verdict, Answer)> {
    for (actor, call) in &attempt.before {
        prepare(callers, *actor, call).await.context("what comes before it")?;
    }
    let client = callers.client(attempt.actor)?;
    let answer = attempt.call.send(client, earnest != Earnest::Real).await?;
    let verdict = judge(attempt, &answer);
    let refused = matches!(verdict, Verdict::RefusedByHemvist | Verdict::AlreadyRefused);
    if earnest != Earnest::DryRunAndReal || !refused || attempt.call.is_connect() {
        return Ok((verdict, answer));
    }
    let answer = attempt.call.send(client, false).await?;
    Ok((judge(attempt, &answer), answer))
}

async fn prepare(callers: &Callers, actor: Actor, call: &Call) -> Result<()> {
    let answer = call.send(callers.client(actor)?, false).await?;
    let there = answer.code == 409 && answer.message().contains("already exists");
    ensure!(there || answer.is_success(), "{}: {} {}", call.line(), answer.code, answer.message());
    Ok(())
}

fn judge(attempt: &Attempt, answer: &Answer) -> Verdict {
    let message = answer.message();
    if matches!(answer.code, 403 | 422) && message.contains(REFUSAL) {
        return Verdict::RefusedByHemvist;
    }
    if let Some(standing) = attempt.standing {
        let refused = matches!(answer.code, 400..500) && message.contains(standing.message());
        // What is said to be refused already and is let through must be known too.
        return if refused { Verdict::AlreadyRefused } else { Verdict::Unexpected };
    }
    if attempt.call.is_connect() {
        // Past admission: the answer is that of a node or pod which does not exist, or of nobody.
        return if past_admission(answer, &message) { Verdict::LetThrough } else { Verdict::Unexpected };
    }
    if !answer.is_success() {
        return Verdict::Unexpected;
    }
    match &attempt.effect {
        Some((pointer, value)) if answer.object().pointer(pointer).unwrap_or(&Value::Null) != value => {
            Verdict::Unexpected
        }
        _ => Verdict::LetThrough,
    }
}

/// Not a refusal, and not a request that came to nothing before admission.
pub(super) fn past_admission(answer: &Answer, message: &str) -> bool {
    let by_the_server = ["pods \"", "services \"", "the server could not find", "Unauthorized"];
    match answer.code {
        401 | 403 | 405 | 422 => false,
        404 => !by_the_server.iter().any(|words| message.contains(words)),
        _ => true,
    }
}

impl Report {
    /// All outcomes, by id.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// The lines of the catalogue that were tried.
    pub fn lines(&self) -> BTreeSet<&'static str> {
        self.outcomes.iter().map(|outcome| outcome.line).collect()
    }

    /// How many came to this.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.verdict == verdict).count()
    }

    /// Demands that without policies each attempt is possible, or refused by what is known to refuse it: an attempt that
    /// fails anyway shows nothing of a policy.
    ///
    /// # Errors
    /// Lists those of which that is not so.
    pub fn ensure_possible(&self) -> Result<()> {
        self.ensure_all(&[Verdict::LetThrough, Verdict::AlreadyRefused], "would show nothing of a policy")
    }

    /// Demands that each attempt is refused by a policy of Hemvist's, or by what refuses it without any.
    ///
    /// # Errors
    /// Lists those that were let through, or failed for a reason that is not Hemvist's.
    pub fn ensure_refused(&self) -> Result<()> {
        self.ensure_all(&[Verdict::RefusedByHemvist, Verdict::AlreadyRefused], "were not refused by Hemvist")
    }

    /// Demands that nothing is refused by anyone.
    ///
    /// # Errors
    /// Lists what was.
    pub fn ensure_let_through(&self) -> Result<()> {
        self.ensure_all(&[Verdict::LetThrough], "must be possible and were not")
    }

    fn ensure_all(&self, good: &[Verdict], what: &str) -> Result<()> {
        let bad: Vec<&Outcome> =
            self.outcomes.iter().filter(|outcome| !good.contains(&outcome.verdict)).collect();
        let list = bad.iter().fold(String::new(), |mut list, outcome| {
            let Outcome { id, verdict, request, code, message, .. } = outcome;
            // Writing to a text does not fail.
            let _ = writeln!(list, "{id}: {verdict:?}: {request}: {code} {}", message.trim());
            list
        });
        ensure!(bad.is_empty(), "{} of {} {what}:\n{list}", bad.len(), self.outcomes.len());
        Ok(())
    }

    /// What came of the attempts of each line of the catalogue.
    pub fn table(&self) -> String {
        let mut lines: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
        for outcome in &self.outcomes {
            let column = match outcome.verdict {
                Verdict::LetThrough => 0,
                Verdict::RefusedByHemvist => 1,
                Verdict::AlreadyRefused => 2,
                Verdict::Unexpected => 3,
            };
            for line in [outcome.line, "all"] {
                lines.entry(line).or_default()[column] += 1;
            }
        }
        let mut table =
            "line  attempts  let through  refused by Hemvist  already refused  unexpected\n".to_owned();
        for (line, [through, refused, already, unexpected]) in lines {
            let sum = through + refused + already + unexpected;
            // Writing to a text does not fail.
            let _ = writeln!(
                table,
                "{line:<4}  {sum:>8}  {through:>11}  {refused:>18}  {already:>15}  {unexpected:>10}"
            );
        }
        table + &format!("in {:.1} s\n", self.took.as_secs_f32())
    }
}
