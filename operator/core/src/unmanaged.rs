//! Unmanaged pods: those that use accelerators and that no ModelDeployment made. What stands already is judged again whenever
//! a policy, a node or a pod changes.
//!
//! At admission the API server looks at what a pod requires of its node. What the node is, only the controller sees, and a
//! required affinity moves no pod that is there already.

use std::collections::BTreeMap;

use hemvist_api::values::{InformationClass, Isolation};

use crate::decide::Eviction;
use crate::placement::{clearance_exclusions, not_isolated};
use crate::policy::EffectivePolicy;
use crate::snapshot::{NodeFacts, PodFacts, Snapshot};
use hemvist_api::condition::Reason;

/// The class of a pod that does not say which it is, or says one that is not known: the strictest.
const UNKNOWN: InformationClass = InformationClass::Secret;

/// Unmanaged pods that have to leave their node: the policies that bind their namespace do not clear it for their class, what
/// they hold is less than their class demands, or the node holds a model that needs it for itself. Where no policy binds,
/// nothing can be said of a node, and what was there before Hemvist stays.
pub fn evictions<'a>(snapshot: &'a Snapshot, pods: impl Iterator<Item = &'a PodFacts>) -> Vec<Eviction> {
    let mut round = Round { snapshot, policies: BTreeMap::new() };
    let others = &snapshot.settings.other_devices;
    let standing = pods.filter(|pod| {
        pod.model_uid.is_none() && !pod.ended && !pod.terminating && pod.uses_accelerator(others)
    });
    standing.filter_map(|pod| round.eviction(pod)).collect()
}

/// One look at all unmanaged pods.
struct Round<'a> {
    snapshot: &'a Snapshot,
    /// The effective policies of namespaces, as they are needed.
    policies: BTreeMap<&'a str, EffectivePolicy>,
}

impl<'a> Round<'a> {
    fn policy(&mut self, namespace: &'a str) -> &EffectivePolicy {
        let snapshot = self.snapshot;
        self.policies.entry(namespace).or_insert_with(|| {
            EffectivePolicy::for_namespace(&snapshot.policies, &snapshot.settings, namespace)
        })
    }

    fn eviction(&mut self, pod: &'a PodFacts) -> Option<Eviction> {
        let node = self.snapshot.nodes.get(pod.node.as_ref()?)?;
        let (cause, reason) = self.why_not(pod, node)?;
        Some(Eviction { pod: pod.key.clone(), uid: pod.uid.clone(), node: node.name.clone(), cause, reason })
    }

    /// Why the pod cannot stay on the node, in words that follow the name of the node.
    fn why_not(&mut self, pod: &'a PodFacts, node: &'a NodeFacts) -> Option<(Reason, String)> {
        let class = class(pod.class.as_deref());
        let policy = self.policy(&pod.key.namespace);
        if !policy.binds_anything() {
            return None;
        }
        let clearance = policy.clearance(class, None);
        if let Some(exclusion) = clearance_exclusions(&clearance, class, node).first() {
            return Some((exclusion.of_eviction(), exclusion.of_clearance(class)));
        }
        let demanded = policy.isolation(class);
        let offers = pod.devices.keys().filter_map(|resource| Some((resource, node.offers.get(resource)?)));
        let mut lesser = offers.filter(|(_, offer)| not_isolated(demanded, offer).is_some());
        if let Some((resource, offer)) = lesser.next() {
            let units = offer.unit.plural();
            let says = offer.announced_by.as_deref().unwrap_or_default();
            let text = format!("offers {units} under {resource} ({says}), and {class} demands {demanded}");
            return Some((Reason::IsolationLost, text));
        }
        let model = self.needs_node_to_itself(node)?;
        Some((
            Reason::IsolationLost,
            format!("holds the model {model}, whose class demands a node of its own"),
        ))
    }

