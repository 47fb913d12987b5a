//! Leader election: only the holder of a Lease reconciles.
//!
//! The rules of client-go. A Lease is taken and renewed by replacing it at a resource version, so that of two who try only
//! one succeeds. Whether another's Lease has run out is judged by how long *this* process has seen it unchanged, on a
//! clock that cannot be set, so that clocks may differ. A holder that cannot renew stops before another may take over.
//!
//! This keeps two processes from doing the same work twice. It is no lock: writes are safe with two holders as well.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::args::LeaseOptions;
use crate::call::{CallError, Deadline};
use crate::clock;
use crate::jitter::Jitter;

/// Why the work ended.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another process holds the Lease now.
    #[error("the Lease is now held by {0}")]
    Taken(String),
    /// It could not be renewed in time.
    #[error("the lease could not be renewed for {} s: {last}", .patience.as_secs())]
    NotRenewed {
        /// How long it was tried.
        patience: Duration,
        /// What went wrong last.
        last: String,
    },
}

impl LeaseError {
    /// One word for metrics.
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Taken(_) => "lease_taken",
            Self::NotRenewed { .. } => "lease_not_renewed",
        }
    }
}

/// Takes and keeps a Lease.
#[derive(Debug)]
pub struct Elector {
    api: Api<Lease>,
    options: LeaseOptions,
    deadline: Deadline,
    jitter: Jitter,
    /// The Lease as it was last seen, and since when it has looked like that.
    observed: Option<(LeaseSpec, Instant)>,
}

/// What came of one try.
#[derive(Debug)]
enum Attempt {
    /// The Lease is ours, from the moment before the request.
    Held(Box<Lease>),
    /// Another one holds it.
    HeldBy(String),
}

impl Elector {
    /// An elector for this Lease.
    pub fn new(client: Client, options: LeaseOptions, deadline: Deadline) -> Self {
        let api = Api::namespaced(client, &options.namespace);
        Self { api, options, deadline, jitter: Jitter::default(), observed: None }
    }

    /// Waits until the Lease is ours and keeps it; `leads` says whether it is. Returns where it was ours and is no longer.
    pub async fn run(mut self, leads: watch::Sender<bool>) -> LeaseError {
        let (lease, since) = self.acquire().await;
        tracing::info!(lease = self.options.name, identity = self.options.identity, "leading");
        leads.send_replace(true);
        let lost = self.keep(lease, since).await;
        leads.send_replace(false);
        lost
    }

    /// Gives the Lease back, so that the next process need not wait until it runs out. Called when all work has ended.
    pub async fn release(client: Client, options: &LeaseOptions, deadline: Deadline) {
        let api: Api<Lease> = Api::namespaced(client, &options.namespace);
        let released = async {
            let mut lease = deadline.call(api.get(&options.name)).await?;
            let Some(spec) =
                lease.spec.as_mut().filter(|spec| spec.holder_identity.as_ref() == Some(&options.identity))
            else {
                return Ok(false);
            };
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
            spec.renew_time = Some(MicroTime(clock::now()));
            deadline.call(api.replace(&options.name, &PostParams::default(), &lease)).await.map(|_| true)
        };
        match released.await {
            Ok(true) => tracing::info!(lease = options.name, "released the Lease"),
            Ok(false) => {}
            Err::<bool, CallError>(error) => {
                tracing::warn!("could not release the Lease, which expires by itself: {error}");
            }
        }
    }

    /// Tries until the Lease is ours; with the moment from which it counts.
    async fn acquire(&mut self) -> (Lease, Instant) {
        let mut reported = None;
        loop {
            let begin = Instant::now();
            match self.attempt().await {
                Ok(Attempt::Held(lease)) => return (*lease, begin),
                Ok(Attempt::HeldBy(holder)) => {
                    if reported.as_ref() != Some(&holder) {
                        tracing::info!(holder, "waiting for the Lease");
                        reported = Some(holder);
                    }
                }
                Err(error) => {
                    tracing::warn!(category = error.category(), "acquiring the Lease: {error}");
                }
            }
            sleep(self.jitter.around(self.options.retry_period)).await;
        }
    }

