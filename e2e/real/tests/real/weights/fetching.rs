//! Weights on their way: from the store to the first answer, and on again where the way was cut off.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use hemvist_e2e::governed::split;
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::{Progress, wait_until};
use hemvist_e2e_real::inside::{EngineProcess, Inside};
use hemvist_e2e_real::tools;
use serde_json::{Value, json};

use super::stage::{CLAIM, Stage, Weights};
use crate::client;
use crate::surroundings::{MODEL, PATIENCE};

/// What of the large file comes before its way is cut off, in bytes.
const BEFORE: u64 = 20 << 20;

/// What of it is certainly on the volume then.
const CERTAIN: u64 = 16 << 20;

/// Nothing is there but the store: the model is applied, its weights are fetched, and a pod of its consumer gets an answer.
pub async fn from_the_store_to_the_answer(stage: &Stage) -> Result<()> {
    let begun = Instant::now();
    stage.surroundings.apply_model().await?;
    let mut reported = Vec::new();
    let job = wait_until("the weights to be fetched", PATIENCE, async || {
        let model = stage.surroundings.governed.model(MODEL).await?;
        let reason = text(&condition(&model, "Ready")["reason"]).to_owned();
        if reported.last() != Some(&reason) {
            println!("{:5.1?} {reason}", begun.elapsed());
            reported.push(reason);
        }
        let Some((job, pods)) = stage.job(&stage.small.digest).await? else {
            return Ok(Progress::not_yet("no Job"));
        };
        let complete = condition(&job, "Complete")["status"] == "True";
        Ok(if complete { Progress::Done(job) } else { Progress::not_yet(json!(pods).to_string()) })
    })
    .await?;
    ensure!(job["status"]["failed"].is_null(), "it took more than one try: {}", job["status"]);
    println!("fetched: the Job was done {:.1?} after the model was made", begun.elapsed());
    let pod = stage.serves(&stage.small, CLAIM).await?;
    println!("fetched: the model serves {:.1?} after it was made", begun.elapsed());
    client::gets_an_answer(&stage.surroundings).await?;
    nothing_leads_out(stage, &pod).await?;
    are_read_only(stage, &pod, &stage.small).await
}

/// Every NetworkPolicy that is for a pod that serves lets nothing out, and there is one.
async fn nothing_leads_out(stage: &Stage, pod: &Value) -> Result<()> {
    let (namespace, _) = split(MODEL)?;
    let labels = pod["metadata"]["labels"].as_object().context("a pod without labels")?;
    let policies = stage.surroundings.governed.objects().list(Kind::NetworkPolicy, namespace, "").await?;
    let is_for = |policy: &&Value| {
        let selector = policy["spec"]["podSelector"]["matchLabels"].as_object();
        selector.into_iter().flatten().all(|(label, value)| labels.get(label) == Some(value))
    };
    let (own, others): (Vec<_>, Vec<_>) = policies.iter().partition(is_for);
    ensure!(!own.is_empty(), "no NetworkPolicy is for the pods that serve: {policies:?}");
    for policy in &own {
        let types = policy["spec"]["policyTypes"].to_string();
        let closed = types.contains("Egress") && policy["spec"]["egress"].is_null();
        ensure!(closed, "a way leads out: {policy}");
    }
    let names = |policies: &[&Value]| {
        policies.iter().map(|policy| text(&policy["metadata"]["name"]).to_owned()).collect::<Vec<_>>()
    };
    println!("no way leads out by {:?}; for others are {:?}", names(&own), names(&others));
    Ok(())
}

