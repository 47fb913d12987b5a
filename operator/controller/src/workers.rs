//! Takes keys from a queue and works on them, several at a time and never two for one key.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use hemvist_core::snapshot::Key;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use crate::context::Context;
use crate::queue::{Ending, Queue};
use crate::reconcile::{Next, ReconcileError};

/// How often a worker says that it lives, when there is nothing to do.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long work that has begun may go on when the process is asked to end.
const GRACE: Duration = Duration::from_secs(10);

/// When the workers last got on. A process that hangs is noticed by this and started again.
#[derive(Debug)]
pub struct Pulse {
    start: Instant,
    last: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { start: Instant::now(), last: AtomicU64::new(0) }
    }
}

impl Pulse {
    /// It lives.
    pub fn beat(&self) {
        self.last.store(self.start.elapsed().as_secs(), Ordering::Relaxed);
    }

    /// How long ago it last lived.
    pub fn age(&self) -> Duration {
        self.start.elapsed().saturating_sub(Duration::from_secs(self.last.load(Ordering::Relaxed)))
    }
}

/// The workers of one queue.
#[derive(Debug)]
pub struct Workers {
    /// Name in metrics and in the log.
    pub controller: &'static str,
    /// How many keys are worked on at once.
    pub concurrency: usize,
    /// Where keys come from.
    pub queue: Arc<Queue<Key>>,
    /// What they work with.
    pub context: Arc<Context>,
    /// When they last got on.
    pub pulse: Arc<Pulse>,
}

impl Workers {
    /// Works until `stop` turns true, then lets what has begun end.
    pub async fn run<F, W>(self, mut stop: watch::Receiver<bool>, work: F)
    where
        F: Fn(Arc<Context>, Key, u32) -> W + Clone + Send + 'static,
        W: Future<Output = Result<Next, ReconcileError>> + Send + 'static,
    {
        self.context.metrics.set_concurrency(self.controller, self.concurrency);
        let mut running = JoinSet::new();
        loop {
            self.pulse.beat();
            self.context.metrics.set_active(self.controller, running.len());
            tokio::select! {
                biased;
                // An error means that whoever could ask for the end is gone; that is the end too.
                _ = stop.wait_for(|stop| *stop) => break,
                Some(_) = running.join_next() => {}
                (key, failures) = self.queue.next(), if running.len() < self.concurrency => {
                    running.spawn(self.work_on(key, failures, work.clone()));
                }
                () = tokio::time::sleep(HEARTBEAT) => {}
            }
        }
        let ended = timeout(GRACE, async { while running.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!(controller = self.controller, "{} reconciles did not end in time", running.len());
        }
    }

    fn work_on<F, W>(&self, key: Key, failures: u32, work: F) -> impl Future<Output = ()> + Send + 'static
    where
        F: Fn(Arc<Context>, Key, u32) -> W + Send + 'static,
        W: Future<Output = Result<Next, ReconcileError>> + Send + 'static,
    {
        let (controller, queue, context) = (self.controller, self.queue.clone(), self.context.clone());
        let span = tracing::info_span!("reconcile", controller, namespace = key.namespace, name = key.name);
        async move {
            let begin = Instant::now();
            // A fault in the work on one object must not stop the work on the others.
            let outcome = AssertUnwindSafe(work(context.clone(), key.clone(), failures)).catch_unwind().await;
            let (result, ending) = match outcome {
                Ok(Ok(next)) => judge(&context, next),
                Ok(Err(error)) => {
                    tracing::warn!(category = error.category(), failures, "{error}");
                    context.metrics.failed(controller, error.category());
                    ("error", Ending::Failed)
                }
                Err(_) => {
                    tracing::error!("the reconcile panicked");
                    context.metrics.panicked(controller);
                    context.metrics.failed(controller, "panic");
                    ("error", Ending::Failed)
                }
            };
            context.metrics.reconciled(controller, result, begin.elapsed());
            queue.finish(&key, ending);
        }
        .instrument(span)
    }
}

/// The word for metrics, and when the object is looked at again.
fn judge(context: &Context, next: Next) -> (&'static str, Ending) {
    match next {
        Next::Gone => ("success", Ending::Done),
        Next::Settled => ("success", Ending::Again(context.jitter.around(context.resync))),
        Next::Retry(category) => {
            tracing::info!(category, "tried again later");
            ("requeue", Ending::Failed)
        }
    }
}
