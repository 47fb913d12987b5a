//! What a node offers: for each resource, whether a unit is a whole device, a partition or a share.

use std::collections::BTreeMap;

use hemvist_api::values::{AcceleratorVendor, Isolation};

use super::vendors::{Key, Meaning, Says, VENDORS, Vendor};
use super::{ResourceKind, kind_of};

/// What a unit of a resource is. Ordered by how far it keeps pods apart.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Unit {
    /// A share of a device: other pods use the same memory and processors, one after the other or together.
    Share,
    /// A hardware partition of a device, with memory of its own.
    Partition,
    /// A whole device.
    Device,
}

impl Unit {
    /// How far a pod with such a unit is kept apart from others.
    pub const fn isolation(self) -> Isolation {
        match self {
            Self::Share => Isolation::Shared,
            Self::Partition => Isolation::Partition,
            Self::Device => Isolation::WholeDevice,
        }
    }

    /// The word for several of them.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Share => "shares of devices",
            Self::Partition => "hardware partitions of devices",
            Self::Device => "whole devices",
        }
    }
}

/// What a node offers under one resource.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Offer {
    /// The vendor.
    pub vendor: AcceleratorVendor,
    /// What a unit is.
    pub unit: Unit,
    /// Units that pods can ask for.
    pub usable: i64,
    /// Units that the device plugin knows and does not offer: they are unhealthy.
    pub unhealthy: i64,
    /// The memory of a unit, in mebibytes, where a label says it.
    pub memory_mebibytes: Option<u64>,
    /// What says that a unit is less than a device: a label or annotation, as `key=value`, or the name of the resource.
    pub announced_by: Option<String>,
    /// What says that the units cannot be used, as `key=value`.
    pub unusable: Option<String>,
    /// Whether the name is left over: the device plugin offers the same devices under another one now. Pods that were given
    /// units under this name hold them still.
    pub left_over: bool,
}

/// Labels and annotations of a node, in which its devices are announced.
#[derive(Clone, Copy, Debug)]
pub struct Announcements<'a> {
    /// The labels.
    pub labels: &'a BTreeMap<String, String>,
    /// The annotations.
    pub annotations: &'a BTreeMap<String, String>,
}

/// Longest value of an announcement in a message, in characters: annotations can be long lists of devices.
const LONGEST_VALUE: usize = 40;

impl Announcements<'_> {
    /// The value at a key, with the key as it is written.
    fn at(&self, key: Key, resource: &str) -> Option<(String, &str)> {
        let (key, list) = match key {
            Key::OfResource(suffix) => (format!("{resource}{suffix}"), self.labels),
            Key::Label(key) => (key.to_owned(), self.labels),
            Key::Annotation(key) => (key.to_owned(), self.annotations),
        };
        let value = list.get(&key)?;
        Some((key, value))
    }
}

/// Whether what is announced says this, of a node with so many units.
fn holds(says: Says, value: &str, units: i64) -> bool {
    match says {
        Says::Something => !value.is_empty(),
        Says::OneOf(values) => values.contains(&value),
        Says::MoreThanOne => value.parse::<u64>().is_ok_and(|number| number > 1),
        Says::FewerThanUnits => value.parse::<i64>().is_ok_and(|number| number < units),
        Says::Contains(text) => value.contains(text),
        Says::BeginsOtherwise(prefix, _) => {
            !value.is_empty() && !value.to_ascii_lowercase().starts_with(prefix)
        }
    }
}

