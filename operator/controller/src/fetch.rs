//! Weights that have to be fetched before replicas are made of them.
//!
//! A Job cannot be changed. One of another name fetches what is not wanted, and goes. One that would be written otherwise
//! today goes too, unless it has done its work. And one that was given up goes after a while and is made anew, because what
//! was in its way may be gone.

use hemvist_core::render::{Applied, Fetch, fetch_policy_name, may_stay, weights_are_there};
use hemvist_core::snapshot::ChildFacts;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::apply::{ApplyError, Wanted, Writer};

/// How long a Job that was given up is kept: time to read its log, and not to trouble a mirror in vain.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// The replicas as they are to be once their weights are there.
pub(crate) struct Replicas {
    /// The object, to be judged.
    pub(crate) deployment: Box<Deployment>,
    /// The same, to be written.
    pub(crate) wanted: Wanted<Deployment>,
}

impl Writer<'_> {
    /// Has the weights fetched, where they have to be, and takes away what fetches others. The isolation of a pod that
    /// fetches is there before it, and goes after it.
    ///
    /// # Errors
    /// Where an object could not be written or deleted.
    pub(crate) async fn put_fetch(
        &self,
        fetch: Option<(Wanted<NetworkPolicy>, Wanted<Job>)>,
    ) -> Result<Option<Fetch<Applied>>, ApplyError> {
        let wanted = fetch.as_ref().map(|(_, job)| job);
        let mut there = None;
        for job in self.children::<Job>() {
            if wanted.is_some_and(|wanted| serves(&job, wanted, Timestamp::now())) {
                there = Some(job);
            } else {
                tracing::info!(name = job.key.name, "deleting a Job that is not wanted, or was given up");
                self.delete::<Job>(&job).await?;
            }
        }
        let Some((network_policy, job)) = fetch else {
            self.delete_isolation().await?;
            return Ok(None);
        };
        let network_policy = self.put(network_policy).await?;
        let job = match there {
            Some(there) => there,
            None => self.put(job).await?,
        };
        Ok(Some(Fetch { network_policy, job }))
    }

    async fn delete_isolation(&self) -> Result<(), ApplyError> {
        if !self.subject.fetchers.is_empty() {
            return Ok(());
        }
        let name = fetch_policy_name(self.model_name);
        for policy in self.children::<NetworkPolicy>() {
            if policy.key.name == name {
                self.delete::<NetworkPolicy>(&policy).await?;
            }
        }
        Ok(())
    }

    /// Writes the replicas where their weights are there; says what there is of them. Until then an old version goes on, if
    /// it may be where the new one may be.
    ///
    /// # Errors
    /// Where an object could not be written or deleted.
    pub(crate) async fn put_replicas(
        &self,
        replicas: Replicas,
        fetch: Option<&ChildFacts>,
    ) -> Result<Option<ChildFacts>, ApplyError> {
        let Replicas { deployment, wanted } = replicas;
        if weights_are_there(fetch, &deployment) {
            return self.put_only(wanted).await.map(Some);
        }
        let mut stays = None;
        for old in self.children::<Deployment>() {
            if may_stay(&old, &deployment) {
                stays = Some(old);
            } else {
                tracing::info!(name = old.key.name, "deleting an old version that may not go on where it is");
                self.delete::<Deployment>(&old).await?;
            }
        }
        Ok(stays)
    }
}

/// Whether a Job does what is wanted, or has done it.
fn serves(job: &ChildFacts, wanted: &Wanted<Job>, now: Timestamp) -> bool {
    let complete = job.job.as_ref().is_some_and(|job| job.complete);
    job.key.name == wanted.name && (complete || wanted.is(job) && !is_to_be_made_anew(job, now))
}

/// Whether a Job was given up so long ago that it is tried anew.
fn is_to_be_made_anew(job: &ChildFacts, now: Timestamp) -> bool {
    let failed = job.job.as_ref().and_then(|job| job.failed.as_ref());
    failed.is_some_and(|(since, _)| {
        since.parse::<Timestamp>().is_ok_and(|since| now.duration_since(since) >= KEPT)
    })
}

#[cfg(test)]
mod tests {
    use hemvist_core::snapshot::ChildKind;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_that_was_given_up_is_made_anew_after_an_hour() {
        let job = |type_: &str| {
            let since = "2026-11-23T12:00:00Z";
            let conditions = json!([{"type": type_, "status": "True", "lastTransitionTime": since}]);
            let object =
                json!({"metadata": {"namespace": "n", "name": "j"}, "status": {"conditions": conditions}});
            ChildFacts::of(ChildKind::Job, &object).unwrap()
        };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(!is_to_be_made_anew(&job("Failed"), at("2026-11-23T12:59:59Z")));
        assert!(is_to_be_made_anew(&job("Failed"), at("2026-11-23T13:00:00Z")));
        assert!(!is_to_be_made_anew(&job("Complete"), at("2026-11-24T12:00:00Z")));
    }
}
