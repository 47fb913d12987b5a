//! Reasons of a ModelDeployment that is placed and runs.

use hemvist_api::condition::Reason;

use super::{Explanation, explained};

/// Where it is placed.
pub(super) const PLACEMENT: &[Explanation] = &[
    explained(
        Reason::Placed,
        "`Placed` is `True`",
        "Every replica is bound to a cleared and suitable node.",
        "",
    ),
    explained(
        Reason::Scheduling,
        "`Placed` is `False`",
        "The replicas fit, and the scheduler is binding them.",
        "Wait some seconds. If it lasts, check the events of the pods.",
    ),
    explained(
        Reason::NoEligibleNode,
        "`Placed` is `False`, `Stalled`",
        "No node is both cleared and suitable. Waiting does not help.",
        "Read in the message why each node is excluded. Clear a node for the information class, or change \
         spec.accelerator.",
    ),
    explained(
        Reason::WaitingForAccelerators,
        "`Placed` is `False`",
        "Nodes are cleared and suitable, but too few accelerators are free. The message says who uses them.",
        "Wait, or scale down a less important model.",
    ),
    explained(
        Reason::ClearanceLost,
        "`Placed` is `False`",
        "Replicas run on nodes that are no longer cleared for the model, and Hemvist evicts them.",
        "Nothing if that was intended; otherwise restore the labels of the node.",
    ),
    explained(
        Reason::IsolationLost,
        "`Placed` is `False`",
        "Replicas run on nodes that hand out shares or partitions of devices, or that other pods use, and their information \
         class demands more. Hemvist evicts them.",
        "Offer whole devices on a cleared node, or clear a node that has them. Nothing if that was intended.",
    ),
    explained(
        Reason::WaitingForPredecessor,
        "`Placed` is `False`; `Ready` is `False` while an object of the name is being deleted",
        "A replica waits for the accelerators of an old replica that is terminating, or an object of the model waits until \
         the previous one of its name is deleted, with its pods.",
        "Wait up to spec.rollout.drainSeconds. If it lasts, check the node of the old pod, and finalizers of the object.",
    ),
    explained(
        Reason::NodeNotReady,
        "`Placed` or `Available` is `False`; `Available` is `True` while the cluster still counts the replica \
         as ready",
        "The node of a replica is not ready: its kubelet, container runtime or network is down. After five \
         minutes Kubernetes replaces the replica, if another cleared node has room.",
        "Check the node that the message names. When it is back, the replica serves again.",
    ),
    explained(
        Reason::NotAccepted,
        "`Placed`, `Available` and others are `Unknown`",
        "The condition does not apply, because the model is not accepted.",
        "Read the condition Accepted.",
    ),
];

