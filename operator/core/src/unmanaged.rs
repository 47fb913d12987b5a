//! Pods that use accelerators and that no ModelDeployment made: what stands already is judged again whenever a policy, a
//! node or a namespace changes.
//!
//! At the door the API server looks at what a pod requires of its node. What the node is, only the controller sees, and a
//! required affinity moves no pod that is there already.

use std::collections::BTreeMap;

use hemvist_api::condition::Reason;
use hemvist_api::values::InformationClass;

use crate::decide::Eviction;
use crate::placement::clearance_exclusions;
use crate::policy::EffectivePolicy;
use crate::snapshot::{PodFacts, Snapshot};

/// The class of a pod that does not say which it is, or says one that is not known: the strictest.
const UNKNOWN: InformationClass = InformationClass::Secret;

/// Pods of nobody's that have to leave their node, because the policies that bind their namespace do not clear it for their
/// class. Where no policy binds, nothing can be said of a node, and what was there before Hemvist stays.
pub fn evictions<'a>(snapshot: &Snapshot, pods: impl Iterator<Item = &'a PodFacts>) -> Vec<Eviction> {
    let mut policies: BTreeMap<&str, EffectivePolicy> = BTreeMap::new();
    let others = &snapshot.settings.other_devices;
    let standing = pods.filter(|pod| {
        pod.model_uid.is_none() && !pod.ended && !pod.terminating && pod.uses_accelerator(others)
    });
    standing
        .filter_map(|pod| {
            let namespace = pod.key.namespace.as_str();
            let node = snapshot.nodes.get(pod.node.as_ref()?)?;
            let policy = policies.entry(namespace).or_insert_with(|| {
                EffectivePolicy::for_namespace(&snapshot.policies, &snapshot.settings, namespace)
            });
            let class = pod.class.as_deref().and_then(InformationClass::parse).unwrap_or(UNKNOWN);
            let exclusions = Some(policy)
                .filter(|policy| policy.binds_anything())
                .map(|policy| clearance_exclusions(&policy.clearance(class, None), class, node))?;
            let exclusion = exclusions.first()?;
            Some(Eviction {
                pod: pod.key.clone(),
                uid: pod.uid.clone(),
                node: node.name.clone(),
                cause: Reason::ClearanceLost,
                reason: exclusion.of_clearance(class),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::fixture::{book, region};
    use crate::snapshot::{NodeFacts, Settings, Usage};

    fn snapshot(policies: &[(&str, &str, Value)], settings: Settings) -> Snapshot {
        let node = NodeFacts {
            name: "node".to_owned(),
            region: Some("se-f".to_owned()),
            data_centre: Some("jkpg-a".to_owned()),
            clearance: Some("Internal".to_owned()),
            ..NodeFacts::default()
        };
        Snapshot {
            now: Time("2026-11-01T12:00:00Z".parse().unwrap()),
            settings: Arc::new(settings),
            policies: Arc::new(book(policies)),
            nodes: Arc::new([("node".to_owned(), node)].into()),
            slices: Arc::default(),
            device_classes: Arc::default(),
            usage: Arc::new(Usage::default()),
            served: std::collections::BTreeSet::new(),
        }
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
    fn a_pod_of_nobodys_leaves_a_node_that_is_not_cleared_for_it() {
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
    fn where_no_policy_binds_what_was_there_stays() {
        let none = snapshot(&[], Settings::default());
        assert!(evictions(&none, [&pod(None)].into_iter()).is_empty());
    }
}