    /// Looks at the Lease and takes it where it is free.
    async fn attempt(&mut self) -> Result<Attempt, CallError> {
        let name = self.options.name.clone();
        let existing = match self.deadline.call(self.api.get(&name)).await {
            Ok(lease) => lease,
            Err(error) if error.is_not_found() => {
                let metadata = ObjectMeta { name: Some(name), ..ObjectMeta::default() };
                let lease = Lease { metadata, spec: Some(self.spec(None)) };
                let made = self.deadline.call(self.api.create(&PostParams::default(), &lease)).await?;
                return Ok(Attempt::Held(Box::new(made)));
            }
            Err(error) => return Err(error),
        };
        let spec = existing.spec.clone().unwrap_or_default();
        let unchanged_since = self.observe(&spec);
        let holder = spec.holder_identity.clone().unwrap_or_default();
        if !holder.is_empty()
            && holder != self.options.identity
            && unchanged_since.elapsed() < self.validity(&spec)
        {
            return Ok(Attempt::HeldBy(holder));
        }
        let taken = Lease { spec: Some(self.spec(Some(&spec))), ..existing };
        let taken = self.deadline.call(self.api.replace(&name, &PostParams::default(), &taken)).await?;
        Ok(Attempt::Held(Box::new(taken)))
    }

    /// Notes how the Lease looks; gives since when it has looked like that.
    fn observe(&mut self, spec: &LeaseSpec) -> Instant {
        match &self.observed {
            Some((known, since)) if known == spec => *since,
            _ => {
                let now = Instant::now();
                self.observed = Some((spec.clone(), now));
                now
            }
        }
    }

    /// How long a Lease is to be respected: as long as its holder asked for.
    fn validity(&self, spec: &LeaseSpec) -> Duration {
        let asked = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        asked.map_or(self.options.duration, Duration::from_secs)
    }

    /// Renews the Lease until that fails for too long.
    async fn keep(&self, mut held: Lease, mut renewed: Instant) -> LeaseError {
        let patience = self.options.renew_deadline;
        let mut last = "no answer".to_owned();
        loop {
            sleep(self.options.retry_period).await;
            let left = patience.saturating_sub(renewed.elapsed());
            let begin = Instant::now();
            match timeout(left, self.renew(&mut held)).await {
                Ok(Ok(None)) => renewed = begin,
                Ok(Ok(Some(holder))) => return LeaseError::Taken(holder),
                Ok(Err(error)) => {
                    tracing::warn!(category = error.category(), "renewing the lease: {error}");
                    last = error.to_string();
                }
                Err(_) => {}
            }
            if renewed.elapsed() >= patience {
                return LeaseError::NotRenewed { patience, last };
            }
        }
    }

    /// Renews the Lease. Gives its holder where that is another one now.
    async fn renew(&self, held: &mut Lease) -> Result<Option<String>, CallError> {
        let name = &self.options.name;
        let next = Lease { spec: Some(self.spec(held.spec.as_ref())), ..held.clone() };
        match self.deadline.call(self.api.replace(name, &PostParams::default(), &next)).await {
            Ok(renewed) => *held = renewed,
            // Another client has changed it. An answer of ours that got lost looks the same, so only its holder decides.
            Err(error) if error.is_conflict() => {
                let found = self.deadline.call(self.api.get(name)).await?;
                let holder =
                    found.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
                if holder != self.options.identity {
                    return Ok(Some(if holder.is_empty() { "nobody".to_owned() } else { holder }));
                }
                let next = Lease { spec: Some(self.spec(found.spec.as_ref())), ..found };
                *held = self.deadline.call(self.api.replace(name, &PostParams::default(), &next)).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    /// The Lease as held by this process.
    fn spec(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(clock::now());
        let ours = before.filter(|before| before.holder_identity.as_ref() == Some(&self.options.identity));
        let transitions = before.and_then(|before| before.lease_transitions);
        LeaseSpec {
            holder_identity: Some(self.options.identity.clone()),
            lease_duration_seconds: i32::try_from(self.options.duration.as_secs()).ok(),
            acquire_time: ours.and_then(|ours| ours.acquire_time.clone()).or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: match (ours, before) {
                (Some(_), _) => transitions,
                (None, Some(_)) => Some(transitions.unwrap_or_default().saturating_add(1)),
                (None, None) => Some(0),
            },
            ..LeaseSpec::default()
        }
    }
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