/// The engine's own container sees the weights, nothing else of the claim, and can change nothing.
async fn are_read_only(stage: &Stage, pod: &Value, weights: &Weights) -> Result<()> {
    let inside = Inside::of(stage.surroundings.node.containerd(), pod)?;
    let path = format!("/models/{}", weights.file);
    let (_, seen) = inside.run(&["ls", "-A", "/models"]).await?;
    ensure!(seen.trim() == weights.file, "of the claim is seen: {seen}");
    let (_, seen) = inside.run(&["sha256sum", &path]).await?;
    ensure!(seen.starts_with(weights.digest.trim_start_matches("sha256:")), "served is {seen}");
    let (_, modes) = inside.run(&["stat", "-c", "%a %u:%g", "/models", &path]).await?;
    for command in [["touch", "/models/written"], ["rm", path.as_str()], ["chmod", "777"]] {
        let command: Vec<_> =
            command.into_iter().chain((command[0] == "chmod").then_some(path.as_str())).collect();
        let (code, seen) = inside.run(&command).await?;
        ensure!(code != 0 && seen.contains("Read-only file system"), "{command:?}: {seen}");
    }
    println!(
        "read-only: the folder and the file, with modes and owners {:?}",
        modes.lines().collect::<Vec<_>>()
    );
    Ok(())
}

/// The program that fetches is killed on the node in the middle of a large file. Nobody does anything.
pub async fn goes_on_after_a_kill(stage: &Stage, before: &Value) -> Result<Value> {
    let large = &stage.large;
    stage.store.gate().hold_after(BEFORE);
    stage.change(&large.digest, large.file, CLAIM).await?;
    let partial = stage.volume(CLAIM).join(format!("{}.partial", large.folder())).join(large.file);
    let pod = wait_until("a part of the large file", PATIENCE, async || {
        let came = partial.metadata().map_or(0, |metadata| metadata.len());
        let pod = stage.job(&large.digest).await?.and_then(|(_, pods)| pods.into_iter().next());
        Ok(match pod {
            Some(pod) if came >= CERTAIN => Progress::Done(pod),
            pod => Progress::not_yet(format!("{came} bytes; {pod:?}")),
        })
    })
    .await?;
    the_old_version_serves(stage, before).await?;
    let inside = Inside::of(stage.surroundings.node.containerd(), &pod)?;
    let process = EngineProcess::of(inside.container(), tools::PROGRAM)?;
    for check in process.rights() {
        ensure!(
            check.kept,
            "of the process that fetches it does not hold that {}: {}",
            check.promise,
            check.seen
        );
    }
    let sent = stage.store.gate().sent();
    process.kill()?;
    let begun = Instant::now();
    stage.store.gate().release();
    println!("killed: with {} of {} bytes there", partial.metadata()?.len(), large.content.len());
    let pod = stage.serves(large, CLAIM).await?;
    println!("killed: the large file was fetched and served {:.1?} later", begun.elapsed());
    let (job, pods) = stage.job(&large.digest).await?.context("the Job is gone")?;
    let tries = (job["status"]["failed"].as_u64(), job["status"]["succeeded"].as_u64());
    ensure!(tries == (Some(1), Some(1)) && pods.len() == 2, "other tries than two: {}", job["status"]);
    let again = stage.store.gate().sent() - sent;
    let whole = large.content.len() as u64;
    ensure!(again < whole - CERTAIN / 2, "{again} bytes of {whole} were sent after the kill: started over");
    println!("killed: {again} of {whole} bytes were sent after it: resumed");
    are_read_only(stage, &pod, large).await?;
    client::gets_an_answer(&stage.surroundings).await?;
    Ok(pod)
}

/// While the new version is on its way there is nothing of its name, no other pod, and the old one answers.
async fn the_old_version_serves(stage: &Stage, before: &Value) -> Result<()> {
    let sealed = stage.volume(CLAIM).join(stage.large.folder());
    ensure!(!sealed.exists(), "{} is there before it was verified", sealed.display());
    let model = stage.surroundings.governed.model(MODEL).await?;
    let available = condition(&model, "Available");
    ensure!(
        available["status"] == "True" && available["reason"] == "FetchingWeights",
        "while the new version is fetched, the model says {available}"
    );
    println!("fetching: {}", text(&available["message"]));
    let pods = stage.surroundings.governed.pods(MODEL).await?;
    let same = matches!(pods.as_slice(), [pod] if pod["metadata"]["uid"] == before["metadata"]["uid"]);
    ensure!(same, "not the old pod alone is there: {pods:?}");
    client::gets_an_answer(&stage.surroundings).await
}
