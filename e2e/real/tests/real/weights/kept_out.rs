//! What is not served: other weights than those of the digest, changed ones, and those that have no room.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hemvist_e2e::governed::split;
use hemvist_e2e::objects::{Kind, condition, text};
use serde_json::Value;

use super::stage::{CLAIM, SMALL_CLAIM, Stage};
use crate::client;
use crate::failures::watch::Watch;
use crate::surroundings::{MODEL, PATIENCE};

/// How long a reason is watched: longer than two attempts of the kubelet, or of a Job.
const HOLD: Duration = Duration::from_secs(35);

/// A digest that nothing in the store has: the store holds other content than was assessed.
pub async fn another_digest(stage: &Stage, before: &Value) -> Result<()> {
    let wrong = format!("sha256:{}", "0".repeat(64));
    let large = &stage.large;
    stage.change(&wrong, large.file, CLAIM).await?;
    let mut watch = Watch::new(&stage.surroundings, "Available");
    let has_ended = async || {
        let pods = stage.job(&wrong).await?.map(|(_, pods)| pods).unwrap_or_default();
        Ok(pods.first().is_some_and(|pod| pod["status"]["phase"] == "Failed"))
    };
    let reported = watch.reports("ModelDigestMismatch", PATIENCE, has_ended).await?;
    println!("another digest: reported {reported:.1?} after the pod that fetched had ended");
    watch.has_said(&[&wrong, &large.digest, "The old version keeps serving."])?;
    watch.keeps_on("ModelDigestMismatch", HOLD).await?;
    let (job, pods) = stage.job(&wrong).await?.context("the Job is gone")?;
    ensure!(pods.len() == 1, "{} pods have fetched the wrong weights", pods.len());
    ensure!(condition(&job, "Failed")["reason"] == "PodFailurePolicy", "the Job goes on: {}", job["status"]);
    let pods = stage.surroundings.governed.pods(MODEL).await?;
    let same = matches!(pods.as_slice(), [pod] if pod["metadata"]["uid"] == before["metadata"]["uid"]);
    ensure!(same, "not the old pod alone is there: {pods:?}");
    client::gets_an_answer(&stage.surroundings).await?;
    let folder = wrong.replace(':', "-");
    let lock = format!("{folder}.lock");
    let mut left = names(&stage.volume(CLAIM))?;
    left.retain(|name| name.starts_with(&folder) && *name != lock);
    ensure!(left.is_empty(), "of the wrong weights is left: {left:?}");
    let begun = Instant::now();
    stage.change(&large.digest, large.file, CLAIM).await?;
    stage.serves(large, CLAIM).await?;
    println!("another digest: with the right one stated again, all is well after {:.1?}", begun.elapsed());
    Ok(())
}

/// Somebody changes a byte of the file on the volume, and the pod is recreated.
pub async fn what_was_changed_on_the_volume(stage: &Stage) -> Result<()> {
    let (namespace, _) = split(MODEL)?;
    let large = &stage.large;
    let before = stage.serves(large, CLAIM).await?;
    let file = stage.volume(CLAIM).join(large.folder()).join(large.file);
    let last = large.content.last().copied().context("an empty file")?;
    write_last(&file, !last)?;
    stage
        .surroundings
        .governed
        .objects()
        .delete(Kind::Pod, namespace, text(&before["metadata"]["name"]))
        .await?;
    let mut watch = Watch::new(&stage.surroundings, "Ready");
    let refused = async || {
        let pods = stage.surroundings.governed.pods(MODEL).await?;
        Ok(pods.iter().any(|pod| verification(pod).is_some_and(|ended| ended["exitCode"] == 10)))
    };
    let reported = watch.reports("ModelDigestMismatch", PATIENCE, refused).await?;
    println!("changed on the volume: reported {reported:.1?} after it was found");
    watch.has_said(&[&large.digest])?;
    watch.keeps_on("ModelDigestMismatch", HOLD).await?;
    for pod in stage.surroundings.governed.pods(MODEL).await? {
        let engine = &pod["status"]["containerStatuses"][0];
        ensure!(
            engine["containerID"].is_null() && engine["ready"] == false,
            "an engine was started: {engine}"
        );
    }
    write_last(&file, last)?;
    let begun = Instant::now();
    stage.serves(large, CLAIM).await?;
    println!("changed on the volume: serves {:.1?} after it was changed back", begun.elapsed());
    client::gets_an_answer(&stage.surroundings).await
}

