//! The region of the examples: its nodes, its departments, its policies and its models.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::{Api, Client};

use crate::installation::workspace;
use crate::nodes::{CLEARANCE_PREFIX, Gpu, SimulatedNode, is_ready};
use crate::{ControlPlane, Progress, wait_until};

/// Models of the examples that are carried out, as `namespace/name`.
pub const SERVED: [&str; 5] = [
    "halsa/diktering",
    "halsa/journal-sammanfattning",
    "kommunikation/oversattning",
    "kommunikation/webbassistent",
    "teknik/kodassistent",
];

/// The model of the examples that waits for accelerators.
pub const WAITING: &str = "forskning/stormodell";

/// Models of the examples that are refused, with the reason.
pub const REFUSED: [(&str, &str); 4] = [
    ("forskning/hemlig-analys", "InformationClassNotAllowed"),
    ("forskning/social-poang", "RiskClassUnacceptable"),
    ("halsa/patientpilot", "AssessmentMissing"),
    ("teknik/nedladdad", "RegistryNotAllowed"),
];

/// How many of them a rule of the region's policy refuses. The fourth is refused by law, and no policy is needed for it.
pub const REFUSED_BY_THE_REGION: usize = 3;

/// Makes twelve nodes: three kinds of GPU in two data centres of one region, with different clearances.
///
/// # Errors
/// Where a node cannot be made or does not become ready.
pub async fn create_nodes(client: &Client) -> Result<()> {
    let kinds = [
        ("h100", Gpu::H100, 4, ["Sensitive", "Internal"]),
        ("l40s", Gpu::L40S, 4, ["Sensitive", "Internal"]),
        ("a10", Gpu::A10, 2, ["Internal", "Open"]),
    ];
    for (name, gpu, count, clearances) in kinds {
        for (data_centre, clearance) in ["jkpg-a", "jkpg-b"].into_iter().zip(clearances) {
            for number in 1..=2 {
                let node = SimulatedNode::new(format!("{data_centre}-{name}-{number}"));
                node.gpus(gpu, count).cleared("se-f", data_centre, clearance).create(client).await?;
            }
        }
    }
    let nodes: Api<Node> = Api::all(client.clone());
    wait_until("the nodes to be ready", Duration::from_mins(1), || async {
        let list = nodes.list(&ListParams::default()).await?.items;
        let ready = list.iter().filter(|node| is_ready(node)).count();
        Ok(Progress::when(ready == list.len(), format!("{ready} of {}", list.len())))
    })
    .await
}

/// Applies the region's departments and policies.
///
/// # Errors
/// Where the API server refuses one.
pub async fn apply_policies(cluster: &ControlPlane) -> Result<String> {
    let folder = workspace().join("examples/region");
    // The namespaces first: kubectl takes the files of a folder in the order of their names.
    cluster.kubectl()?.run(&["apply".as_ref(), "-f".as_ref(), folder.as_os_str()]).await?.success()
}

/// Applies the departments' models.
///
/// # Errors
/// Where the API server refuses one.
pub async fn apply_models(cluster: &ControlPlane) -> Result<String> {
    let folder = workspace().join("examples/region/models");
    cluster.kubectl()?.run(&["apply".as_ref(), "-f".as_ref(), folder.as_os_str()]).await?.success()
}

/// The nodes with their clearance, as a table.
///
/// # Errors
/// Where the cluster does not answer.
pub async fn table_of_nodes(cluster: &ControlPlane) -> Result<String> {
    let columns = ["data-centre", "clearance"].map(|name| format!("{CLEARANCE_PREFIX}/{name}"));
    let columns = format!("{},nvidia.com/gpu.product,nvidia.com/gpu.count", columns.join(","));
    cluster.kubectl()?.run(&["get", "nodes", "-L", &columns]).await?.success()
}
