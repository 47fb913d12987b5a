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
    // Otherwise the limit counts from when a connection was last read from, and ends a request for which it has just been taken
    // up again.
    config.reset_reader_on_write = true;
    config.write_timeout = Some(Duration::from_secs(30));
    config.default_retry = false;
    change(&mut config);
    Ok(Client::try_from(config)?)
}

#[cfg(test)]
mod tests {
    use http::Request;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(3);

    /// Two thirds of the limit: once it may pass, twice it may not.
    const WHILE: Duration = Duration::from_secs(2);

    #[tokio::test]
    async fn a_connection_that_was_idle_has_the_whole_limit_for_its_next_answer() -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let access = Access {
            server: format!("http://{}", listener.local_addr()?),
            certificate_authority: "/dev/null".into(),
            token: "token".to_owned(),
            namespace: "default".to_owned(),
        };
        let path = std::env::temp_dir().join(format!("hemvist-kubeconfig-{}", std::process::id()));
        access.write(&path)?;
        let client = client(&path, |config| config.read_timeout = Some(LIMIT)).await;
        std::fs::remove_file(&path)?;
        let client = client?;
        let server = tokio::spawn(answer_twice_and_the_second_time_late(listener));
        let request = || Request::get("/version").body(Vec::new());
        client.request_text(request()?).await?;
        sleep(WHILE).await;
        client.request_text(request()?).await?;
        server.await?
    }

    /// Both come over the same connection: nobody waits for another one.
    async fn answer_twice_and_the_second_time_late(listener: TcpListener) -> Result<()> {
        let (mut stream, _) = listener.accept().await?;
        for delay in [Duration::ZERO, WHILE] {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await?);
            }
            sleep(delay).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await?;
        }
        Ok(())
    }
}
