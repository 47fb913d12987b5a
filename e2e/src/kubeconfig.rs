//! Kubeconfig files: who a program is on a cluster.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;

/// Access to one API server as one user.
#[derive(Clone, Debug)]
pub struct Access {
    /// The API server's address.
    pub server: String,
    /// The file of the certificate authority that its certificate is checked against.
    pub certificate_authority: std::path::PathBuf,
    /// The bearer token that says who asks.
    pub token: String,
    /// The namespace of requests that name none.
    pub namespace: String,
}

impl Access {
    /// Writes a kubeconfig. JSON, which is YAML too, since every reader of one reads the other.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let content = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "e2e",
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e", "namespace": self.namespace}}],
            "clusters": [{"name": "e2e", "cluster": {
                "server": self.server,
                "certificate-authority": self.certificate_authority,
            }}],
            "users": [{"name": "e2e", "user": {"token": self.token}}],
        });
        std::fs::write(path, format!("{content:#}\n")).with_context(|| format!("writing {}", path.display()))
    }
}

/// A client for a kubeconfig file; `change` may alter its configuration, such as whom it impersonates.
///
/// Nothing is retried and everything has a time limit: a test wants to see what the server said the first time.
///
/// # Errors
/// Where the file cannot be read as a kubeconfig.
pub async fn client(path: &Path, change: impl FnOnce(&mut Config)) -> Result<Client> {
    let file = Kubeconfig::read_from(path).with_context(|| format!("reading {}", path.display()))?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.read_timeout = Some(Duration::from_mins(1));
    config.write_timeout = Some(Duration::from_secs(30));
    config.default_retry = false;
    change(&mut config);
    Ok(Client::try_from(config)?)
}
