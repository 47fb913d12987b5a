//! The vendors of accelerators, as data: a new one is an entry here, and a test.

use hemvist_api::values::AcceleratorVendor;

use super::{Name, Unit};

/// How a vendor's accelerators appear in a cluster.
#[derive(Debug)]
pub struct Vendor {
    /// The vendor.
    pub vendor: AcceleratorVendor,
    /// What the names of its resources begin with.
    pub domains: &'static [&'static str],
    /// Resources of devices, the most usual one first. What a unit of them really is, the node says: `announcements`.
    pub devices: &'static [&'static str],
    /// What resources of hardware partitions begin with.
    pub partitions: &'static [&'static str],
    /// Resources of shares of devices.
    pub shares: &'static [Name],
    /// Resources that give access to all devices of a node, to measure them.
    pub monitoring: &'static [Name],
    /// Resources that are no accelerators.
    pub others: &'static [Name],
    /// Labels of nodes.
    pub labels: Labels,
    /// What says that a unit of a resource is less than a device.
    pub announcements: &'static [Announcement],
    /// Dynamic resource allocation.
    pub dynamic: Option<DynamicAllocation>,
    /// What llama.cpp calls its devices, before their number, where it has a library for them.
    pub llama_cpp: Option<&'static str>,
}

/// Labels of nodes that describe a vendor's devices.
#[derive(Clone, Copy, Debug)]
pub struct Labels {
    /// The product, where that is known.
    pub product: Option<&'static str>,
    /// How many devices there are, where that is known.
    pub count: Option<&'static str>,
    /// The memory of a unit, where that is known, and how many mebibytes its number stands for. A unit after the number is
    /// left out.
    pub memory: Option<(Key, u64)>,
    /// The version of the driver, where that is known.
    pub driver: Option<&'static str>,
}

