//! What the policies of a namespace find wrong with a ModelDeployment.

use hemvist_api::condition::Reason;
use hemvist_api::values::{AssessmentType, EngineType, Isolation};

use super::{AllowList, Listed, RequestFinding, Rule, findings};

/// The reason of a rule for every list.
const BY_LIST: &[Reason] = &[
    Reason::InformationClassNotAllowed,
    Reason::RiskClassNotAllowed,
    Reason::RegionNotAllowed,
    Reason::DataCentreNotAllowed,
    Reason::LicenceNotAllowed,
    Reason::FormatNotAllowed,
    Reason::RegistryNotAllowed,
    Reason::EngineNotAllowed,
];

const NAMESPACE: &[&str] = &["metadata.namespace"];

const LISTED: &[&str] = &[
    "spec.purpose.informationClass",
    "spec.purpose.riskClass",
    "spec.placement.dataCentres",
    "spec.model.licence",
    "spec.model.format",
    "spec.engine.image",
    "spec.model.source.image.reference",
    "spec.model.adapters[].source.image.reference",
    "spec.engine.type",
];

const DIGESTS: &[&str] = &[
    "spec.engine.image",
    "spec.model.source.image.reference",
    "spec.model.digest",
    "spec.model.adapters[].source.image.reference",
    "spec.model.adapters[].digest",
];

/// The API server has no clock in its expressions.
const NO_CLOCK: &str = "Expressions in the API server have no clock.";

