//! Failures of the node: a device breaks, it is drained, a part of it ends, for long or to restart.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hemvist_e2e::nodes::is_ready;
use hemvist_e2e_real::engine::SERVER;
use hemvist_e2e_real::inside::EngineProcess;
use hemvist_e2e_real::node;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use serde_json::Value;

use super::HOLD;
use super::watch::{Row, Watch, engine};
use crate::surroundings::{MODEL, PATIENCE, Surroundings, serves};

/// How long a part is away that only restarts.
const PAUSE: Duration = Duration::from_secs(3);

/// Breaks each part and mends it again.
pub async fn all(surroundings: &mut Surroundings) -> Result<Vec<Row>> {
    println!("the accelerator breaks:");
    let device = device_breaks(surroundings).await;
    println!("the accelerator breaks, and the engine with it:");
    let engine = engine_breaks(surroundings).await;
    println!("the node is drained:");
    let drained = is_drained(surroundings).await;
    println!("containerd restarts:");
    let containerd = starts_again(surroundings, Part::Containerd).await;
    println!("the kubelet restarts:");
    let kubelet = starts_again(surroundings, Part::Kubelet).await;
    println!("containerd is down:");
    let without_containerd = is_down(surroundings, Part::Containerd).await;
    println!("the kubelet is down:");
    let without_kubelet = is_down(surroundings, Part::Kubelet).await;
    Ok(vec![
        Row::new("the accelerator breaks", "AcceleratorUnhealthy", device),
        Row::new("the accelerator breaks, and the engine with it", "AcceleratorUnhealthy", engine),
        Row::new("the node is drained", "WaitingForAccelerators", drained),
        Row::new("containerd restarts", "Serving", containerd),
        Row::new("the kubelet restarts", "Serving", kubelet),
        Row::new("containerd is down", "NodeNotReady", without_containerd),
        Row::new("the kubelet is down", "NodeNotReady", without_kubelet),
    ])
}

/// The plug-in says so while the engine, which computes on the processor, serves on.
async fn device_breaks(surroundings: &Surroundings) -> Result<(Duration, Duration)> {
    let before = serves(surroundings, 0).await?;
    let device = device(&before)?;
    surroundings.node.break_device(device)?;
    let reported = device_is_reported(surroundings, device).await;
    let begun = Instant::now();
    surroundings.node.mend_device(device)?;
    let mut watch = Watch::new(surroundings, "Available");
    watch.reports("ReplicasAvailable", PATIENCE, async || Ok(true)).await?;
    runs_on(&before, &serves(surroundings, 0).await?)?;
    Ok((reported?, begun.elapsed()))
}

async fn device_is_reported(surroundings: &Surroundings, device: &str) -> Result<Duration> {
    let mut watch = Watch::new(surroundings, "Available");
    let is_there = async || {
        let pods = surroundings.governed.pods(MODEL).await?;
        let devices = pods.iter().filter_map(engine).map(|engine| &engine["allocatedResourcesStatus"]);
        Ok(devices.into_iter().any(|devices| devices[0]["resources"][0]["health"] == "Unhealthy"))
    };
    let reported = watch.reports("AcceleratorUnhealthy", PATIENCE, is_there).await?;
    watch.keeps_on("AcceleratorUnhealthy", HOLD).await?;
    watch.has_said(&["1 of 1 replicas are available", device])?;
    Ok(reported)
}

/// A container that is started again has the device that its pod was given. There is another one, so the pod is moved to it.
async fn engine_breaks(surroundings: &Surroundings) -> Result<(Duration, Duration)> {
    let before = serves(surroundings, 0).await?;
    let moved = is_moved(surroundings, &before).await;
    surroundings.node.mend_device(device(&before)?)?;
    moved
}

/// How long the device took to be reported, and the model to serve with the other one after its engine had ended.
async fn is_moved(surroundings: &Surroundings, before: &Value) -> Result<(Duration, Duration)> {
    surroundings.node.break_device(device(before)?)?;
    let mut watch = Watch::new(surroundings, "Available");
    let reported = watch.reports("AcceleratorUnhealthy", PATIENCE, async || Ok(true)).await?;
    let id = engine(before).and_then(|engine| engine["containerID"].as_str());
    let id = id.and_then(|id| id.rsplit('/').next()).context("a pod without an engine")?;
    EngineProcess::of(id, SERVER)?.kill()?;
    let begun = Instant::now();
    let other = async || {
        let pods = surroundings.governed.pods(MODEL).await?;
        Ok(pods.iter().any(|pod| pod["metadata"]["uid"] != before["metadata"]["uid"]))
    };
    watch.reports("ReplicasAvailable", PATIENCE, other).await?;
    let after = serves(surroundings, 0).await?;
    let (old, new) = (device(before)?, device(&after)?);
    ensure!(old != new, "the model serves with {new} again");
    Ok((reported, begun.elapsed()))
}

