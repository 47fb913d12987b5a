//! The whole process: what is started, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use hemvist_core::snapshot::Key;
use kube::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch as channel;

use crate::args::Options;
use crate::call::Deadline;
use crate::client::{ClientError, connect};
use crate::context::{ClientHandle, Context};
use crate::events::Events;
use crate::http::{HttpError, Report, serve};
use crate::jitter::Jitter;
use crate::lease::{Elector, LeaseError};
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::triggers::Triggers;
use crate::view::View;
use crate::watch::Watches;
use crate::workers::{Pulse, Workers};
use crate::{admission, clock, inspect, policy, quota, reconcile, unmanaged};

/// Name of the queue of ModelDeployments.
const MODELS: &str = "modeldeployment";

/// Name of the queue of AIPolicies.
const POLICIES: &str = "aipolicy";

/// Name of the queue of what policies are compiled to.
const ADMISSION: &str = "admission";

/// Name of the queue of limits to accelerators.
const QUOTAS: &str = "resourcequota";

/// Name of the queue of pods that use accelerators and belong to no model.
const UNMANAGED: &str = "unmanaged";

/// Policies are few, and their statuses are written for people.
const POLICY_CONCURRENCY: usize = 2;

/// How often it is looked whether the work may begin.
const POLL: Duration = Duration::from_millis(50);

/// Name of the queue of replicas that are asked how they are.
const REPLICAS: &str = "replica";

/// Replicas that are asked at the same time. Most of that is waiting for those that do not answer.
const REPLICA_CONCURRENCY: usize = 8;

/// All of them.
const QUEUES: [&str; 6] = [MODELS, POLICIES, ADMISSION, QUOTAS, UNMANAGED, REPLICAS];

/// Why the process ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no runtime.
    #[error("starting: {0}")]
    Start(#[from] std::io::Error),
    /// There is no cluster.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// An address is taken.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Another process works now, or may.
    #[error("stopping at once: {0}")]
    Lease(#[from] LeaseError),
    /// A task that does not end has ended.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
}

impl RunError {
    /// One word for the log.
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Client(_) => "client",
            Self::Http(_) => "http",
            Self::Lease(error) => error.category(),
            Self::Ended(_) => "ended",
        }
    }
}

/// Runs until the process is asked to end.
///
/// # Errors
/// Where it cannot begin, or must not go on.
pub async fn run(options: Options) -> Result<(), RunError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let metrics = Arc::new(Metrics::default());
    let deadline = Deadline::new(options.request_timeout);
    let client = connect(options.request_timeout, metrics.clone()).await?;

    let view = Arc::new(View::new(options.settings.clone(), options.compiles));
    let [models, policies, admission, quotas, unmanaged, replicas] = QUEUES.map(|name| queue(&metrics, name));
    let triggers = Triggers::new(models, policies, admission, quotas, unmanaged, replicas, view.clone());
    let pulses = QUEUES.map(|_| Arc::new(Pulse::default()));
    let report = Report { view: view.clone(), metrics: metrics.clone(), pulses: pulses.to_vec() };
    let http = serve(report, options.health_address, options.metrics_address).await?;
    let (events, write_events) = Events::new(client.clone(), &options.identity, deadline, metrics.clone());
    let watches = Watches {
        view: view.clone(),
        triggers: triggers.clone(),
        metrics: metrics.clone(),
        deadline,
        relist: options.resync,
    };
    let days = clock::run(triggers.clone());
    let context = Context {
        view,
        triggers,
        events,
        metrics: metrics.clone(),
        client: ClientHandle::new(client.clone()),
        deadline,
        resync: options.resync,
        jitter: Jitter::default(),
    };

    let (leads, leading) = channel::channel(false);
    let (stop, stopped) = channel::channel(false);
    let mut watches = watches.start(&client);
    let elect = elect(&options, client.clone(), deadline, leads);
    let work = work(Arc::new(context), options.concurrency, pulses, leading, stopped);
    tokio::pin!(elect, work, http, write_events, days);

    let ended = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        // Nothing more is written from here on: the tasks that write are dropped with this function.
        lost = &mut elect => Err(RunError::Lease(lost)),
        () = &mut work => Err(RunError::Ended("the work")),
        _ = watches.join_next() => Err(RunError::Ended("a watch")),
        () = &mut days => Err(RunError::Ended("the clock")),
        () = &mut http => Err(RunError::Ended("the HTTP server")),
        () = &mut write_events => Err(RunError::Ended("the writer of events")),
    };
    if ended.is_ok() {
        tracing::info!("asked to end");
        stop.send_replace(true);
        tokio::select! {
            () = &mut work => {}
            lost = &mut elect => return Err(RunError::Lease(lost)),
        }
        if let Some(lease) = &options.lease {
            Elector::release(client, lease, deadline).await;
        }
    }
    ended
}

