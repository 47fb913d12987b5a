//! The termination message of the program that fetches and verifies weights.

use hemvist_api::condition::Reason;
use serde_json::Value;

use super::status::ContainerStatus;
use crate::snapshot::words::shortened;

/// How weights could not be fetched or verified, in the words of the program that tried.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct WeightsFailure {
    /// When, in the API server's words for a moment: later ones compare greater.
    pub at: String,
    /// The reason; one of those that the program has.
    pub reason: Reason,
    /// What it said, at most 256 characters.
    pub message: String,
}

impl WeightsFailure {
    /// The names of the containers that fetch and verify weights begin with these; another could say anything.
    pub(crate) const CONTAINERS: [&str; 2] = ["fetch", "verify"];

    /// What a container said when it ended, if it is one of those and has failed.
    pub(super) fn of(container: &ContainerStatus) -> Option<Self> {
        const REASONS: [Reason; 6] = [
            Reason::ModelDigestMismatch,
            Reason::StorageFull,
            Reason::MirrorUnreachable,
            Reason::MirrorDenied,
            Reason::MirrorContentRefused,
            Reason::WeightsUnreadable,
        ];
        Self::CONTAINERS.iter().find(|name| container.name.starts_with(**name))?;
        let ended = container.failed_run()?;
        let outcome: Value = serde_json::from_str(&ended.message).ok()?;
        let reason = REASONS.into_iter().find(|reason| outcome["reason"] == reason.as_str())?;
        Some(Self { at: ended.moment(), reason, message: shortened(outcome["message"].as_str()?) })
    }
}
