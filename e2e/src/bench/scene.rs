//! What is there before anything is measured: a control plane, nodes, namespaces, a policy and the models to be.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{ContainerImage, Node, NodeCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::Point;
use super::load::each;
use crate::installation::{Installation, ROOT_NAMESPACE};
use crate::nodes::{Gpu, SimulatedNode};
use crate::{Component, ControlPlane, Options, kubeconfig};

/// Namespaces that the models are spread over.
pub(super) const NAMESPACES: u32 = 10;

/// As many images as a kubelet reports of its node, so that a node weighs what real ones weigh.
const IMAGES_PER_NODE: u32 = 50;

/// An audit log that is rotated would lose its beginning; no run comes near this many MiB.
const AUDIT_LOG_MEBIBYTES: u32 = 8192;

/// Namespace and name of a model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ModelName {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl ModelName {
    /// The name of one of the models. All names are of the same length.
    pub(super) fn of(index: u32) -> Self {
        Self { namespace: format!("bench-{}", index % NAMESPACES), name: format!("model-{index:05}") }
    }
}

/// A cluster that is ready for measuring. No operator runs.
pub(super) struct Scene {
    pub(super) cluster: ControlPlane,
    pub(super) installation: Installation,
    /// A client that may do everything; it makes what people would make.
    pub(super) administrator: Client,
    /// A client with the rights of the operator, for the same writes by the same user.
    pub(super) peer: Client,
}

impl Scene {
    /// Starts the cluster and makes everything in it but the models.
    pub(super) async fn prepare(point: Point) -> Result<Self> {
        let options = Options::new("bench")
            .without(Component::ControllerManager)
            .without(Component::Scheduler)
            .without(Component::Kwok)
            .argument(Component::ApiServer, format!("--audit-log-maxsize={AUDIT_LOG_MEBIBYTES}"));
        let cluster = ControlPlane::start(options).await?;
        // The models are made before any operator runs. What admission costs is measured apart.
        let installation = Installation::install(&cluster, &["admission.enabled=false"]).await?;
        let account = installation.user().rsplit(':').next().context("a user without a name")?.to_owned();
        let access = cluster.service_account_kubeconfig(ROOT_NAMESPACE, &account).await?;
        let peer = patient_client(&access).await?;
        let administrator = patient_client(&cluster.kubeconfig()).await?;
        create_nodes(&administrator, point.nodes).await.context("making the nodes")?;
        create_namespaces(&administrator).await.context("making the namespaces")?;
        let policy: DynamicObject = serde_saphyr::from_str(include_str!("policy.yaml"))?;
        let policies: Api<DynamicObject> =
            Api::namespaced_with(administrator.clone(), ROOT_NAMESPACE, &own_kind("AIPolicy"));
        policies.create(&PostParams::default(), &policy).await.context("making the policy")?;
        Ok(Self { cluster, installation, administrator, peer })
    }

    /// The models of one kind of resource in a namespace, as the administrator sees them.
    pub(super) fn models(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.administrator.clone(), namespace, &own_kind("ModelDeployment"))
    }
}

/// A client whose connections may be idle between two phases: a limit to reading would end them.
async fn patient_client(access: &Path) -> Result<Client> {
    kubeconfig::client(access, |config| config.read_timeout = None).await
}

/// One of Hemvist's own kinds.
pub(super) fn own_kind(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("hemvist.dev", "v1alpha1", kind))
}

/// A model with this name, ready to be sent.
pub(super) fn model(name: &ModelName) -> Result<DynamicObject> {
    let mut model: DynamicObject = serde_saphyr::from_str(include_str!("model.yaml"))?;
    model.metadata.name = Some(name.name.clone());
    model.metadata.namespace = Some(name.namespace.clone());
    Ok(model)
}

async fn create_nodes(client: &Client, count: u32) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    let nodes = Arc::new(nodes);
    each((0..count).collect(), |index| {
        let nodes = nodes.clone();
        async move {
            let node = node(index);
            let name = node.metadata.name.clone().unwrap_or_default();
            nodes.create(&PostParams::default(), &node).await?;
            // Admission taints every new node as not ready; who takes the taint away does not run here.
            let untainted = json!({ "spec": { "taints": null } });
            nodes.patch(&name, &PatchParams::default(), &Patch::Merge(&untainted)).await?;
            Ok(())
        }
    })
    .await?;
    Ok(())
}

/// A node that is cleared, ready, and as large in its JSON as nodes are.
fn node(index: u32) -> Node {
    let data_centre = if index.is_multiple_of(2) { "jkpg-a" } else { "jkpg-b" };
    let mut node = SimulatedNode::new(format!("node-{index:04}"))
        .gpus(Gpu::L40S, 4)
        .cleared("se-f", data_centre, "Internal")
        .label("topology.kubernetes.io/region", "se-f")
        .label("topology.kubernetes.io/zone", data_centre)
        .label("node.kubernetes.io/instance-type", "l40s-4")
        .build();
    let kinds =
        [("MemoryPressure", "False"), ("DiskPressure", "False"), ("PIDPressure", "False"), ("Ready", "True")];
    let status = node.status.get_or_insert_default();
    status.conditions = Some(kinds.map(|(kind, state)| condition(kind, state)).into());
    status.images = Some((0..IMAGES_PER_NODE).map(|image| container_image(index, image)).collect());
    node
}

fn condition(kind: &str, status: &str) -> NodeCondition {
    NodeCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: Some(format!("Kubelet{kind}")),
        message: Some(format!("the kubelet says of {kind}: {status}")),
        last_heartbeat_time: Some(Time(Timestamp::UNIX_EPOCH)),
        last_transition_time: Some(Time(Timestamp::UNIX_EPOCH)),
    }
}

fn container_image(node: u32, image: u32) -> ContainerImage {
    let repository = format!("registry.region.example/platform/component-{image}");
    ContainerImage {
        names: Some(vec![
            format!("{repository}@sha256:{node:032x}{image:032x}"),
            format!("{repository}:v1.{image}.0"),
        ]),
        size_bytes: Some(i64::from(image + 1) * 10_000_000),
    }
}

async fn create_namespaces(client: &Client) -> Result<()> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Namespace"));
    let namespaces: Api<DynamicObject> = Api::all_with(client.clone(), &kind);
    for index in 0..NAMESPACES {
        let namespace: Value = json!({ "metadata": { "name": format!("bench-{index}") } });
        namespaces.create(&PostParams::default(), &serde_json::from_value(namespace)?).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_and_the_policy_are_what_they_are_called() {
        let model = model(&ModelName::of(7)).unwrap();
        assert_eq!(model.metadata.name.as_deref(), Some("model-00007"));
        assert_eq!(model.metadata.namespace.as_deref(), Some("bench-7"));
        let policy: Value = serde_saphyr::from_str(include_str!("policy.yaml")).unwrap();
        assert_eq!(policy["metadata"]["namespace"], ROOT_NAMESPACE);
    }

    #[test]
    fn a_node_weighs_as_much_as_a_real_one() {
        assert!(serde_json::to_vec(&node(1)).unwrap().len() > 8_000);
    }
}