/// Where something is announced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Key {
    /// In the label that is named like the resource, with this after it.
    OfResource(&'static str),
    /// In a label.
    Label(&'static str),
    /// In an annotation.
    Annotation(&'static str),
}

/// A way in which a node says what a unit of a resource is.
#[derive(Clone, Copy, Debug)]
pub struct Announcement {
    /// Where it stands.
    pub key: Key,
    /// What has to stand there.
    pub says: Says,
    /// What follows.
    pub meaning: Meaning,
}

/// What has to stand in a label or annotation.
#[derive(Clone, Copy, Debug)]
pub enum Says {
    /// Anything.
    Something,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A number of 2 or more.
    MoreThanOne,
    /// A number lower than that of the units that the node has.
    FewerThanUnits,
    /// A text with this in it.
    Contains(&'static str),
    /// A text that begins otherwise. The second list has the known ones, for an affinity, which cannot say that.
    BeginsOtherwise(&'static str, &'static [&'static str]),
}

/// What follows from an announcement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meaning {
    /// A unit is this.
    UnitIs(Unit),
    /// The devices cannot be used as they are set up.
    Unusable,
}

/// A vendor's devices in dynamic resource allocation.
#[derive(Clone, Copy, Debug)]
pub struct DynamicAllocation {
    /// The driver that publishes them.
    pub driver: &'static str,
    /// The device class of whole devices that comes with the driver.
    pub class: &'static str,
    /// The attribute that names the product.
    pub product: &'static str,
    /// The attribute that tells the kind of device, with the value of whole ones, where there is one.
    pub kind: Option<(&'static str, &'static str)>,
    /// The capacity that is the memory.
    pub memory: &'static str,
}

const fn share(key: Key, says: Says) -> Announcement {
    Announcement { key, says, meaning: Meaning::UnitIs(Unit::Share) }
}

const fn partition(key: Key, says: Says) -> Announcement {
    Announcement { key, says, meaning: Meaning::UnitIs(Unit::Partition) }
}

/// NVIDIA. Sources: the README of k8s-device-plugin with GPU Feature Discovery (labels, `.shared`, MIG strategies); the
/// annotations of HAMi and of Volcano's vGPU; the labels of GKE and of nos; network-operator (`hostdev`, RDMA).
const NVIDIA: Vendor = Vendor {
    vendor: AcceleratorVendor::NVIDIA,
    domains: &["nvidia.com/"],
    devices: &["nvidia.com/gpu"],
    partitions: &["nvidia.com/mig-"],
    shares: &[
        Name::Begins("nvidia.com/gpu."),
        Name::Begins("nvidia.com/gpu-"),
        Name::Begins("nvidia.com/gpumem"),
        Name::Begins("nvidia.com/gpucores"),
        Name::Begins("nvidia.com/vgpu"),
    ],
    monitoring: &[],
    others: &[
        Name::Is("nvidia.com/hostdev"),
        Name::Begins("nvidia.com/rdma"),
        Name::Begins("nvidia.com/sriov"),
        Name::Begins("nvidia.com/mlnx"),
        Name::Begins("nvidia.com/ib"),
        Name::Begins("nvidia.com/resibp"),
        Name::Begins("nvidia.com/roce"),
    ],
    labels: Labels {
        product: Some("nvidia.com/gpu.product"),
        count: Some("nvidia.com/gpu.count"),
        memory: Some((Key::OfResource(".memory"), 1)),
        driver: Some("nvidia.com/cuda.driver-version.full"),
    },
    announcements: &[
        Announcement {
            key: Key::OfResource(".product"),
            says: Says::Contains("MIG-INVALID"),
            meaning: Meaning::Unusable,
        },
        share(Key::OfResource(".sharing-strategy"), Says::OneOf(&["mps", "time-slicing"])),
        share(Key::OfResource(".replicas"), Says::MoreThanOne),
        share(Key::OfResource(".product"), Says::Contains("-SHARED")),
        share(Key::Label("nvidia.com/vgpu.present"), Says::OneOf(&["true"])),
        share(Key::Annotation("hami.io/node-nvidia-register"), Says::Something),
        share(Key::Annotation("volcano.sh/node-vgpu-register"), Says::Something),
        share(Key::Annotation("4pd.io/node-nvidia-register"), Says::Something),
        share(Key::Label("cloud.google.com/gke-gpu-sharing-strategy"), Says::Something),
        share(Key::Label("cloud.google.com/gke-max-shared-clients-per-gpu"), Says::MoreThanOne),
        share(Key::Label("nos.nebuly.com/gpu-partitioning"), Says::OneOf(&["mps"])),
        // Virtual functions by NVIDIA's names for them, such as GRID-A100D-10C.
        share(Key::OfResource(".product"), Says::Contains("GRID-")),
        partition(Key::OfResource(".slices.gi"), Says::Something),
        partition(Key::OfResource(".product"), Says::Contains("-MIG-")),
        partition(Key::Label("cloud.google.com/gke-gpu-partition-size"), Says::Something),
        share(Key::Label("cloud.google.com/gke-accelerator-count"), Says::FewerThanUnits),
        share(Key::Label("karpenter.azure.com/sku-gpu-count"), Says::FewerThanUnits),
        share(Key::Label("karpenter.k8s.aws/instance-gpu-count"), Says::FewerThanUnits),
    ],
    dynamic: Some(DynamicAllocation {
        driver: "gpu.nvidia.com",
        class: "gpu.nvidia.com",
        product: "productName",
        kind: Some(("type", "gpu")),
        memory: "memory",
    }),
    llama_cpp: Some("CUDA"),
};

/// The modes in which an AMD device is several: compute partitions with memory partitions.
const AMD_MODES: &[&str] = &[
    "cpx_nps1", "cpx_nps2", "cpx_nps4", "cpx_nps8", "dpx_nps1", "dpx_nps2", "dpx_nps4", "dpx_nps8",
    "qpx_nps1", "qpx_nps2", "qpx_nps4", "qpx_nps8", "tpx_nps1", "tpx_nps2", "tpx_nps4", "tpx_nps8",
];

/// AMD. Source: the documentation of AMD's device plugin and node labeller (resource naming strategies `single` and
/// `mixed`, `amd.com/compute-memory-partition`, `amd.com/gpu.vram` in gibibytes).
const AMD: Vendor = Vendor {
    vendor: AcceleratorVendor::AMD,
    domains: &["amd.com/"],
    devices: &["amd.com/gpu", "amd.com/spx_nps1", "amd.com/spx_nps2", "amd.com/spx_nps4", "amd.com/spx_nps8"],
    partitions: &["amd.com/cpx_", "amd.com/dpx_", "amd.com/qpx_", "amd.com/tpx_"],
    shares: &[Name::Begins("amd.com/gpu.")],
    monitoring: &[],
    others: &[Name::Begins("amd.com/nic"), Name::Begins("amd.com/vnic")],
    labels: Labels {
        product: Some("amd.com/gpu.product-name"),
        count: None,
        memory: Some((Key::Label("amd.com/gpu.vram"), 1024)),
        driver: Some("amd.com/gpu.driver-version"),
    },
    announcements: &[
        partition(Key::Label("amd.com/compute-memory-partition"), Says::BeginsOtherwise("spx_", AMD_MODES)),
        partition(
            Key::Label("beta.amd.com/compute-memory-partition"),
            Says::BeginsOtherwise("spx_", AMD_MODES),
        ),
        partition(
            Key::Label("amd.com/gpu.compute-memory-partition"),
            Says::BeginsOtherwise("spx_", AMD_MODES),
        ),
        partition(
            Key::Label("beta.amd.com/gpu.compute-memory-partition"),
            Says::BeginsOtherwise("spx_", AMD_MODES),
        ),
        Announcement {
            key: Key::Label("amd.com/gpu.mode"),
            says: Says::OneOf(&["pf-passthrough", "vf-passthrough"]),
            meaning: Meaning::Unusable,
        },
        share(Key::Annotation("hami.io/node-amd-register"), Says::Something),
    ],
    dynamic: Some(DynamicAllocation {
        driver: "gpu.amd.com",
        class: "gpu.amd.com",
        product: "productName",
        kind: Some(("type", "amdgpu")),
        memory: "memory",
    }),
    llama_cpp: Some("ROCm"),
};

/// Intel. Source: the documentation of Intel's device plugins (`shared-dev-num`, monitoring resources, which reach every
/// device) and Node Feature Discovery's rules for Intel. `millicores`, `memory.max` and `tiles` are those of GPU Aware
/// Scheduling.
const INTEL: Vendor = Vendor {
    vendor: AcceleratorVendor::Intel,
    domains: &["gpu.intel.com/"],
    devices: &["gpu.intel.com/xe", "gpu.intel.com/i915"],
    partitions: &[],
    shares: &[
        Name::Is("gpu.intel.com/memory.max"),
        Name::Is("gpu.intel.com/millicores"),
        Name::Is("gpu.intel.com/tiles"),
    ],
    monitoring: &[Name::Is("gpu.intel.com/i915_monitoring"), Name::Is("gpu.intel.com/xe_monitoring")],
    others: &[],
    labels: Labels {
        product: Some("gpu.intel.com/product"),
        count: Some("gpu.intel.com/device.count"),
        memory: None,
        driver: None,
    },
    announcements: &[share(Key::Label("gpu.intel.com/device.count"), Says::FewerThanUnits)],
    dynamic: Some(DynamicAllocation {
        driver: "gpu.intel.com",
        class: "gpu.intel.com",
        product: "model",
        kind: None,
        memory: "memory",
    }),
    llama_cpp: Some("SYCL"),
};

/// Habana (Intel Gaudi). Source: the documentation of Intel Gaudi's device plugin, which offers whole devices alone, and
/// of Gaudi Feature Discovery (`habana.ai/device.count`, `habana.ai/driver.version`; it names no product).
const HABANA: Vendor = Vendor {
    vendor: AcceleratorVendor::Habana,
    domains: &["habana.ai/"],
    devices: &["habana.ai/gaudi"],
    partitions: &[],
    shares: &[],
    monitoring: &[],
    others: &[],
    labels: Labels {
        product: None,
        count: Some("habana.ai/device.count"),
        memory: None,
        driver: Some("habana.ai/driver.version"),
    },
    announcements: &[],
    dynamic: Some(DynamicAllocation {
        driver: "gaudi.intel.com",
        class: "gaudi.intel.com",
        product: "model",
        kind: None,
        memory: "memory",
    }),
    llama_cpp: None,
};

/// Every vendor that is known.
pub static VENDORS: [Vendor; 4] = [NVIDIA, AMD, INTEL, HABANA];

/// The entry of a vendor.
pub fn vendor(vendor: AcceleratorVendor) -> &'static Vendor {
    // The table has an entry for each value; a test holds it to that.
    VENDORS.iter().find(|entry| entry.vendor == vendor).unwrap_or(&VENDORS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendor_has_its_own_entry() {
        for value in AcceleratorVendor::ALL {
            assert_eq!(vendor(*value).vendor, *value);
        }
        assert_eq!(VENDORS.len(), AcceleratorVendor::ALL.len());
    }
}
