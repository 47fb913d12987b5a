//! Where a model may run.

use std::collections::{BTreeMap, BTreeSet};

use hemvist_api::values::{DataCentre, InformationClass};

use super::EffectivePolicy;
use super::limit::Limits;
use crate::rules::{listing, shortened};

/// Where a model may be: what its node has to be labelled with. Every set has to be met; an empty one is met by no node.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Clearance {
    /// Regions; `None` where no policy lists regions.
    pub regions: Option<BTreeSet<String>>,
    /// Data centres.
    pub data_centres: BTreeSet<String>,
    /// The clearances that hold the model's information class, in order.
    pub levels: BTreeSet<InformationClass>,
    /// Whether the node has to be labelled for whole devices.
    pub devices_label: bool,
    /// Who limits the data centres, for people. Such as `AIPolicy hemvist-system/region`.
    pub reason: String,
}

/// The longest reason that is given, in characters, as status can hold it.
const MAX_REASON: usize = 1000;

/// Where a model of `class` may be, narrowed to the data centres that it requests.
pub(super) fn clearance(
    policy: &EffectivePolicy,
    class: InformationClass,
    asked: Option<&[DataCentre]>,
) -> Clearance {
    let limits: Limits<String> = policy.data_centre_limits(class).cloned().collect();
    let mut data_centres = BTreeSet::new();
    if policy.is_bound() && limits.stated_by_root() {
        data_centres = limits.intersection();
    }
    if let Some(asked) = asked {
        data_centres.retain(|allowed| asked.iter().any(|wanted| wanted.as_str() == allowed));
    }
    let classes = &policy.information_classes;
    let class_allowed = policy.is_bound()
        && classes.stated_by_root()
        && classes.iter().all(|limit| limit.value.contains(&class));
    // A node that may hold a stricter class may hold this one too.
    let levels =
        InformationClass::ALL.iter().copied().filter(|level| class_allowed && *level >= class).collect();
    let regions = (!policy.regions.is_empty()).then(|| policy.regions.intersection());
    let devices_label = policy.demands_devices_label(class);
    Clearance { regions, data_centres, levels, devices_label, reason: reason(policy, &limits, asked) }
}

/// Which policies limit the data centres to which, and what the model requests.
fn reason(policy: &EffectivePolicy, limits: &Limits<String>, asked: Option<&[DataCentre]>) -> String {
    let mut by_policy: BTreeMap<(&str, &str), Limits<String>> = BTreeMap::new();
    for limit in limits.iter() {
        let name = (limit.source.namespace.as_str(), limit.source.name.as_str());
        by_policy.entry(name).or_insert_with(Limits::none).add(limit.clone());
    }
    let mut parts: Vec<String> = by_policy
        .iter()
        .map(|((namespace, name), lists)| {
            let allowed = listing(lists.intersection().iter(), "no data centre");
            format!("AIPolicy {namespace}/{name} allows {allowed}")
        })
        .collect();
    if !policy.is_bound() || !limits.stated_by_root() {
        parts.insert(0, format!("no AIPolicy of {} allows a data centre", policy.root_namespace));
    }
    if let Some(asked) = asked {
        parts.push(format!("the model asks for {}", listing(asked.iter(), "no data centre")));
    }
    shortened(&parts.join("; "), MAX_REASON)
}