    /// A model on the node whose class demands that no other pod uses an accelerator there.
    fn needs_node_to_itself(&mut self, node: &'a NodeFacts) -> Option<String> {
        let usage = self.snapshot.usage.on(&node.name)?;
        let mut models = usage.holders.iter().filter(|(_, holder)| holder.model_uid.is_some());
        let (pod, holder) = models.find(|(pod, holder)| {
            let class = class(holder.class.as_deref());
            self.policy(&pod.namespace).isolation(class) == Isolation::WholeNode
        })?;
        Some(format!("{}/{}", pod.namespace, holder.model_name.as_deref().unwrap_or_default()))
    }
}

/// The class that a label says; the strictest where it says none that is known.
fn class(label: Option<&str>) -> InformationClass {
    label.and_then(InformationClass::parse).unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::{Value, json};

    use super::*;
    use crate::accelerator::{Announcements, Reach, VENDORS, offers};
    use crate::policy::fixture::{book, region, with};
    use crate::snapshot::{Facts, NodeFacts, Settings, Usage};

    fn snapshot(policies: &[(&str, &str, Value)], settings: Settings) -> Snapshot {
        let node = NodeFacts {
            name: "node".to_owned(),
            region: Some("se-f".to_owned()),
            data_centre: Some("jkpg-a".to_owned()),
            clearance: Some("Internal".to_owned()),
            ..NodeFacts::default()
        };
        let now = Time("2026-11-01T12:00:00Z".parse().unwrap());
        Snapshot { policies: Arc::new(book(policies)), nodes: nodes(node), ..Snapshot::empty(now, settings) }
    }

    fn nodes(node: NodeFacts) -> Facts<String, NodeFacts> {
        [(node.name.clone(), Arc::new(node))].into_iter().collect()
    }

    fn pod(class: Option<&str>) -> PodFacts {
        PodFacts {
            key: crate::snapshot::Key::new("halsa", "pod"),
            class: class.map(str::to_owned),
            node: Some("node".to_owned()),
            devices: [("nvidia.com/gpu".to_owned(), 1)].into(),
            ..PodFacts::default()
        }
    }

    #[test]
    fn an_unmanaged_pod_leaves_a_node_that_is_not_cleared_for_it() {
        let open = json!({"informationClasses": [{"class": "Internal"}, {"class": "Sensitive"}, {"class": "Secret"}]});
        let mut wide = region();
        wide["informationClasses"] = open["informationClasses"].clone();
        let bound = snapshot(&[("hemvist-system", "region", wide)], Settings::default());
        let leaves = |pod: &PodFacts| !evictions(&bound, [pod].into_iter()).is_empty();
        assert!(!leaves(&pod(Some("Internal"))));
        assert!(leaves(&pod(Some("Sensitive"))));
        assert!(leaves(&pod(None)) && leaves(&pod(Some("Hemlig"))), "an unknown class is the strictest");
        assert!(!leaves(&PodFacts { ended: true, ..pod(None) }));
        assert!(!leaves(&PodFacts { model_uid: Some("u".to_owned()), ..pod(None) }));
        assert!(!leaves(&PodFacts { devices: [].into(), ..pod(None) }));
    }

    #[test]
    fn a_pod_with_any_accelerator_leaves_whatever_its_name_is() {
        let region =
            with(region(), "/informationClasses", json!([{"class": "Internal"}, {"class": "Secret"}]));
        let bound = snapshot(&[("hemvist-system", "region", region)], Settings::default());
        let devices = VENDORS.iter().flat_map(|vendor| vendor.devices.iter().map(|name| (*name).to_owned()));
        let parts =
            VENDORS.iter().flat_map(|vendor| vendor.partitions.iter().map(|name| format!("{name}1g.5gb")));
        let further =
            ["nvidia.com/gpu.shared", "gpu.intel.com/xe_monitoring", "acme.example/npu", "nvidia.com/A10"];
        let mut tried = 0;
        for resource in devices.chain(parts).chain(further.map(str::to_owned)) {
            let pod = PodFacts { devices: [(resource.clone(), 1)].into(), ..pod(Some("Secret")) };
            assert_eq!(evictions(&bound, [&pod].into_iter()).len(), 1, "{resource}");
            tried += 1;
        }
        assert!(tried > 12, "only {tried} names");
        let bare = || PodFacts { devices: [].into(), ..pod(Some("Secret")) };
        for reach in [Reach::Claim, Reach::Variable, Reach::Annotation, Reach::HostPath, Reach::Privilege] {
            let pod = PodFacts { reach: Some(reach), ..bare() };
            assert_eq!(evictions(&bound, [&pod].into_iter()).len(), 1, "{reach}");
        }
        let pod = PodFacts { runtime_class: Some("nvidia".to_owned()), ..bare() };
        assert_eq!(evictions(&bound, [&pod].into_iter()).len(), 1, "a runtime class");
        for harmless in ["nvidia.com/hostdev", "rdma/hca", "amd.com/nic"] {
            let pod = PodFacts { devices: [(harmless.to_owned(), 1)].into(), ..bare() };
            assert!(evictions(&bound, [&pod].into_iter()).is_empty(), "{harmless}");
        }
    }

    #[test]
    fn a_pod_leaves_a_node_that_does_not_keep_it_apart() {
        let classes = json!([{"class": "Internal", "isolation": "WholeDevice"}, {"class": "Open"}]);
        let region = with(region(), "/informationClasses", classes);
        let mut bound = snapshot(&[("hemvist-system", "region", region)], Settings::default());
        let leaves = |bound: &Snapshot, class| evictions(bound, [&pod(Some(class))].into_iter()).pop();
        assert_eq!(leaves(&bound, "Internal"), None);
        let labels = BTreeMap::from([("nvidia.com/gpu.replicas".to_owned(), "4".to_owned())]);
        let (units, none) = (BTreeMap::from([("nvidia.com/gpu".to_owned(), 4)]), BTreeMap::new());
        let announced = Announcements { labels: &labels, annotations: &none };
        let whole = NodeFacts::clone(&bound.nodes["node"]);
        bound.nodes =
            nodes(NodeFacts { offers: offers(&units, &units, announced).into_iter().collect(), ..whole });
        let eviction = leaves(&bound, "Internal").unwrap();
        assert_eq!(eviction.cause, Reason::IsolationLost);
        assert!(eviction.reason.contains("nvidia.com/gpu.replicas=4"), "{}", eviction.reason);
        assert_eq!(leaves(&bound, "Open"), None);
    }

    #[test]
    fn a_pod_leaves_the_node_of_a_model_that_needs_it_for_itself() {
        let classes = json!([{"class": "Internal", "isolation": "WholeNode"}, {"class": "Open"}]);
        let region = with(region(), "/informationClasses", classes);
        let mut bound = snapshot(&[("hemvist-system", "region", region)], Settings::default());
        let open = || [pod(Some("Open"))];
        assert!(evictions(&bound, open().iter()).is_empty());
        let model = PodFacts {
            key: crate::snapshot::Key::new("teknik", "model"),
            model_uid: Some("u".to_owned()),
            model_name: Some("chatt".to_owned()),
            ..pod(Some("Internal"))
        };
        bound.usage = Usage::of([&model], &bound.settings);
        let evicted = evictions(&bound, open().iter());
        assert!(evicted[0].reason.contains("teknik/chatt"), "{evicted:?}");
        let card = PodFacts { devices: [("nvidia.com/hostdev".to_owned(), 1)].into(), ..pod(Some("Open")) };
        assert!(evictions(&bound, [card].iter()).is_empty(), "a network card is no accelerator");
    }

    #[test]
    fn where_no_policy_binds_what_was_there_stays() {
        let none = snapshot(&[], Settings::default());
        assert!(evictions(&none, [&pod(None)].into_iter()).is_empty());
    }
}
