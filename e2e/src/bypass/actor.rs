//! Who tries: people, kubelets, controllers and other people's operators, each with more rights than they have in
//! practice. What refuses them must never be a right that is missing.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use kube::Client;
use serde_json::{Value, json};

use crate::{ControlPlane, kubeconfig};

/// The namespace of a foreign operator.
pub const OPERATORS: &str = "operatorer";

/// A node that joins.
pub const NEW_NODE: &str = "ny-nod";

/// The group that may clear nodes, as the chart names it.
pub const CLEARANCE_ADMINS: &str = "hemvist:clearance-admins";

/// KEDA's operator, as the chart names it.
const KEDA: &str = "system:serviceaccount:keda:keda-operator";

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// May do everything, and installs things.
    Admin,
    /// May write all that workloads are made of, in the departments' namespaces.
    TenantEdit,
    /// May do everything there.
    TenantAdmin,
    /// An operator that is not Hemvist, by a token of its ServiceAccount: all workloads of the cluster, and nodes.
    ForeignOperator,
    /// May do everything with nodes but clear them.
    NodeAdmin,
    /// As the node admin, and in the group that may clear nodes.
    ClearanceAdmin,
    /// The kubelet of one node.
    Kubelet,
    /// The cluster's scheduler.
    Scheduler,
    /// Makes ReplicaSets.
    DeploymentController,
    /// Makes pods of ReplicaSets.
    ReplicaSetController,
    /// Makes pods of StatefulSets.
    StatefulSetController,
    /// Makes pods of DaemonSets.
    DaemonSetController,
    /// Makes pods of Jobs.
    JobController,
    /// Makes pods of ReplicationControllers.
    ReplicationController,
    /// Scales.
    Autoscaler,
    /// Scales by ScaledObjects: KEDA's operator, as the chart names it.
    Keda,
    /// Deletes what has lost its owner.
    GarbageCollector,
    /// Empties namespaces that are deleted.
    NamespaceController,
    /// Counts what budgets allow.
    DisruptionController,
    /// The kubelet of a node that joins.
    NewKubelet,
}

impl Actor {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Admin,
        Self::TenantEdit,
        Self::TenantAdmin,
        Self::ForeignOperator,
        Self::NodeAdmin,
        Self::ClearanceAdmin,
        Self::Kubelet,
        Self::Scheduler,
        Self::DeploymentController,
        Self::ReplicaSetController,
        Self::StatefulSetController,
        Self::DaemonSetController,
        Self::JobController,
        Self::ReplicationController,
        Self::Autoscaler,
        Self::Keda,
        Self::GarbageCollector,
        Self::NamespaceController,
        Self::DisruptionController,
        Self::NewKubelet,
    ];

    /// Those who can write in a department's namespace.
    pub const WRITERS: [Self; 3] = [Self::TenantEdit, Self::TenantAdmin, Self::ForeignOperator];

    /// As it stands in an id.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::TenantEdit => "tenant-edit",
            Self::TenantAdmin => "tenant-admin",
            Self::ForeignOperator => "foreign-operator",
            Self::NodeAdmin => "node-admin",
            Self::ClearanceAdmin => "clearance-admin",
            Self::Kubelet => "kubelet",
            Self::Scheduler => "scheduler",
            Self::DeploymentController => "deployment-controller",
            Self::ReplicaSetController => "replicaset-controller",
            Self::StatefulSetController => "statefulset-controller",
            Self::DaemonSetController => "daemon-set-controller",
            Self::JobController => "job-controller",
            Self::ReplicationController => "replication-controller",
            Self::Autoscaler => "horizontal-pod-autoscaler",
            Self::Keda => "keda-operator",
            Self::GarbageCollector => "generic-garbage-collector",
            Self::NamespaceController => "namespace-controller",
            Self::DisruptionController => "disruption-controller",
            Self::NewKubelet => "new-kubelet",
        }
    }

    /// The user and its groups, where it acts by impersonation; `node` is the kubelet's.
    fn user(self, node: &str) -> Option<(String, Vec<&'static str>)> {
        Some(match self {
            Self::ForeignOperator => return None,
            // The one of the test bed is in the group that may clear nodes as well; this one may do everything else.
            Self::Admin => ("e2e-admin".to_owned(), vec!["system:masters"]),
            Self::TenantEdit | Self::TenantAdmin | Self::NodeAdmin => {
                (format!("e2e-{}", self.name()), vec![])
            }
            Self::ClearanceAdmin => (format!("e2e-{}", self.name()), vec![CLEARANCE_ADMINS]),
            Self::Kubelet => (format!("system:node:{node}"), vec!["system:nodes"]),
            Self::NewKubelet => (format!("system:node:{NEW_NODE}"), vec!["system:nodes"]),
            Self::Scheduler => ("system:kube-scheduler".to_owned(), vec![]),
            Self::Keda => (KEDA.to_owned(), vec![]),
            _ => (format!("system:serviceaccount:kube-system:{}", self.name()), vec![]),
        })
    }
}

