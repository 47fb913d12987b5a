//! What has to be looked at again when something has changed.

use std::sync::Arc;
use std::time::Duration;

use hemvist_core::snapshot::{Key, NodeFacts, PodFacts};

use crate::admission::{self, SeenPart};
use crate::cache::Change;
use crate::inspect;
use crate::objects::{SeenChild, SeenModel, SeenPolicy};
use crate::queue::Queue;
use crate::quota::{self, SeenQuota};
use crate::unmanaged;
use crate::view::View;

/// Long enough to take the events of one change together, too short for anybody to notice.
const SETTLE: Duration = Duration::from_millis(100);

/// Nodes come and go in storms, and every one concerns every model.
const SETTLE_NODES: Duration = Duration::from_millis(500);

/// Models that wait change nothing but what their status says of it: the scheduler gives them their nodes. A burst of pods
/// must not have all of them judged anew for each.
const SETTLE_WAITING: Duration = Duration::from_secs(2);

/// A network plug-in learns of a new pod a moment after the kubelet.
const SETTLE_REPLICA: Duration = Duration::from_secs(1);

/// The counts of a policy follow a burst of models in few writes.
const SETTLE_COUNTS: Duration = Duration::from_secs(2);

/// Leads from what changed to what has to be looked at again.
#[derive(Clone, Debug)]
pub struct Triggers {
    /// ModelDeployments to look at.
    pub models: Arc<Queue<Key>>,
    /// AIPolicies to look at.
    pub policies: Arc<Queue<Key>>,
    /// What policies are compiled to: one key.
    pub admission: Arc<Queue<Key>>,
    /// Limits to accelerators to look at, one for each namespace.
    pub quotas: Arc<Queue<Key>>,
    /// Pods that use accelerators and belong to no model: one key.
    pub unmanaged: Arc<Queue<Key>>,
    /// Replicas to ask how they are, by pod.
    pub replicas: Arc<Queue<Key>>,
    view: Arc<View>,
}

impl Triggers {
    /// Leads into these queues.
    pub fn new(
        models: Arc<Queue<Key>>,
        policies: Arc<Queue<Key>>,
        admission: Arc<Queue<Key>>,
        quotas: Arc<Queue<Key>>,
        unmanaged: Arc<Queue<Key>>,
        replicas: Arc<Queue<Key>>,
        view: Arc<View>,
    ) -> Self {
        Self { models, policies, admission, quotas, unmanaged, replicas, view }
    }

    /// A ModelDeployment has changed.
    pub fn model(&self, key: &Key, change: &Change<SeenModel>) {
        match change {
            Change::Nothing => return,
            // Mostly the echo of an own write that was faster than its answer.
            Change::Set { old: Some(old), new } if old.asks_the_same(new) => {
                self.models.add_after(key.clone(), SETTLE);
                return;
            }
            Change::Set { .. } | Change::Gone { .. } => self.models.add(key.clone()),
        }
        self.quotas.add_after(quota::key(&key.namespace), SETTLE);
        self.counts();
    }

    /// An AIPolicy has changed. A new status of it concerns nobody else.
    pub fn policy(&self, key: &Key, change: &Change<SeenPolicy>) {
        let asks_the_same = match change {
            Change::Nothing => return,
            Change::Set { old: Some(old), new } => old.asks_the_same(new),
            Change::Set { old: None, .. } | Change::Gone { .. } => false,
        };
        self.policies.add_after(key.clone(), SETTLE);
        if !asks_the_same {
            self.admission();
            self.quotas.add_after(quota::key(&key.namespace), SETTLE);
            self.all_quotas();
            self.all_models(SETTLE);
            self.unmanaged.add_after(unmanaged::key(), SETTLE);
            self.counts();
        }
    }

    /// A node has changed in a way that a decision could notice.
    pub fn node(&self, change: &Change<NodeFacts>) {
        let (old, new) = match change {
            Change::Nothing => return,
            Change::Set { old, new } => (old.as_deref(), Some(&**new)),
            Change::Gone { old } => (Some(&**old), None),
        };
        let resources = |node: Option<&NodeFacts>| -> Vec<String> {
            node.iter().flat_map(|node| node.extended_resources.iter().cloned()).collect()
        };
        if resources(old) != resources(new) {
            self.all_quotas();
        }
        self.all_models(SETTLE_NODES);
        self.unmanaged.add_after(unmanaged::key(), SETTLE_NODES);
    }

