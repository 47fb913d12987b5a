//! Models whose objects an administrator has made from what `hemvist render` prints, where no operator ever ran.

use std::ffi::OsStr;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::call::Call;
use super::kinds;
use super::situation::{Situation, example, list, wanted_models};
use crate::command_line::Hemvist;
use crate::installation::{GATEWAY_ARGUMENT, ROOT_NAMESPACE, STORE_ARGUMENTS, workspace};
use crate::{ControlPlane, manifests};

/// The day on which the examples are judged, on which their assessments are valid.
const TODAY: &str = "2026-11-22";

/// Serves the kinds, without anything else of the chart.
///
/// # Errors
/// Where the API server refuses one.
pub async fn serve_kinds(cluster: &ControlPlane) -> Result<()> {
    let mut kinds = Vec::new();
    for file in std::fs::read_dir(workspace().join("crds"))? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path)?;
            kinds.extend(manifests::objects(&text)?);
        }
    }
    apply(cluster, &kinds).await?;
    let wait = ["wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"];
    cluster.kubectl()?.run(&wait).await?.success()?;
    Ok(())
}

/// Makes the root namespace and the policies of the examples in it and elsewhere.
///
/// # Errors
/// Where the API server refuses one.
pub async fn apply_policies(cluster: &ControlPlane) -> Result<()> {
    let root = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ROOT_NAMESPACE}});
    let mut objects = vec![root];
    objects.extend(example("policy-region.yaml")?);
    objects.extend(example("policy-halsa.yaml")?);
    apply(cluster, &objects).await
}

/// Asks for the models and makes their objects.
///
/// # Errors
/// Where something cannot be rendered or is refused.
pub async fn make_models(cluster: &ControlPlane) -> Result<()> {
    apply(cluster, &wanted_models()?).await?;
    // As the cluster has them, with a UID, so that their objects have an owner.
    let mut input = list(&cluster.client(), "ModelDeployment", "", "").await?;
    for file in ["namespaces.yaml", "policy-region.yaml", "policy-halsa.yaml"] {
        input.extend(example(file)?);
    }
    let path = cluster.folder().join("models.yaml");
    // JSON is YAML.
    let text: Vec<String> = input.iter().map(Value::to_string).collect();
    let text = text.join("\n---\n");
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    let today = format!("--now={TODAY}");
    let stores = STORE_ARGUMENTS.map(OsStr::new);
    let ways_in = [GATEWAY_ARGUMENT, "--serves=HTTPRoute,InferencePool"].map(OsStr::new);
    let arguments = [&["render".as_ref(), today.as_ref(), path.as_os_str()], &stores[..], &ways_in].concat();
    let rendered = Hemvist::new()?.run(&arguments).await?;
    let objects = manifests::objects(&rendered.stdout).with_context(|| rendered.stderr.clone())?;
    ensure!(!objects.is_empty(), "nothing is rendered: {}", rendered.stderr);
    apply(cluster, &objects).await
}

/// Lets what connects to the sensitive model's pod go no further than this machine: without policies the API server
/// would look for the simulated pod and its node on the network.
///
/// # Errors
/// Where the API server refuses it.
pub async fn keep_connections_home(cluster: &ControlPlane, situation: &Situation) -> Result<()> {
    let client = cluster.client();
    let home = json!({"status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]}});
    let node = format!("{}/status", kinds::item("Node", "", situation.node()));
    let pod = &situation.models.get("sensitive").context("there is no sensitive model")?.pod;
    let address = json!({"status": {"podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}});
    let pod = format!("{}/status", kinds::item_of(pod));
    for (path, change) in [(node, home), (pod, address)] {
        let answer = Call::merge_patch(&path, &change).send(&client, false).await?;
        ensure!(answer.is_success(), "{path}: {} {}", answer.code, answer.message());
    }
    Ok(())
}

/// Makes objects be as they are given, as an administrator.
///
/// # Errors
/// Where the API server refuses one.
pub async fn apply(cluster: &ControlPlane, objects: &[Value]) -> Result<()> {
    let client = cluster.client();
    for object in objects {
        let path = kinds::item_of(object);
        let answer = Call::apply(&path, object).managed_by("hemvist-e2e").send(&client, false).await?;
        ensure!(answer.is_success(), "{path}: {} {}", answer.code, answer.message());
    }
    Ok(())
}
