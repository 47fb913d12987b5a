//! What happens to a model that serves: its engine dies, it is changed, its node is drained, it is deleted.

use std::time::Instant;

use anyhow::{Result, ensure};
use hemvist_e2e::governed::split;
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::{Progress, wait_until};
use hemvist_e2e_real::engine::SERVER;
use hemvist_e2e_real::inside::{EngineProcess, Inside};
use hemvist_e2e_real::node;
use serde_json::{Value, json};

use crate::surroundings::{MODEL, PATIENCE, Surroundings, serves};

/// Nobody does anything: the kubelet restarts the container, and the model says so on its own.
pub async fn an_engine_that_is_killed_comes_back(surroundings: &Surroundings, pod: &Value) -> Result<()> {
    let inside = Inside::of(surroundings.node.containerd(), pod)?;
    let process = EngineProcess::of(inside.container(), SERVER)?;
    process.kill()?;
    let begun = Instant::now();
    noticed(surroundings).await?;
    println!("killed, and noticed after {:.1?}: {}", begun.elapsed(), reported(surroundings).await?);
    let after = serves(surroundings, 1).await?;
    ensure!(after["metadata"]["uid"] == pod["metadata"]["uid"], "another pod took its place");
    Ok(())
}

/// Half the context: another template, so another pod. There is one accelerator, so the old one goes first.
pub async fn an_update_takes_over(surroundings: &Surroundings, before: &Value) -> Result<()> {
    let (namespace, name) = split(MODEL)?;
    let change = json!({"spec": {"engine": {"contextLength": 2048}}});
    let begun = Instant::now();
    surroundings.governed.objects().merge(Kind::ModelDeployment, namespace, name, &change).await?;
    noticed(surroundings).await?;
    let after = serves(surroundings, 0).await?;
    ensure!(after["metadata"]["uid"] != before["metadata"]["uid"], "the old pod still serves");
    let inside = Inside::of(surroundings.node.containerd(), &after)?;
    let arguments = EngineProcess::of(inside.container(), SERVER)?.arguments();
    let context = arguments.windows(2).find(|pair| pair[0] == "--ctx-size").map(|pair| pair[1].as_str());
    // One buffer for the four requests at a time.
    ensure!(context == Some("8192"), "the engine runs with {arguments:?}");
    println!("updated: the new engine serves after {:.1?}", begun.elapsed());
    Ok(())
}

/// No other node is cleared for the model, so it waits; it says so, and goes back by itself.
pub async fn a_drained_node_is_left_and_taken_again(surroundings: &Surroundings) -> Result<()> {
    let kubectl = surroundings.governed.cluster().kubectl()?;
    let begun = Instant::now();
    kubectl.run(&["drain", node::NAME, "--delete-emptydir-data", "--timeout=60s"]).await?.success()?;
    println!("drained: the node is empty after {:.1?}", begun.elapsed());
    noticed(surroundings).await?;
    wait_until("the model to wait for a node", PATIENCE, async || {
        let model = surroundings.governed.model(MODEL).await?;
        let ready = condition(&model, "Ready");
        Ok(Progress::when(ready["reason"] == "WaitingForAccelerators", ready))
    })
    .await?;
    println!("drained: {}", reported(surroundings).await?);
    kubectl.run(&["uncordon", node::NAME]).await?.success()?;
    serves(surroundings, 0).await?;
    Ok(())
}

/// Waits until the model is no longer ready.
async fn noticed(surroundings: &Surroundings) -> Result<()> {
    wait_until("the model to notice", PATIENCE, async || {
        let model = surroundings.governed.model(MODEL).await?;
        let ready = condition(&model, "Ready");
        Ok(Progress::when(ready["status"] != "True", ready))
    })
    .await
}

/// Reason and message of the model's Ready condition.
async fn reported(surroundings: &Surroundings) -> Result<String> {
    let model = surroundings.governed.model(MODEL).await?;
    let ready = condition(&model, "Ready");
    Ok(format!("{}: {}", text(&ready["reason"]), text(&ready["message"])))
}

/// The objects, the pod and its containers.
pub async fn what_is_deleted_is_gone(surroundings: &Surroundings) -> Result<()> {
    let governed = &surroundings.governed;
    let (namespace, name) = split(MODEL)?;
    let begun = Instant::now();
    governed.objects().delete(Kind::ModelDeployment, namespace, name).await?;
    let selector = format!("hemvist.dev/model-deployment={name}");
    let mut reported = String::new();
    wait_until("the model and all of it to be gone", PATIENCE, async || {
        let model = governed.objects().find(Kind::ModelDeployment, namespace, name).await?;
        let pods = governed.objects().list(Kind::Pod, namespace, &selector).await?;
        let children = governed.children(MODEL).await?;
        let gone = model.is_none() && pods.is_empty() && children.is_empty();
        let left = format!("{} pods and {} other objects", pods.len(), children.len());
        if left != reported {
            println!("deleted: {left} after {:.1?}", begun.elapsed());
            reported.clone_from(&left);
        }
        Ok(Progress::when(gone, left))
    })
    .await?;
    println!("deleted: every object is gone after {:.1?}", begun.elapsed());
    wait_until("the containers to be gone", PATIENCE, async || {
        let containers = surroundings.node.containerd().ctr(&["containers", "list"]).await?.success()?;
        let left = containers.lines().filter(|line| line.contains("llama.cpp")).count();
        Ok(Progress::when(left == 0, containers))
    })
    .await?;
    println!("deleted: every container is gone after {:.1?}", begun.elapsed());
    Ok(())
}
