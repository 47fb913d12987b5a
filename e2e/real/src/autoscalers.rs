//! Autoscalers that really run: KEDA, the Prometheus that it asks, a gateway that counts requests, and the Prometheus Adapter
//! for Kubernetes' own. Their programs come from `e2e/autoscalers/build.sh`.

mod aggregated;
mod gateway;
mod keda;
mod prometheus;
mod prometheus_adapter;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use hemvist_e2e::binaries::target_folder;

pub use self::gateway::Gateway;
pub use self::keda::Keda;
pub use self::prometheus::Prometheus;
pub use self::prometheus_adapter::PrometheusAdapter;

/// How long a part may take to come up or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// A file below the folder that `e2e/autoscalers/build.sh` fills.
fn built(path: &str) -> Result<PathBuf> {
    let path = target_folder().join("autoscalers").join(path);
    ensure!(path.exists(), "{} is missing: run `make autoscalers` first", path.display());
    Ok(path)
}
