//! Whether a Job that fetches weights stays as it is. A Job cannot be changed: one that is not to stay goes, and another one
//! takes its place.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::snapshot::ChildFacts;

/// How long a Job that was given up is kept: time to read its log, and not to trouble a mirror in vain. `status/weights.rs`
/// tells people of it.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// Whether `job` does what the Job of this name with this hash of its rendering is to do, or has done it. One that was
/// given up does not, an hour after it was: what was in its way may be gone.
pub fn job_stays(job: &ChildFacts, name: &str, rendered_hash: Option<&str>, now: &Time) -> bool {
    let complete = job.job().is_some_and(|job| job.complete);
    let as_rendered = rendered_hash.is_some() && job.rendered_hash.as_deref() == rendered_hash;
    job.key.name == name && (complete || as_rendered && !is_to_be_made_again(job, now))
}

fn is_to_be_made_again(job: &ChildFacts, now: &Time) -> bool {
    let failed = job.job().and_then(|job| job.failed.as_ref());
    failed.is_some_and(|(since, _)| {
        since.parse::<Timestamp>().is_ok_and(|since| now.0.duration_since(since) >= KEPT)
    })
}

#[cfg(test)]
mod tests {
    use hemvist_api::labels::RENDERED_HASH;
    use serde_json::json;

    use super::*;
    use crate::snapshot::ChildKind;

    fn job(type_: &str) -> ChildFacts {
        let conditions =
            json!([{"type": type_, "status": "True", "lastTransitionTime": "2026-11-23T12:00:00Z"}]);
        let metadata =
            json!({"namespace": "n", "name": "j", "annotations": {(RENDERED_HASH): "as-rendered"}});
        let object = json!({"metadata": metadata, "status": {"conditions": conditions}});
        ChildFacts::of(ChildKind::Job, &object).unwrap()
    }

    fn stays(job: &ChildFacts, name: &str, hash: &str, now: &str) -> bool {
        job_stays(job, name, Some(hash), &Time(now.parse().unwrap()))
    }

    #[test]
    fn a_job_that_was_given_up_is_made_anew_after_an_hour() {
        assert!(stays(&job("Failed"), "j", "as-rendered", "2026-11-23T12:59:59Z"));
        assert!(!stays(&job("Failed"), "j", "as-rendered", "2026-11-23T13:00:00Z"));
        assert!(stays(&job("Complete"), "j", "as-rendered", "2026-11-24T12:00:00Z"));
    }

    #[test]
    fn a_job_that_is_rendered_otherwise_stays_only_when_it_is_done() {
        let now = "2026-11-23T12:00:01Z";
        assert!(!stays(&job("Suspended"), "j", "otherwise", now));
        assert!(stays(&job("Suspended"), "j", "as-rendered", now));
        assert!(stays(&job("Complete"), "j", "otherwise", now));
        assert!(!stays(&job("Complete"), "another", "as-rendered", now));
    }
}
