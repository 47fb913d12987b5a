//! Metrics. Names are those of controller-runtime where the meaning is the same, so that the dashboards and alarms
//! of other operators work with this one.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds of the time one reconcile takes, in seconds.
const RECONCILE_SECONDS: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Label `controller` with a result.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ResultLabels {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ControllerLabels {
    controller: &'static str,
}

/// Label `controller` with the category of an error.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ErrorLabels {
    controller: &'static str,
    category: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct NameLabels {
    name: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    code: String,
    method: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct PolicyLabels {
    policy: String,
}

/// Label `ready_reason`.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ReasonLabels {
    ready_reason: String,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<ResultLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    panics: Family<ControllerLabels, Counter>,
    seconds: Family<ControllerLabels, Histogram, fn() -> Histogram>,
    concurrency: Family<ControllerLabels, Gauge>,
    active: Family<ControllerLabels, Gauge>,
    queue_depth: Family<NameLabels, Gauge>,
    queue_adds: Family<NameLabels, Counter>,
    queue_retries: Family<NameLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    leader: Family<NameLabels, Gauge>,
    models: Family<ReasonLabels, Gauge>,
    evictions: Counter,
    admission_repairs: Family<PolicyLabels, Counter>,
    events_dropped: Counter,
    watch_errors: Family<KindLabels, Counter>,
}

/// What one queue counts.
#[derive(Clone, Debug, Default)]
pub struct QueueMetrics {
    /// Keys that are ready.
    pub depth: Gauge,
    /// Additions.
    pub adds: Counter,
    /// Failures that are tried again.
    pub retries: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            reconciles: Family::default(),
            errors: Family::default(),
            panics: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(RECONCILE_SECONDS)),
            concurrency: Family::default(),
            active: Family::default(),
            queue_depth: Family::default(),
            queue_adds: Family::default(),
            queue_retries: Family::default(),
            requests: Family::default(),
            leader: Family::default(),
            models: Family::default(),
            evictions: Counter::<u64, AtomicU64>::default(),
            admission_repairs: Family::default(),
            events_dropped: Counter::<u64, AtomicU64>::default(),
            watch_errors: Family::default(),
        };
        metrics.register_controllers();
        metrics.register_own();
        metrics
    }
}

impl Metrics {
    /// The encoder adds `_total` to the name of a counter and a full stop to the help.
    fn register_controllers(&mut self) {
        let own = self.registry.sub_registry_with_prefix("controller_runtime");
        own.register("reconcile", "Reconciles by result", self.reconciles.clone());
        own.register("reconcile_errors", "Reconciles that failed, by what failed", self.errors.clone());
        own.register("reconcile_panics", "Reconciles that panicked", self.panics.clone());
        own.register("reconcile_time_seconds", "How long a reconcile takes", self.seconds.clone());
        own.register(
            "max_concurrent_reconciles",
            "Most reconciles at the same time",
            self.concurrency.clone(),
        );
        own.register("active_workers", "Reconciles running now", self.active.clone());
        let own = self.registry.sub_registry_with_prefix("workqueue");
        own.register("depth", "Keys waiting in the queue", self.queue_depth.clone());
        own.register("adds", "Additions to a queue", self.queue_adds.clone());
        own.register("retries", "Keys requeued after a failure", self.queue_retries.clone());
        let own = &mut self.registry;
        own.register("rest_client_requests", "Requests to the API server", self.requests.clone());
        own.register(
            "leader_election_master_status",
            "1 while this process is the leader",
            self.leader.clone(),
        );
    }

    fn register_own(&mut self) {
        let own = self.registry.sub_registry_with_prefix("hemvist");
        own.register("model_deployments", "ModelDeployments by the reason of Ready", self.models.clone());
        own.register(
            "evictions",
            "Pods evicted from nodes that are not cleared for them",
            self.evictions.clone(),
        );
        own.register(
            "admission_repairs",
            "Compiled policies and bindings restored after someone else changed or deleted them",
            self.admission_repairs.clone(),
        );
        own.register(
            "events_dropped",
            "Events dropped because too many were waiting",
            self.events_dropped.clone(),
        );
        own.register("watch_errors", "Watches that failed", self.watch_errors.clone());
    }

    /// What the queue `name` counts.
    pub fn queue(&self, name: &'static str) -> QueueMetrics {
        let labels = NameLabels { name: name.to_owned() };
        QueueMetrics {
            depth: self.queue_depth.get_or_create_owned(&labels),
            adds: self.queue_adds.get_or_create_owned(&labels),
            retries: self.queue_retries.get_or_create_owned(&labels),
        }
    }

