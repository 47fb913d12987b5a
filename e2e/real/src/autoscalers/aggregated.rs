//! API servers of others on the machine, which the cluster's API server passes requests on to.

use std::path::Path;

use anyhow::{Context, Result};
use hemvist_e2e::certificates::Authority;
use hemvist_e2e::kubectl::Kubectl;
use hemvist_e2e::objects::condition;
use hemvist_e2e::{Progress, wait_until};
use serde_json::{Value, json};

use super::PATIENCE;

/// Writes `ca.crt`, `tls.crt` and `tls.key` of a Service into a folder. Gives the certificate of the authority.
///
/// # Errors
/// Where they cannot be made or written.
pub fn certificates(folder: &Path, [namespace, name]: [&str; 2]) -> Result<String> {
    let authority = Authority::new(name)?;
    let path = folder.join("ca.crt");
    std::fs::write(&path, authority.pem()).with_context(|| format!("writing {}", path.display()))?;
    authority.issue(&folder.join("tls"), name, &["localhost", &format!("{name}.{namespace}.svc")])?;
    Ok(authority.pem())
}

/// A Service that leads to the machine, where the cluster's API server runs too.
pub fn service_on_the_machine([namespace, name]: [&str; 2]) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    })
}

/// Waits until the API server passes on what is asked of an APIService, as long as somebody is there to be asked.
///
/// # Errors
/// Where that does not come to be.
pub async fn wait_until_passed_on(
    kubectl: &Kubectl,
    name: &str,
    mut ensure_running: impl FnMut() -> Result<()>,
) -> Result<()> {
    wait_until(&format!("the API server to pass on {name}"), PATIENCE, async || {
        ensure_running()?;
        let answer = kubectl.run(&["get", "apiservice", name, "--output=json"]).await?.success()?;
        let available = condition(&serde_json::from_str(&answer)?, "Available").clone();
        Ok(Progress::when(available["status"] == "True", available))
    })
    .await
}
