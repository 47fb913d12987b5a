//! The makers of accelerators, as data: a new one is a row here.

use std::collections::BTreeMap;

use hemvist_api::labels::NVIDIA_GPU_PRODUCT;
use hemvist_api::values::AcceleratorVendor;

/// How a maker's accelerators appear in a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Vendor {
    /// The maker.
    pub vendor: AcceleratorVendor,
    /// The resource of a whole device.
    pub resource: &'static str,
    /// What the resource of a hardware partition begins with, before the profile; `None` where there are none.
    pub partition_prefix: Option<&'static str>,
    /// What every resource of the maker begins with.
    pub domain: &'static str,
    /// The node label that names the product.
    pub product_label: &'static str,
}

/// Every maker that is known. Sources: the device plugins' own documentation; `nvidia.com/gpu.product` is written by
/// GPU Feature Discovery, `amd.com/gpu.product-name` by the AMD node labeller, `gpu.intel.com/product` by Node Feature
/// Discovery's rules for Intel.
pub const VENDORS: [Vendor; 3] = [
    Vendor {
        vendor: AcceleratorVendor::NVIDIA,
        resource: "nvidia.com/gpu",
        partition_prefix: Some("nvidia.com/mig-"),
        domain: "nvidia.com/",
        product_label: NVIDIA_GPU_PRODUCT,
    },
    Vendor {
        vendor: AcceleratorVendor::AMD,
        resource: "amd.com/gpu",
        partition_prefix: None,
        domain: "amd.com/",
        product_label: "amd.com/gpu.product-name",
    },
    Vendor {
        vendor: AcceleratorVendor::Intel,
        resource: "gpu.intel.com/xe",
        partition_prefix: None,
        domain: "gpu.intel.com/",
        product_label: "gpu.intel.com/product",
    },
];

/// The row of a maker.
pub fn vendor(vendor: AcceleratorVendor) -> &'static Vendor {
    // The table has a row for each variant; a test holds it to that.
    VENDORS.iter().find(|row| row.vendor == vendor).unwrap_or(&VENDORS[0])
}

/// The entries of a resource list that are accelerators, whole numbers only: devices cannot be split by quantity.
pub fn accelerator_resources(list: &BTreeMap<String, String>) -> impl Iterator<Item = (String, i64)> {
    list.iter()
        .filter(|(resource, _)| VENDORS.iter().any(|vendor| resource.starts_with(vendor.domain)))
        .filter_map(|(resource, quantity)| Some((resource.clone(), quantity.parse().ok()?)))
}

/// The node label that names the product behind a resource.
pub fn product_label_of(resource: &str) -> Option<&'static str> {
    VENDORS.iter().find(|vendor| resource.starts_with(vendor.domain)).map(|vendor| vendor.product_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendor_has_its_own_row() {
        for value in AcceleratorVendor::ALL {
            assert_eq!(vendor(*value).vendor, *value);
        }
    }
}
