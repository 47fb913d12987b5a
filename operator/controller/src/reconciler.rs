//! What a reconciler is: a name, how many keys it works on at once, what makes a key due, and what is done about it.
//!
//! Each is one file below `reconcilers`, and one entry of the table there.

use futures::future::BoxFuture;
use hemvist_core::snapshot::Key;

use crate::call::Categorised;
use crate::context::Context;
use crate::triggers::Trigger;

/// What is done about one kind of keys.
#[derive(Debug)]
pub struct Reconciler {
    /// Its name in metrics and in the log, and that of its queue.
    pub name: &'static str,
    /// How many keys are worked on at once, never two times the same.
    pub concurrency: Concurrency,
    /// Which keys an event makes due.
    pub triggers: Trigger,
    /// Does what is to be done about a key, which has failed so many times in a row.
    pub reconcile: Reconcile,
}

/// Does what is to be done about a key, which has failed so many times in a row.
pub type Reconcile = for<'a> fn(&'a Context, &'a Key, u32) -> BoxFuture<'a, Result<Next, ReconcileError>>;

/// How many keys are worked on at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Concurrency {
    /// As many as the command line says.
    Configured,
    /// So many.
    Fixed(usize),
}

impl Concurrency {
    /// The number, where the command line says `configured`.
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
    /// The object is gone, or going.
    Gone,
    /// All is as it should be; it is looked at again in time.
    Settled,
    /// People were told of trouble that may pass; it is tried again. The word is for metrics.
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
