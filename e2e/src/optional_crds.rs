//! The optional CRDs, as their projects publish them. No controller acts on such objects in these tests: they show that the
//! API server accepts them, and who may write them.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::binaries::target_folder;
use crate::{ControlPlane, Progress, wait_until};

/// A CRD that Hemvist makes objects of only where the cluster serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionalCrd {
    /// KEDA's `ScaledObject`.
    ScaledObject,
    /// The Gateway API's `HTTPRoute`.
    HTTPRoute,
    /// The Inference Extension's `InferencePool`.
    InferencePool,
}

impl OptionalCrd {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ScaledObject, Self::HTTPRoute, Self::InferencePool];

    const fn file(self) -> &'static str {
        match self {
            Self::ScaledObject => "keda.sh_scaledobjects.yaml",
            Self::HTTPRoute => "gateway.networking.k8s.io_httproutes.yaml",
            Self::InferencePool => "inference.networking.k8s.io_inferencepools.yaml",
        }
    }

    /// As it stands in a path, with its group.
    pub const fn resource(self) -> &'static str {
        match self {
            Self::ScaledObject => "scaledobjects.keda.sh",
            Self::HTTPRoute => "httproutes.gateway.networking.k8s.io",
            Self::InferencePool => "inferencepools.inference.networking.k8s.io",
        }
    }

    /// Installs the CRD, and waits until the cluster serves it.
    ///
    /// # Errors
    /// Where its definition was not fetched, or the API server does not take it.
    pub async fn install(self, cluster: &ControlPlane) -> Result<()> {
        let path = target_folder().join("optional-crds").join(self.file());
        let definition = std::fs::read_to_string(&path)
            .with_context(|| format!("{} is missing: run `make optional-crds` first", path.display()))?;
        let kubectl = cluster.kubectl()?;
        kubectl.run_with_input(&["apply", "--server-side", "-f", "-"], &definition).await?.success()?;
        wait_until(&format!("{} to be served", self.resource()), Duration::from_mins(1), || async {
            let answer = kubectl.run(&["get", self.resource(), "--all-namespaces"]).await?;
            Ok(Progress::when(answer.code == 0, answer.stderr))
        })
        .await
    }

    /// Deletes the CRD with all of its objects.
    ///
    /// # Errors
    /// Where the API server does not delete it.
    pub async fn remove(self, cluster: &ControlPlane) -> Result<()> {
        let kubectl = cluster.kubectl()?;
        kubectl.run(&["delete", "customresourcedefinition", self.resource()]).await?.success().map(|_| ())
    }
}
