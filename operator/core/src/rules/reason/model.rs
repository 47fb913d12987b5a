//! Reasons for the verdict on a ModelDeployment.

use hemvist_api::condition::Reason;

use super::{Explanation, explained};

/// The model is accepted.
pub(super) const ACCEPTED: &[Explanation] = &[
    explained(
        Reason::Accepted,
        "`Accepted` is `True`",
        "The AIPolicies of the namespace allow the model, and this version supports it.",
        "",
    ),
    explained(
        Reason::AcceptedWithFindings,
        "`Accepted` is `True`",
        "The policies find faults, but the model runs: either the strictest enforcement is Warn or Audit, or \
         the faults are duties that were met when the model was created.",
        "Fix what the message lists before a policy with enforcement Deny refuses the model.",
    ),
];

/// The model is refused.
pub(super) const REFUSED: &[Explanation] = &[
    explained(
        Reason::NoPolicy,
        "`Accepted` is `False`, `Stalled`",
        "No AIPolicy in the root namespace applies to this namespace, or Hemvist does not govern it. The \
         default is deny.",
        "Ask the owner of the root namespace for an AIPolicy that applies to this namespace, or use a governed \
         namespace.",
    ),
    explained(
        Reason::PolicyUnreadable,
        "`Accepted` is `False`, `Stalled`",
        "An AIPolicy that may apply to this namespace has a value that this version does not know. Until it can \
         be read, everything is denied.",
        "Fix the policy, or upgrade Hemvist.",
    ),
    explained(
        Reason::Unreadable,
        "`Accepted` is `False`, `Stalled`",
        "The object has a field or value that this version does not know, so nothing is deployed from it.",
        "Fix the object, or upgrade Hemvist.",
    ),
    explained(
        Reason::RiskClassUnacceptable,
        "`Accepted` is `False`, `Stalled`",
        "The risk class is Unacceptable, which Article 5 of the AI Act prohibits. No policy can allow it.",
        "Do not deploy the model. If the classification is wrong, have its owner correct it.",
    ),
    explained(
        Reason::InformationClassNotAllowed,
        "`Accepted` is `False`, `Stalled`",
        "At least one AIPolicy of the namespace does not list the information class.",
        "Use a lower class and less sensitive information, or ask the policy's owner to add the class.",
    ),
    explained(
        Reason::RiskClassNotAllowed,
        "`Accepted` is `False`, `Stalled`",
        "At least one AIPolicy of the namespace does not list the risk class.",
        "Ask the policy's owner to add the class and what it requires.",
    ),
    explained(
        Reason::DataCentreNotAllowed,
        "`Accepted` is `False`, `Stalled`",
        "A requested data centre is not allowed, or the policies have no data centre in common.",
        "Change spec.placement.dataCentres, or change the policies so that they share at least one.",
    ),
    explained(
        Reason::RegionNotAllowed,
        "`Accepted` is `False`, `Stalled`",
        "The policies of the namespace have no region in common, so the model can run nowhere.",
        "Change spec.residency.regions of the policies so that they share at least one.",
    ),
    explained(
        Reason::AssessmentMissing,
        "`Accepted` is `False`, `Stalled`",
        "A policy requires an assessment for the information class or risk class, and it is missing.",
        "Carry out the assessment and add it to spec.purpose.assessments with reference and date.",
    ),
    explained(
        Reason::AssessmentExpired,
        "`Accepted` is `False`, `Stalled`",
        "A required assessment has expired, is older than the policy allows, or has an impossible date.",
        "Renew the assessment and update its dates, or correct them.",
    ),
    explained(
        Reason::HumanOversightMissing,
        "`Accepted` is `False`, `Stalled`",
        "A policy requires human oversight, and the model does not say who is responsible and by which procedure.",
        "Set spec.purpose.humanOversight.responsible and .procedure.",
    ),
    explained(
        Reason::TransparencyNoticeMissing,
        "`Accepted` is `False`, `Stalled`",
        "A policy requires a notice that tells people that they use an AI system, and it is missing.",
        "Set spec.purpose.transparencyNotice.",
    ),
    explained(
        Reason::RecordReferenceMissing,
        "`Accepted` is `False`, `Stalled`",
        "A policy requires the registry number of the decision, and it is missing.",
        "Set spec.purpose.recordReference.",
    ),
    explained(
        Reason::LicenceNotAllowed,
        "`Accepted` is `False`, `Stalled`",
        "At least one AIPolicy of the namespace does not list the licence of the model.",
        "Choose a model with an allowed licence, or ask the policy's owner to add this one to spec.models.licences.",
    ),
    explained(
        Reason::FormatNotAllowed,
        "`Accepted` is `False`, `Stalled`",
        "At least one AIPolicy of the namespace does not list the file format of the weights.",
        "Convert the weights, or ask the policy's owner to add the format to spec.models.formats.",
    ),
    explained(
        Reason::RegistryNotAllowed,
        "`Accepted` is `False`, `Stalled`",
        "An image comes from a registry that at least one AIPolicy of the namespace does not list.",
        "Copy the image to an allowed registry and reference it there by digest.",
    ),
    explained(
        Reason::DigestMissing,
        "`Accepted` is `False`, `Stalled`",
        "A policy requires SHA-256 digests, and one is missing.",
        "Reference images as NAME@sha256:DIGEST; for weights on a volume, set spec.model.digest.",
    ),
    explained(
        Reason::EngineNotAllowed,
        "`Accepted` is `False`, `Stalled`",
        "At least one AIPolicy of the namespace does not list the engine.",
        "Choose an allowed engine, or ask the policy's owner to add this one to spec.engines.types.",
    ),
    explained(
        Reason::ArgumentNotAllowed,
        "`Accepted` is `False`, `Stalled`",
        "An argument is neither in the built-in allow-list of the engine nor added by the policies, or it is reserved: \
         Hemvist sets it from a field, or nobody may set it.",
        "Set the field that the message names, or remove the argument. If it is not reserved, have every policy that sets \
         spec.engines.allowedArgs add it.",
    ),
    explained(
        Reason::IsolationTooLow,
        "`Accepted` is `False`, `Stalled`",
        "A policy requires stronger isolation for the information class than the model requests.",
        "Remove spec.accelerator.partition to use whole devices, or use a lower class and less sensitive information.",
    ),
    explained(
        Reason::NotSupported,
        "`Accepted` is `False`, `Stalled`",
        "The model uses something that this version does not support yet.",
        "Do what the message suggests, or wait for a version that supports it.",
    ),
    explained(
        Reason::Invalid,
        "`Accepted` is `False`, `Stalled`",
        "A field has a value that cannot work, or the object does not match its schema.",
        "Fix the field that the message names.",
    ),
];

