//! Rules of the API server about pods, workloads and other objects. The core judges no such object for people, so these
//! have no findings; the compiled policies take their messages from here.

use super::{Found, Rule};

/// A rule about objects that are not ModelDeployments, or about who writes them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ObjectRule {
    /// The kind of object, in the plural.
    pub objects: &'static str,
    /// The rule.
    pub rule: &'static Rule,
}

const fn rule(
    code: &'static str,
    fields: &'static [&'static str],
    (fault, help): (&'static str, &'static str),
    purpose: &'static str,
) -> Rule {
    Rule {
        code,
        reasons: &[],
        fields,
        fault,
        help,
        stated: &[],
        purpose,
        found: Found::ServerAlone,
        absolute: true,
    }
}

/// Declares rules, and the list of all of them.
macro_rules! object_rules {
    ($($name:ident $code:literal of $objects:literal: $fields:expr, $fault:expr, $help:expr, $purpose:expr;)+) => {
        $(
            #[doc = concat!("The rule `", $code, "`.")]
            pub(crate) const $name: Rule = rule($code, $fields, ($fault, $help), $purpose);
        )+

        impl ObjectRule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self { objects: $objects, rule: &$name }),+];
        }
    };
}

/// The field in which a pod says where it may go.
pub(crate) const AFFINITY_FIELD: &str =
    "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution";

const USE_MODEL: &str = "Use a ModelDeployment.";

