//! A gateway that really carries out the Gateway API: Envoy Gateway with an Envoy, both on the real node. It comes from
//! `e2e/gateway/build.sh`; the Envoy is that of the node.
//!
//! In a cluster it would make a Deployment of Envoys for each Gateway. Here it starts the Envoy as a process of the node, which is
//! a mode of its own; all else is as it is there: its kinds, the rights of its own chart, what it reads and what it answers.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hemvist_e2e::binaries::target_folder;
use hemvist_e2e::governed::Governed;
use hemvist_e2e::helm::Helm;
use hemvist_e2e::kubectl::Kubectl;
use hemvist_e2e::process::Process;
use hemvist_e2e::{Progress, wait_until};
use serde_json::{Value, json};

use crate::RealNode;
use crate::programs::proxy;

/// Its namespace and its service account, as its chart names them.
const ACCOUNT: [&str; 2] = ["envoy-gateway-system", "envoy-gateway"];

/// What it is called in GatewayClasses.
const CONTROLLER: &str = "gateway.envoyproxy.io/gatewayclass-controller";

/// Gives it its certificates where it looks for them.
const WITH_CERTIFICATES: &str = include_str!("envoy_gateway/with-certificates.sh");

/// The version of Envoy under which the node's is laid down for it, so that it fetches none.
const ENVOY_VERSION: &str = "1.40.0";

/// The port of the Gateway.
const PORT: u16 = 8088;

/// How long a part may take to come up or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// A gateway that runs.
pub struct EnvoyGateway {
    process: Process,
    address: SocketAddr,
}

impl EnvoyGateway {
    /// Has a cluster serve the kinds of the Gateway API and those of this gateway.
    ///
    /// # Errors
    /// Where they were not built, or the API server does not take them.
    pub async fn install_kinds(kubectl: &Kubectl) -> Result<()> {
        let folder = built("kinds")?.display().to_string();
        kubectl.run(&["apply", "--server-side", "-f", &folder]).await?.success()?;
        wait_until("the kinds of the gateway to be served", PATIENCE, async || {
            let kinds = "gateways,gatewayclasses,httproutes,listenersets,envoyproxies,backendtrafficpolicies";
            let answer = kubectl.run(&["get", kinds, "--all-namespaces"]).await?;
            Ok(Progress::when(answer.code == 0, answer.stderr))
        })
        .await
    }

