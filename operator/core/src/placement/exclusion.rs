//! The reasons why a node is out, with their codes and words.

use hemvist_api::condition::Reason;
use hemvist_api::values::{InformationClass, Isolation};

use crate::accelerator::Unit;
use crate::request::Demand;

/// Why a node is out.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Exclusion {
    /// The node has no region label.
    RegionUnknown,
    /// Its region is not allowed.
    RegionNotAllowed {
        /// Its region.
        region: String,
    },
    /// The node has no data-centre label.
    DataCentreUnknown,
    /// Its data centre is not allowed.
    DataCentreNotAllowed {
        /// Its data centre.
        data_centre: String,
    },
    /// The node has no clearance label, or one that is no information class.
    NotCleared {
        /// What the label says, empty where there is none.
        clearance: String,
    },
    /// Its clearance is lower than the model's class.
    ClearanceTooLow {
        /// Its clearance.
        clearance: InformationClass,
    },
    /// A policy asks for the label that says that its devices are whole, and it is not there.
    DevicesNotLabelled {
        /// What the label says, empty where there is none.
        label: String,
    },
    /// Its devices cannot be used as they are set up.
    DevicesUnusable {
        /// What says so, as `key=value`.
        says: String,
    },
    /// It has none of the accelerators that the model needs.
    NoAccelerator {
        /// The resource.
        resource: String,
        /// What it offers instead, empty where it offers nothing.
        offers: String,
    },
    /// Its accelerators are given out by claims alone.
    ClaimsOnly {
        /// The resource that the model asks for.
        resource: String,
        /// How many there are.
        devices: i64,
    },
    /// Labels tell of accelerators, and no device plugin offers them.
    NotOffered {
        /// What the labels say, such as `8 × NVIDIA-H100-80GB-HBM3`.
        labelled: String,
    },
    /// Its product is not one that was asked for.
    ProductNotAsked {
        /// Its product, empty where no label names it.
        product: String,
    },
    /// What it offers is less than the class demands.
    NotIsolated {
        /// What it offers.
        unit: Unit,
        /// What says so.
        announced_by: String,
    },
    /// One replica needs several, and what it offers may be several parts of one device.
    CannotWorkTogether {
        /// What it offers.
        unit: Unit,
        /// What says so.
        announced_by: String,
    },
    /// It has fewer accelerators than one replica needs.
    TooFewAccelerators {
        /// How many it has.
        has: i64,
    },
    /// Too few of its accelerators work for one replica.
    UnhealthyAccelerators {
        /// How many are unhealthy.
        unhealthy: i64,
        /// How many it has.
        total: i64,
    },
    /// It carries a taint that the model's pods do not tolerate.
    Tainted {
        /// The taint, as `key=value:effect`.
        taint: String,
    },
    /// It carries a taint that goes away when it has started.
    StartingUp {
        /// The taint, as `key=value:effect`.
        taint: String,
    },
    /// It carries a taint that says that it is being taken away or restarted.
    Leaving {
        /// The taint, as `key=value:effect`.
        taint: String,
    },
    /// An administrator has declared it to be off.
    OutOfService,
    /// It takes no new pods.
    Cordoned,
    /// Its kubelet does not say that it is ready.
    NotReady,
    /// It is short of something that every pod needs.
    UnderPressure {
        /// The condition, such as `DiskPressure`.
        condition: String,
    },
    /// The class demands a whole node, and others are on it.
    SharedWithOthers {
        /// One of the pods.
        holder: String,
    },
    /// Others hold too many of its accelerators.
    Busy {
        /// How many are free.
        free: i64,
        /// How many it has.
        total: i64,
    },
}