fn queue(metrics: &Metrics, name: &'static str) -> Arc<Queue<Key>> {
    Arc::new(Queue::new(metrics.queue(name), Jitter::default()))
}

/// Keeps the Lease, or leads without one.
async fn elect(
    options: &Options,
    client: Client,
    deadline: Deadline,
    leads: channel::Sender<bool>,
) -> LeaseError {
    if let Some(lease) = &options.lease {
        return Elector::new(client, lease.clone(), deadline).run(leads).await;
    }
    leads.send_replace(true);
    std::future::pending().await
}

/// Works as soon as this process leads and knows the cluster, until it is asked to stop. One that does not lead keeps its
/// view up to date all the same, so that it can take over at once.
async fn work(
    context: Arc<Context>,
    concurrency: usize,
    pulses: [Arc<Pulse>; 6],
    mut leading: channel::Receiver<bool>,
    mut stopped: channel::Receiver<bool>,
) {
    let name = "hemvist-operator";
    context.metrics.set_leader(name, false);
    while !(*leading.borrow_and_update() && context.view.synced()) {
        for pulse in &pulses {
            pulse.beat();
        }
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(POLL) => {}
        }
    }
    context.metrics.set_leader(name, true);
    tracing::info!(models = context.view.model_keys().len(), "the work begins");
    // Also where nothing is seen to change: what is in force has to be tried once.
    context.triggers.admission();
    let [models, policies, compiled, quotas, of_nobody, replicas] = pulses;
    let workers = |controller, concurrency, queue: &Arc<Queue<Key>>, pulse| Workers {
        controller,
        concurrency,
        queue: queue.clone(),
        context: context.clone(),
        pulse,
    };
    let model_workers = workers(MODELS, concurrency, &context.triggers.models, models);
    let policy_workers = workers(POLICIES, POLICY_CONCURRENCY, &context.triggers.policies, policies);
    // What is compiled is one whole.
    let admission_workers = workers(ADMISSION, 1, &context.triggers.admission, compiled);
    let quota_workers = workers(QUOTAS, POLICY_CONCURRENCY, &context.triggers.quotas, quotas);
    let unmanaged_workers = workers(UNMANAGED, 1, &context.triggers.unmanaged, of_nobody);
    let replica_workers = workers(REPLICAS, REPLICA_CONCURRENCY, &context.triggers.replicas, replicas);
    tokio::join!(
        replica_workers.run(stopped.clone(), |context, key, _| async move {
            Ok(inspect::reconcile(&context, &key).await)
        }),
        model_workers.run(stopped.clone(), |context, key, failures| async move {
            reconcile::reconcile(&context, &key, failures).await
        }),
        policy_workers
            .run(stopped.clone(), |context, key, _| async move { policy::reconcile(&context, &key).await }),
        quota_workers
            .run(stopped.clone(), |context, key, _| async move { quota::reconcile(&context, &key).await }),
        unmanaged_workers
            .run(stopped.clone(), |context, _, _| async move { unmanaged::reconcile(&context).await }),
        admission_workers.run(stopped, |context, _, _| async move { admission::reconcile(&context).await }),
    );
}