/// What the node offers under `resource`, of which it has `usable` units and knows `total`; `units` counts those of every
/// resource of devices of the vendor. `None` where the resource is not one that containers use accelerators by.
fn offer(resource: &str, [usable, total, units]: [i64; 3], announced: Announcements<'_>) -> Option<Offer> {
    let (vendor, kind) = kind_of(resource)?;
    let by_name = match kind {
        ResourceKind::Device => Unit::Device,
        ResourceKind::Partition(_) => Unit::Partition,
        ResourceKind::Share => Unit::Share,
        ResourceKind::PassThrough | ResourceKind::Monitoring | ResourceKind::Other => return None,
    };
    let mut offer = Offer {
        vendor: vendor.vendor,
        unit: by_name,
        usable,
        unhealthy: (total - usable).max(0),
        memory_mebibytes: memory(vendor, resource, announced),
        announced_by: (by_name < Unit::Device).then(|| format!("the name {resource}")),
        unusable: None,
        left_over: false,
    };
    for announcement in vendor.announcements {
        // Labels and annotations of the node speak of the resources of devices; a partition has labels of its own.
        if kind != ResourceKind::Device && !matches!(announcement.key, Key::OfResource(_)) {
            continue;
        }
        let Some((key, value)) = announced.at(announcement.key, resource) else { continue };
        if !holds(announcement.says, value, units) {
            continue;
        }
        let shown: String = value.chars().take(LONGEST_VALUE).collect();
        match announcement.meaning {
            Meaning::Unusable => offer.unusable = Some(format!("{key}={shown}")),
            // More units than devices are shares only where nothing else says what they are. Such announcements come last.
            Meaning::UnitIs(_)
                if matches!(announcement.says, Says::FewerThanUnits) && offer.unit < Unit::Device => {}
            Meaning::UnitIs(unit) if unit < offer.unit => {
                offer.unit = unit;
                offer.announced_by = Some(format!("{key}={shown}"));
            }
            Meaning::UnitIs(_) => {}
        }
    }
    Some(offer)
}

fn memory(vendor: &Vendor, resource: &str, announced: Announcements<'_>) -> Option<u64> {
    let (key, mebibytes) = vendor.labels.memory?;
    let (_, value) = announced.at(key, resource)?;
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    digits.parse::<u64>().ok()?.checked_mul(mebibytes)
}

/// What a node offers, by resource: of every resource of a known vendor that containers use accelerators by.
///
/// `usable` and `total` are `status.allocatable` and `status.capacity`, in units.
pub fn offers(
    usable: &BTreeMap<String, i64>,
    total: &BTreeMap<String, i64>,
    announced: Announcements<'_>,
) -> BTreeMap<String, Offer> {
    let count = |list: &BTreeMap<String, i64>, name: &str| list.get(name).copied().unwrap_or_default();
    let names = usable.keys().chain(total.keys().filter(|name| !usable.contains_key(*name)));
    let mut all: BTreeMap<String, Offer> = names
        .filter_map(|name| {
            let (vendor, _) = kind_of(name)?;
            let devices = vendor.devices.iter();
            let units = devices.map(|name| count(total, name).max(count(usable, name)));
            let counts = [count(usable, name), count(total, name), units.fold(0, i64::saturating_add)];
            Some((name.clone(), offer(name, counts, announced)?))
        })
        .collect();
    // A plugin that is told to rename offers the same devices under a name for shares, and the kubelet remembers the old one.
    let renamed: Vec<_> = all
        .iter()
        .filter(|(name, offer)| offer.usable > 0 && matches!(kind_of(name), Some((_, ResourceKind::Share))))
        .map(|(_, offer)| offer.vendor)
        .collect();
    for offer in all.values_mut().filter(|offer| offer.usable == 0 && offer.unusable.is_none()) {
        offer.left_over = offer.unhealthy == 0 || renamed.contains(&offer.vendor);
    }
    all
}

/// What labels say of devices of `vendor`, whether or not anybody offers them: the product, and how many.
pub(crate) fn labelled(vendor: &Vendor, labels: &BTreeMap<String, String>) -> Option<String> {
    let label = |key: Option<&str>| key.and_then(|key| labels.get(key)).map(String::as_str);
    let product = label(vendor.labels.product);
    let count = label(vendor.labels.count).filter(|count| count.parse::<u32>().is_ok_and(|count| count > 0));
    match (count, product) {
        (Some(count), Some(product)) => Some(format!("{count} × {product}")),
        (Some(count), None) => Some(format!("{count} × {}", vendor.vendor)),
        (None, Some(product)) => Some(product.to_owned()),
        (None, None) => None,
    }
}

