//! What a unit of an extended resource is, from its name.

use super::vendors::{VENDORS, Vendor};

/// A name, or several with something in common.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Name {
    /// This one.
    Is(&'static str),
    /// All that begin with this.
    Begins(&'static str),
}

impl Name {
    /// Whether `name` is meant.
    pub fn matches(self, name: &str) -> bool {
        match self {
            Self::Is(one) => name == one,
            Self::Begins(prefix) => name.starts_with(prefix),
        }
    }
}

/// What a resource of a known vendor stands for, by its name alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResourceKind<'a> {
    /// Devices. The node says whether each unit is a whole one.
    Device,
    /// Hardware partitions of devices, with the profile.
    Partition(&'a str),
    /// Shares of devices.
    Share,
    /// Devices that are handed to virtual machines. A container cannot use them.
    PassThrough,
    /// Access to all devices of the node, to measure them. It is no device, and reaches every one.
    Monitoring,
    /// No accelerator: network cards and the like.
    Other,
}

/// What a device plugin adds to the name of a resource whose devices several pods share (`renameByDefault`).
pub const SHARED_SUFFIX: &str = ".shared";

/// The vendor of a resource and what it stands for; `None` for a resource of nobody that is known.
pub fn kind_of(resource: &str) -> Option<(&'static Vendor, ResourceKind<'_>)> {
    VENDORS.iter().find_map(|vendor| Some((vendor, kind_at(vendor, resource)?)))
}

fn kind_at<'a>(vendor: &Vendor, resource: &'a str) -> Option<ResourceKind<'a>> {
    if !vendor.domains.iter().any(|domain| resource.starts_with(domain)) {
        return None;
    }
    let named = |names: &[Name]| names.iter().any(|name| name.matches(resource));
    if named(vendor.others) {
        return Some(ResourceKind::Other);
    }
    if named(vendor.monitoring) {
        return Some(ResourceKind::Monitoring);
    }
    if named(vendor.shares) || resource.ends_with(SHARED_SUFFIX) {
        return Some(ResourceKind::Share);
    }
    if vendor.devices.contains(&resource) {
        return Some(ResourceKind::Device);
    }
    let partition = vendor.partitions.iter().find(|prefix| resource.starts_with(**prefix));
    Some(partition.map_or(ResourceKind::PassThrough, |prefix| {
        ResourceKind::Partition(resource.get(profile_at(prefix)..).unwrap_or_default())
    }))
}

/// Where the profile begins in the name of a partition: after `nvidia.com/mig-`, and after the domain where the profile is
/// the whole name, as in `amd.com/cpx_nps4`.
fn profile_at(prefix: &str) -> usize {
    if prefix.ends_with('-') { prefix.len() } else { prefix.find('/').map_or(0, |slash| slash + 1) }
}

impl Vendor {
    /// The resource of the partition with this profile; `None` where the vendor has none of the kind. MIG writes what a
    /// partition has beside its size with a plus (`1g.10gb+me`), for which the device plugin puts a dot.
    pub fn partition_resource(&self, profile: &str) -> Option<String> {
        let profile = profile.replace('+', ".");
        self.partitions.iter().find_map(|prefix| {
            let resource = format!("{}{profile}", prefix.get(..profile_at(prefix))?);
            let rest = resource.strip_prefix(prefix)?;
            (!rest.is_empty()).then(|| resource.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_resource_stands_for() {
        for (resource, expected) in [
            ("nvidia.com/gpu", Some(ResourceKind::Device)),
            ("nvidia.com/gpu.shared", Some(ResourceKind::Share)),
            ("nvidia.com/mig-1g.10gb", Some(ResourceKind::Partition("1g.10gb"))),
            ("nvidia.com/mig-1g.5gb.me", Some(ResourceKind::Partition("1g.5gb.me"))),
            ("nvidia.com/mig-1g.24gb-me", Some(ResourceKind::Partition("1g.24gb-me"))),
            ("nvidia.com/mig-1g.24gb.me.all", Some(ResourceKind::Partition("1g.24gb.me.all"))),
            ("nvidia.com/mig-1g.10gb.shared", Some(ResourceKind::Share)),
            ("nvidia.com/gpumem", Some(ResourceKind::Share)),
            ("nvidia.com/gpu-10gb", Some(ResourceKind::Share)),
            ("nvidia.com/GA102GL_A10", Some(ResourceKind::PassThrough)),
            ("nvidia.com/hostdev", Some(ResourceKind::Other)),
            ("amd.com/gpu", Some(ResourceKind::Device)),
            ("amd.com/spx_nps1", Some(ResourceKind::Device)),
            ("amd.com/cpx_nps4", Some(ResourceKind::Partition("cpx_nps4"))),
            ("gpu.intel.com/i915", Some(ResourceKind::Device)),
            ("gpu.intel.com/xe", Some(ResourceKind::Device)),
            ("gpu.intel.com/xe_monitoring", Some(ResourceKind::Monitoring)),
            ("gpu.intel.com/millicores", Some(ResourceKind::Share)),
            ("habana.ai/gaudi", Some(ResourceKind::Device)),
            ("acme.example/gpu", None),
            ("cpu", None),
        ] {
            assert_eq!(kind_of(resource).map(|(_, kind)| kind), expected, "{resource}");
        }
    }
}
