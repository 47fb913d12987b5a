//! Node labels by which pods avoid nodes that offer less than whole devices.
//!
//! Not everything that is announced can be said in a node affinity: annotations cannot be asked for, and neither can numbers
//! or parts of a text. What is left is for placement and the rounds; SECURITY.md says what that means.

use hemvist_api::values::Isolation;

use super::vendors::{Key, Meaning, Says};
use super::{ResourceKind, kind_of};

/// What a label of a node must not say.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct LabelTest {
    /// The label.
    pub label: String,
    /// Values that it must not have; empty where it must not be there at all.
    pub not: &'static [&'static str],
}

/// The tests that keep pods which ask for `resource` away from nodes where a unit of it is less than `demanded`. Nothing for
/// what is neither devices nor hardware partitions of a known vendor.
pub fn label_tests(resource: &str, demanded: Isolation) -> Vec<LabelTest> {
    let Some((vendor, kind)) = kind_of(resource) else { return Vec::new() };
    if !matches!(kind, ResourceKind::Device | ResourceKind::Partition(_)) {
        return Vec::new();
    }
    let less = |meaning: Meaning| matches!(meaning, Meaning::UnitIs(unit) if unit.isolation() < demanded);
    let mut tests: Vec<LabelTest> = vendor
        .announcements
        .iter()
        .filter(|one| less(one.meaning))
        .filter_map(|one| {
            let label = match one.key {
                Key::OfResource(suffix) => format!("{resource}{suffix}"),
                Key::Label(label) if kind == ResourceKind::Device => label.to_owned(),
                Key::Label(_) | Key::Annotation(_) => return None,
            };
            let not: &'static [&'static str] = match one.says {
                Says::Something => &[],
                Says::OneOf(values) | Says::BeginsOtherwise(_, values) => values,
                Says::MoreThanOne | Says::FewerThanUnits | Says::Contains(_) => return None,
            };
            Some(LabelTest { label, not })
        })
        .collect();
    tests.sort();
    tests.dedup();
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(resource: &str, demanded: Isolation) -> Vec<String> {
        label_tests(resource, demanded).into_iter().map(|test| test.label).collect()
    }

    #[test]
    fn what_is_demanded_decides_what_is_kept_away_from() {
        assert_eq!(labels("nvidia.com/gpu", Isolation::Shared), Vec::<String>::new());
        let shares = labels("nvidia.com/gpu", Isolation::Partition);
        assert!(shares.contains(&"nvidia.com/gpu.sharing-strategy".to_owned()), "{shares:?}");
        assert!(!shares.contains(&"nvidia.com/gpu.slices.gi".to_owned()), "a partition is what is demanded");
        let parts = labels("nvidia.com/gpu", Isolation::WholeDevice);
        assert!(parts.contains(&"nvidia.com/gpu.slices.gi".to_owned()), "{parts:?}");
        assert_eq!(
            labels("nvidia.com/mig-1g.10gb", Isolation::Partition),
            ["nvidia.com/mig-1g.10gb.sharing-strategy"]
        );
        assert!(
            labels("amd.com/gpu", Isolation::WholeDevice)
                .contains(&"amd.com/compute-memory-partition".to_owned())
        );
        for other in ["acme.example/gpu", "nvidia.com/hostdev", "nvidia.com/gpu.shared"] {
            assert_eq!(labels(other, Isolation::WholeNode), Vec::<String>::new(), "{other}");
        }
    }
}
