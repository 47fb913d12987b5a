//! Reasons of an AIPolicy.

use hemvist_api::condition::Reason;

use super::{Explanation, explained};

/// AIPolicies.
pub(super) const POLICIES: &[Explanation] = &[
    explained(Reason::InForce, "`Accepted` is `True`", "The policy is in force with all its fields.", ""),
    explained(
        Reason::LoosensRegion,
        "`Accepted` is `False`, `Stalled`",
        "A policy outside the root namespace would allow more, or require less, than the root namespace does. \
         Those fields have no effect.",
        "Remove the fields that the message names, or have the policy in the root namespace changed.",
    ),
    explained(
        Reason::RootNamespaceOnly,
        "`Accepted` is `False`, `Stalled`",
        "The policy sets fields that have effect only in the root namespace.",
        "Remove the fields that the message names, or set them in a policy in the root namespace.",
    ),
    explained(
        Reason::NotWaivable,
        "`Accepted` is `False`, `Stalled`",
        "An exception has no effect: it names what cannot be waived, a namespace that the policy does not apply \
         to, or an impossible date.",
        "Correct the exception that the message names. AssessmentAge, HumanOversight, TransparencyNotice, \
         RecordReference and Assessment/TYPE, such as Assessment/DPIA, can be waived.",
    ),
    explained(
        Reason::Enforced,
        "`Enforced` is `True`",
        "The API server denies what the policy forbids, whether or not Hemvist runs. A dry run has verified it.",
        "Nothing. If the message says that something is only warned about, set enforcement: Deny there.",
    ),
    explained(
        Reason::NotYetEnforced,
        "`Enforced` is `False`",
        "The compiled policy is being written to the API server and verified. It takes seconds.",
        "Nothing. If it lasts, read the message and the log of the operator.",
    ),
    explained(
        Reason::EnforcementFailed,
        "`Enforced` and `Ready` are `False`",
        "The API server rejects the compiled policy, or accepts what it must deny. The message says which.",
        "Read the message: often the operator lacks a permission, or someone changes the ValidatingAdmissionPolicies.",
    ),
    explained(
        Reason::ControllerOnly,
        "`Enforced` is `False`",
        "Compiling policies into the API server is off: only the controller enforces the policy, and only on \
         ModelDeployments.",
        "Set admission.enabled in the chart. Until then, restrict who may create pods with accelerators.",
    ),
    explained(
        Reason::ReviewDatePassed,
        "`ReviewDue` is `True`",
        "The review of the policy is overdue. The policy stays in force.",
        "Review the decision and set the next date in spec.decision.reviewBy.",
    ),
    explained(
        Reason::ReviewSoon,
        "`ReviewDue` is `False`",
        "The review of the policy is due within 30 days. The policy stays in force after that day.",
        "Review the decision and set the next date in spec.decision.reviewBy.",
    ),
    explained(Reason::ReviewNotDue, "`ReviewDue` is `False`", "The review of the policy is not due yet.", ""),
    explained(
        Reason::NoReviewDate,
        "`ReviewDue` is `False`",
        "The policy has no review date.",
        "Set spec.decision.reviewBy.",
    ),
];