/// Whether it runs.
pub(super) const RUNNING: &[Explanation] = &[
    explained(Reason::ReplicasAvailable, "`Available` is `True`", "All replicas are available.", ""),
    explained(
        Reason::Starting,
        "`Available` is `False`",
        "Replicas are starting and loading the weights. Large models take minutes.",
        "Wait. If it lasts much longer than reading the weights takes, check the log of the pods.",
    ),
    explained(
        Reason::RollingOut,
        "`Available` is `True`, `Reconciling`",
        "A new version is rolling out.",
        "Wait. Without a free accelerator the old version stops first.",
    ),
    explained(
        Reason::Unschedulable,
        "`Available` is `False`",
        "The scheduler found no node for a replica; the message is the scheduler's.",
        "Do what the message asks for: free an accelerator, or remove a taint.",
    ),
    explained(
        Reason::AcceleratorUnhealthy,
        "`Available` is `False`, or `True` while the replica still takes requests",
        "The device plug-in reports an accelerator of a replica as unhealthy. The engine may not have noticed.",
        "Repair the device. Hemvist evicts a replica that no longer serves once another accelerator is free, \
         and leaves one alone that still serves.",
    ),
    explained(
        Reason::ImagePullFailed,
        "`Available` is `False`",
        "The image of the engine or of the weights cannot be pulled.",
        "Check that the registry has the image with this digest, and that the nodes may pull it.",
    ),
    explained(
        Reason::ArchitectureMismatch,
        "`Available` is `False`",
        "The image of the engine is built for another CPU architecture than the node's, such as arm64 on amd64.",
        "Reference by digest the image for the node's architecture, or a multi-architecture index.",
    ),
    explained(
        Reason::ContainerStartFailed,
        "`Available` is `False`",
        "A container cannot start on the node: a volume or device is missing, or its program is not in the image.",
        "Do what the message asks for; it comes from the container runtime.",
    ),
    explained(
        Reason::StartupTimeout,
        "`Available` is `False`",
        "The engine did not answer within its start-up time, so the kubelet restarts it: the weights load too \
         slowly, or the engine listens elsewhere.",
        "Read its log. Set spec.model.facts.weights, which determines the start-up time, and compare \
         spec.engine.custom with the image.",
    ),
    explained(
        Reason::CrashLoop,
        "`Available` is `False`",
        "The engine exits again and again soon after its start.",
        "Read the log of the previous container; check image, arguments and format of the weights.",
    ),
    explained(
        Reason::Restarting,
        "`Available` is `False`",
        "The engine exited while it was serving. It restarts and loads the model.",
        "Wait. If it happens often, read the log of the previous container.",
    ),
    explained(
        Reason::OutOfMemory,
        "`Available` is `False`",
        "The engine exceeded its memory limit.",
        "Lower spec.engine.contextLength or the concurrency, or use more or larger accelerators.",
    ),
    explained(
        Reason::Evicted,
        "`Available` is `False`",
        "A node evicted a replica, because it was drained or short of a resource.",
        "Nothing if the node was drained on purpose; otherwise check its memory and disk.",
    ),
    explained(
        Reason::FetchingWeights,
        "`Available` is `False`, or `True` while an old version serves; `Reconciling`",
        "A Job fetches and verifies the weights. Replicas start after that; an old version keeps serving.",
        "Wait. The log of the Job's pod shows the progress.",
    ),
    explained(
        Reason::ModelDigestMismatch,
        "`Available` is `False`, or `True` while an old version serves",
        "The weights do not match the digest of the model, so they are not served.",
        "Find out who changed them. If they are right, have them assessed and set the digest that `hemvist \
         model digest` prints.",
    ),
    explained(
        Reason::StorageFull,
        "`Available` is `False`, or `True` while an old version serves",
        "The PersistentVolumeClaim has too little room for the weights.",
        "Enlarge the claim, or delete folders of models that are no longer served.",
    ),
    explained(
        Reason::MirrorUnreachable,
        "`Available` is `False`, or `True` while an old version serves",
        "The mirror does not answer, or closes the connection. The Job retries.",
        "Check the endpoint, and that `mirrors` in the chart has the networks of the mirror.",
    ),
    explained(
        Reason::MirrorDenied,
        "`Available` is `False`, or `True` while an old version serves",
        "The mirror denies access to the weights. The Job retries.",
        "Correct the Secret in secretName, or give its key permission to list and read the weights.",
    ),
    explained(
        Reason::MirrorContentRefused,
        "`Available` is `False`, or `True` while an old version serves",
        "The mirror holds a file that is not weights, or not what spec.model.source.mirror asks for.",
        "Remove what the message names from the mirror, or set spec.model.source.mirror.path to a folder without it.",
    ),
    explained(
        Reason::WeightsUnreadable,
        "`Available` is `False`, or `True` while an old version serves",
        "The weights cannot be read at their path, or the claim for them cannot be written.",
        "Correct the path that the message names; replace a link by a copy of its target.",
    ),
    explained(
        Reason::FetchFailed,
        "`Available` is `False`, or `True` while an old version serves",
        "The Job that fetches the weights ended without a reason: it was killed, took too long, or its pod \
         could not be created.",
        "Check the events of the Job and its pods. Hemvist creates a new Job one hour after the failure.",
    ),
    explained(
        Reason::NameConflict,
        "`Ready` is `False`",
        "An object with this name exists and was not created by Hemvist, so Hemvist leaves it alone.",
        "Delete or rename that object, or rename the model.",
    ),
    explained(
        Reason::ApplyFailed,
        "`Ready` is `False`",
        "The API server refused an object of the model, or could not be reached. Hemvist retries.",
        "Read the message; often a quota or an admission policy denies it.",
    ),
    explained(
        Reason::EnforcementNotProbed,
        "`Isolated` is `Unknown`",
        "A NetworkPolicy isolates the model. Whether the network enforces it was not probed.",
        "Let the operator reach the status port of replicas (inspection.enabled in the chart), or test it yourself.",
    ),
    explained(
        Reason::EnforcementSeen,
        "`Isolated` is `True`",
        "The operator probed a replica: its open port answered, and the model's port was blocked. The network \
         enforces NetworkPolicies for ingress. Egress was not probed.",
        "",
    ),
    explained(
        Reason::NotEnforced,
        "`Isolated` is `False`",
        "The operator reached the model's port against the NetworkPolicy: the network does not enforce \
         NetworkPolicies, and every pod in the cluster can use the model.",
        "Use a network plug-in that enforces NetworkPolicies.",
    ),
    explained(
        Reason::RouteAccepted,
        "`Routed` is `True`",
        "The gateway accepted the route to the model.",
        "Nothing. Clients use the address in status.resolved.gateway.",
    ),
    explained(
        Reason::RouteRefused,
        "`Routed` is `False`",
        "The gateway did not accept the route to the model; the message is the gateway's. Clients in the \
         cluster can still use the Service.",
        "Do what the message says: usually a listener of the Gateway must allow routes from the namespace \
         (listeners[].allowedRoutes) and the hostname.",
    ),
    explained(
        Reason::RouteUnresolved,
        "`Routed` is `False`",
        "The gateway accepted the route but cannot resolve its backend: it does not support the kind, or the \
         object does not exist. The message is the gateway's.",
        "Use a gateway that supports InferencePools, or remove spec.access.gateway.endpointPicker.",
    ),
    explained(
        Reason::RouteUnanswered,
        "`Routed` is `Unknown`",
        "The gateway has not reported whether it accepts the newest version of the route.",
        "Wait some seconds. If it lasts, check that the Gateway (gateway.name in the chart) exists and that its \
         controller runs.",
    ),
    explained(
        Reason::RouteNotServed,
        "`Routed` is `False`",
        "The model asks for a gateway, and the cluster does not serve HTTPRoute, or InferencePool, which an \
         endpoint picker needs. Clients in the cluster can still use the Service.",
        "Install the CRDs of the Gateway API, or remove spec.access.gateway.",
    ),
    explained(
        Reason::AutoscalerWorks,
        "`Autoscaled` is `True`",
        "The autoscaler of the model reports that it works.",
        "",
    ),
    explained(
        Reason::AutoscalerFailing,
        "`Autoscaled` is `False`",
        "The autoscaler of the model reports that it does not work, usually because it gets no metrics. The \
         message is the autoscaler's. The replicas keep serving.",
        "Provide custom metrics of the pods for a HorizontalPodAutoscaler, or a Prometheus for KEDA that \
         scrapes the replicas: see the page Scale a model.",
    ),
    explained(
        Reason::AutoscalerUnanswered,
        "`Autoscaled` is `Unknown`",
        "The autoscaler of the model has reported no status, or no replica is ready to be measured.",
        "Wait until a replica is ready. If it lasts, check that KEDA's operator runs and is listed in \
         admission.autoscalers of the chart.",
    ),
    explained(Reason::Serving, "`Ready` is `True`", "The model serves.", ""),
    explained(
        Reason::Suspended,
        "`Ready` is `False`",
        "spec.suspend is true, so no replica runs.",
        "Set it to false to serve again.",
    ),
    explained(
        Reason::IncidentOpen,
        "`Ready` is `False`",
        "A serious incident is open in spec.incidents, so no replica runs.",
        "Resolve the incident, then set its closedOn.",
    ),
    explained(
        Reason::ScaledToZero,
        "`Available` is `True`",
        "No replicas are requested: spec.replicas is 0, or KEDA stopped the last one.",
        "Set spec.replicas to serve again. With spec.scaling, a schedule or requests start the model.",
    ),
];