    /// A pod has changed.
    pub fn pod(&self, change: &Change<PodFacts>) {
        let (old, new) = match change {
            Change::Nothing => return,
            Change::Set { old, new } => (old.as_deref(), Some(&**new)),
            Change::Gone { old } => (Some(&**old), None),
        };
        for pod in old.into_iter().chain(new) {
            if let Some(name) = &pod.model_name {
                self.models.add_after(Key::new(&pod.key.namespace, name), SETTLE);
            }
            // There are few of these, and they have only the UID: the name is what those that serve are found by.
            if let Some(model) = pod.weights_of.as_deref().and_then(|uid| self.view.model_with(uid)) {
                self.models.add_after(model, SETTLE);
            }
        }
        self.replica(old, new);
        if new.is_some_and(|pod| pod.model_uid.is_none()) {
            self.unmanaged.add_after(unmanaged::key(), SETTLE);
        }
        if old.and_then(holds) != new.and_then(holds) {
            for waiting in self.view.waiting() {
                self.models.add_after(waiting, SETTLE_WAITING);
            }
        }
    }

    /// A replica is asked how it is as soon as it serves, and forgotten when it is gone.
    fn replica(&self, old: Option<&PodFacts>, new: Option<&PodFacts>) {
        let Some(new) = new else {
            if let Some(old) = old {
                self.view.sightings.forget(&old.uid);
            }
            return;
        };
        let worth_a_look = self.view.settings.inspects && inspect::is_worth_a_look(new);
        if worth_a_look && !old.is_some_and(|old| old.uid == new.uid && inspect::is_worth_a_look(old)) {
            self.replicas.add_after(new.key.clone(), SETTLE_REPLICA);
        }
    }

    /// An object that was made for a model has changed.
    pub fn child(&self, change: &Change<SeenChild>) {
        let (old, new) = match change {
            Change::Nothing => return,
            Change::Set { old, new } => (old.as_deref(), Some(&**new)),
            Change::Gone { old } => (Some(&**old), None),
        };
        for child in old.into_iter().chain(new) {
            if let Some(name) = &child.owner_name {
                self.models.add_after(Key::new(&child.facts.key.namespace, name), SETTLE);
            }
        }
    }

    /// Something that is compiled has changed, and not by this process.
    pub fn part(&self, change: &Change<SeenPart>) {
        if *change != Change::Nothing {
            self.admission();
        }
    }

    /// A limit to accelerators has changed, and not by this process.
    pub fn quota(&self, key: &Key, change: &Change<SeenQuota>) {
        if *change != Change::Nothing {
            self.quotas.add_after(key.clone(), SETTLE);
        }
    }

    fn all_quotas(&self) {
        let limited = self.view.quotas.lock().iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        let concerned = self.view.concerned_namespaces().into_iter().map(|namespace| quota::key(&namespace));
        for key in limited.into_iter().chain(concerned) {
            self.quotas.add_after(key, SETTLE_NODES);
        }
    }

    /// The cluster serves another kind than before, or one less.
    pub fn kinds(&self) {
        self.all_models(SETTLE);
    }

    /// Time alone has changed something.
    pub fn everything(&self) {
        self.admission();
        self.all_quotas();
        self.all_models(SETTLE);
        self.unmanaged.add_after(unmanaged::key(), SETTLE);
        for key in self.view.policy_keys() {
            self.policies.add_after(key, SETTLE);
        }
    }

    /// What policies are compiled to has to be looked at.
    pub fn admission(&self) {
        if self.view.compiled.enabled() {
            self.admission.add_after(admission::key(), SETTLE);
        }
    }

    /// The counts in the status of every policy may have changed.
    pub fn counts(&self) {
        for key in self.view.policy_keys() {
            self.policies.add_after(key, SETTLE_COUNTS);
        }
    }

    fn all_models(&self, delay: Duration) {
        for key in self.view.model_keys() {
            self.models.add_after(key, delay);
        }
    }
}

/// What a pod takes from others: on which node, and how much.
fn holds(pod: &PodFacts) -> Option<(&str, &std::collections::BTreeMap<String, i64>)> {
    let node = pod.node.as_deref()?;
    (!pod.ended && pod.may_use_accelerator()).then_some((node, &pod.devices))
}

#[cfg(test)]
#[path = "triggers_tests.rs"]
mod tests;
