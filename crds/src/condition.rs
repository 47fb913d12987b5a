//! Condition types and reasons. People and tools rely on them, so they are part of the API.
//!
//! Reasons are API. One that is gone is never used again for another meaning.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::closed_enum::closed_enum;

closed_enum! {
    /// The type of a condition.
    ConditionType {
        /// The summary. True when the model serves; derived from the others, never set on its own.
        Ready,
        /// Policy and validity: the object may be carried out.
        Accepted,
        /// Nodes were found that are cleared, fit and hold the replicas.
        Placed,
        /// The replicas that were asked for are available.
        Available,
        /// The network isolation of the model: what was rendered, and whether the cluster enforces it.
        Isolated,
        /// Of a ModelDeployment that asks for a gateway: the gateway leads to it. Absent otherwise.
        Routed,
        /// Of a ModelDeployment that something is to scale: it works. Absent otherwise.
        Autoscaled,
        /// Of a ModelDeployment: every duty is met. Not abnormal when true, so waiters for readiness pass it by.
        DutiesCurrent,
        /// Abnormal when true: work is under way. Absent otherwise.
        Reconciling,
        /// Abnormal when true: nothing more will happen until somebody changes something. Absent otherwise.
        Stalled,
        /// Of an AIPolicy: the API server refuses what the policy forbids.
        Enforced,
        /// Of an AIPolicy: the date of review has passed.
        ReviewDue,
    }
}

