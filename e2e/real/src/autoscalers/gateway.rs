//! A gateway before the model, on the real node: Envoy. It counts who asks, and keeps a request until somebody answers it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use hemvist_e2e::process::Process;
use hemvist_e2e::{Progress, wait_until};
use serde_json::{Value, json};

use super::PATIENCE;
use crate::RealNode;
use crate::programs::proxy;

/// The port at which it is asked, and the one at which it reports what it has counted.
const PORTS: [u16; 2] = [8080, 9901];

/// A gateway that runs.
pub struct Gateway {
    process: Process,
    address: String,
    log: PathBuf,
}

impl Gateway {
    /// Where a gateway on the node reports what it has counted.
    pub fn counts_at(node: &RealNode) -> String {
        format!("{}:{}", node.address(), PORTS[1])
    }

    /// Starts one on the node, under a name that stands in what it counts, before a Service at this address and port.
    ///
    /// # Errors
    /// Where the proxy was not built or does not come up.
    pub async fn start(node: &RealNode, name: &str, address: &str, port: u64) -> Result<Self> {
        let (file, log) = (node.folder().join("gateway.json"), node.folder().join("gateway-requests.log"));
        let configuration = configuration(node, name, &json!(address), port, &json!(log));
        std::fs::write(&file, configuration.to_string())
            .with_context(|| format!("writing {}", file.display()))?;
        let arguments = ["--disable-hot-restart", "--concurrency", "1", "--config-path"];
        let mut arguments: Vec<_> = arguments.map(Into::into).into();
        arguments.push(file.into());
        let program = proxy()?.join("usr/local/bin/envoy");
        let process = node.launch("gateway", program, &arguments)?;
        let address = format!("{}:{}", node.address(), PORTS[0]);
        let mut gateway = Self { process, address, log };
        wait_until("the gateway to listen", PATIENCE, async || {
            gateway.process.ensure_running()?;
            let connected = tokio::net::TcpStream::connect(&gateway.address).await;
            Ok(Progress::when(connected.is_ok(), format!("{connected:?}")))
        })
        .await?;
        Ok(gateway)
    }

    /// Host and port at which it is asked.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it has noted of each request that is answered.
    ///
    /// # Errors
    /// Where its log cannot be read.
    pub fn answered(&self) -> Result<Vec<Value>> {
        let text =
            std::fs::read_to_string(&self.log).with_context(|| format!("reading {}", self.log.display()))?;
        text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }

    /// Ends it.
    ///
    /// # Errors
    /// Where it does not end.
    pub async fn stop(mut self) -> Result<()> {
        self.process.stop(PATIENCE).await
    }
}

fn configuration(node: &RealNode, name: &str, service: &Value, port: u64, log: &Value) -> Value {
    let socket =
        |address: &Value, port: u64| json!({"socket_address": {"address": address, "port_value": port}});
    let here = json!(node.address().to_string());
    let type_ = |kind: &str| format!("type.googleapis.com/envoy.extensions.{kind}");
    let router = json!({"name": "router", "typed_config": {"@type": type_("filters.http.router.v3.Router")}});
    let access_log = json!({"name": "file", "typed_config": {
        "@type": type_("access_loggers.file.v3.FileAccessLog"),
        "path": log,
        "log_format": {"json_format": {
            "milliseconds": "%DURATION%",
            "status": "%RESPONSE_CODE%",
            "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        }},
    }});
    // Nobody listens at a Service without endpoints: it is tried again until somebody does.
    let route = json!({"match": {"prefix": "/"}, "route": {
        "cluster": "model",
        "timeout": "300s",
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,gateway-error",
            "num_retries": 1000,
            "retry_back_off": {"base_interval": "0.1s", "max_interval": "0.5s"},
        },
    }});
    let connections = json!({"name": "http", "typed_config": {
        "@type": type_("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": name,
        "access_log": [access_log],
        "http_filters": [router],
        "route_config": {"virtual_hosts": [{"name": "model", "domains": ["*"], "routes": [route]}]},
    }});
    json!({
        "admin": {"address": socket(&here, PORTS[1].into())},
        "static_resources": {
            "listeners": [{
                "name": "gateway",
                "address": socket(&here, PORTS[0].into()),
                "filter_chains": [{"filters": [connections]}],
            }],
            "clusters": [{
                "name": "model",
                "connect_timeout": "1s",
                "load_assignment": {"cluster_name": "model", "endpoints": [{"lb_endpoints": [
                    {"endpoint": {"address": socket(service, port)}},
                ]}]},
            }],
        },
    })
}
