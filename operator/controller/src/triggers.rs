//! What can happen that has something looked at again, and where that is told.
//!
//! Whoever sees or writes tells what happened, as an [`Event`]. Each reconciler says which of its keys that makes due, by
//! its own function. So neither knows the other.

use std::sync::Arc;
use std::time::Duration;

use hemvist_core::snapshot::{Key, NodeFacts, PodFacts};

use crate::cache::Change;
use crate::objects::compiled::SeenPart;
use crate::objects::quota::SeenQuota;
use crate::objects::{SeenChild, SeenModel, SeenPolicy};
use crate::queue::Queue;
use crate::view::View;

/// Long enough to take the events of one change together, too short for anybody to notice.
pub const SETTLE: Duration = Duration::from_millis(100);

/// Nodes come and go in storms, and every one concerns every model.
pub const SETTLE_NODES: Duration = Duration::from_millis(500);

/// Something that happened, and that can have something looked at again.
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
    /// A pod has changed.
    Pod(&'a Change<PodFacts>),
    /// An object that was made for a model has changed.
    Child(&'a Change<SeenChild>),
    /// A limit to accelerators has changed, and not by this process.
    Quota {
        /// Which.
        key: &'a Key,
        /// How.
        change: &'a Change<SeenQuota>,
    },
    /// Something that policies are compiled to has changed, and not by this process.
    CompiledObject(&'a Change<SeenPart>),
    /// The cluster serves another kind than before, or one less.
    Kinds,
    /// What was decided about a model is not what was decided before.
    Decided,
    /// A replica of this model has answered otherwise than before.
    Answered(&'a Key),
    /// Something new is known of what this AIPolicy is compiled to.
    Compiled(&'a Key),
    /// The work begins: nothing has been looked at yet.
    Start,
    /// A day begins: time alone may have changed something.
    Day,
}

impl Event<'_> {
    /// Whether it tells anything new.
    const fn is_news(&self) -> bool {
        match self {
            Self::Model { change, .. } => !matches!(change, Change::Nothing),
            Self::Policy { change, .. } => !matches!(change, Change::Nothing),
            Self::Node(change) => !matches!(change, Change::Nothing),
            Self::Pod(change) => !matches!(change, Change::Nothing),
            Self::Child(change) => !matches!(change, Change::Nothing),
            Self::Quota { change, .. } => !matches!(change, Change::Nothing),
            Self::CompiledObject(change) => !matches!(change, Change::Nothing),
            Self::Kinds | Self::Decided | Self::Answered(_) | Self::Compiled(_) | Self::Start | Self::Day => {
                true
            }
        }
    }
}

/// Puts the keys that an event makes due into one queue.
pub type Trigger = fn(&Event<'_>, &View, &Queue<Key>);

/// Tells every reconciler what happened.
#[derive(Clone, Debug)]
pub struct Triggers {
    routes: Arc<[(Trigger, Arc<Queue<Key>>)]>,
    view: Arc<View>,
}

impl Triggers {
    /// Leads into these queues.
    pub fn new(view: Arc<View>, routes: impl IntoIterator<Item = (Trigger, Arc<Queue<Key>>)>) -> Self {
        Self { routes: routes.into_iter().collect(), view }
    }

    /// This happened. Of a change that changed nothing nobody is told.
    pub fn tell(&self, event: &Event<'_>) {
        if !event.is_news() {
            return;
        }
        for (trigger, queue) in &*self.routes {
            trigger(event, &self.view, queue);
        }
    }
}
