//! The ResourceQuota for the accelerators of a namespace.

use std::collections::{BTreeMap, BTreeSet};

use hemvist_api::labels::{APP_COMPONENT, APP_MANAGED_BY, APP_NAME, APP_PART_OF, HEMVIST, POLICY_RULE};
use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::meta::sealed;
use crate::policy::EffectivePolicy;
use crate::snapshot::Snapshot;
use crate::violation::RuleSource;

/// The name of the ResourceQuota.
pub const RESOURCE_QUOTA: &str = "hemvist-accelerators";

/// The ResourceQuota that a namespace is to have; `None` where it is to have none. `has_models` says whether there are
/// ModelDeployments in it: one without, and without an AIPolicy of its own, is left alone. It names every resource of the nodes that stands for
/// accelerators, by the same reading as admission.
pub fn quota_of(snapshot: &Snapshot, namespace: &str, has_models: bool) -> Option<ResourceQuota> {
    let settings = &snapshot.settings;
    let has_policies = || {
        namespace != settings.root_namespace
            && snapshot.policies.entries.keys().any(|policy| policy.namespace == namespace)
    };
    if settings.ungoverned_namespaces.contains(namespace) || !(has_models || has_policies()) {
        return None;
    }
    let policy = EffectivePolicy::for_namespace(&snapshot.policies, settings, namespace);
    let (limit, source) = policy.accelerator_quota()?;
    let named = snapshot.nodes.values().flat_map(|node| &node.extended_resources);
    let resources: BTreeSet<&str> =
        named.map(String::as_str).filter(|name| settings.other_devices.is_accelerator(name)).collect();
    resource_quota(namespace, limit, resources.into_iter(), &source)
}

/// The ResourceQuota that holds the pods of `namespace`, whoever made them, to `limit` accelerators of each of
/// `resources`; `None` where there is no resource to limit. `source` is the rule that says so.
///
/// Kubernetes counts extended resources by their requests only, which equal their limits, and each resource by itself:
/// a namespace that uses two kinds of accelerator can hold `limit` of each.
pub fn resource_quota<'a>(
    namespace: &str,
    limit: i32,
    resources: impl Iterator<Item = &'a str>,
    source: &RuleSource,
) -> Option<ResourceQuota> {
    let hard: BTreeMap<String, Quantity> = resources
        .map(|resource| (format!("requests.{resource}"), Quantity(limit.max(0).to_string())))
        .collect();
    if hard.is_empty() {
        return None;
    }
    let labels = [
        (APP_NAME, RESOURCE_QUOTA),
        (APP_COMPONENT, "policy"),
        (APP_PART_OF, HEMVIST),
        (APP_MANAGED_BY, HEMVIST),
    ];
    let rule = format!("{}/{} {}", source.namespace, source.name, source.field);
    Some(sealed(ResourceQuota {
        metadata: ObjectMeta {
            name: Some(RESOURCE_QUOTA.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into()),
            annotations: Some([(POLICY_RULE.to_owned(), rule)].into()),
            ..ObjectMeta::default()
        },
        spec: Some(ResourceQuotaSpec { hard: Some(hard), ..ResourceQuotaSpec::default() }),
        status: None,
    }))
}

#[cfg(test)]
mod tests {
    use hemvist_api::labels::RENDERED_HASH;

    use super::*;

    fn source() -> RuleSource {
        RuleSource {
            namespace: "hemvist-system".to_owned(),
            name: "region".to_owned(),
            generation: 3,
            field: "spec.quota.accelerators".to_owned(),
        }
    }

    #[test]
    fn every_resource_is_limited_by_its_requests() {
        let resources = ["nvidia.com/gpu", "nvidia.com/mig-1g.10gb", "amd.com/gpu", "nvidia.com/gpu"];
        let quota = resource_quota("halsa", 16, resources.into_iter(), &source()).unwrap();
        let hard = quota.spec.and_then(|spec| spec.hard).unwrap();
        let hard: Vec<_> = hard.iter().map(|(name, amount)| format!("{name}={}", amount.0)).collect();
        assert_eq!(
            hard,
            ["requests.amd.com/gpu=16", "requests.nvidia.com/gpu=16", "requests.nvidia.com/mig-1g.10gb=16"]
        );
        assert_eq!(quota.metadata.name.as_deref(), Some("hemvist-accelerators"));
        assert_eq!(quota.metadata.namespace.as_deref(), Some("halsa"));
        let annotations = quota.metadata.annotations.unwrap();
        assert_eq!(annotations[POLICY_RULE], "hemvist-system/region spec.quota.accelerators");
        assert_eq!(annotations[RENDERED_HASH].len(), 16);
        let labels = quota.metadata.labels.unwrap();
        assert_eq!((labels[APP_MANAGED_BY].as_str(), labels[APP_PART_OF].as_str()), (HEMVIST, HEMVIST));
    }

    #[test]
    fn nothing_is_limited_where_there_is_nothing() {
        assert_eq!(resource_quota("halsa", 16, [].into_iter(), &source()), None);
        let none = resource_quota("halsa", 0, ["nvidia.com/gpu"].into_iter(), &source()).unwrap();
        assert_eq!(none.spec.and_then(|spec| spec.hard).unwrap()["requests.nvidia.com/gpu"].0, "0");
    }

    #[test]
    fn the_same_quota_gives_the_same_bytes() {
        let quota = || resource_quota("halsa", 2, ["nvidia.com/gpu"].into_iter(), &source());
        assert_eq!(serde_json::to_string(&quota()).unwrap(), serde_json::to_string(&quota()).unwrap());
    }
}