findings! {
    /// What is wrong with a ModelDeployment.
    Finding

    /// The namespace is not governed, so nothing may be served in it.
    UngovernedNamespace => Rule::new(
        &[Reason::NoPolicy],
        NAMESPACE,
        "Hemvist does not govern this namespace (policy.ungovernedNamespaces), so no model can run in it",
        "Create the ModelDeployment in a governed namespace.",
    )
    .because("In a namespace that is not governed nothing would hold the model to a policy.")
    .absolute();

    /// A policy that may apply to the namespace cannot be read.
    PolicyUnreadable {
        /// Namespace and name of the policy.
        policy: String,
        /// Why not, without a full stop.
        error: String,
    } => Rule::new(
        &[Reason::PolicyUnreadable],
        NAMESPACE,
        "AIPolicy {policy} may apply to this namespace and cannot be read, so everything is denied: {error}",
        "Fix AIPolicy {policy}, or upgrade Hemvist to a version that can read it.",
    )
    .because("What a policy forbids that cannot be read is not known.")
    .absolute();

    /// No policy of the root namespace applies to the namespace.
    NoPolicy {
        /// The root namespace.
        root_namespace: String,
    } => Rule::new(
        &[Reason::NoPolicy],
        NAMESPACE,
        "no AIPolicy in {root_namespace} applies to this namespace, and the default is deny",
        "Create an AIPolicy in {root_namespace} that applies to this namespace.",
    )
    .because("What nobody has allowed is denied.")
    .absolute();

    /// The risk class is prohibited by law, whatever a policy says.
    RiskClassUnacceptable => Rule::new(
        &[Reason::RiskClassUnacceptable],
        &["spec.purpose.riskClass"],
        "risk class Unacceptable is prohibited by Article 5 of the AI Act (Regulation (EU) 2024/1689)",
        "No policy can allow it.",
    )
    .because("The AI Act prohibits these practices.")
    .absolute();

    /// A value is not in the list of a policy.
    NotInList {
        /// The list.
        list: AllowList,
        /// The value.
        value: String,
        /// What all policies together allow, in order.
        allowed: Vec<String>,
        /// What the policy that refuses allows, in order.
        listed: Listed,
    } => Rule::new(
        BY_LIST,
        LISTED,
        "{list} {value} is not allowed by {rule}, which allows {listed}{together}",
        "{way}",
    )
    .because("A policy decides which values its namespaces may use.");

    /// No policy of the root namespace sets a list, so it allows nothing.
    ListNotStated {
        /// The list.
        list: AllowList,
        /// The field in which a policy of the root namespace would set it.
        policy_field: String,
        /// The root namespace.
        root_namespace: String,
    } => Rule::new(
        BY_LIST,
        LISTED,
        "no AIPolicy in {root_namespace} sets {policy_field} for this namespace, and the default is deny",
        "Set {policy_field} in an AIPolicy in {root_namespace}.",
    )
    .because("What nobody has allowed is denied.")
    .absolute();

    /// All policies together leave nothing of a list.
    NothingLeft {
        /// The list.
        list: AllowList,
    } => Rule::new(
        BY_LIST,
        &["spec.purpose.informationClass", "spec.placement.dataCentres"],
        "{rule} leaves no {list} that every AIPolicy of this namespace allows",
        "Change the policies so that they share at least one.",
    )
    .because("A model has to be somewhere.");

    /// A required assessment is missing.
    AssessmentMissing {
        /// The kind of assessment.
        assessment: AssessmentType,
    } => Rule::new(
        &[Reason::AssessmentMissing],
        &["spec.purpose.assessments"],
        "assessment {assessment} is missing; it is required by {rule}",
        "Carry out the assessment and add it to spec.purpose.assessments with type {assessment}.",
    )
    .because("A policy can require that a model is assessed before it is used.");

    /// The last day of a required assessment has passed.
    AssessmentExpired {
        /// The kind of assessment.
        assessment: AssessmentType,
        /// Its last day.
        valid_until: String,
    } => Rule::new(
        &[Reason::AssessmentExpired],
        &["spec.purpose.assessments[].validUntil"],
        "assessment {assessment} has expired: it was valid through {valid_until}; it is required by {rule}",
        "Renew the assessment and update its decidedOn and validUntil.",
    )
    .because("An assessment holds for a time.")
    .by_core_alone(NO_CLOCK);

    /// A required assessment was decided too long ago.
    AssessmentTooOld {
        /// The kind of assessment.
        assessment: AssessmentType,
        /// The day of its decision.
        decided_on: String,
        /// The greatest age, in days.
        max_age_days: i32,
    } => Rule::new(
        &[Reason::AssessmentExpired],
        &["spec.purpose.assessments[].decidedOn"],
        "assessment {assessment} is too old: it was decided on {decided_on}, and {rule} allows at most {max_age_days} days",
        "Renew the assessment and update its decidedOn and validUntil.",
    )
    .because("A policy can set the greatest age of an assessment.")
    .by_core_alone(NO_CLOCK);

    /// A required assessment is dated in the future or on a day that does not exist.
    AssessmentDateInvalid {
        /// The kind of assessment.
        assessment: AssessmentType,
        /// The date.
        date: String,
    } => Rule::new(
        &[Reason::AssessmentExpired],
        &["spec.purpose.assessments[].decidedOn", "spec.purpose.assessments[].validUntil"],
        "assessment {assessment} has the date {date}, which does not exist or is in the future; it is required by {rule}",
        "Write an existing date as YYYY-MM-DD; decidedOn cannot be in the future.",
    )
    .because("A date that cannot be does not show that the assessment holds.")
    .by_core_alone(NO_CLOCK);

    /// Human oversight is required and missing.
    HumanOversightMissing => Rule::new(
        &[Reason::HumanOversightMissing],
        &["spec.purpose.humanOversight"],
        "human oversight is missing; it is required by {rule}",
        "Set responsible and procedure.",
    )
    .because("A policy can require that a person answers for the model, by a procedure.");

    /// A transparency notice is required and missing.
    TransparencyNoticeMissing => Rule::new(
        &[Reason::TransparencyNoticeMissing],
        &["spec.purpose.transparencyNotice"],
        "the transparency notice is missing; it is required by {rule}",
        "Set the text that tells people that they use an AI system.",
    )
    .because("A policy can require that people are told that they use an AI system.");

    /// A record reference is required and missing.
    RecordReferenceMissing => Rule::new(
        &[Reason::RecordReferenceMissing],
        &["spec.purpose.recordReference"],
        "the record reference is missing; it is required by {rule}",
        "Set the registry number of the decision.",
    )
    .because("A policy can require that the decision about the model can be found in the registry.");

    /// A digest is required and missing.
    DigestMissing => Rule::new(
        &[Reason::DigestMissing],
        DIGESTS,
        "the SHA-256 digest is missing; it is required by {rule}",
        "{way}",
    )
    .because("Only a digest says which image or weights run.");

    /// An argument is neither in the engine's allow-list nor in that of a policy.
    ArgumentNotAllowed {
        /// Name of the argument.
        argument: String,
        /// The engine.
        engine: EngineType,
    } => Rule::new(
        &[Reason::ArgumentNotAllowed],
        &["spec.engine.args[]"],
        "argument {argument} is not in the built-in allow-list of {engine}, and {rule} does not add it",
        "Remove it, or have every AIPolicy that sets spec.engines.allowedArgs add it.",
    )
    .because("An argument can open what a policy closes, so only known ones are passed on.")
    .absolute();

    /// An argument is not in the engine's allow-list, and no policy of the root namespace adds any.
    ArgumentNotStated {
        /// Name of the argument.
        argument: String,
        /// The engine.
        engine: EngineType,
        /// The root namespace.
        root_namespace: String,
    } => Rule::new(
        &[Reason::ArgumentNotAllowed],
        &["spec.engine.args[]"],
        "argument {argument} is not in the built-in allow-list of {engine}, and no AIPolicy in {root_namespace} sets \
         spec.engines.allowedArgs for this namespace",
        "Remove it, or have an AIPolicy in {root_namespace} add it.",
    )
    .because("An argument can open what a policy closes, so only known ones are passed on.")
    .absolute();

    /// An argument that no policy can allow: a field sets it, or it must never be set.
    ArgumentReserved {
        /// Name of the argument.
        argument: String,
        /// The engine.
        engine: EngineType,
        /// What to do instead.
        way: String,
    } => Rule::new(
        &[Reason::ArgumentNotAllowed],
        &["spec.engine.args[]"],
        "argument {argument} of {engine} is reserved, so no AIPolicy can allow it",
        "{way}",
    )
    .because(
        "Hemvist sets the argument itself, or it could give the engine code, files, addresses or secrets, or log requests.",
    )
    .absolute();

    /// Less isolation is requested than the class requires.
    IsolationTooLow {
        /// What is requested.
        asked: Isolation,
        /// What is required.
        demanded: Isolation,
    } => Rule::new(
        &[Reason::IsolationTooLow],
        &["spec.accelerator.partition"],
        "isolation {asked} is weaker than {demanded}, which is required by {rule}",
        "Remove spec.accelerator.partition to use whole devices.",
    )
    .because("A policy can require that a model shares no device with others.");

    => Request: RequestFinding;
}
