//! The Prometheus Adapter, which serves what a Prometheus knows of pods as their custom metrics.

use std::ffi::OsString;

use anyhow::{Context, Result};
use hemvist_e2e::ControlPlane;
use hemvist_e2e::ports::free_port;
use hemvist_e2e::process::{Launch, Process};
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::{PATIENCE, aggregated, built};

/// Its namespace and its service account, as its own manifests have them. The Service by which the API server finds it has the
/// same name.
const ACCOUNT: [&str; 2] = ["monitoring", "prometheus-adapter"];

/// The group that it serves.
const GROUP: &str = "custom.metrics.k8s.io";

/// Its versions, the one that is asked for first at the end.
const VERSIONS: [&str; 2] = ["v1beta1", "v1beta2"];

/// An adapter that runs.
pub struct PrometheusAdapter {
    process: Process,
}

impl PrometheusAdapter {
    /// Starts one that asks the Prometheus at this address, with these `rules` of its configuration, and waits until the API
    /// server passes on to it.
    ///
    /// # Errors
    /// Where it was not built or does not come up.
    pub async fn start(cluster: &ControlPlane, prometheus: &str, rules: &Value) -> Result<Self> {
        let [namespace, name] = ACCOUNT;
        let kubectl = cluster.kubectl()?;
        kubectl.run(&["create", "namespace", namespace]).await?.success()?;
        let rights = built("adapter")?.display().to_string();
        kubectl.run(&["apply", "--server-side", "-f", &rights]).await?.success()?;
        let folder = cluster.folder().join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let authority = aggregated::certificates(&folder, ACCOUNT)?;
        let file = folder.join("configuration.yaml");
        // JSON, which is YAML too.
        std::fs::write(&file, json!({"rules": rules}).to_string())
            .with_context(|| format!("writing {}", file.display()))?;
        let kubeconfig = cluster.service_account_kubeconfig(namespace, name).await?;
        let (kubeconfig, certificate) = (kubeconfig.display(), folder.join("tls"));
        let port = free_port()?;
        let arguments = [
            format!("--prometheus-url={prometheus}"),
            format!("--config={}", file.display()),
            "--metrics-relist-interval=5s".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            format!("--tls-cert-file={}.crt", certificate.display()),
            format!("--tls-private-key-file={}.key", certificate.display()),
            format!("--lister-kubeconfig={kubeconfig}"),
            format!("--authentication-kubeconfig={kubeconfig}"),
            format!("--authorization-kubeconfig={kubeconfig}"),
        ];
        let mut process = Process::start(&Launch {
            name: name.to_owned(),
            program: built("bin/prometheus-adapter")?,
            arguments: arguments.iter().map(OsString::from).collect(),
            environment: Vec::new(),
            folder: cluster.folder().to_owned(),
        })?;
        let objects = api_services(port, authority).to_string();
        kubectl.run_with_input(&["apply", "-f", "-"], &objects).await?.success()?;
        for version in VERSIONS {
            aggregated::wait_until_passed_on(&kubectl, &format!("{version}.{GROUP}"), || {
                process.ensure_running()
            })
            .await?;
        }
        Ok(Self { process })
    }

    /// Ends it.
    ///
    /// # Errors
    /// Where it does not end.
    pub async fn stop(mut self) -> Result<()> {
        self.process.stop(PATIENCE).await
    }
}

fn api_services(port: u16, authority: String) -> Value {
    let [namespace, name] = ACCOUNT;
    let authority = ByteString(authority.into_bytes());
    let services = VERSIONS.iter().zip(1..).map(|(version, priority)| {
        json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": {"name": format!("{version}.{GROUP}")},
            "spec": {
                "group": GROUP, "version": version, "groupPriorityMinimum": 100, "versionPriority": priority * 100,
                "service": {"namespace": namespace, "name": name, "port": port},
                "caBundle": authority,
            },
        })
    });
    let items: Vec<_> = [aggregated::service_on_the_machine(ACCOUNT)].into_iter().chain(services).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}
