//! How a run ends: a reason for programs, a sentence for people, and an exit code for the kubelet.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use hemvist_api::condition::Reason;
use hemvist_digest::{Digest, DigestError};
use serde::Serialize;

/// The longest message, in characters: the kubelet keeps 4096 bytes of a termination message.
const LONGEST: usize = 1000;

/// Why a run failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}: {message}", reason.as_str())]
pub struct Failure {
    /// For machines; one of those that [`status`] knows.
    pub reason: Reason,
    /// For people. Never holds a secret.
    pub message: String,
}

impl Failure {
    /// A failure for a reason, said in a sentence.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// That the content of `what` is not what the digest says.
    pub fn mismatch(what: &str, expected: &Digest, found: &Digest) -> Self {
        let message = format!("{what} has the digest {found}, but the model states {expected}");
        Self::new(Reason::ModelDigestMismatch, message)
    }
}

impl From<DigestError> for Failure {
    fn from(error: DigestError) -> Self {
        Self::new(Reason::WeightsUnreadable, error.to_string())
    }
}

/// The one line that is left behind, as `{"reason":"…","message":"…"}`.
#[derive(Serialize)]
struct Line<'a> {
    reason: &'a str,
    message: String,
}

/// Leaves the end of a run behind in the termination message and on standard error, and gives its exit status.
pub fn end(result: &Result<String, Failure>, termination_log: &Path) -> ExitCode {
    let (reason, message) = match result {
        Ok(message) => ("Verified", message),
        Err(Failure { reason, message }) => (reason.as_str(), message),
    };
    let message = message.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(LONGEST);
    let line = Line { reason, message: message.collect() };
    if result.is_ok() {
        tracing::info!(reason, "{}", line.message);
    } else {
        tracing::error!(reason, "{}", line.message);
    }
    let text = serde_json::to_string(&line).unwrap_or_default();
    if let Err(error) = fs::write(termination_log, text) {
        tracing::warn!(%error, "the termination message could not be written to {}", termination_log.display());
    }
    ExitCode::from(result.as_ref().err().map_or(0, |failure| status(failure.reason)))
}

/// The exit status of a reason. Other programs rely on these: a number that is gone is never used again. What cannot
/// succeed without somebody changing something is below 20, so that a Job can tell.
pub const fn status(reason: Reason) -> u8 {
    match reason {
        Reason::ModelDigestMismatch => 10,
        Reason::MirrorContentRefused => 11,
        Reason::StorageFull => 20,
        Reason::WeightsUnreadable => 21,
        Reason::MirrorUnreachable => 22,
        Reason::MirrorDenied => 23,
        _ => 1,
    }
}
