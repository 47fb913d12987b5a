//! The whole process: what it starts, and how it stops.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kube::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch as channel;

use crate::args::Options;
use crate::call::Deadline;
use crate::client::{ClientError, connect};
use crate::clock;
use crate::context::{ClientHandle, Context};
use crate::events::Events;
use crate::http::{HttpError, Report, serve};
use crate::jitter::Jitter;
use crate::lease::{Elector, LeaseError};
use crate::metrics::Metrics;
use crate::reconcilers::RECONCILERS;
use crate::triggers::{Event, Triggers};
use crate::view::View;
use crate::watch::Watches;
use crate::workers::Workers;

/// How often it is looked whether the work may begin.
const POLL: Duration = Duration::from_millis(50);

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

/// Runs until the process is shutting down.
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
    let workers = Workers::of(&RECONCILERS, options.concurrency, &metrics);
    let triggers = Triggers::new(view.clone(), workers.iter().map(Workers::route));
    let pulses = workers.iter().map(Workers::pulse).collect();
    let report = Report { view: view.clone(), metrics: metrics.clone(), pulses };
    let http = serve(report, options.health_address, options.metrics_address).await?;
    let (events, write_events) = Events::new(client.clone(), &options.identity, deadline, metrics.clone());
    let watches = Watches {
        view: view.clone(),
        triggers: triggers.clone(),
        metrics: metrics.clone(),
        deadline,
        relist: options.resync,
    };
    let days = publish_days(triggers.clone());
    let context = Context {
        view,
        triggers,
        events,
        metrics,
        client: ClientHandle::new(client.clone()),
        deadline,
        resync: options.resync,
        jitter: Jitter::default(),
    };

    let (leads, leading) = channel::channel(false);
    let (stop, stopped) = channel::channel(false);
    let mut watches = watches.start(&client);
    let elect = elect(&options, client.clone(), deadline, leads);
    let work = work(Arc::new(context), workers, leading, stopped);
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
        tracing::info!("shutting down");
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

/// Publishes an event whenever a day begins.
async fn publish_days(triggers: Triggers) {
    clock::each_day(|| {
        tracing::info!("a new day in UTC: reconciling everything");
        triggers.publish(&Event::Day);
    })
    .await;
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
    workers: Vec<Workers>,
    mut leading: channel::Receiver<bool>,
    mut stopped: channel::Receiver<bool>,
) {
    let name = "hemvist-operator";
    context.metrics.set_leader(name, false);
    while !(*leading.borrow_and_update() && context.view.synced()) {
        for one in &workers {
            one.pulse().beat();
        }
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(POLL) => {}
        }
    }
    context.metrics.set_leader(name, true);
    tracing::info!(models = context.view.model_keys().len(), "starting workers");
    context.triggers.publish(&Event::Start);
    join_all(workers.into_iter().map(|one| one.run(context.clone(), stopped.clone()))).await;
}
