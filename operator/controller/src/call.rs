//! One request to the API server, with a time limit.

use std::future::Future;
use std::time::Duration;

use kube::core::Status;

/// How long requests may take. Watches are not requests in this sense.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Duration);

/// Why a request did not bring what was requested.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The API server answered no.
    #[error("the API server answered {}: {}", .0.code, .0.message)]
    Answered(Box<Status>),
    /// It did not answer in time.
    #[error("the API server did not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The request or the answer got lost.
    #[error("the request failed: {0}")]
    Broken(kube::Error),
}

impl Deadline {
    /// Requests may take this long.
    pub const fn new(patience: Duration) -> Self {
        Self(patience)
    }

    /// Waits for the answer, and not longer than it may take. The library has no limit of its own: a request that is
    /// swallowed would hold its place for ever.
    ///
    /// # Errors
    /// Where the answer is no, late, or none.
    pub async fn call<T>(
        self,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, CallError> {
        match tokio::time::timeout(self.0, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(CallError::TimedOut(self.0)),
        }
    }
}

/// An error of which one word goes into metrics.
pub trait Categorised: std::error::Error {
    /// That word.
    fn category(&self) -> &'static str;
}

impl From<kube::Error> for CallError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Answered(status),
            error => Self::Broken(error),
        }
    }
}

impl CallError {
    /// The HTTP status of an answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(status.code),
            Self::TimedOut(_) | Self::Broken(_) => None,
        }
    }

    /// Whether what was requested does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// Whether it collides with what exists.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// Whether the server has understood the request and will not do it however often it is sent: what people have to
    /// be told. Everything else may pass.
    pub fn is_refusal(&self) -> bool {
        matches!(self.code(), Some(400 | 403 | 404 | 405 | 409 | 413 | 415 | 422))
    }

    /// One word for metrics.
    pub fn category(&self) -> &'static str {
        match (self, self.code()) {
            (Self::TimedOut(_), _) => "timeout",
            (_, Some(401 | 403)) => "forbidden",
            (_, Some(404)) => "not_found",
            (_, Some(409)) => "conflict",
            (_, Some(429)) => "throttled",
            (_, Some(400..=499)) => "refused",
            (_, Some(_)) => "server",
            (Self::Answered(_) | Self::Broken(_), None) => "transport",
        }
    }
}