/// Whether its duties are met.
pub(super) const DUTIES: &[Explanation] = &[
    explained(
        Reason::DutiesCurrent,
        "`DutiesCurrent` is `True`",
        "Every duty of the model, such as an assessment, is met, and none ends within 30 days.",
        "",
    ),
    explained(
        Reason::ExpiresSoon,
        "`DutiesCurrent` is `True`",
        "Every duty of the model is met now, but within 30 days one will not be: an assessment expires or gets \
         too old, an exception ends, or a new requirement begins.",
        "Do what the message says before the day that it names.",
    ),
    explained(
        Reason::GraceRunning,
        "`DutiesCurrent` is `False`",
        "A duty is no longer met. The model keeps running for the grace days of the policy and is stopped after them.",
        "Renew what the message names before that day. The AIPolicy sets the days in onExpiry.graceDays of the \
         information class.",
    ),
    explained(
        Reason::ExpiredAndKept,
        "`DutiesCurrent` is `False`",
        "A duty is no longer met. The model keeps running, because onExpiry of its information class is Warn.",
        "Renew what the message names. If you delete the model, you cannot create it again before that.",
    ),
    explained(
        Reason::DutiesNotMet,
        "`DutiesCurrent` is `False`",
        "A duty is not met, but the strictest enforcement is Warn or Audit, so the model runs.",
        "Do what the message names before a policy with enforcement Deny refuses the model.",
    ),
];
