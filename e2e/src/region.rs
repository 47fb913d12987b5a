//! The region of the examples: its nodes, its departments, its policies and its models.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::{Api, Client};

use crate::command::Output;
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

/// The replicas of it that there is room for, and those that it asks for.
pub const WAITS_WITH: &str = "2/3";

/// Models of the examples that are refused, with the reason.
pub const REFUSED: [(&str, &str); 4] = [
    ("forskning/hemlig-analys", "InformationClassNotAllowed"),
    ("forskning/social-poang", "RiskClassUnacceptable"),
    ("halsa/patientpilot", "AssessmentMissing"),
    ("teknik/nedladdad", "RegistryNotAllowed"),
];

/// What the API server's answer to each of them says: the field, the rule, and the way out.
pub const WORDS_OF_REFUSAL: [(&str, [&str; 3]); 4] = [
    (
        "forskning/hemlig-analys",
        ["spec.purpose.informationClass", "AIPolicy hemvist-system/region", "Use an allowed class"],
    ),
    ("forskning/social-poang", ["spec.purpose.riskClass", "Article 5", "No policy can allow it"]),
    (
        "halsa/patientpilot",
        ["spec.purpose.assessments", "AIPolicy hemvist-system/region", "Carry out the assessment"],
    ),
    ("teknik/nedladdad", ["spec.engine.image", "AIPolicy hemvist-system/region", "Copy the image"]),
];

/// What the API server itself has refused, by one of Hemvist's policies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The name of what was refused.
    pub name: String,
    /// The ValidatingAdmissionPolicy that refused it.
    pub by: String,
    /// What it says: the field, the rule, and the way out.
    pub message: String,
}

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

/// Waits until the API server itself enforces every policy.
///
/// # Errors
/// Where it does not come to that in time.
pub async fn wait_until_enforced(cluster: &ControlPlane) -> Result<()> {
    let wait = ["wait", "aip", "--all", "--all-namespaces", "--for=condition=Enforced", "--timeout=60s"];
    cluster.kubectl()?.run(&wait).await?.success()?;
    Ok(())
}

/// Applies the departments' models where the API server lets in what a policy refuses, so that the controller judges it.
///
/// # Errors
/// Where the API server refuses one.
pub async fn apply_models(cluster: &ControlPlane) -> Result<String> {
    run_apply_of_models(cluster).await?.success()
}

/// Applies the departments' models where the API server enforces the policies. Gives what kubectl says of those that were
/// let in, and the refusals in the order of [`REFUSED`].
///
/// # Errors
/// Where not exactly those are refused, or one without a word of the field, the rule and the way out.
pub async fn apply_models_to_the_api(cluster: &ControlPlane) -> Result<(String, Vec<Refusal>)> {
    let answer = run_apply_of_models(cluster).await?;
    ensure!(answer.code == 1, "kubectl ended with {} where models are refused: {answer:?}", answer.code);
    let mut found = refusals(&answer);
    let mut ordered = Vec::new();
    for (key, words) in WORDS_OF_REFUSAL {
        let name = key.rsplit('/').next().unwrap_or_default();
        let position = found.iter().position(|refusal| refusal.name == name);
        let refusal = found.remove(position.with_context(|| format!("{key} was not refused: {answer:?}"))?);
        ensure!(refusal.by.starts_with("hemvist-models"), "{key} was refused by {}", refusal.by);
        for word in words {
            ensure!(refusal.message.contains(word), "{key} does not say {word:?}: {}", refusal.message);
        }
        ordered.push(refusal);
    }
    ensure!(found.is_empty(), "refused, and not to be: {found:?}");
    let errors = answer.stderr.lines().filter(|line| line.starts_with("Error")).count();
    ensure!(errors == ordered.len(), "something else went wrong: {}", answer.stderr);
    for key in SERVED.iter().chain([&WAITING]) {
        let name = key.rsplit('/').next().unwrap_or_default();
        ensure!(answer.stdout.contains(&format!("/{name} ")), "{key} was not let in: {}", answer.stdout);
    }
    Ok((answer.stdout, ordered))
}

async fn run_apply_of_models(cluster: &ControlPlane) -> Result<Output> {
    let folder = workspace().join("examples/region/models");
    cluster.kubectl()?.run(&["apply".as_ref(), "-f".as_ref(), folder.as_os_str()]).await
}

/// What the API server has refused by Hemvist's policies, as kubectl prints it.
pub fn refusals(answer: &Output) -> Vec<Refusal> {
    answer.stderr.lines().filter_map(refusal).collect()
}

fn refusal(line: &str) -> Option<Refusal> {
    let (before, rest) = line.split_once(" is forbidden: ValidatingAdmissionPolicy '")?;
    let (by, rest) = rest.split_once("' with binding '")?;
    let (_, message) = rest.split_once("' denied request: ")?;
    let name = before.trim_end_matches('"').rsplit('"').next()?;
    by.starts_with("hemvist-").then(|| Refusal {
        name: name.to_owned(),
        by: by.to_owned(),
        message: message.to_owned(),
    })
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
