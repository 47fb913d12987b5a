//! Where the objects of a kind lie in the API.

use serde_json::Value;

use crate::objects::text;

/// Kind, `apiVersion`, plural.
const KINDS: [(&str, &str, &str); 40] = [
    ("AIPolicy", "hemvist.dev/v1alpha1", "aipolicies"),
    ("ClusterRole", "rbac.authorization.k8s.io/v1", "clusterroles"),
    ("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", "clusterrolebindings"),
    ("ConfigMap", "v1", "configmaps"),
    ("ControllerRevision", "apps/v1", "controllerrevisions"),
    ("CronJob", "batch/v1", "cronjobs"),
    ("CustomResourceDefinition", "apiextensions.k8s.io/v1", "customresourcedefinitions"),
    ("DaemonSet", "apps/v1", "daemonsets"),
    ("Deployment", "apps/v1", "deployments"),
    ("Endpoints", "v1", "endpoints"),
    ("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers"),
    ("HTTPRoute", "gateway.networking.k8s.io/v1", "httproutes"),
    ("InferencePool", "inference.networking.k8s.io/v1", "inferencepools"),
    ("Job", "batch/v1", "jobs"),
    ("Lease", "coordination.k8s.io/v1", "leases"),
    ("LimitRange", "v1", "limitranges"),
    ("ModelDeployment", "hemvist.dev/v1alpha1", "modeldeployments"),
    ("Namespace", "v1", "namespaces"),
    ("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
    ("Node", "v1", "nodes"),
    ("PersistentVolume", "v1", "persistentvolumes"),
    ("PersistentVolumeClaim", "v1", "persistentvolumeclaims"),
    ("Pod", "v1", "pods"),
    ("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets"),
    ("PodTemplate", "v1", "podtemplates"),
    ("ReplicaSet", "apps/v1", "replicasets"),
    ("ReplicationController", "v1", "replicationcontrollers"),
    ("ResourceClaim", "resource.k8s.io/v1", "resourceclaims"),
    ("ResourceQuota", "v1", "resourcequotas"),
    ("Role", "rbac.authorization.k8s.io/v1", "roles"),
    ("RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings"),
    ("RuntimeClass", "node.k8s.io/v1", "runtimeclasses"),
    ("ScaledObject", "keda.sh/v1alpha1", "scaledobjects"),
    ("Secret", "v1", "secrets"),
    ("Service", "v1", "services"),
    ("ServiceAccount", "v1", "serviceaccounts"),
    ("StatefulSet", "apps/v1", "statefulsets"),
    ("UsageStatement", "hemvist.dev/v1alpha1", "usagestatements"),
    ("ValidatingAdmissionPolicy", "admissionregistration.k8s.io/v1", "validatingadmissionpolicies"),
    (
        "ValidatingAdmissionPolicyBinding",
        "admissionregistration.k8s.io/v1",
        "validatingadmissionpolicybindings",
    ),
];

/// Whether a kind is of a CustomResourceDefinition, and not Kubernetes' own.
pub fn is_of_a_definition(kind: &str) -> bool {
    const DEFINED: [&str; 6] =
        ["AIPolicy", "HTTPRoute", "InferencePool", "ModelDeployment", "ScaledObject", "UsageStatement"];
    DEFINED.contains(&kind)
}

/// Kinds that make pods from a template.
pub const WORKLOADS: [&str; 7] =
    ["Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job", "CronJob"];

/// The `apiVersion` of a kind.
pub fn api_version(kind: &str) -> &'static str {
    entry(kind).1
}

/// The path of all objects of a kind, in a namespace unless that is empty.
pub fn collection(kind: &str, namespace: &str) -> String {
    let (_, version, plural) = entry(kind);
    let root = if version.contains('/') { "/apis" } else { "/api" };
    if namespace.is_empty() {
        format!("{root}/{version}/{plural}")
    } else {
        format!("{root}/{version}/namespaces/{namespace}/{plural}")
    }
}

/// The path of an object.
pub fn item(kind: &str, namespace: &str, name: &str) -> String {
    format!("{}/{name}", collection(kind, namespace))
}

/// The path of all objects of an object's kind in its namespace.
pub fn collection_of(object: &Value) -> String {
    collection(text(&object["kind"]), text(&object["metadata"]["namespace"]))
}

/// The path of an object as it describes itself.
pub fn item_of(object: &Value) -> String {
    format!("{}/{}", collection_of(object), text(&object["metadata"]["name"]))
}

fn entry(kind: &str) -> (&'static str, &'static str, &'static str) {
    let found = KINDS.into_iter().find(|(name, ..)| *name == kind);
    // A kind that is missing gives a path that does not exist, and its call an answer that no test takes for right.
    found.unwrap_or(("unknown", "unknown/v0", "unknown"))
}
