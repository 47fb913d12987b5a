//! Kinds that are not Kubernetes' own and of which Hemvist makes objects, as their makers define them. Nobody here acts on
//! such objects: what is shown is that the API server takes them, and who may write them.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::binaries::target_folder;
use crate::{ControlPlane, Progress, wait_until};

/// A kind of somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// KEDA's `ScaledObject`.
    ScaledObject,
    /// The Gateway API's `HTTPRoute`.
    HTTPRoute,
    /// The Inference Extension's `InferencePool`.
    InferencePool,
}

impl Guest {
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

    /// Has a cluster serve the kind.
    ///
    /// # Errors
    /// Where its definition was not fetched, or the API server does not take it.
    pub async fn move_in(self, cluster: &ControlPlane) -> Result<()> {
        let path = target_folder().join("guests").join(self.file());
        let definition = std::fs::read_to_string(&path)
            .with_context(|| format!("{} is missing: run `make guests` first", path.display()))?;
        let kubectl = cluster.kubectl()?;
        kubectl.run_with_input(&["apply", "--server-side", "-f", "-"], &definition).await?.success()?;
        wait_until(&format!("{} to be served", self.resource()), Duration::from_mins(1), || async {
            let answer = kubectl.run(&["get", self.resource(), "--all-namespaces"]).await?;
            Ok(Progress::when(answer.code == 0, answer.stderr))
        })
        .await
    }

    /// Takes the kind away with all of its objects.
    ///
    /// # Errors
    /// Where the API server does not delete it.
    pub async fn move_out(self, cluster: &ControlPlane) -> Result<()> {
        let kubectl = cluster.kubectl()?;
        kubectl.run(&["delete", "customresourcedefinition", self.resource()]).await?.success().map(|_| ())
    }
}