    /// So many reconciles may run at once.
    pub fn set_concurrency(&self, controller: &'static str, concurrency: usize) {
        let labels = ControllerLabels { controller };
        self.concurrency.get_or_create(&labels).set(i64::try_from(concurrency).unwrap_or(i64::MAX));
    }

    /// So many reconciles run now.
    pub fn set_active(&self, controller: &'static str, active: usize) {
        let labels = ControllerLabels { controller };
        self.active.get_or_create(&labels).set(i64::try_from(active).unwrap_or(i64::MAX));
    }

    /// A reconcile has ended with `result`.
    pub fn reconciled(&self, controller: &'static str, result: &'static str, took: Duration) {
        self.reconciles.get_or_create(&ResultLabels { controller, result }).inc();
        self.seconds.get_or_create(&ControllerLabels { controller }).observe(took.as_secs_f64());
    }

    /// A reconcile has failed with an error of `category`.
    pub fn failed(&self, controller: &'static str, category: &'static str) {
        self.errors.get_or_create(&ErrorLabels { controller, category }).inc();
    }

    /// A reconcile has panicked.
    pub fn panicked(&self, controller: &'static str) {
        self.panics.get_or_create(&ControllerLabels { controller }).inc();
    }

    /// The API server answered a request with `code`, or `<error>` where it did not.
    pub fn requested(&self, method: &str, code: &str) {
        self.requests
            .get_or_create(&RequestLabels { code: code.to_owned(), method: method.to_owned() })
            .inc();
    }

    /// Whether this process works.
    pub fn set_leader(&self, name: &str, leads: bool) {
        self.leader.get_or_create(&NameLabels { name: name.to_owned() }).set(i64::from(leads));
    }

    /// A pod had to leave its node.
    pub fn evicted(&self) {
        self.evictions.inc();
    }

    /// Something compiled was restored, because another client had changed or deleted it.
    pub fn admission_repaired(&self, policy: &str) {
        self.admission_repairs.get_or_create(&PolicyLabels { policy: policy.to_owned() }).inc();
    }

    /// An event was not written.
    pub fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    /// A watch broke.
    pub fn watch_failed(&self, kind: &'static str) {
        self.watch_errors.get_or_create(&KindLabels { kind }).inc();
    }

    /// How many models there are of each reason; reasons that are gone are gone here too.
    pub fn set_models(&self, counts: impl IntoIterator<Item = (String, usize)>) {
        self.models.clear();
        for (ready_reason, count) in counts {
            self.models
                .get_or_create(&ReasonLabels { ready_reason })
                .set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Everything as OpenMetrics text.
    ///
    /// # Errors
    /// Where it cannot be formatted.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_dashboards_know() {
        let metrics = Metrics::default();
        let queue = metrics.queue("q");
        queue.adds.inc();
        queue.retries.inc();
        queue.depth.set(2);
        metrics.set_concurrency("c", 32);
        metrics.set_active("c", 1);
        metrics.reconciled("c", "success", Duration::from_millis(3));
        metrics.failed("c", "timeout");
        metrics.panicked("c");
        metrics.requested("PATCH", "200");
        metrics.set_leader("l", true);
        metrics.evicted();
        metrics.admission_repaired("hemvist-nodes");
        metrics.watch_failed("Pod");
        metrics.set_models([("Serving".to_owned(), 4)]);
        let text = metrics.encode().unwrap();
        for line in [
            "controller_runtime_reconcile_total{controller=\"c\",result=\"success\"} 1",
            "controller_runtime_reconcile_errors_total{controller=\"c\",category=\"timeout\"} 1",
            "controller_runtime_reconcile_panics_total{controller=\"c\"} 1",
            "controller_runtime_reconcile_time_seconds_count{controller=\"c\"} 1",
            "controller_runtime_max_concurrent_reconciles{controller=\"c\"} 32",
            "controller_runtime_active_workers{controller=\"c\"} 1",
            "workqueue_depth{name=\"q\"} 2",
            "workqueue_adds_total{name=\"q\"} 1",
            "workqueue_retries_total{name=\"q\"} 1",
            "rest_client_requests_total{code=\"200\",method=\"PATCH\"} 1",
            "leader_election_master_status{name=\"l\"} 1",
            "hemvist_model_deployments{ready_reason=\"Serving\"} 4",
            "hemvist_evictions_total 1",
            "hemvist_admission_repairs_total{policy=\"hemvist-nodes\"} 1",
            "hemvist_events_dropped_total 0",
            "hemvist_watch_errors_total{kind=\"Pod\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
