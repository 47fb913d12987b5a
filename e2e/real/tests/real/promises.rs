//! What the rendered pod promises, looked at where it runs.

use anyhow::{Result, ensure};
use hemvist_e2e::objects::text;
use hemvist_e2e_real::engine::SERVER;
use hemvist_e2e_real::inside::{Check, EngineProcess, Inside};
use serde_json::Value;

use crate::surroundings::Surroundings;

/// Fewer would mean that something was not looked at.
const AT_LEAST: usize = 20;

/// Fails where a promise is not kept, after all were checked and reported.
pub async fn are_kept(surroundings: &Surroundings, pod: &Value) -> Result<()> {
    let inside = Inside::of(surroundings.node.containerd(), pod)?;
    let process = EngineProcess::of(inside.container(), SERVER)?;
    let mut checks = process.checks(pod, surroundings.node.first_process());
    let path = text(&surroundings.model["spec"]["model"]["source"]["image"]["path"]);
    let path = format!("/models/{}", path.trim_matches('/'));
    checks.extend(inside.checks((&path, &surroundings.images.weights_digest)).await?);
    checks.extend(digests(surroundings, pod));
    for Check { promise, kept, seen } in &checks {
        println!("{} {promise}: {seen}", if *kept { "kept  " } else { "BROKEN" });
    }
    let broken: Vec<_> = checks.iter().filter(|check| !check.kept).map(|check| check.promise).collect();
    ensure!(broken.is_empty(), "promises that are not kept: {broken:#?}");
    ensure!(checks.len() >= AT_LEAST, "only {} promises were looked at", checks.len());
    println!("{} promises are kept", checks.len());
    Ok(())
}

/// What the kubelet says that it runs and mounts, held against what the model asked for.
fn digests(surroundings: &Surroundings, pod: &Value) -> [Check; 2] {
    let status = &pod["status"]["containerStatuses"][0];
    let engine = text(&status["imageID"]).to_owned();
    let volume = text(&pod["spec"]["volumes"][0]["image"]["reference"]).to_owned();
    let images = &surroundings.images;
    [
        Check {
            promise: "the engine runs from the digest asked for",
            kept: engine.ends_with(images.engine.digest()),
            seen: engine,
        },
        Check {
            promise: "the volume is the image of the digest asked for",
            kept: volume == images.model.reference(),
            seen: format!("{volume} {}", status["volumeMounts"]),
        },
    ]
}