/// The device that a pod was given.
fn device(pod: &Value) -> Result<&str> {
    let devices = engine(pod).map(|engine| &engine["allocatedResourcesStatus"]);
    devices
        .and_then(|devices| devices[0]["resources"][0]["resourceID"].as_str())
        .context("a pod without a device")
}

/// No other node is cleared for the model.
async fn is_drained(surroundings: &Surroundings) -> Result<(Duration, Duration)> {
    let kubectl = surroundings.governed.cluster().kubectl()?;
    kubectl.run(&["drain", node::NAME, "--delete-emptydir-data", "--timeout=60s"]).await?.success()?;
    let mut watch = Watch::new(surroundings, "Ready");
    let reported = watch.reports("WaitingForAccelerators", PATIENCE, async || Ok(true)).await;
    let kept = watch.keeps_on("WaitingForAccelerators", HOLD).await;
    let said = watch.has_said(&["real is cordoned"]);
    let begun = Instant::now();
    kubectl.run(&["uncordon", node::NAME]).await?.success()?;
    serves(surroundings, 0).await?;
    kept.and(said)?;
    Ok((reported?, begun.elapsed()))
}

#[derive(Clone, Copy)]
enum Part {
    Containerd,
    Kubelet,
}

impl Part {
    async fn stop(self, surroundings: &mut Surroundings) -> Result<()> {
        match self {
            Self::Containerd => surroundings.node.stop_containerd().await,
            Self::Kubelet => surroundings.node.stop_kubelet().await,
        }
    }

    async fn start(self, surroundings: &mut Surroundings) -> Result<()> {
        match self {
            Self::Containerd => surroundings.node.start_containerd().await,
            Self::Kubelet => surroundings.node.start_kubelet(),
        }
    }
}

/// Nothing is wrong with a model whose node lets go of it for a moment.
async fn starts_again(surroundings: &mut Surroundings, part: Part) -> Result<(Duration, Duration)> {
    let before = serves(surroundings, 0).await?;
    part.stop(surroundings).await?;
    tokio::time::sleep(PAUSE).await;
    part.start(surroundings).await?;
    let mut watch = Watch::new(surroundings, "Ready");
    let kept = watch.keeps_on("Serving", HOLD).await;
    runs_on(&before, &serves(surroundings, 0).await?)?;
    kept.map(|()| (Duration::ZERO, Duration::ZERO))
}

/// The node is reported as away when the cluster has missed it, and the engine runs on all the while.
async fn is_down(surroundings: &mut Surroundings, part: Part) -> Result<(Duration, Duration)> {
    let before = serves(surroundings, 0).await?;
    part.stop(surroundings).await?;
    let reported = lost_node_is_reported(surroundings).await;
    let begun = Instant::now();
    part.start(surroundings).await?;
    let back = async || node_is_ready(surroundings).await;
    Watch::new(surroundings, "Available").reports("ReplicasAvailable", PATIENCE, back).await?;
    runs_on(&before, &serves(surroundings, 0).await?)?;
    Ok((reported?, begun.elapsed()))
}

/// By `Available`: while containerd alone is down the engine takes requests, and `Ready` is right to say so.
async fn lost_node_is_reported(surroundings: &Surroundings) -> Result<Duration> {
    let mut watch = Watch::new(surroundings, "Available");
    let is_there = async || Ok(!node_is_ready(surroundings).await?);
    let reported = watch.reports("NodeNotReady", PATIENCE, is_there).await?;
    // The cluster looks at the node first and at its pods then.
    tokio::time::sleep(PAUSE).await;
    watch.keeps_on("NodeNotReady", HOLD).await?;
    watch.has_said(&["Node real does not say that it is ready"])?;
    Ok(reported)
}

async fn node_is_ready(surroundings: &Surroundings) -> Result<bool> {
    let nodes: Api<Node> = Api::all(surroundings.governed.cluster().client());
    Ok(is_ready(&nodes.get(node::NAME).await?))
}

/// The same pod with the same run of its engine.
fn runs_on(before: &Value, after: &Value) -> Result<()> {
    let which = |pod: &Value| {
        let engine = engine(pod).map(|engine| engine["containerID"].clone());
        (pod["metadata"]["uid"].clone(), engine)
    };
    ensure!(which(before) == which(after), "another engine serves {MODEL}");
    Ok(())
}
