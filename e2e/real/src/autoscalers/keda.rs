//! KEDA: its operator, which watches triggers and stops and starts models, and its metrics server, which Kubernetes' own
//! autoscaler asks through the API server.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hemvist_e2e::kubectl::Kubectl;
use hemvist_e2e::ports::free_port;
use hemvist_e2e::process::{Launch, Process};
use hemvist_e2e::{ControlPlane, Progress, manifests, wait_until};
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::{PATIENCE, aggregated, built};

/// The namespace and the service account of KEDA, as its own manifests have them.
const ACCOUNT: [&str; 2] = ["keda", "keda-operator"];

/// The Service by which the API server finds the metrics server, as KEDA's own manifests have it.
const METRICS_SERVICE: &str = "keda-metrics-apiserver";

/// What the API server passes on to the metrics server.
const METRICS: &str = "v1beta1.external.metrics.k8s.io";

/// KEDA, as it runs.
pub struct Keda {
    // In the order in which they end.
    adapter: Process,
    operator: Process,
}

impl Keda {
    /// Gives KEDA its kinds and rights, starts it, and waits until the API server passes on to it.
    ///
    /// # Errors
    /// Where it was not built or does not come up.
    pub async fn start(cluster: &ControlPlane) -> Result<Self> {
        let kubectl = cluster.kubectl()?;
        install(&kubectl).await?;
        let folder = cluster.folder().join("keda");
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        // One certificate for both parts, by which they know each other and the API server knows the metrics server. In a
        // cluster KEDA makes its own and reads it back from a Secret that is mounted.
        let authority = aggregated::certificates(&folder, [ACCOUNT[0], METRICS_SERVICE])?;
        let [namespace, name] = ACCOUNT;
        let started = Starting {
            cluster: cluster.folder(),
            certificates: &folder,
            kubeconfig: cluster.service_account_kubeconfig(namespace, name).await?,
            questions: free_port()?,
            metrics: free_port()?,
        };
        let operator = started.operator()?;
        let adapter = started.adapter()?;
        let mut keda = Self { adapter, operator };
        let objects = metrics_server(started.metrics, authority)?;
        kubectl.run_with_input(&["apply", "-f", "-"], &objects.to_string()).await?.success()?;
        aggregated::wait_until_passed_on(&kubectl, METRICS, || keda.ensure_running()).await?;
        Ok(keda)
    }

    /// Nothing while both parts run.
    ///
    /// # Errors
    /// Once one has ended; the error holds the end of its log.
    pub fn ensure_running(&mut self) -> Result<()> {
        self.adapter.ensure_running()?;
        self.operator.ensure_running()
    }

    /// The lines in which its operator has noted an error.
    pub fn errors(&self) -> Vec<String> {
        let text = std::fs::read(self.operator.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines().filter(|line| line.contains("\tERROR\t")).map(str::to_owned).collect()
    }

    /// Ends it.
    ///
    /// # Errors
    /// Where a part does not end.
    pub async fn stop(mut self) -> Result<()> {
        self.adapter.stop(PATIENCE).await?;
        self.operator.stop(PATIENCE).await
    }
}

/// The arguments of both parts.
struct Starting<'a> {
    cluster: &'a Path,
    certificates: &'a Path,
    kubeconfig: PathBuf,
    /// The port at which the operator gives the metrics server the values of a trigger.
    questions: u16,
    /// The port of the metrics server.
    metrics: u16,
}

impl Starting<'_> {
    fn operator(&self) -> Result<Process> {
        self.launch(
            "keda-operator",
            &[
                "--metrics-bind-address=0".to_owned(),
                "--health-probe-bind-address=0".to_owned(),
                format!("--metrics-service-bind-address=127.0.0.1:{}", self.questions),
                format!("--cert-dir={}", self.certificates.display()),
                "--zap-encoder=console".to_owned(),
            ],
        )
    }

    fn adapter(&self) -> Result<Process> {
        let kubeconfig = self.kubeconfig.display();
        let certificate = self.certificates.join("tls");
        self.launch(
            "keda-adapter",
            &[
                "--bind-address=127.0.0.1".to_owned(),
                format!("--secure-port={}", self.metrics),
                format!("--port={}", free_port()?),
                format!("--metrics-service-address=localhost:{}", self.questions),
                format!("--cert-dir={}", self.certificates.display()),
                format!("--tls-cert-file={}.crt", certificate.display()),
                format!("--tls-private-key-file={}.key", certificate.display()),
                format!("--lister-kubeconfig={kubeconfig}"),
                format!("--authentication-kubeconfig={kubeconfig}"),
                format!("--authorization-kubeconfig={kubeconfig}"),
            ],
        )
    }

    fn launch(&self, name: &str, arguments: &[String]) -> Result<Process> {
        let environment = [
            ("KUBECONFIG", self.kubeconfig.as_os_str()),
            ("POD_NAMESPACE", ACCOUNT[0].as_ref()),
            ("KEDA_CLUSTER_OBJECT_NAMESPACE", ACCOUNT[0].as_ref()),
            // Of all namespaces.
            ("WATCH_NAMESPACE", "".as_ref()),
        ];
        Process::start(&Launch {
            name: name.to_owned(),
            program: built(&format!("bin/{name}"))?,
            arguments: arguments.iter().map(OsString::from).collect(),
            environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            folder: self.cluster.to_owned(),
        })
    }
}

/// The kinds and the rights of its own manifests.
async fn install(kubectl: &Kubectl) -> Result<()> {
    kubectl.run(&["create", "namespace", ACCOUNT[0]]).await?.success()?;
    for folder in ["keda/rights", "keda/kinds"] {
        let folder = built(folder)?.display().to_string();
        kubectl.run(&["apply", "--server-side", "-f", &folder]).await?.success()?;
    }
    wait_until("KEDA's kinds to be served", PATIENCE, async || {
        let answer = kubectl.run(&["get", "scaledobjects,scaledjobs", "--all-namespaces"]).await?;
        Ok(Progress::when(answer.code == 0, answer.stderr))
    })
    .await
}

/// KEDA's own APIService, with the port and the certificate, and a Service that leads to the machine.
fn metrics_server(port: u16, authority: String) -> Result<Value> {
    let path = built("keda/api_service.yaml")?;
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let mut objects = manifests::objects(&text)?;
    let api_service = objects.first_mut().with_context(|| format!("{} is empty", path.display()))?;
    api_service["spec"]["caBundle"] = json!(ByteString(authority.into_bytes()));
    api_service["spec"]["service"]["port"] = json!(port);
    let service = aggregated::service_on_the_machine([ACCOUNT[0], METRICS_SERVICE]);
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": [service, api_service]}))
}