object_rules! {
    OUTSIDE_PLACE "PodOutsidePlace" of "pods":
        &[AFFINITY_FIELD],
        "a pod with an accelerator must stay in {listed}; required by {rule}",
        "Require {label} In with only these values in every nodeSelectorTerm, or use a ModelDeployment, which sets this for \
         you.",
        "The kubelet and the scheduler hold a pod to its required affinity and to nothing else.";
    POD_IMAGE_WITHOUT_DIGEST "PodImageWithoutDigest" of "pods":
        &["spec.containers[].image"],
        "{image} has no SHA-256 digest; it is required by {rule}",
        "Reference the image by digest: NAME@sha256:DIGEST.",
        "Only a digest says which image runs.";
    POD_ISOLATION_TOO_LOW "PodIsolationTooLow" of "pods":
        &["spec"],
        "a pod of class {class} needs isolation {isolation} or stronger; required by {rule}",
        "Request whole devices, require nodes whose labels do not say that they are shared or partitioned, for WholeNode also \
         nodes without pods of other models, or use a ModelDeployment, which sets this for you.",
        "A policy can require that a model shares no device, or no node, with others.";
    DENIED_WITHOUT_MODEL "PodDeniedWithoutModel" of "pods":
        &["spec"],
        "only a ModelDeployment may create pods with an accelerator here; required by {rule}",
        USE_MODEL,
        "A policy can leave accelerators to ModelDeployments alone.";
    NOT_OF_A_MODEL "PodNotOfModel" of "pods":
        &["spec"],
        "only a ModelDeployment may create pods with an accelerator here (resource, claim, device variable, runtime class, \
         host device or privileged), not {user}",
        "Use a ModelDeployment, or have an AIPolicy in the root namespace set unmanagedAccelerators: RequireResidency.",
        "A pod that no ModelDeployment made has no purpose, no owner and no assessment.";
    CLASS_NOT_STATED "PodClassMissing" of "pods":
        &["metadata.labels[hemvist.dev/information-class]"],
        "a pod with an accelerator must have its information class in this label: one of {classes}",
        "Set the label.",
        "What a pod may read decides where it may run.";
    BEYOND_CLEARANCE "PodBeyondClearance" of "pods":
        &[AFFINITY_FIELD],
        "a pod of class {class} with an accelerator must run on nodes with clearance {listed}",
        "Require {label} In with only these values in every nodeSelectorTerm, or use a ModelDeployment, which sets this for \
         you.",
        "A node may hold the classes up to its clearance.";
    HOST_SHARED "PodSharesHost" of "pods":
        &["spec"],
        "a pod with an accelerator must not share the host's network, PID or IPC namespace",
        "Remove hostNetwork, hostPID and hostIPC.",
        "No NetworkPolicy holds on the network of the host.";
    HOST_PATH_MOUNTED "PodMountsHost" of "pods":
        &["spec.volumes"],
        "a pod with an accelerator must not mount hostPath volumes",
        "Remove them.",
        "Files and devices of the host are not isolated.";
    DEVICE_TAKEN "PodTakesDevice" of "pods":
        &["spec.containers"],
        "a pod with an accelerator must request it as a resource",
        "Remove privileged, variables such as NVIDIA_VISIBLE_DEVICES and annotations for devices, and request a resource beside a \
         runtime class.",
        "A device that is not requested is taken from other pods.";
    NODE_NAMED "PodNamesNode" of "pods":
        &["spec.nodeName"],
        "a pod with an accelerator must be placed by the scheduler",
        "Remove spec.nodeName.",
        "A pod that names its node is not held to taints and resources.";
    OTHER_SCHEDULER "PodOtherScheduler" of "pods":
        &["spec.schedulerName"],
        "a pod with an accelerator must use {schedulers}",
        "Remove spec.schedulerName.",
        "Another scheduler may place pods by other rules.";
    TAINTS_TOLERATED "PodToleratesEverything" of "pods":
        &["spec.tolerations"],
        "a pod with an accelerator must not tolerate every taint",
        "Give each toleration a key.",
        "Taints keep nodes for an information class.";
    DEDICATED_TOLERATED "PodToleratesDedicated" of "pods":
        &["spec.tolerations"],
        "a pod that no ModelDeployment created must not tolerate the taint hemvist.dev/dedicated",
        "Remove the toleration.",
        "Nodes with this taint are kept for the models of one information class.";
    DEBUG_CONTAINER "PodDebugContainer" of "pods":
        &["spec.ephemeralContainers"],
        "pods of class Sensitive and Secret accept no debug containers",
        "Debug with a model of class Open.",
        "A debug container reads the memory and the network of the pod.";
    CLASS_NOT_IN_NAME "PodNameWithoutClass" of "pods":
        &["metadata.name"],
        "a pod of class Sensitive or Secret with an accelerator must have --sensitive- or --secret- in its name, because exec, \
         attach and port-forward are denied by name",
        "Rename the pod.",
        "A request to connect to a pod carries nothing of the pod but its name.";
    LABELS_RESERVED "PodLabelsReserved" of "pods":
        &["metadata.labels"],
        "{labels} are reserved for pods of ModelDeployments; these labels and the class of such a pod must not be set or \
         changed by {user}",
        "Remove them, or change the ModelDeployment.",
        "Services and NetworkPolicies of a model select its pods by these labels.";
    POD_OF_MODEL_CHANGED "PodOfModelChanged" of "pods":
        &["metadata and spec"],
        "the pod belongs to a ModelDeployment and must not be changed by {user}",
        "Change the ModelDeployment.",
        "A pod of a model stays as its ModelDeployment made it.";
    OPERATOR_SENDS_POD "OperatorSendsPod" of "pods":
        &[],
        "Hemvist may send pods only as dry-run probes",
        "",
        "The operator needs no pods of its own.";
    OPERATOR_SENDS_MODEL "OperatorSendsModel" of "ModelDeployments":
        &[],
        "Hemvist may send ModelDeployments only as dry-run probes",
        "",
        "People introduce models; the operator does not.";
    BOUND_BY_OTHERS "BoundByOthers" of "bindings":
        &[],
        "only the scheduler may bind pods in this namespace, not {user}",
        "Remove spec.nodeName and use node affinity.",
        "Whoever binds a pod decides where its information goes.";
    CONNECTION_DENIED "ConnectionDenied" of "pods":
        &[],
        "exec, attach, port-forward and proxy are denied for pods of Sensitive and Secret models (pod {name})",
        "Use its logs and metrics, or send requests to its Service.",
        "A connection into a pod reads what the model reads.";
    SERVICE_PROXY_DENIED "ServiceProxyDenied" of "Services":
        &[],
        "services/proxy bypasses the NetworkPolicies of models, so it is denied in governed namespaces",
        "Send requests to the Service from a namespace in spec.access.consumers.",
        "The API server is let in where other pods are not.";
    STATUS_BY_OTHERS "StatusByOthers" of "status of Hemvist's kinds, UsageStatements":
        &[],
        "only Hemvist may write status and UsageStatements, not {user}",
        "Hemvist rebuilds them from the cluster; change the spec instead.",
        "Status is evidence.";
    CHILD_CHANGED "ChildChanged" of "objects of models":
        &[],
        "{kind} {name}: objects with the label {labels} are managed by Hemvist and must not be changed by {user}",
        "Change the ModelDeployment or the AIPolicy instead.",
        "What a model became stays what its ModelDeployment says.";
    NETWORK_OPENED "NetworkOpened" of "NetworkPolicies":
        &["spec.podSelector"],
        "this NetworkPolicy allows traffic and may select pods of models; NetworkPolicies add up",
        "Select a label that only your pods have, or add {label} DoesNotExist. To let a namespace reach a model, add it to \
         spec.access.consumers of the ModelDeployment.",
        "What one NetworkPolicy allows, no other takes back.";
    SCALED_BY_OTHERS "ScaledByOthers" of "HorizontalPodAutoscalers, ScaledObjects":
        &["spec.scaleTargetRef"],
        "only Hemvist may scale the Deployments of models",
        "Set spec.replicas or spec.scaling in the ModelDeployment.",
        "Two autoscalers of one Deployment work against each other.";
    NODE_LABEL_BY_OTHERS "NodeLabelByOthers" of "Nodes":
        &["metadata.labels"],
        "only members of {groups} may set {labels} or another label below {prefix}, not {user}",
        "Ask them to label the node.",
        "These labels say where a node is and what it may hold.";
    TEMPLATE_ACCELERATED "TemplateWithAccelerator" of "workloads":
        &[],
        "the pod template of {kind} {name} requests an accelerator (resource, claim, device variable, runtime class, host \
         device or privileged), and only Hemvist may create such workloads here",
        "Use a ModelDeployment, or have an AIPolicy in the root namespace set unmanagedAccelerators: RequireResidency and none \
         set Deny.",
        "Pods of such a template would be denied one by one.";
    TEMPLATE_LABELLED "TemplateWithLabels" of "workloads":
        &[],
        "the pod template of {kind} {name} has the label {labels}, which are reserved for pods of ModelDeployments",
        "Remove them.",
        "Requests for a model go to every pod with its labels.";
}