/// The folder is taken away from the volume, and the pod is recreated: it does not start, and nothing takes the folder's name.
pub async fn what_is_gone_from_the_volume(stage: &Stage) -> Result<()> {
    let (namespace, _) = split(MODEL)?;
    let before = stage.serves(&stage.small, CLAIM).await?;
    let sealed = stage.volume(CLAIM).join(stage.small.folder());
    let elsewhere = sealed.with_extension("elsewhere");
    std::fs::rename(&sealed, &elsewhere).context("taking the weights away")?;
    let objects = stage.surroundings.governed.objects();
    objects.delete(Kind::Pod, namespace, text(&before["metadata"]["name"])).await?;
    let mut watch = Watch::new(&stage.surroundings, "Ready");
    let stuck = async || {
        let pods = stage.surroundings.governed.pods(MODEL).await?;
        let verify =
            |pod: &Value| pod["status"]["initContainerStatuses"][0]["state"]["waiting"]["reason"].clone();
        Ok(pods.iter().any(|pod| verify(pod) == "CreateContainerConfigError"))
    };
    let reported = watch.reports("ContainerStartFailed", PATIENCE, stuck).await?;
    println!("gone from the volume: reported {reported:.1?} after it was found");
    watch.keeps_on("ContainerStartFailed", HOLD).await?;
    ensure!(!sealed.exists(), "something else has the name of the weights: {}", sealed.display());
    std::fs::rename(&elsewhere, &sealed).context("bringing the weights back")?;
    let begun = Instant::now();
    stage.serves(&stage.small, CLAIM).await?;
    println!("gone from the volume: serves {:.1?} after it was brought back", begun.elapsed());
    Ok(())
}

/// How the container that verifies the weights has ended last.
fn verification(pod: &Value) -> Option<&Value> {
    let containers = pod["status"]["initContainerStatuses"].as_array()?;
    let verify = containers.iter().find(|container| container["name"] == "verify")?;
    [&verify["state"], &verify["lastState"]]
        .map(|state| &state["terminated"])
        .into_iter()
        .find(|it| it.is_object())
}

/// A claim with too little room. It gets more, and nobody does anything else.
pub async fn what_does_not_fit(stage: &Stage) -> Result<()> {
    let large = &stage.large;
    stage.change(&large.digest, large.file, SMALL_CLAIM).await?;
    let mut watch = Watch::new(&stage.surroundings, "Available");
    let has_ended = async || {
        let pods = stage.job(&large.digest).await?.map(|(_, pods)| pods).unwrap_or_default();
        Ok(pods.iter().any(|pod| {
            let terminated = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
            terminated["exitCode"] == 20
        }))
    };
    let reported = watch.reports("StorageFull", PATIENCE, has_ended).await?;
    println!("no room: reported {reported:.1?} after the pod that fetched had ended");
    watch.has_said(&["49 MiB", "The old version keeps serving."])?;
    watch.keeps_on("StorageFull", HOLD).await?;
    client::gets_an_answer(&stage.surroundings).await?;
    stage.make_room().await?;
    let begun = Instant::now();
    stage.serves(large, SMALL_CLAIM).await?;
    println!("no room: serves from the claim {:.1?} after there was room", begun.elapsed());
    client::gets_an_answer(&stage.surroundings).await
}

fn write_last(file: &Path, byte: u8) -> Result<()> {
    let write = || {
        let mut file = OpenOptions::new().write(true).open(file)?;
        file.seek(SeekFrom::End(-1))?;
        file.write_all(&[byte])?;
        file.sync_all()
    };
    write().with_context(|| format!("changing {}", file.display()))
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}
