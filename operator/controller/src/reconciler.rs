//! What a reconciler consists of: a name, its concurrency, its triggers, and the function that reconciles a key.
//!
//! Each reconciler is one file below `reconcilers/`, and one entry of the table in `reconcilers.rs`.

use futures::future::BoxFuture;
use hemvist_core::snapshot::Key;

use crate::call::Categorised;
use crate::context::Context;
use crate::triggers::Trigger;

/// One entry of the table of reconcilers.
#[derive(Debug)]
pub struct Reconciler {
    /// Its name in metrics and in the log; its queue has the same.
    pub name: &'static str,
    /// How many keys it reconciles at once. A key is never reconciled twice at the same time.
    pub concurrency: Concurrency,
    /// Adds the keys that an event concerns to its queue.
    pub triggers: Trigger,
    /// Reconciles a key.
    pub reconcile: Reconcile,
}

/// Reconciles a key. The number says how many times in a row this key has failed.
pub type Reconcile = for<'a> fn(&'a Context, &'a Key, u32) -> BoxFuture<'a, Result<Next, ReconcileError>>;

/// How many keys are reconciled at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Concurrency {
    /// As set by `--concurrency`.
    Configured,
    /// Always this many.
    Fixed(usize),
}

impl Concurrency {
    /// The number; `configured` is the value of `--concurrency`.
    pub const fn of(self, configured: usize) -> usize {
        match self {
            Self::Configured => configured,
            Self::Fixed(number) => number,
        }
    }
}

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// The object is deleted, or being deleted.
    Gone,
    /// Everything is as it should be. The key is requeued after the resync period.
    Settled,
    /// The status reports a problem that may pass. The key is requeued with back-off. The word is for metrics.
    Retry(&'static str),
}

/// Why a reconcile failed. That a model is refused is no error.
#[derive(Debug)]
pub struct ReconcileError {
    category: &'static str,
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl ReconcileError {
    /// One word for metrics.
    pub const fn category(&self) -> &'static str {
        self.category
    }
}

impl<E: Categorised + Send + Sync + 'static> From<E> for ReconcileError {
    fn from(error: E) -> Self {
        Self { category: error.category(), cause: Box::new(error) }
    }
}

impl std::fmt::Display for ReconcileError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.cause.fmt(formatter)
    }
}

impl std::error::Error for ReconcileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source()
    }
}
