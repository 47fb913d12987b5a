//! Values that several kinds share: classes, enumerations and checked strings.
//!
//! An enumeration here is closed. A value that this build does not know makes the whole object unreadable, and an
//! unreadable object denies; there is no variant for "something else".

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::closed_enum::closed_enum;

closed_enum! {
    /// The class of the information that a model is given: how bad it is if it gets out.
    ///
    /// Ordered: a *class* gets stricter upwards. The *clearance* of a node is the highest class it may hold, so a
    /// clearance upwards allows more.
    InformationClass { Open, Internal, Sensitive, Secret }
}

closed_enum! {
    /// The risk class of the EU AI Act, Regulation (EU) 2024/1689. Ordered from the least to the greatest risk.
    ///
    /// `Unacceptable` names the practices that Article 5 forbids. It can be written, so that the refusal can say why.
    RiskClass { Minimal, Limited, High, Unacceptable }
}

closed_enum! {
    /// How far the model's answers take part in decisions about people.
    DecisionSupport { None, Advisory, Automated }
}

closed_enum! {
    /// Who meets the model.
    Audience { Staff, Public }
}

closed_enum! {
    /// A kind of assessment that is made before a model is introduced.
    AssessmentType {
        /// Data protection impact assessment, GDPR Article 35.
        DPIA,
        /// Fundamental rights impact assessment, AI Act Article 27.
        FRIA,
        /// Information security assessment, such as a KLASSA classification with its measures.
        InformationSecurity,
        /// Assessment made before a purchase or agreement.
        Procurement,
        /// Assessment of accessibility.
        Accessibility,
        /// Assessment of climate and environment.
        Climate,
    }
}

closed_enum! {
    /// The file format of a model's weights. Formats that can carry code are not in the list.
    ModelFormat { Safetensors, GGUF }
}

closed_enum! {
    /// An inference engine.
    EngineType { VLLM, SGLang, LlamaCpp, Custom }
}

closed_enum! {
    /// The number format of the key-value cache. `Auto` leaves it to the engine.
    KeyValueCacheType { Auto, FP8, FP16 }
}

closed_enum! {
    /// The vendor of an accelerator.
    AcceleratorVendor { NVIDIA, AMD, Intel, Habana }
}

closed_enum! {
    /// Rank in the queue for accelerators.
    Priority { Low, Normal, High }
}

closed_enum! {
    /// How a new version takes over from the old one.
    RolloutStrategy {
        /// Old replicas make room for new ones, so that a rollout never waits for a spare accelerator.
        Auto,
        /// Every old replica stops before a new one starts.
        Recreate,
        /// A quarter of the replicas, at least one, at a time; no spare accelerator is needed.
        Rolling,
        /// A new replica is ready before an old one stops; needs a spare accelerator.
        Surge,
    }
}

closed_enum! {
    /// The measure that scaling follows.
    ScalingMetric { QueueDepth, KeyValueCacheUsage }
}

closed_enum! {
    /// What the engine may log of requests. Content is never logged.
    RequestLogging { None, Metadata }
}

closed_enum! {
    /// A kind of incident.
    IncidentKind {
        /// Personal data breach, GDPR Article 33.
        PersonalData,
        /// Serious incident, AI Act Article 73. While it is open the model stays suspended.
        SeriousAI,
        /// Information security incident.
        Security,
    }
}

closed_enum! {
    /// What a breach of a policy leads to. Ordered: the strictest of those that bind wins.
    Enforcement { Audit, Warn, Deny }
}

closed_enum! {
    /// How far a model is kept apart from others. Ordered: more isolation is greater.
    Isolation { Shared, Partition, WholeDevice, WholeNode }
}

closed_enum! {
    /// What an expired duty does to a model that runs already.
    ExpiryAction { Warn, Stop }
}

closed_enum! {
    /// What happens to pods that use an accelerator and that no ModelDeployment made.
    UnmanagedAccelerators { RequireResidency, Deny }
}

closed_enum! {
    /// A principle of the policy for AI that a rule serves; for the report.
    Principle { HumanControl, Fairness, Transparency, Privacy, Security, Sustainability }
}

/// Declares a string with bounds that the schema carries.
macro_rules! bounded_string {
    ($(#[$meta:meta])* $name:ident, $($schema:tt)+) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
        #[schemars(inline)]
        #[serde(transparent)]
        pub struct $name(#[schemars($($schema)+)] pub String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

bounded_string! {
    /// A calendar date, ISO 8601, such as `2026-05-02`.
    Date, length(max = 10), regex(pattern = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")
}

bounded_string! {
    /// A SHA-256 digest, such as `sha256:` and 64 hexadecimal digits.
    Digest, length(max = 71), regex(pattern = r"^sha256:[a-f0-9]{64}$")
}

bounded_string! {
    /// A number of bytes as a Kubernetes quantity, such as `141Gi`.
    Bytes, length(max = 24), regex(pattern = r"^[0-9]{1,15}(\.[0-9]{1,3})?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$")
}

bounded_string! {
    /// The name of a data centre, as it stands in the label of its nodes, such as `jkpg-a`.
    DataCentre, length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
}

bounded_string! {
    /// A region, ISO 3166-2 in lower case, such as `se-f`.
    Region, length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
}

bounded_string! {
    /// The name of a namespace, such as `halsa`.
    NamespaceName, length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
}

bounded_string! {
    /// The name of an object in the same namespace, such as `journal-weights`.
    ObjectName, length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
}

bounded_string! {
    /// An OCI image reference with its registry, such as `registry.region.example/vllm/vllm-openai@sha256:…`.
    ImageReference, length(min = 1, max = 512), regex(pattern = r"^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$")
}

bounded_string! {
    /// A registry, or a registry and the beginning of a path in it, such as `registry.region.example/models`.
    RegistryPrefix, length(min = 1, max = 253), regex(pattern = r"^[a-zA-Z0-9][a-zA-Z0-9._:/-]*$")
}

bounded_string! {
    /// An SPDX licence expression without parentheses, such as `Apache-2.0`, `MIT OR Apache-2.0` or `LicenseRef-Llama-3.3`.
    ///
    /// Alternatives are joined by ` OR `, and in each of them the licences that apply together by ` AND `. A licence can have
    /// an exception behind ` WITH `. A nested expression is written out: `(MIT OR ISC) AND Zlib` is
    /// `MIT AND Zlib OR ISC AND Zlib`.
    Licence, length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*$")
}

bounded_string! {
    /// An absolute path without `..`, such as `/models`.
    AbsolutePath, length(min = 1, max = 256), regex(pattern = r"^/([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?$")
}

bounded_string! {
    /// A path below a volume's root, without `..`, such as `llama/q4.gguf`.
    RelativePath, length(max = 256), regex(pattern = r"^([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?$")
}

bounded_string! {
    /// A reference in the organisation's registry, such as …, such as `RJL 2026/1234`.
    Reference, length(min = 1, max = 128)
}

bounded_string! {
    /// A decimal number as text, because Kubernetes objects carry no floats, such as `1.2`.
    Decimal, length(min = 1, max = 16), regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$")
}
