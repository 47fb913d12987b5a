//! The workers of a queue: several keys at a time, and never one key twice.

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
use crate::jitter::Jitter;
use crate::metrics::Metrics;
use crate::queue::{Ending, Queue};
use crate::reconciler::{Next, Reconciler};
use crate::triggers::Trigger;

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

/// The workers of one reconciler, with its queue.
#[derive(Debug)]
pub struct Workers {
    reconciler: &'static Reconciler,
    concurrency: usize,
    queue: Arc<Queue<Key>>,
    pulse: Arc<Pulse>,
}

impl Workers {
    /// Workers for each reconciler, not yet started; `configured` is the value of `--concurrency`.
    pub fn of(reconcilers: &'static [Reconciler], configured: usize, metrics: &Metrics) -> Vec<Self> {
        let of_one = |reconciler: &'static Reconciler| Self {
            reconciler,
            concurrency: reconciler.concurrency.of(configured),
            queue: Arc::new(Queue::new(metrics.queue(reconciler.name), Jitter::default())),
            pulse: Arc::new(Pulse::default()),
        };
        reconcilers.iter().map(of_one).collect()
    }

    /// The queue, and what adds keys to it.
    pub fn route(&self) -> (Trigger, Arc<Queue<Key>>) {
        (self.reconciler.triggers, self.queue.clone())
    }

    /// When they last made progress.
    pub fn pulse(&self) -> Arc<Pulse> {
        self.pulse.clone()
    }

    /// Works until `stop` turns true, then lets what has begun end.
    pub async fn run(self, context: Arc<Context>, mut stop: watch::Receiver<bool>) {
        let controller = self.reconciler.name;
        context.metrics.set_concurrency(controller, self.concurrency);
        let mut running = JoinSet::new();
        loop {
            self.pulse.beat();
            context.metrics.set_active(controller, running.len());
            tokio::select! {
                biased;
                // An error means that whoever could ask for the end is gone; that is the end too.
                _ = stop.wait_for(|stop| *stop) => break,
                Some(_) = running.join_next() => {}
                (key, failures) = self.queue.next(), if running.len() < self.concurrency => {
                    running.spawn(self.work_on(context.clone(), key, failures));
                }
                () = tokio::time::sleep(HEARTBEAT) => {}
            }
        }
        let ended = timeout(GRACE, async { while running.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!(controller, "{} reconciles did not finish in time", running.len());
        }
    }

    fn work_on(
        &self,
        context: Arc<Context>,
        key: Key,
        failures: u32,
    ) -> impl Future<Output = ()> + Send + 'static {
        let Reconciler { name: controller, reconcile, .. } = *self.reconciler;
        let queue = self.queue.clone();
        let span = tracing::info_span!("reconcile", controller, namespace = key.namespace, name = key.name);
        async move {
            let begin = Instant::now();
            // A fault in the work on one object must not stop the work on the others.
            let outcome = AssertUnwindSafe(reconcile(&context, &key, failures)).catch_unwind().await;
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
            tracing::info!(category, "requeued");
            ("requeue", Ending::Failed)
        }
    }
}
