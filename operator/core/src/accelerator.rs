//! What an accelerator is: one catalogue, read by snapshot, placement, admission, quota and the rounds over unmanaged pods.
//!
//! Vendors are data ([`VENDORS`]): a new one is an entry there and a test. From the same table come the answers in Rust and
//! the expressions for the API server, so that what is refused at admission and what is evicted later are the same pods.
//!
//! Two questions are kept apart. *Does a pod reach an accelerator?* ([`Reach`]) is answered on the safe side: a device of an
//! unknown name counts. *What does a node offer?* ([`Offer`]) is answered by what is announced: a unit of a resource is a
//! whole device, a hardware partition or a share of a device, whatever its name is.

mod names;
mod offer;
mod reach;
mod selector;
mod slices;
mod vendors;

pub use names::{Name, ResourceKind, SHARED_SUFFIX, kind_of};
pub(crate) use offer::all_labelled;
pub use offer::{Announcements, Offer, Unit, offers};
pub use reach::{
    CDI_ANNOTATION, DEVICE_PATHS, DEVICES_VARIABLE, MIGHTY, NO_DEVICES, Reach, asks_for_devices,
    is_device_path,
};
pub use selector::{LabelTest, label_tests};
pub use slices::{Device, DeviceClass, DeviceClassObject, ResourceSliceObject, SliceFacts};
pub use vendors::{Announcement, DynamicAllocation, Key, Labels, Meaning, Says, VENDORS, Vendor, vendor};

/// The domain of resources that stand for a device class of dynamic resource allocation.
pub const DEVICE_CLASSES: &str = "deviceclass.resource.kubernetes.io";
