//! Accelerators that pods hold, by node.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Facts, Key, PodFacts, Settings};
use crate::accelerator::Reach;

/// Accelerators that pods hold, by node. A copy costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    by_node: Facts<String, NodeUsage>,
    /// The node on which a pod is counted.
    node_of: Facts<Key, str>,
}

/// The pods of one node that use accelerators and have not ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NodeUsage {
    /// The pods, by namespace and name.
    pub holders: BTreeMap<Key, Holder>,
    /// How many of each resource they hold together.
    pub held: BTreeMap<String, i64>,
}

/// What a pod holds of a node.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Holder {
    /// UID of the ModelDeployment it belongs to, if it does.
    pub model_uid: Option<String>,
    /// Name of the ModelDeployment it belongs to, if it does.
    pub model_name: Option<String>,
    /// The information class that its label names, as it is written.
    pub class: Option<String>,
    /// How many accelerators of each resource it holds; none where it reaches them in another way.
    pub accelerators: BTreeMap<String, i64>,
}

impl Usage {
    /// What these pods hold.
    pub fn of<'a>(pods: impl IntoIterator<Item = &'a PodFacts>, settings: &Settings) -> Self {
        let mut usage = Self::default();
        for pod in pods {
            usage.set(pod, settings);
        }
        usage
    }

    /// Counts a pod as it is now, in place of what was counted of it before. Those count that sit on a node, use accelerators
    /// and have not ended. Pods of namespaces that are not governed count for the devices that they ask for alone: device
    /// plugins and exporters reach every device, on every node.
    pub fn set(&mut self, pod: &PodFacts, settings: &Settings) {
        self.remove(&pod.key);
        let others = &settings.other_devices;
        let holds = || pod.reach == Some(Reach::Claim) || pod.accelerators(others).next().is_some();
        let governed = !settings.ungoverned_namespaces.contains(&pod.key.namespace);
        let counts = !pod.ended && pod.uses_accelerator(others) && (governed || holds());
        let Some(node) = pod.node.as_deref().filter(|_| counts) else { return };
        let accelerators = pod.accelerators(others).map(|(name, count)| (name.to_owned(), count));
        let holder = Holder {
            model_uid: pod.model_uid.clone(),
            model_name: pod.model_name.clone(),
            class: pod.class.clone(),
            accelerators: accelerators.collect(),
        };
        self.change(node, |usage| {
            for (resource, count) in &holder.accelerators {
                *usage.held.entry(resource.clone()).or_default() += count;
            }
            usage.holders.insert(pod.key.clone(), holder);
        });
        self.node_of.insert_mut(pod.key.clone(), node.into());
    }

    /// Counts a pod no more.
    pub fn remove(&mut self, pod: &Key) {
        let Some(node) = self.node_of.get(pod).cloned() else { return };
        self.node_of.remove_mut(pod);
        self.change(&node, |usage| {
            let Some(holder) = usage.holders.remove(pod) else { return };
            for (resource, count) in holder.accelerators {
                if let Some(held) = usage.held.get_mut(&resource) {
                    *held -= count;
                }
            }
        });
    }

    fn change(&mut self, node: &str, change: impl FnOnce(&mut NodeUsage)) {
        let mut usage = self.by_node.get(node).map(|usage| NodeUsage::clone(usage)).unwrap_or_default();
        change(&mut usage);
        if usage.holders.is_empty() {
            self.by_node.remove_mut(node);
        } else {
            self.by_node.insert_mut(node.to_owned(), Arc::new(usage));
        }
    }

    /// What is held of a node; `None` where nothing is.
    pub fn on(&self, node: &str) -> Option<&Arc<NodeUsage>> {
        self.by_node.get(node)
    }

    /// Every node of which something is held, by name.
    pub const fn nodes(&self) -> &Facts<String, NodeUsage> {
        &self.by_node
    }
}

impl NodeUsage {
    /// The pods that do not belong to the model with `except_uid`.
    pub fn others<'a>(&'a self, except_uid: &'a str) -> impl Iterator<Item = (&'a Key, &'a Holder)> {
        self.holders.iter().filter(move |(_, holder)| holder.model_uid.as_deref() != Some(except_uid))
    }

    /// How many of `resource` the pods of the model with this UID hold.
    pub fn held_by(&self, uid: &str, resource: &str) -> i64 {
        let own = self.holders.values().filter(|holder| holder.model_uid.as_deref() == Some(uid));
        own.filter_map(|holder| holder.accelerators.get(resource)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, node: Option<&str>, count: i64) -> PodFacts {
        PodFacts {
            key: Key::new("halsa", name),
            node: node.map(str::to_owned),
            devices: [("nvidia.com/gpu".to_owned(), count)].into(),
            ..PodFacts::default()
        }
    }

    fn held(usage: &Usage, node: &str) -> Option<i64> {
        usage.on(node)?.held.get("nvidia.com/gpu").copied()
    }

    #[test]
    fn a_pod_counts_once_and_where_it_is() {
        let settings = Settings::default();
        let mut usage = Usage::of([&pod("a", Some("n1"), 2), &pod("b", Some("n1"), 1)], &settings);
        assert_eq!(held(&usage, "n1"), Some(3));
        let before = usage.clone();
        usage.set(&pod("a", Some("n1"), 4), &settings);
        assert_eq!(held(&usage, "n1"), Some(5));
        usage.set(&pod("a", Some("n2"), 4), &settings);
        assert_eq!((held(&usage, "n1"), held(&usage, "n2")), (Some(1), Some(4)));
        usage.set(&PodFacts { ended: true, ..pod("a", Some("n2"), 4) }, &settings);
        usage.remove(&Key::new("halsa", "b"));
        assert!(usage.nodes().is_empty());
        assert_eq!(held(&before, "n1"), Some(3), "a copy does not change with the original");
    }
}
