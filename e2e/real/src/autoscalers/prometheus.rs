//! A Prometheus that finds replicas as a PodMonitor has it, and reads what they measure.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use hemvist_e2e::ports::free_port;
use hemvist_e2e::process::{Launch, Process};
use hemvist_e2e::{ControlPlane, Progress, wait_until};
use serde_json::{Value, json};

use super::{PATIENCE, built};
use crate::http::{Answer, Request};

/// The namespace and the service account of the Prometheus.
const ACCOUNT: [&str; 2] = ["overvakning", "prometheus"];

/// The port of a replica on which it is asked what it measures.
const STATUS_PORT: &str = "status";

/// How often is read. A PodMonitor that says nothing of it has half a minute.
const INTERVAL: &str = "5s";

/// A Prometheus that runs.
pub struct Prometheus {
    port: u16,
    process: Option<Process>,
}

impl Prometheus {
    /// One that does not run yet, so that others can be configured with its address first.
    ///
    /// # Errors
    /// Where no port is free.
    pub fn at_a_free_port() -> Result<Self> {
        Ok(Self { port: free_port()?, process: None })
    }

    /// The address at which it answers.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it, to read from every replica of the cluster, and from a gateway at this address where there is one.
    ///
    /// # Errors
    /// Where it was not built or does not come up.
    pub async fn start(&mut self, cluster: &ControlPlane, gateway: Option<&str>) -> Result<()> {
        let [namespace, name] = ACCOUNT;
        let kubectl = cluster.kubectl()?;
        kubectl.run_with_input(&["apply", "-f", "-"], &rights().to_string()).await?.success()?;
        let kubeconfig = cluster.service_account_kubeconfig(namespace, name).await?;
        let folder = cluster.folder().join("prometheus");
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let file = folder.join("prometheus.yaml");
        std::fs::write(&file, configuration(&kubeconfig, gateway).to_string())
            .with_context(|| format!("writing {}", file.display()))?;
        let mut process = Process::start(&Launch {
            name: "prometheus".to_owned(),
            program: built("bin/prometheus")?,
            arguments: vec![
                format!("--config.file={}", file.display()).into(),
                format!("--storage.tsdb.path={}", folder.join("data").display()).into(),
                format!("--web.listen-address=127.0.0.1:{}", self.port).into(),
            ],
            environment: Vec::new(),
            folder: cluster.folder().to_owned(),
        })?;
        wait_until("Prometheus to be ready", PATIENCE, async || {
            process.ensure_running()?;
            let answer = self.get("/-/ready").await;
            let ready = answer.as_ref().is_ok_and(|answer| answer.status == 200);
            Ok(Progress::when(ready, format!("{answer:?}")))
        })
        .await?;
        self.process = Some(process);
        Ok(())
    }

    /// The one number that a query has now; nothing where it has none.
    ///
    /// # Errors
    /// Where Prometheus does not answer, or with more than one number.
    pub async fn value(&self, query: &str) -> Result<Option<f64>> {
        let mut path = "/api/v1/query?query=".to_owned();
        for byte in query.bytes() {
            write!(path, "%{byte:02X}")?;
        }
        let reported = self.get(&path).await?.json()?;
        let result = reported["data"]["result"].as_array().with_context(|| format!("{query}: {reported}"))?;
        ensure!(result.len() <= 1, "{query} has more than one number: {reported}");
        let number = result.first().and_then(|one| one["value"][1].as_str());
        number.map(|number| number.parse().with_context(|| format!("{query}: {reported}"))).transpose()
    }

    async fn get(&self, path: &str) -> Result<Answer> {
        let request = Request { method: "GET", host: "127.0.0.1", path, body: "" };
        request.send((Ipv4Addr::LOCALHOST, self.port).into()).await
    }

    /// Ends it for now. What it has read is kept for when it starts again.
    ///
    /// # Errors
    /// Where it does not end.
    pub async fn pause(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop(PATIENCE).await,
            None => Ok(()),
        }
    }

    /// Ends it.
    ///
    /// # Errors
    /// Where it does not end.
    pub async fn stop(mut self) -> Result<()> {
        self.pause().await
    }
}

/// What a Prometheus in a cluster may do: find pods.
fn rights() -> Value {
    let [namespace, name] = ACCOUNT;
    let version = "rbac.authorization.k8s.io/v1";
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}},
        {
            "apiVersion": version, "kind": "ClusterRole", "metadata": {"name": "prometheus"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}],
        },
        {
            "apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": "prometheus"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "prometheus"},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
        },
    ]})
}

/// JSON, which is YAML too. The labels are those that a PodMonitor gives.
fn configuration(kubeconfig: &Path, gateway: Option<&str>) -> Value {
    let label = |from: &str, to: &str| json!({"source_labels": [from], "target_label": to});
    json!({
        "global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL},
        "scrape_configs": [
            {
                "job_name": "models",
                "kubernetes_sd_configs": [{"role": "pod", "kubeconfig_file": kubeconfig}],
                "relabel_configs": [
                    {
                        "source_labels": ["__meta_kubernetes_pod_container_port_name"],
                        "action": "keep",
                        "regex": STATUS_PORT,
                    },
                    label("__meta_kubernetes_namespace", "namespace"),
                    label("__meta_kubernetes_pod_name", "pod"),
                ],
            },
            {
                "job_name": "gateway",
                "metrics_path": "/stats/prometheus",
                "static_configs": [{"targets": gateway.as_slice()}],
            },
        ],
    })
}
