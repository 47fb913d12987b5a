//! Events, and which reconcilers they concern.
//!
//! Watches and writes publish an [`Event`]. The [`Trigger`] of each reconciler adds the keys that the event concerns to its
//! queue. Publishers and reconcilers do not know each other.

use std::sync::Arc;
use std::time::Duration;

use hemvist_core::accelerator::{DeviceClass, SliceFacts};
use hemvist_core::snapshot::{Key, NodeFacts, PodFacts};

use crate::cache::Change;
use crate::objects::compiled::SeenCompiled;
use crate::objects::quota::SeenQuota;
use crate::objects::{SeenChild, SeenModel, SeenPolicy};
use crate::queue::Queue;
use crate::view::View;

/// Long enough to handle the events of one change together, too short for a user to notice.
pub const SETTLE: Duration = Duration::from_millis(100);

/// Nodes change in bursts, and each change concerns every model.
pub const SETTLE_NODES: Duration = Duration::from_millis(500);

/// Something that happened, and that can make keys due.
#[derive(Debug)]
pub enum Event<'a> {
    /// A ModelDeployment has changed.
    Model {
        /// Which.
        key: &'a Key,
        /// How.
        change: &'a Change<SeenModel>,
    },
    /// An AIPolicy has changed.
    Policy {
        /// Which.
        key: &'a Key,
        /// How.
        change: &'a Change<SeenPolicy>,
    },
    /// A node has changed in a way that a decision could notice.
    Node(&'a Change<NodeFacts>),
    /// What a node publishes for dynamic resource allocation has changed.
    Slice(&'a Change<SliceFacts>),
    /// A device class has changed.
    DeviceClass(&'a Change<DeviceClass>),
    /// A pod has changed.
    Pod(&'a Change<PodFacts>),
    /// A child object of a model has changed.
    Child(&'a Change<SeenChild>),
    /// A ResourceQuota of Hemvist has changed, and not by this process.
    Quota {
        /// Which.
        key: &'a Key,
        /// How.
        change: &'a Change<SeenQuota>,
    },
    /// A compiled policy or binding has changed, and not by this process.
    CompiledObject(&'a Change<SeenCompiled>),
    /// An optional CRD has appeared or gone.
    Kinds,
    /// The decision about a model differs from the one before, in what other reconcilers need.
    Decided,
    /// A model that waited for accelerators does so no more: it is placed, refused or gone. Others counted it.
    LeftQueue,
    /// A probe of a replica of this model has a new result.
    Answered(&'a Key),
    /// What is known about enforcing this AIPolicy has changed.
    Compiled(&'a Key),
    /// This process leads from now on. It has reconciled nothing yet.
    Start,
    /// A new day in UTC has begun.
    Day,
}

impl Event<'_> {
    /// Whether anything has changed.
    const fn is_news(&self) -> bool {
        match self {
            Self::Model { change, .. } => !matches!(change, Change::Nothing),
            Self::Policy { change, .. } => !matches!(change, Change::Nothing),
            Self::Node(change) => !matches!(change, Change::Nothing),
            Self::Pod(change) => !matches!(change, Change::Nothing),
            Self::Child(change) => !matches!(change, Change::Nothing),
            Self::Quota { change, .. } => !matches!(change, Change::Nothing),
            Self::CompiledObject(change) => !matches!(change, Change::Nothing),
            Self::Slice(change) => !matches!(change, Change::Nothing),
            Self::DeviceClass(change) => !matches!(change, Change::Nothing),
            Self::Kinds
            | Self::Decided
            | Self::LeftQueue
            | Self::Answered(_)
            | Self::Compiled(_)
            | Self::Start
            | Self::Day => true,
        }
    }
}

/// Adds the keys that an event concerns to the queue of one reconciler.
pub type Trigger = fn(&Event<'_>, &View, &Queue<Key>);

/// Passes events to every reconciler.
#[derive(Clone, Debug)]
pub struct Triggers {
    routes: Arc<[(Trigger, Arc<Queue<Key>>)]>,
    view: Arc<View>,
}

impl Triggers {
    /// Passes events on to these triggers, each with its queue.
    pub fn new(view: Arc<View>, routes: impl IntoIterator<Item = (Trigger, Arc<Queue<Key>>)>) -> Self {
        Self { routes: routes.into_iter().collect(), view }
    }

    /// Passes an event on. [`Change::Nothing`] is dropped.
    pub fn publish(&self, event: &Event<'_>) {
        if !event.is_news() {
            return;
        }
        for (trigger, queue) in &*self.routes {
            trigger(event, &self.view, queue);
        }
    }
}
