//! Hemvist, installed from its chart: the kinds, the rights, and an operator that has those rights and no others.
//!
//! The chart is rendered by real Helm. Everything of it is applied but the operator's own Deployment and what belongs to
//! it: the operator runs as a process beside the cluster, with the arguments and the environment that the chart gives it and
//! a token of the chart's ServiceAccount. So a permission that the chart forgets is missing here too.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::manifests;
use crate::operator::{Operator, OperatorOptions};
use crate::ports::free_port;
use crate::{ControlPlane, Progress, wait_until};

/// The namespace that Hemvist is installed in: the root namespace.
pub const ROOT_NAMESPACE: &str = "hemvist-system";

/// The release's name.
const RELEASE: &str = "hemvist";

/// An image for the proxy, which the policies of the examples want by digest. Simulated nodes pull nothing.
const PROXY: &str =
    "proxy.image.digest=sha256:3d1f0d6c2bb7c2b46c6f4a9f8f1f6f0b1f8b5d5d4a4e0b6c1a8e2c7f9d3b5a60";

/// Simulated pods have addresses that may be somebody's: nobody is to ask them.
const NO_QUESTIONS: &str = "inspection.enabled=false";
/// The same as [`STORES`], as arguments of the command line.
pub const STORE_ARGUMENTS: [&str; 2] = [
    "--tools-image=registry.region.example/hemvist/hemvist-tools@sha256:7001000000000000000000000000000000000000000000000000000000007001",
    "--mirrors=https://objects.region.example=10.20.0.0/16",
];

/// What weights are fetched and verified with, and where from, as values of the chart.
const STORES: [&str; 3] = [
    "tools.image.digest=sha256:7001000000000000000000000000000000000000000000000000000000007001",
    "mirrors[0].endpoint=https://objects.region.example",
    "mirrors[0].networks={10.20.0.0/16}",
];

/// The gateway that may lead requests to models, as values of the chart. None runs.
const GATEWAY: [&str; 2] = ["gateway.namespace=ingang", "gateway.name=region"];
/// The same as [`GATEWAY`], as arguments of the command line.
pub const GATEWAY_ARGUMENT: &str = "--gateway=ingang/region";

/// Kinds that belong to the operator's pods, which do not run in these clusters.
const KINDS_OF_THE_PODS: [&str; 3] = ["Deployment", "PodDisruptionBudget", "NetworkPolicy"];

/// An installation in a cluster.
#[derive(Clone, Debug)]
pub struct Installation {
    folder: PathBuf,
    kubeconfig: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    user: String,
}

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Installation {
    /// Installs the chart with these values, as `path=value`.
    ///
    /// # Errors
    /// Where the chart does not render, or the API server refuses an object of it.
    pub async fn install(cluster: &ControlPlane, values: &[&str]) -> Result<Self> {
        let chart = workspace().join("charts/hemvist");
        // Of two that name the same value, the later one holds.
        let ours = [PROXY, NO_QUESTIONS].into_iter().chain(STORES).chain(GATEWAY);
        let values: Vec<&str> = ours.chain(values.iter().copied()).collect();
        let text = cluster.helm()?.template(RELEASE, &chart, ROOT_NAMESPACE, &values).await?;
        let objects = manifests::objects(&text).context("reading the rendered chart")?;
        let kubectl = cluster.kubectl()?;
        kubectl.run(&["create", "namespace", ROOT_NAMESPACE]).await?.success()?;
        let (pods, rest): (Vec<_>, Vec<_>) = objects
            .into_iter()
            .partition(|object| KINDS_OF_THE_PODS.iter().any(|kind| object["kind"] == *kind));
        apply(cluster, &rest, &[]).await?;
        apply(cluster, &pods, &["--dry-run=server"]).await?;
        established(cluster).await?;
        let account = name_of(&rest, "ServiceAccount")?;
        Ok(Self {
            folder: cluster.folder().to_owned(),
            kubeconfig: cluster.service_account_kubeconfig(ROOT_NAMESPACE, &account).await?,
            arguments: arguments_of(&pods)?,
            environment: environment_of(&pods)?,
            user: format!("system:serviceaccount:{ROOT_NAMESPACE}:{account}"),
        })
    }

    /// The operator's user, as it stands in the audit log.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// How the operator would be started: the chart's arguments and environment, ports of its own, and a lease that is
    /// quick to take over.
    ///
    /// # Errors
    /// Where no port is free.
    pub fn operator(&self, name: &str) -> Result<OperatorOptions> {
        let mut options = OperatorOptions::new(&self.kubeconfig).named(name).env("HEMVIST_IDENTITY", name);
        options.environment.extend(self.environment.iter().cloned());
        let own = ["--health-address", "--metrics-address", "--log-format", "--log-level"];
        for argument in
            self.arguments.iter().filter(|argument| !own.iter().any(|own| argument.starts_with(own)))
        {
            options = options.argument(argument);
        }
        Ok(options
            .argument("--log-format=text")
            .argument("--log-level=info")
            .argument(format!("--health-address=127.0.0.1:{}", free_port()?))
            .argument(format!("--metrics-address=127.0.0.1:{}", free_port()?))
            .argument("--lease-duration-seconds=15")
            .argument("--renew-deadline-seconds=10")
            .argument("--retry-period-seconds=2"))
    }

    /// Starts an operator.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(&self, options: &OperatorOptions) -> Result<Operator> {
        Operator::start(&self.folder, options)
    }
}

async fn apply(cluster: &ControlPlane, objects: &[Value], extra: &[&str]) -> Result<()> {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    let mut arguments = vec!["apply", "--server-side", "-f", "-"];
    arguments.extend(extra);
    cluster.kubectl()?.run_with_input(&arguments, &list.to_string()).await?.success()?;
    Ok(())
}

async fn established(cluster: &ControlPlane) -> Result<()> {
    let kubectl = cluster.kubectl()?;
    wait_until("the kinds to be served", Duration::from_mins(1), || async {
        let answer = kubectl.run(&["get", "modeldeployments,aipolicies", "--all-namespaces"]).await?;
        Ok(Progress::when(answer.code == 0, answer.stderr))
    })
    .await
}

fn name_of(objects: &[Value], kind: &str) -> Result<String> {
    let object = objects.iter().find(|object| object["kind"] == kind);
    let name = object.and_then(|object| object["metadata"]["name"].as_str());
    Ok(name.with_context(|| format!("the chart has no {kind}"))?.to_owned())
}

fn container_of(objects: &[Value]) -> Result<&Value> {
    let deployment = objects
        .iter()
        .find(|object| object["kind"] == "Deployment")
        .context("the chart has no Deployment")?;
    Ok(&deployment["spec"]["template"]["spec"]["containers"][0])
}

/// The environment variables that have a value in the chart; others take theirs from the pod.
fn environment_of(objects: &[Value]) -> Result<Vec<(String, String)>> {
    let variables = container_of(objects)?["env"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Ok(variables.filter_map(|one| Some((text(&one["name"])?, text(&one["value"])?))).collect())
}

fn arguments_of(objects: &[Value]) -> Result<Vec<String>> {
    let arguments = container_of(objects)?["args"].as_array();
    let arguments: Vec<_> =
        arguments.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    if arguments.is_empty() {
        bail!("the chart gives the operator no arguments");
    }
    Ok(arguments)
}
