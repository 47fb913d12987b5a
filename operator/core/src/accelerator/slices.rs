//! Devices of dynamic resource allocation: what ResourceSlices publish, and what DeviceClasses give out.

use std::collections::BTreeMap;

use k8s_openapi::api::resource::v1::{DeviceClass as DeviceClassKind, ResourceSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use super::vendors::{DynamicAllocation, VENDORS};
use super::{DEVICE_CLASSES, Vendor};
use crate::bytes::parse_bytes;

/// The fields of a ResourceSlice that are read; the rest is never decoded.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = ResourceSlice)]
pub struct ResourceSliceObject {
    /// Name and UID.
    pub metadata: ObjectMeta,
    #[serde(default)]
    spec: SliceSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SliceSpec {
    #[serde(default)]
    driver: String,
    #[serde(default)]
    node_name: String,
    #[serde(default)]
    pool: Pool,
    #[serde(default)]
    devices: Vec<SliceDevice>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Pool {
    #[serde(default)]
    name: String,
    #[serde(default)]
    generation: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SliceDevice {
    /// Whether several claims can have a part of it each.
    allow_multiple_allocations: Option<bool>,
    #[serde(default)]
    taints: Vec<DeviceTaint>,
    #[serde(default)]
    attributes: BTreeMap<String, Attribute>,
    #[serde(default)]
    capacity: BTreeMap<String, Capacity>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct DeviceTaint {
    #[serde(default)]
    effect: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Attribute {
    string: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Capacity {
    value: Option<String>,
}

/// The whole devices that a node publishes by one driver of a known vendor.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SliceFacts {
    /// The node.
    pub node: String,
    /// The driver.
    pub driver: String,
    /// The pool that the slice is part of.
    pub pool: String,
    /// The generation of the pool: only the newest counts.
    pub generation: i64,
    /// Its whole devices, of which none is tainted.
    pub devices: Vec<Device>,
}

/// A whole device of dynamic resource allocation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Device {
    /// Its product, where it is known.
    pub product: Option<String>,
    /// Its memory in bytes, where it is known.
    pub memory: Option<u64>,
}

/// The value at `name`, which a driver may write with its domain before it or without.
fn named<'a, T>(list: &'a BTreeMap<String, T>, driver: &str, name: &str) -> Option<&'a T> {
    list.get(name).or_else(|| list.get(&format!("{driver}/{name}")))
}

impl ResourceSliceObject {
    /// What is kept of it; `None` where it is not about devices of one node and of a known vendor.
    pub fn facts(&self) -> Option<SliceFacts> {
        let spec = &self.spec;
        let dynamic = VENDORS.iter().filter_map(|vendor| vendor.dynamic.as_ref());
        let known = dynamic.into_iter().find(|one| one.driver == spec.driver)?;
        let whole = spec.devices.iter().filter(|device| device.is_whole(known));
        let devices = whole
            .map(|device| Device {
                product: device.text(known, known.product),
                memory: named(&device.capacity, known.driver, known.memory)
                    .and_then(|capacity| parse_bytes(capacity.value.as_deref()?)),
            })
            .collect();
        (!spec.node_name.is_empty()).then(|| SliceFacts {
            node: spec.node_name.clone(),
            driver: spec.driver.clone(),
            pool: spec.pool.name.clone(),
            generation: spec.pool.generation,
            devices,
        })
    }
}

impl SliceDevice {
    fn text(&self, known: &DynamicAllocation, name: &str) -> Option<String> {
        named(&self.attributes, known.driver, name).and_then(|attribute| attribute.string.clone())
    }

    fn is_whole(&self, known: &DynamicAllocation) -> bool {
        let tainted = self.taints.iter().any(|taint| taint.effect != "None");
        if tainted || self.allow_multiple_allocations == Some(true) {
            return false;
        }
        known.kind.is_none_or(|(name, whole)| self.text(known, name).is_some_and(|kind| kind == whole))
    }
}

/// The fields of a DeviceClass that are read; the rest is never decoded.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = DeviceClassKind)]
pub struct DeviceClassObject {
    /// Name and UID.
    pub metadata: ObjectMeta,
    #[serde(default)]
    spec: DeviceClassSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceClassSpec {
    extended_resource_name: Option<String>,
}

/// A device class, and the extended resource by which pods can ask for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeviceClass {
    /// Its name.
    pub name: String,
    /// The extended resource that stands for it, where it names one.
    pub extended_resource: Option<String>,
}

impl From<DeviceClassObject> for DeviceClass {
    fn from(object: DeviceClassObject) -> Self {
        Self {
            name: object.metadata.name.unwrap_or_default(),
            extended_resource: object.spec.extended_resource_name,
        }
    }
}

impl DeviceClass {
    /// Whether a pod that asks for `resource` is given a device of this class.
    pub fn gives(&self, resource: &str) -> bool {
        self.extended_resource.as_deref() == Some(resource)
            || resource.strip_prefix(DEVICE_CLASSES).and_then(|rest| rest.strip_prefix('/'))
                == Some(&self.name)
    }
}

impl Vendor {
    /// Whether the devices of a slice are of this vendor.
    pub fn publishes(&self, slice: &SliceFacts) -> bool {
        self.dynamic.is_some_and(|dynamic| dynamic.driver == slice.driver)
    }
}
