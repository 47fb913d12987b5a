//! Failures of the node: a part of it ends, for long or to start anew.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hemvist_e2e::nodes::is_ready;
use hemvist_e2e_real::node;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use serde_json::Value;

use super::HOLD;
use super::watch::{Row, Watch};
use crate::surroundings::{MODEL, Surroundings};
use crate::{PATIENCE, serves};

/// How long a part is away that only starts anew.
const PAUSE: Duration = Duration::from_secs(3);

/// Ends each part and starts it again.
pub async fn all(surroundings: &mut Surroundings) -> Result<Vec<Row>> {
    println!("containerd starts anew:");
    let containerd = starts_anew(surroundings, Part::Containerd).await;
    println!("the kubelet starts anew:");
    let kubelet = starts_anew(surroundings, Part::Kubelet).await;
    println!("the kubelet is down:");
    let down = is_down(surroundings).await;
    Ok(vec![
        Row::new("containerd starts anew", "Serving", containerd),
        Row::new("the kubelet starts anew", "Serving", kubelet),
        Row::new("the kubelet is down", "NodeNotReady", down),
    ])
}

#[derive(Clone, Copy)]
enum Part {
    Containerd,
    Kubelet,
}

/// Nothing is wrong with a model whose node lets go of it for a moment.
async fn starts_anew(surroundings: &mut Surroundings, part: Part) -> Result<(Duration, Duration)> {
    let before = serves(surroundings, 0).await?;
    match part {
        Part::Containerd => {
            surroundings.node.stop_containerd().await?;
            tokio::time::sleep(PAUSE).await;
            surroundings.node.start_containerd().await?;
        }
        Part::Kubelet => {
            surroundings.node.stop_kubelet().await?;
            tokio::time::sleep(PAUSE).await;
            surroundings.node.start_kubelet()?;
        }
    }
    let begun = Instant::now();
    Watch::new(surroundings, "Ready").keeps_on("Serving", HOLD).await?;
    runs_on(&before, &serves(surroundings, 0).await?)?;
    Ok((Duration::ZERO, begun.elapsed().saturating_sub(HOLD)))
}

/// The node is told to be away when the cluster has missed it, and the engine runs on all the while.
async fn is_down(surroundings: &mut Surroundings) -> Result<(Duration, Duration)> {
    let before = serves(surroundings, 0).await?;
    surroundings.node.stop_kubelet().await?;
    let told = is_told(surroundings).await;
    let begun = Instant::now();
    surroundings.node.start_kubelet()?;
    runs_on(&before, &serves(surroundings, 0).await?)?;
    Ok((told?, begun.elapsed()))
}

async fn is_told(surroundings: &Surroundings) -> Result<Duration> {
    let nodes: Api<Node> = Api::all(surroundings.governed.cluster().client());
    let mut watch = Watch::new(surroundings, "Ready");
    let is_there = async || Ok(!is_ready(&nodes.get(node::NAME).await?));
    let told = watch.tells("NodeNotReady", PATIENCE, is_there).await?;
    watch.keeps_on("NodeNotReady", HOLD).await?;
    watch.has_said(&["Node real does not say that it is ready"])?;
    Ok(told)
}

/// The same pod with the same run of its engine.
fn runs_on(before: &Value, after: &Value) -> Result<()> {
    let which = |pod: &Value| {
        let engine = super::watch::engine(pod).map(|engine| engine["containerID"].clone());
        (pod["metadata"]["uid"].clone(), engine)
    };
    ensure!(which(before) == which(after), "another engine serves {MODEL}");
    Ok(())
}