impl Exclusion {
    /// Whether the reason can pass without anybody changing a label, a policy or the hardware.
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::UnhealthyAccelerators { .. }
                | Self::StartingUp { .. }
                | Self::Leaving { .. }
                | Self::OutOfService
                | Self::Cordoned
                | Self::NotReady
                | Self::UnderPressure { .. }
                | Self::SharedWithOthers { .. }
                | Self::Busy { .. }
        )
    }

    /// Whether the node may not hold the model, whatever it has.
    pub const fn is_of_clearance(&self) -> bool {
        matches!(
            self,
            Self::RegionUnknown
                | Self::RegionNotAllowed { .. }
                | Self::DataCentreUnknown
                | Self::DataCentreNotAllowed { .. }
                | Self::NotCleared { .. }
                | Self::ClearanceTooLow { .. }
                | Self::DevicesNotLabelled { .. }
        )
    }

    /// Whether other hardware, or another request for it, would help.
    pub const fn is_of_hardware(&self) -> bool {
        matches!(
            self,
            Self::ProductNotAsked { .. } | Self::CannotWorkTogether { .. } | Self::TooFewAccelerators { .. }
        ) || matches!(self, Self::NoAccelerator { offers, .. } if !offers.is_empty())
    }

    /// The reason of a pod that has to leave a node for it.
    pub const fn of_eviction(&self) -> Reason {
        if self.is_of_clearance() { Reason::ClearanceLost } else { Reason::IsolationLost }
    }

    /// The reason in one word.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RegionUnknown => "RegionUnknown",
            Self::RegionNotAllowed { .. } => "RegionNotAllowed",
            Self::DataCentreUnknown => "DataCentreUnknown",
            Self::DataCentreNotAllowed { .. } => "DataCentreNotAllowed",
            Self::NotCleared { .. } => "NotCleared",
            Self::ClearanceTooLow { .. } => "ClearanceTooLow",
            Self::DevicesNotLabelled { .. } => "DevicesNotLabelled",
            Self::DevicesUnusable { .. } => "DevicesUnusable",
            Self::NoAccelerator { .. } => "NoAccelerator",
            Self::ClaimsOnly { .. } => "ClaimsOnly",
            Self::NotOffered { .. } => "NotOffered",
            Self::ProductNotAsked { .. } => "ProductNotAsked",
            Self::NotIsolated { .. } => "NotIsolated",
            Self::CannotWorkTogether { .. } => "CannotWorkTogether",
            Self::TooFewAccelerators { .. } => "TooFewAccelerators",
            Self::UnhealthyAccelerators { .. } => "UnhealthyAccelerators",
            Self::Tainted { .. } => "Tainted",
            Self::StartingUp { .. } => "StartingUp",
            Self::Leaving { .. } => "Leaving",
            Self::OutOfService => "OutOfService",
            Self::Cordoned => "Cordoned",
            Self::NotReady => "NotReady",
            Self::UnderPressure { .. } => "UnderPressure",
            Self::SharedWithOthers { .. } => "SharedWithOthers",
            Self::Busy { .. } => "Busy",
        }
    }

    /// Why a node is not cleared for information of `class`, in words that follow its name; empty where clearance is not
    /// the reason.
    pub fn of_clearance(&self, class: InformationClass) -> String {
        match self {
            Self::RegionUnknown => "has no region label".to_owned(),
            Self::RegionNotAllowed { region } => format!("is in region {region}, which is not allowed"),
            Self::DataCentreUnknown => "has no data-centre label".to_owned(),
            Self::DataCentreNotAllowed { data_centre } => {
                format!("is in {data_centre}, which is not allowed for this model")
            }
            Self::NotCleared { clearance } if clearance.is_empty() => "has no clearance label".to_owned(),
            Self::NotCleared { clearance } => {
                format!("has clearance {clearance:?}, which is not an information class")
            }
            Self::ClearanceTooLow { clearance } => {
                format!("is cleared up to {clearance}, and the model is {class}")
            }
            Self::DevicesNotLabelled { label } if label.is_empty() => {
                format!("has no label that says that its devices are whole, which {class} requires")
            }
            Self::DevicesNotLabelled { label } => {
                format!("has devices labelled {label:?} and not Whole, which {class} requires")
            }
            _ => String::new(),
        }
    }

    /// The reason in words, to be read after the name of the node.
    pub fn message(&self, demand: &Demand) -> String {
        match self {
            Self::RegionUnknown
            | Self::RegionNotAllowed { .. }
            | Self::DataCentreUnknown
            | Self::DataCentreNotAllowed { .. }
            | Self::NotCleared { .. }
            | Self::ClearanceTooLow { .. }
            | Self::DevicesNotLabelled { .. } => self.of_clearance(demand.information_class),
            Self::DevicesUnusable { .. }
            | Self::NoAccelerator { .. }
            | Self::ClaimsOnly { .. }
            | Self::NotOffered { .. }
            | Self::ProductNotAsked { .. }
            | Self::NotIsolated { .. }
            | Self::CannotWorkTogether { .. }
            | Self::TooFewAccelerators { .. }
            | Self::UnhealthyAccelerators { .. } => self.of_devices(demand),
            Self::Tainted { taint } => format!("has the taint {taint}, which the pods do not tolerate"),
            Self::StartingUp { taint } => format!("is starting up, as its taint {taint} says"),
            Self::Leaving { taint } => format!("is being removed or restarted, as its taint {taint} says"),
            Self::OutOfService => "is declared out of service".to_owned(),
            Self::Cordoned => "is cordoned".to_owned(),
            Self::NotReady => "is not ready".to_owned(),
            Self::UnderPressure { condition } => format!("takes no new pods because of {condition}"),
            Self::SharedWithOthers { holder } => {
                format!(
                    "also runs {holder}, and {} models need a node of their own",
                    demand.information_class
                )
            }
            Self::Busy { free, total } => {
                format!("has {free} of {total} {} free", demand.accelerator.resource)
            }
        }
    }

    fn of_devices(&self, demand: &Demand) -> String {
        let (resource, count) = (&demand.accelerator.resource, demand.accelerator.count);
        match self {
            Self::DevicesUnusable { says } => format!("has devices that cannot be used: {says}"),
            Self::NoAccelerator { resource, offers } if offers.is_empty() => format!("has no {resource}"),
            Self::NoAccelerator { resource, offers } => format!("has no {resource}; it offers {offers}"),
            Self::ClaimsOnly { resource, devices } => format!(
                "publishes {devices} devices for dynamic resource allocation, and no DeviceClass gives them out as {resource}"
            ),
            Self::NotOffered { labelled } => {
                format!("is labelled {labelled}, and no device plugin offers them")
            }
            Self::ProductNotAsked { product } if product.is_empty() => "has no product label".to_owned(),
            Self::ProductNotAsked { product } => {
                format!("has {product}, which is not in spec.accelerator.products")
            }
            Self::NotIsolated { unit, announced_by } => {
                let least = demand.isolation.min(Isolation::WholeDevice);
                format!(
                    "offers {} under {resource} ({announced_by}), and {} demands {least}",
                    unit.plural(),
                    demand.information_class
                )
            }
            Self::CannotWorkTogether { unit, announced_by } => format!(
                "offers {} under {resource} ({announced_by}), of which {count} cannot work together",
                unit.plural()
            ),
            Self::TooFewAccelerators { has } => {
                format!("has {has} {resource}, and one replica needs {count}")
            }
            Self::UnhealthyAccelerators { unhealthy, total } => {
                format!("has {unhealthy} of {total} {resource} unhealthy")
            }
            _ => String::new(),
        }
    }
}
