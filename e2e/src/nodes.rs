//! Simulated nodes with GPUs, as GPU Feature Discovery and the device plug-in would describe them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Node, NodeSpec, NodeStatus, NodeSystemInfo, Taint};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

/// The prefix of the labels by which an administrator clears a node. Spelled here and not taken from the operator's
/// crates, because a misspelling there must show.
pub const CLEARANCE_PREFIX: &str = "hemvist.node-restriction.kubernetes.io";

/// A kind of GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// As GPU Feature Discovery names it.
    pub product: &'static str,
    /// Architecture, as GPU Feature Discovery names it.
    pub family: &'static str,
    /// Memory of one GPU in MiB, as GPU Feature Discovery gives it.
    pub memory: u32,
}

impl Gpu {
    /// 80 GB, Hopper.
    pub const H100: Self = Self { product: "NVIDIA-H100-80GB-HBM3", family: "hopper", memory: 81_559 };
    /// 48 GB, Ada Lovelace.
    pub const L40S: Self = Self { product: "NVIDIA-L40S", family: "ada-lovelace", memory: 46_068 };
    /// 24 GB, Ampere.
    pub const A10: Self = Self { product: "NVIDIA-A10", family: "ampere", memory: 23_028 };
}

/// A simulated node in the making.
#[derive(Clone, Debug)]
pub struct SimulatedNode {
    name: String,
    labels: BTreeMap<String, String>,
    taints: Vec<Taint>,
    resources: BTreeMap<String, Quantity>,
}

impl SimulatedNode {
    /// A node with 64 CPUs, 1 TiB of memory and no GPU.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let labels = [
            ("kubernetes.io/hostname", name.as_str()),
            ("kubernetes.io/os", "linux"),
            ("kubernetes.io/arch", "amd64"),
        ];
        let resources = [("cpu", "64"), ("memory", "1Ti"), ("ephemeral-storage", "4Ti"), ("pods", "110")];
        Self {
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            taints: Vec::new(),
            resources: resources.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).into(),
            name,
        }
    }

    /// With GPUs of one kind.
    #[must_use]
    pub fn gpus(self, gpu: Gpu, count: u32) -> Self {
        self.label("nvidia.com/gpu.present", "true")
            .label("nvidia.com/gpu.product", gpu.product)
            .label("nvidia.com/gpu.family", gpu.family)
            .label("nvidia.com/gpu.count", count.to_string())
            .label("nvidia.com/gpu.memory", gpu.memory.to_string())
            .label("nvidia.com/gpu.replicas", "1")
            .label("nvidia.com/gpu.sharing-strategy", "none")
            .resource("nvidia.com/gpu", count.to_string())
    }

    /// Cleared: where it stands, and the highest information class that it may hold.
    #[must_use]
    pub fn cleared(self, region: &str, data_centre: &str, clearance: &str) -> Self {
        self.label(format!("{CLEARANCE_PREFIX}/region"), region)
            .label(format!("{CLEARANCE_PREFIX}/data-centre"), data_centre)
            .label(format!("{CLEARANCE_PREFIX}/clearance"), clearance)
    }

    /// Kept for one information class.
    #[must_use]
    pub fn dedicated(self, class: &str) -> Self {
        self.taint("hemvist.dev/dedicated", class, "NoSchedule")
    }

    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    #[must_use]
    pub fn taint(mut self, key: &str, value: &str, effect: &str) -> Self {
        self.taints.push(Taint {
            key: key.to_owned(),
            value: Some(value.to_owned()),
            effect: effect.to_owned(),
            time_added: None,
        });
        self
    }

    /// With an amount of a resource, such as `nvidia.com/mig-1g.10gb`.
    #[must_use]
    pub fn resource(mut self, name: &str, amount: impl Into<String>) -> Self {
        self.resources.insert(name.to_owned(), Quantity(amount.into()));
        self
    }

    /// The object. Its status comes with it, as it does from a kubelet that registers itself.
    pub fn build(self) -> Node {
        let version = "v1.37.2";
        let annotations = [("kwok.x-k8s.io/node".to_owned(), "fake".to_owned())];
        Node {
            metadata: ObjectMeta {
                name: Some(self.name),
                labels: Some(self.labels),
                annotations: Some(annotations.into()),
                ..ObjectMeta::default()
            },
            spec: Some(NodeSpec {
                taints: Some(self.taints).filter(|taints| !taints.is_empty()),
                ..NodeSpec::default()
            }),
            status: Some(NodeStatus {
                capacity: Some(self.resources.clone()),
                allocatable: Some(self.resources),
                node_info: Some(NodeSystemInfo {
                    architecture: "amd64".to_owned(),
                    operating_system: "linux".to_owned(),
                    os_image: "simulated".to_owned(),
                    kubelet_version: version.to_owned(),
                    kube_proxy_version: version.to_owned(),
                    container_runtime_version: "containerd://2.4.2".to_owned(),
                    ..NodeSystemInfo::default()
                }),
                ..NodeStatus::default()
            }),
        }
    }

    /// Creates it; it becomes ready shortly after.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub async fn create(self, client: &Client) -> Result<Node> {
        let node = self.build();
        let nodes: Api<Node> = Api::all(client.clone());
        let name = node.metadata.name.clone().unwrap_or_default();
        nodes.create(&PostParams::default(), &node).await.with_context(|| format!("creating the node {name}"))
    }
}

/// Whether the node says that it is ready.
pub fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