/// A client for each actor.
#[derive(Clone)]
pub struct Callers {
    clients: BTreeMap<Actor, Client>,
}

impl Callers {
    /// For a cluster where [`rights`] are given. `node` is the one whose kubelet tries.
    ///
    /// # Errors
    /// Where a credential cannot be made.
    pub async fn new(cluster: &ControlPlane, node: &str) -> Result<Self> {
        let mut clients = BTreeMap::new();
        for actor in Actor::ALL {
            let client = if let Some((user, groups)) = actor.user(node) {
                cluster.client_as(&user, &groups).await?
            } else {
                let path = cluster.service_account_kubeconfig(OPERATORS, actor.name()).await?;
                kubeconfig::client(&path, |_| ()).await?
            };
            clients.insert(actor, client);
        }
        Ok(Self { clients })
    }

    /// The client of an actor.
    ///
    /// # Errors
    /// Never, as long as [`Actor::ALL`] has all of them.
    pub fn client(&self, actor: Actor) -> Result<&Client> {
        self.clients.get(&actor).with_context(|| format!("{} has no client", actor.name()))
    }
}

/// What gives the actors their rights, in a cluster and in the namespaces of the departments.
pub fn rights(namespaces: &[&str]) -> Vec<Value> {
    let workloads = [
        "",
        "apps",
        "autoscaling",
        "batch",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "gateway.networking.k8s.io",
        "inference.networking.k8s.io",
        "keda.sh",
        "networking.k8s.io",
        "policy",
        "resource.k8s.io",
    ];
    let all = |groups: &[&str]| json!({"apiGroups": groups, "resources": ["*"], "verbs": ["*"]});
    let models = json!({"apiGroups": ["hemvist.dev"], "resources": ["modeldeployments", "modeldeployments/scale"], "verbs": ["*"]});
    let nodes = json!({"apiGroups": [""], "resources": ["nodes", "nodes/status"], "verbs": ["*"]});
    let mut objects = vec![
        role("e2e-tenant-edit", &[all(&workloads), models]),
        role("e2e-foreign-operator", &[all(&workloads), all(&["hemvist.dev"])]),
        role("e2e-keda", &[all(&["apps", "autoscaling", "keda.sh"])]),
        role("e2e-nodes", &[nodes]),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPERATORS}}),
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"namespace": OPERATORS, "name": Actor::ForeignOperator.name()},
        }),
        bound(
            "",
            "e2e-foreign-operator",
            &json!({
                "kind": "ServiceAccount", "namespace": OPERATORS, "name": Actor::ForeignOperator.name(),
            }),
        ),
        bound("", "e2e-keda", &user(KEDA)),
        bound("", "e2e-nodes", &json!([user("e2e-node-admin"), user("e2e-clearance-admin")])),
    ];
    for namespace in namespaces {
        objects.push(bound(namespace, "e2e-tenant-edit", &user("e2e-tenant-edit")));
        objects.push(bound(namespace, "cluster-admin", &user("e2e-tenant-admin")));
    }
    objects
}

fn role(name: &str, rules: &[Value]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    })
}

fn user(name: &str) -> Value {
    json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name})
}

fn bound(namespace: &str, role: &str, subjects: &Value) -> Value {
    let subjects = if subjects.is_array() { subjects.clone() } else { json!([subjects]) };
    let kind = if namespace.is_empty() { "ClusterRoleBinding" } else { "RoleBinding" };
    let mut binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": format!("e2e-{role}")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    });
    if !namespace.is_empty() {
        binding["metadata"]["namespace"] = json!(namespace);
    }
    binding
}
