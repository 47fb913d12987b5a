//! What every reconcile works with.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;

use crate::call::Deadline;
use crate::events::Events;
use crate::jitter::Jitter;
use crate::metrics::Metrics;
use crate::triggers::Triggers;
use crate::view::View;

/// What every reconcile works with.
#[derive(Debug)]
pub struct Context {
    /// What this process sees of the cluster; answers to own writes go into it.
    pub view: Arc<View>,
    /// Where events are published.
    pub triggers: Triggers,
    /// Where events go.
    pub events: Events,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The connection.
    pub client: ClientHandle,
    /// How long one request may take.
    pub deadline: Deadline,
    /// How often an object is looked at again though nothing has changed.
    pub resync: Duration,
    /// Spreads that over time.
    pub jitter: Jitter,
}

/// The connection to the API server.
#[derive(Clone)]
pub struct ClientHandle(Client);

impl ClientHandle {
    /// Keeps the connection.
    pub const fn new(client: Client) -> Self {
        Self(client)
    }

    /// The connection.
    pub fn get(&self) -> Client {
        self.0.clone()
    }
}

impl std::fmt::Debug for ClientHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ClientHandle")
    }
}
