//! Weights that have to be fetched before replicas are made of them.
//!
//! A Job cannot be changed. One of another name fetches what is not wanted, and goes. One that would be written otherwise
//! today goes too, unless it has done its work. And one that was given up goes after a while and is made anew, because what
//! was in its way may be gone.

use hemvist_core::render::{Applied, Fetch, fetch_policy_name, job_stays, may_stay, weights_are_there};
use hemvist_core::snapshot::ChildFacts;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::networking::v1::NetworkPolicy;

use super::writer::{ApplyError, Wanted, Writer};

/// The replicas as they are to be once their weights are there.
pub(super) struct Replicas {
    /// The object, to be judged.
    pub(super) deployment: Box<Deployment>,
    /// The same, to be written.
    pub(super) wanted: Wanted<Deployment>,
}

/// Has the weights fetched, where they have to be, and takes away what fetches others. The isolation of a pod that fetches is
/// there before it, and goes after it.
///
/// # Errors
/// Where an object could not be written or deleted.
pub(super) async fn put_fetch(
    writer: &Writer<'_>,
    fetch: Option<(Wanted<NetworkPolicy>, Wanted<Job>)>,
) -> Result<Option<Fetch<Applied>>, ApplyError> {
    let wanted = fetch.as_ref().map(|(_, job)| job);
    let stays = |job: &ChildFacts, wanted: &Wanted<Job>| {
        job_stays(job, &wanted.name, wanted.rendered_hash.as_deref(), writer.now)
    };
    let mut there = None;
    for job in writer.children::<Job>() {
        if wanted.is_some_and(|wanted| stays(&job, wanted)) {
            there = Some(job);
        } else {
            tracing::info!(name = job.key.name, "pruning a Job that failed or is no longer needed");
            writer.delete::<Job>(&job).await?;
        }
    }
    let Some((network_policy, job)) = fetch else {
        delete_isolation(writer).await?;
        return Ok(None);
    };
    let network_policy = writer.put(network_policy).await?;
    let job = match there {
        Some(there) => there,
        None => writer.put(job).await?,
    };
    Ok(Some(Fetch { network_policy, job }))
}

async fn delete_isolation(writer: &Writer<'_>) -> Result<(), ApplyError> {
    if !writer.subject.fetchers.is_empty() {
        return Ok(());
    }
    let name = fetch_policy_name(writer.model_name);
    for policy in writer.children::<NetworkPolicy>() {
        if policy.key.name == name {
            writer.delete::<NetworkPolicy>(&policy).await?;
        }
    }
    Ok(())
}

/// Writes the replicas where their weights are there; says what there is of them. Until then an old version goes on, if it
/// may be where the new one may be.
///
/// # Errors
/// Where an object could not be written or deleted.
pub(super) async fn put_replicas(
    writer: &Writer<'_>,
    replicas: Replicas,
    fetch: Option<&ChildFacts>,
) -> Result<Option<ChildFacts>, ApplyError> {
    let Replicas { deployment, wanted } = replicas;
    if weights_are_there(fetch, &deployment) {
        return writer.put_only(wanted).await.map(Some);
    }
    let mut stays = None;
    for old in writer.children::<Deployment>() {
        if may_stay(&old, &deployment) {
            stays = Some(old);
        } else {
            tracing::info!(name = old.key.name, "pruning an old version that may not stay where it runs");
            writer.delete::<Deployment>(&old).await?;
        }
    }
    Ok(stays)
}