    /// The Gateway of an installation, and the class of it. No listener takes routes of other namespaces, as it is where
    /// nothing is said of that.
    pub fn manifests([namespace, name]: [&str; 2]) -> Value {
        let version = "gateway.networking.k8s.io/v1";
        json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
            {
                "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyProxy",
                "metadata": {"namespace": namespace, "name": "of-the-node"},
                "spec": {"provider": {"type": "Host", "host": {"envoyVersion": ENVOY_VERSION}}},
            },
            {
                "apiVersion": version, "kind": "GatewayClass", "metadata": {"name": "envoy"},
                "spec": {"controllerName": CONTROLLER, "parametersRef": {
                    "group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "namespace": namespace, "name": "of-the-node",
                }},
            },
            {
                "apiVersion": version, "kind": "Gateway", "metadata": {"namespace": namespace, "name": name},
                "spec": {"gatewayClassName": "envoy", "listeners": [Self::listener("Same")]},
            },
        ]})
    }

    /// The listener of the Gateway, which takes routes from its own namespace (`Same`) or from every one (`All`).
    pub fn listener(from: &str) -> Value {
        json!({
            "name": "http", "protocol": "HTTP", "port": PORT,
            "allowedRoutes": {"namespaces": {"from": from}},
        })
    }

    /// Starts it on a node of a cluster that serves its kinds.
    ///
    /// # Errors
    /// Where it was not built or does not come up.
    pub async fn start(governed: &Governed, node: &RealNode) -> Result<Self> {
        let cluster = governed.cluster();
        give_rights(&cluster.kubectl()?).await?;
        let kubeconfig = node.service_account_kubeconfig(cluster, ACCOUNT).await?;
        let folder = node.folder().join("envoy-gateway");
        lay_down_envoy(&folder)?;
        let program = built("bin/envoy-gateway")?;
        let home = folder.join("config").display().to_string();
        node.run(&[&program.display().to_string(), "certgen", "--local", "--config-home", &home]).await?;
        let file = folder.join("envoy-gateway.json");
        std::fs::write(&file, configuration(&folder).to_string())
            .with_context(|| format!("writing {}", file.display()))?;
        let mut arguments: Vec<OsString> =
            ["--mount", "--propagation", "private", "sh", "-c", WITH_CERTIFICATES, "sh"]
                .map(OsString::from)
                .into();
        arguments.extend([folder.join("root").into(), folder.join("config/certs/envoy-gateway").into()]);
        arguments.extend([
            "env".into(),
            setting("KUBECONFIG", &kubeconfig),
            format!("ENVOY_GATEWAY_NAMESPACE={}", ACCOUNT[0]).into(),
            program.into(),
            "server".into(),
            "--config-path".into(),
            file.into(),
        ]);
        let process = node.launch("envoy-gateway", "unshare".into(), &arguments)?;
        Ok(Self { process, address: (node.address(), PORT).into() })
    }

    /// Where it is asked.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Fails where it has ended.
    ///
    /// # Errors
    /// Where it has; the error has its last words.
    pub fn ensure_running(&mut self) -> Result<()> {
        self.process.ensure_running()
    }

    /// Waits until it listens, which it does for the first Gateway.
    ///
    /// # Errors
    /// Where it ends, or does not come to it.
    pub async fn listens(&mut self) -> Result<()> {
        wait_until("the gateway to listen", PATIENCE, async || {
            self.process.ensure_running()?;
            let connected = tokio::net::TcpStream::connect(self.address).await;
            Ok(Progress::when(connected.is_ok(), format!("{connected:?}")))
        })
        .await
    }

    /// What its Envoy has noted of requests until now, one object each. It is written some seconds late.
    ///
    /// # Errors
    /// Where its log cannot be read.
    pub fn noted(&self) -> Result<Vec<Value>> {
        let log = self.process.log();
        let text = std::fs::read_to_string(log).with_context(|| format!("reading {}", log.display()))?;
        let objects = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(objects.filter(|object| object.get("response_code").is_some()).collect())
    }

    /// Ends it, and its Envoy with it.
    ///
    /// # Errors
    /// Where it does not end.
    pub async fn stop(mut self) -> Result<()> {
        self.process.stop(PATIENCE).await
    }
}

/// A file below the folder that `e2e/gateway/build.sh` fills.
fn built(path: &str) -> Result<PathBuf> {
    let path = target_folder().join("gateway").join(path);
    ensure!(path.exists(), "{} is missing: run `make gateway` first", path.display());
    Ok(path)
}

/// The rights of its own chart.
async fn give_rights(kubectl: &Kubectl) -> Result<()> {
    kubectl.run(&["create", "namespace", ACCOUNT[0]]).await?.success()?;
    let rights = Helm::new()?.template("envoy", &built("chart")?, ACCOUNT[0], &[]).await?;
    kubectl.run_with_input(&["apply", "-f", "-"], &rights).await?.success()?;
    Ok(())
}

/// Where it would keep an Envoy that it has fetched.
fn lay_down_envoy(folder: &Path) -> Result<()> {
    let programs = folder.join("data/envoy-versions").join(ENVOY_VERSION).join("bin");
    std::fs::create_dir_all(&programs).with_context(|| format!("making {}", programs.display()))?;
    std::os::unix::fs::symlink(proxy()?.join("usr/local/bin/envoy"), programs.join("envoy"))
        .with_context(|| format!("linking {}", programs.display()))
}

fn setting(name: &str, value: &Path) -> OsString {
    let mut setting = OsString::from(format!("{name}="));
    setting.push(value);
    setting
}

/// JSON, which is YAML too.
fn configuration(folder: &Path) -> Value {
    let below = |name: &str| folder.join(name);
    json!({
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "EnvoyGateway",
        "gateway": {"controllerName": CONTROLLER},
        "provider": {"type": "Custom", "custom": {
            "resource": {"type": "Kubernetes", "kubernetes": {"leaderElection": {"disable": true}}},
            "infrastructure": {"type": "Host", "host": {
                "configHome": below("config"),
                "dataHome": below("data"),
                "stateHome": below("state"),
                "runtimeDir": below("run"),
            }},
        }},
    })
}
