//! The lists of an AIPolicy.

use std::cmp::Ordering;

use hemvist_api::condition::Reason;

/// A list of what is allowed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AllowList {
    /// Information classes.
    InformationClasses,
    /// Risk classes.
    RiskClasses,
    /// Regions.
    Regions,
    /// Data centres.
    DataCentres,
    /// Licences.
    Licences,
    /// Formats.
    Formats,
    /// Registries.
    Registries,
    /// Engines.
    Engines,
}

impl AllowList {
    /// Every list.
    pub const ALL: [Self; 8] = [
        Self::InformationClasses,
        Self::RiskClasses,
        Self::Regions,
        Self::DataCentres,
        Self::Licences,
        Self::Formats,
        Self::Registries,
        Self::Engines,
    ];

    /// What a value of the list is called.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::InformationClasses => "information class",
            Self::RiskClasses => "risk class",
            Self::Regions => "region",
            Self::DataCentres => "data centre",
            Self::Licences => "licence",
            Self::Formats => "format",
            Self::Registries => "registry",
            Self::Engines => "engine",
        }
    }

    /// The field of an AIPolicy that sets the list.
    pub const fn policy_field(self) -> &'static str {
        match self {
            Self::InformationClasses => "spec.informationClasses",
            Self::RiskClasses => "spec.riskClasses",
            Self::Regions => "spec.residency.regions",
            Self::DataCentres => "spec.residency.dataCentres",
            Self::Licences => "spec.models.licences",
            Self::Formats => "spec.models.formats",
            Self::Registries => "spec.images.registries",
            Self::Engines => "spec.engines.types",
        }
    }

    /// The reason in a condition where a value is not allowed.
    pub const fn reason(self) -> Reason {
        match self {
            Self::InformationClasses => Reason::InformationClassNotAllowed,
            Self::RiskClasses => Reason::RiskClassNotAllowed,
            Self::Regions => Reason::RegionNotAllowed,
            Self::DataCentres => Reason::DataCentreNotAllowed,
            Self::Licences => Reason::LicenceNotAllowed,
            Self::Formats => Reason::FormatNotAllowed,
            Self::Registries => Reason::RegistryNotAllowed,
            Self::Engines => Reason::EngineNotAllowed,
        }
    }

    /// The way out where a value is not in the list.
    pub const fn way_out(self) -> &'static str {
        match self {
            Self::InformationClasses => "Use an allowed class, or ask the policy's owner to add this one.",
            Self::RiskClasses => "Ask the policy's owner to add the risk class and what it requires.",
            Self::Regions | Self::DataCentres => {
                "Choose an allowed one, or remove the field to use any that is allowed."
            }
            Self::Licences => {
                "Choose a model with an allowed licence, or ask the policy's owner to review and add this one."
            }
            Self::Formats => "Convert the weights to an allowed format.",
            Self::Registries => {
                "Copy the image to an allowed registry and reference it there by digest. A reference without a registry \
                 means docker.io."
            }
            Self::Engines => "Use an allowed engine, or ask the policy's owner to add this one.",
        }
    }
}

/// What one policy lists, for the message alone: it tells no finding from another, and two of them are always equal.
#[derive(Clone, Debug, Default)]
pub struct Listed(pub Vec<String>);

impl PartialEq for Listed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Listed {}

impl PartialOrd for Listed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Listed {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}