/// Every vendor that labels describe, with what they say.
pub(crate) fn all_labelled(
    labels: &BTreeMap<String, String>,
) -> impl Iterator<Item = (AcceleratorVendor, String)> {
    VENDORS.iter().filter_map(|vendor| Some((vendor.vendor, labelled(vendor, labels)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn of(resource: &str, units: i64, labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Offer {
        let (labels, annotations) = (texts(labels), texts(annotations));
        let units = BTreeMap::from([(resource.to_owned(), units)]);
        let announced = Announcements { labels: &labels, annotations: &annotations };
        offers(&units, &units, announced).remove(resource).unwrap()
    }

    #[test]
    fn every_announcement_of_every_vendor_is_read() {
        let mut read = 0;
        for vendor in &VENDORS {
            for announcement in vendor.announcements {
                let resource = vendor.devices[0];
                let value = match announcement.says {
                    Says::Something => "anything",
                    Says::OneOf(values) => values[0],
                    Says::MoreThanOne => "4",
                    Says::FewerThanUnits => "2",
                    Says::Contains(text) => &format!("Product{text}-1g"),
                    Says::BeginsOtherwise(_, known) => known[0],
                };
                let found = match announcement.key {
                    Key::OfResource(suffix) => {
                        of(resource, 8, &[(&format!("{resource}{suffix}"), value)], &[])
                    }
                    Key::Label(key) => of(resource, 8, &[(key, value)], &[]),
                    Key::Annotation(key) => of(resource, 8, &[], &[(key, value)]),
                };
                match announcement.meaning {
                    Meaning::UnitIs(unit) => assert_eq!(found.unit, unit, "{announcement:?}"),
                    Meaning::Unusable => assert!(found.unusable.is_some(), "{announcement:?}"),
                }
                read += 1;
            }
        }
        assert!(read > 10, "only {read} announcements");
    }

    #[test]
    fn whole_devices_are_whole_where_nothing_is_announced() {
        for vendor in &VENDORS {
            for resource in vendor.devices {
                assert_eq!(of(resource, 8, &[], &[]).unit, Unit::Device, "{resource}");
            }
        }
        let plain = [
            ("nvidia.com/gpu.replicas", "1"),
            ("nvidia.com/gpu.sharing-strategy", "none"),
            ("nvidia.com/mig.strategy", "single"),
            ("nvidia.com/vgpu.present", "false"),
            ("nvidia.com/gpu.memory", "81559"),
        ];
        let whole = of("nvidia.com/gpu", 8, &plain, &[]);
        assert_eq!(
            (whole.unit, whole.memory_mebibytes, whole.announced_by),
            (Unit::Device, Some(81559), None)
        );
        let amd = [("amd.com/compute-memory-partition", "spx_nps1"), ("amd.com/gpu.vram", "192G")];
        let whole = of("amd.com/gpu", 8, &amd, &[]);
        assert_eq!((whole.unit, whole.memory_mebibytes), (Unit::Device, Some(192 * 1024)));
    }

    #[test]
    fn a_shared_partition_is_a_share() {
        let labels = [("nvidia.com/mig-1g.10gb.replicas", "4"), ("nvidia.com/mig-1g.10gb.memory", "9728")];
        let found = of("nvidia.com/mig-1g.10gb", 28, &labels, &[]);
        assert_eq!((found.unit, found.memory_mebibytes), (Unit::Share, Some(9728)));
        assert_eq!(
            of("nvidia.com/mig-1g.10gb", 7, &[("nvidia.com/gpu.replicas", "4")], &[]).unit,
            Unit::Partition
        );
    }

    #[test]
    fn a_name_that_is_left_over_is_not_unhealthy() {
        let usable =
            BTreeMap::from([("nvidia.com/gpu".to_owned(), 0), ("nvidia.com/gpu.shared".to_owned(), 8)]);
        let total =
            BTreeMap::from([("nvidia.com/gpu".to_owned(), 1), ("nvidia.com/gpu.shared".to_owned(), 8)]);
        let none = BTreeMap::new();
        let found = offers(&usable, &total, Announcements { labels: &none, annotations: &none });
        assert!(found["nvidia.com/gpu"].left_over && !found["nvidia.com/gpu.shared"].left_over);
        // Beside partitions the whole devices are others, and are unhealthy.
        let usable =
            BTreeMap::from([("nvidia.com/gpu".to_owned(), 0), ("nvidia.com/mig-1g.10gb".to_owned(), 28)]);
        let total =
            BTreeMap::from([("nvidia.com/gpu".to_owned(), 4), ("nvidia.com/mig-1g.10gb".to_owned(), 28)]);
        let found = offers(&usable, &total, Announcements { labels: &none, annotations: &none });
        assert!(!found["nvidia.com/gpu"].left_over);
    }
}