closed_enum! {
    /// The reason of a condition.
    Reason {
        /// The object may be carried out.
        Accepted,
        /// Policy finds faults, but the strictest enforcement that binds is `Warn` or `Audit`, or all of them are duties
        /// that have lapsed and let a running model run on.
        AcceptedWithFindings,
        /// No AIPolicy of the root namespace binds the namespace.
        NoPolicy,
        /// An AIPolicy that may bind the namespace cannot be read by this version.
        PolicyUnreadable,
        /// The object itself cannot be read by this version.
        Unreadable,
        /// The risk class is one that AI Act Article 5 forbids.
        RiskClassUnacceptable,
        /// The information class is not allowed.
        InformationClassNotAllowed,
        /// The risk class is not allowed.
        RiskClassNotAllowed,
        /// A data centre that was asked for is not allowed, or none is left.
        DataCentreNotAllowed,
        /// No region is left that every policy allows.
        RegionNotAllowed,
        /// A required assessment is missing.
        AssessmentMissing,
        /// A required assessment has expired or is too old.
        AssessmentExpired,
        /// Human oversight is required and not described.
        HumanOversightMissing,
        /// A transparency notice is required and missing.
        TransparencyNoticeMissing,
        /// A record reference is required and missing.
        RecordReferenceMissing,
        /// The licence of the model is not allowed.
        LicenceNotAllowed,
        /// The format of the model is not allowed.
        FormatNotAllowed,
        /// An image comes from a registry that is not allowed.
        RegistryNotAllowed,
        /// A digest is required and missing.
        DigestMissing,
        /// The engine is not allowed.
        EngineNotAllowed,
        /// An argument of the engine is not allowed.
        ArgumentNotAllowed,
        /// The isolation that was asked for is less than the class demands.
        IsolationTooLow,
        /// A field asks for something that this version does not carry out.
        NotSupported,
        /// A field has a value that cannot be carried out.
        Invalid,
        /// The placement stands.
        Placed,
        /// The placement is found and the scheduler binds the replicas.
        Scheduling,
        /// No node is cleared and suitable.
        NoEligibleNode,
        /// Cleared and suitable nodes exist, but too few accelerators are free on them.
        WaitingForAccelerators,
        /// Replicas are on nodes that have lost their clearance, and they are being evicted.
        ClearanceLost,
        /// Replicas run where their accelerators are not kept apart as their class demands.
        IsolationLost,
        /// The question does not arise, because the object was not accepted.
        NotAccepted,
        /// The replicas that were asked for are available.
        ReplicasAvailable,
        /// Replicas start and load the model.
        Starting,
        /// A new version takes over.
        RollingOut,
        /// A replica waits for an old one of the same model to end and to give its accelerators back, or an object for the
        /// previous one of its name to be gone.
        WaitingForPredecessor,
        /// The scheduler finds no node for a replica.
        Unschedulable,
        /// The node of a replica does not say that it is ready.
        NodeNotReady,
        /// An accelerator that a replica holds is broken.
        AcceleratorUnhealthy,
        /// The image of a container cannot be pulled.
        ImagePullFailed,
        /// An image is for processors of another kind than the node has.
        ArchitectureMismatch,
        /// A container cannot be made, or its program cannot be started.
        ContainerStartFailed,
        /// A container ran for all the time that it has to start and did not answer.
        StartupTimeout,
        /// A container ends again and again.
        CrashLoop,
        /// A container ended while it took requests, and starts again.
        Restarting,
        /// A container was ended because it used too much memory.
        OutOfMemory,
        /// A replica was evicted by its node.
        Evicted,
        /// The weights are being fetched from their mirror, and no replica of them is made before they are verified.
        FetchingWeights,
        /// The weights are not those whose digest the model states, and are not served.
        ModelDigestMismatch,
        /// The claim that is to hold the weights has too little room.
        StorageFull,
        /// The mirror does not answer.
        MirrorUnreachable,
        /// The mirror refuses who asks.
        MirrorDenied,
        /// The mirror holds something else than files of weights, or not what it is asked for.
        MirrorContentRefused,
        /// The weights cannot be read where they are said to be, or not written where they are to be kept.
        WeightsUnreadable,
        /// The Job that fetches weights ended in a way that it could not tell.
        FetchFailed,
        /// An object of the same name exists that Hemvist did not make.
        NameConflict,
        /// The API server refused an object, or the write failed.
        ApplyFailed,
        /// A NetworkPolicy is in place; whether the cluster enforces it was not tried.
        EnforcementNotProbed,
        /// The network was seen to keep out whom the NetworkPolicy does not let in.
        EnforcementSeen,
        /// The network let in whom the NetworkPolicy does not.
        NotEnforced,
        /// The gateway has taken the route to the model.
        RouteAccepted,
        /// The gateway does not take the route to the model.
        RouteRefused,
        /// The gateway takes the route to the model and cannot carry it out.
        RouteUnresolved,
        /// No gateway has said whether it takes the route to the model.
        RouteUnanswered,
        /// The cluster does not serve the kinds of which a route is made.
        RouteNotServed,
        /// What scales the model says that it works.
        AutoscalerWorks,
        /// What scales the model says that it does not work.
        AutoscalerFailing,
        /// What scales the model has not said whether it works, or has nothing to go by yet.
        AutoscalerUnanswered,
        /// The model serves.
        Serving,
        /// `suspend` is set.
        Suspended,
        /// A serious incident is open.
        IncidentOpen,
        /// No replica is wanted.
        ScaledToZero,
        /// The policy is in force.
        InForce,
        /// A local policy allows what the region does not; the region's limit stays in force.
        LoosensRegion,
        /// The policy holds an entry that has no effect here.
        RootNamespaceOnly,
        /// The API server refuses what the policy forbids; it was tried.
        Enforced,
        /// The policy is being compiled into the API server, or tried there.
        NotYetEnforced,
        /// The API server does not take the compiled policy, or lets through what it should refuse.
        EnforcementFailed,
        /// An exception of the policy, or a part of it, waives nothing.
        NotWaivable,
        /// Every duty is met, and none ends within 30 days.
        DutiesCurrent,
        /// Every duty is met, and one ends within 30 days.
        ExpiresSoon,
        /// A duty has lapsed, and the model runs on for the days of grace.
        GraceRunning,
        /// A duty has lapsed, and the model runs on because the policies only warn of it.
        ExpiredAndKept,
        /// A duty is not met, and the model is accepted because the policies only warn of any breach.
        DutiesNotMet,
        /// The controller enforces the policy; it is not compiled into the API server.
        ControllerOnly,
        /// The date of review has passed.
        ReviewDatePassed,
        /// The date of review comes within 30 days.
        ReviewSoon,
        /// The date of review has not come.
        ReviewNotDue,
        /// No date of review is stated.
        NoReviewDate,
    }
}

/// The value of a condition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It is not known.
    Unknown,
}

impl ConditionStatus {
    /// The word as it stands in status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// What a condition will say, before it is known since when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConditionDraft {
    /// The type.
    pub type_: ConditionType,
    /// The value.
    pub status: ConditionStatus,
    /// The reason.
    pub reason: Reason,
    /// One sentence for people.
    pub message: String,
}

/// Turns drafts into conditions: the transition time is kept where the value is the same as before, and is `now` where
/// it changed. Only the drafts are in the result; a condition that is no longer drafted is gone.
pub fn transition(
    previous: &[Condition],
    drafts: Vec<ConditionDraft>,
    observed_generation: Option<i64>,
    now: &Time,
) -> Vec<Condition> {
    drafts
        .into_iter()
        .map(|draft| {
            let since = previous
                .iter()
                .find(|old| old.type_ == draft.type_.as_str() && old.status == draft.status.as_str())
                .map_or_else(|| now.clone(), |old| old.last_transition_time.clone());
            Condition {
                type_: draft.type_.as_str().to_owned(),
                status: draft.status.as_str().to_owned(),
                reason: draft.reason.as_str().to_owned(),
                message: draft.message,
                observed_generation,
                last_transition_time: since,
            }
        })
        .collect()
}
