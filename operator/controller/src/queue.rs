//! A queue of keys: each at most once, never reconciled twice at the same time, with back-off after failures.
//!
//! The same promises as the work queue of client-go. A key that is added while it is worked on comes again afterwards.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::cache::Shared;
use crate::jitter::Jitter;
use crate::metrics::QueueMetrics;

/// How long to wait after the first failure of a key; doubled at each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

/// The longest wait after a failure.
const LONGEST_BACKOFF: Duration = Duration::from_mins(5);

/// How the work on a key ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// Well; nothing more is planned.
    Done,
    /// Well; it is looked at again after this time.
    Again(Duration),
    /// Badly; it is tried again after a back-off.
    Failed,
}

/// A queue of keys.
#[derive(Debug)]
pub struct Queue<K> {
    state: Shared<State<K>>,
    wake: Notify,
    jitter: Jitter,
    metrics: QueueMetrics,
}

#[derive(Debug)]
struct State<K> {
    ready: VecDeque<K>,
    /// Keys with the moment at which they become ready, the earliest first.
    planned: BTreeSet<(Instant, K)>,
    items: HashMap<K, Item>,
}

#[derive(Debug, Default)]
struct Item {
    ready: bool,
    running: bool,
    /// Added while it was worked on.
    dirty: bool,
    due: Option<Instant>,
    failures: u32,
}

impl<K: Clone + Eq + Hash + Ord> Queue<K> {
    /// An empty queue.
    pub fn new(metrics: QueueMetrics, jitter: Jitter) -> Self {
        let state = State { ready: VecDeque::new(), planned: BTreeSet::new(), items: HashMap::new() };
        Self { state: Shared::new(state), wake: Notify::new(), jitter, metrics }
    }

    /// Adds a key, to be worked on as soon as there is room.
    pub fn add(&self, key: K) {
        self.metrics.adds.inc();
        self.state.lock().make_ready(key);
        self.note_depth();
        self.wake.notify_one();
    }

    /// Adds a key for later. It keeps the earlier moment where it is planned already, so that a storm of events is worked
    /// on once and still in time.
    pub fn add_after(&self, key: K, delay: Duration) {
        self.metrics.adds.inc();
        self.state.lock().plan(key, Instant::now() + delay);
        self.wake.notify_one();
    }

    /// The next key, with the number of failures since it last went well. Nothing is lost where the wait is given up.
    pub async fn next(&self) -> (K, u32) {
        loop {
            let due = {
                let mut state = self.state.lock();
                state.promote(Instant::now());
                if let Some(next) = state.start() {
                    drop(state);
                    self.note_depth();
                    return next;
                }
                state.planned.first().map(|(due, _)| *due)
            };
            match due {
                Some(due) => tokio::select! {
                    () = self.wake.notified() => {}
                    () = sleep_until(due) => {}
                },
                None => self.wake.notified().await,
            }
        }
    }

    /// The work on a key has ended.
    pub fn finish(&self, key: &K, ending: Ending) {
        let mut state = self.state.lock();
        let item = state.items.entry(key.clone()).or_default();
        item.running = false;
        let dirty = std::mem::take(&mut item.dirty);
        item.failures = if ending == Ending::Failed { item.failures.saturating_add(1) } else { 0 };
        let failures = item.failures;
        match ending {
            Ending::Done => {}
            Ending::Again(delay) => state.plan(key.clone(), Instant::now() + delay),
            Ending::Failed => {
                self.metrics.retries.inc();
                state.plan(key.clone(), Instant::now() + self.backoff(failures));
            }
        }
        if dirty {
            state.make_ready(key.clone());
        }
        state.tidy(key);
        drop(state);
        self.note_depth();
        self.wake.notify_one();
    }

    /// Keys that are ready and not worked on yet.
    pub fn depth(&self) -> usize {
        self.state.lock().ready.len()
    }

    fn backoff(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        self.jitter.around(FIRST_BACKOFF.saturating_mul(1 << doublings)).min(LONGEST_BACKOFF)
    }

    fn note_depth(&self) {
        self.metrics.depth.set(i64::try_from(self.depth()).unwrap_or(i64::MAX));
    }
}

impl<K: Clone + Eq + Hash + Ord> State<K> {
    fn make_ready(&mut self, key: K) {
        let item = self.items.entry(key.clone()).or_default();
        if item.running {
            item.dirty = true;
            return;
        }
        if let Some(due) = item.due.take() {
            self.planned.remove(&(due, key.clone()));
        }
        if !item.ready {
            item.ready = true;
            self.ready.push_back(key);
        }
    }

    fn plan(&mut self, key: K, due: Instant) {
        let item = self.items.entry(key.clone()).or_default();
        if item.ready || item.due.is_some_and(|planned| planned <= due) {
            return;
        }
        if let Some(later) = item.due.replace(due) {
            self.planned.remove(&(later, key.clone()));
        }
        self.planned.insert((due, key));
    }

    fn promote(&mut self, now: Instant) {
        while let Some((due, key)) = self.planned.pop_first() {
            if due > now {
                self.planned.insert((due, key));
                return;
            }
            if let Some(item) = self.items.get_mut(&key) {
                item.due = None;
            }
            self.make_ready(key);
        }
    }

    fn start(&mut self) -> Option<(K, u32)> {
        let key = self.ready.pop_front()?;
        let item = self.items.entry(key.clone()).or_default();
        item.ready = false;
        item.running = true;
        Some((key, item.failures))
    }

    /// Forgets a key of which there is nothing left to know.
    fn tidy(&mut self, key: &K) {
        let idle = |item: &Item| !item.ready && !item.running && item.due.is_none() && item.failures == 0;
        if self.items.get(key).is_some_and(idle) {
            self.items.remove(key);
        }
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
