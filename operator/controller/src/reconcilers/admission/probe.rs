//! Probes whether a compiled policy is in force: sends an object that it must refuse, as a dry run.

use std::time::Duration;

use futures::StreamExt;
use hemvist_api::ModelDeployment;
use hemvist_core::admission::{Compiled, Probe};
use k8s_openapi::api::core::v1::Pod;
use kube::Resource;
use kube::api::{PostParams, Request};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::call::CallError;
use crate::context::Context;

/// How long it may take until what was written is in force. The API server looks for changes about once a second.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long to wait before a probe is repeated.
const PAUSE: Duration = Duration::from_millis(250);

/// Probes at the same time.
const AT_ONCE: usize = 8;

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProbeResult {
    /// It was refused as it has to be.
    Refused,
    /// It was not, until the end, as a sentence.
    NotRefused(String),
    /// Something changed meanwhile, so that there is something else to try.
    Overtaken,
}

/// What came of trying one compiled policy.
#[derive(Debug)]
pub struct Probed {
    /// The compiled policy.
    pub policy: String,
    /// How it ended.
    pub result: ProbeResult,
}

/// Probes every compiled policy that can be probed, several at a time.
pub async fn verify(context: &Context, compiled: impl IntoIterator<Item = &Compiled>) -> Vec<Probed> {
    let settings = &context.view.settings;
    let probes: Vec<Probe> = compiled.into_iter().filter_map(|one| one.probe(settings)).collect();
    let since = context.view.compiled.revision();
    let until = Instant::now() + PATIENCE;
    let results = probes.into_iter().map(|probe| async move {
        let result = refused_in_time(context, &probe, until, since).await;
        Probed { policy: probe.policy, result }
    });
    futures::stream::iter(results).buffer_unordered(AT_ONCE).collect().await
}

async fn refused_in_time(context: &Context, probe: &Probe, until: Instant, since: (u64, u64)) -> ProbeResult {
    loop {
        let Some(why) = not_refused(probe, send(context, probe).await) else { return ProbeResult::Refused };
        // Waiting here must not delay other repairs.
        if context.view.compiled.revision() != since {
            return ProbeResult::Overtaken;
        }
        if Instant::now() + PAUSE > until {
            return ProbeResult::NotRefused(why);
        }
        sleep(PAUSE).await;
    }
}

async fn send(context: &Context, probe: &Probe) -> Result<Value, CallError> {
    let namespace = Some(context.view.settings.root_namespace.as_str());
    let path =
        if probe.is_pod { Pod::url_path(&(), namespace) } else { ModelDeployment::url_path(&(), namespace) };
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let request = Request::new(path)
        .create(&params, probe.object.to_string().into_bytes())
        .map_err(|error| CallError::Broken(kube::Error::BuildRequest(error)))?;
    context.deadline.call(context.client.get().request(request)).await
}

/// Why an answer does not prove that the policy is in force; `None` where it does.
fn not_refused(probe: &Probe, answer: Result<Value, CallError>) -> Option<String> {
    let what = if probe.is_pod { "Pod" } else { "ModelDeployment" };
    let policy = &probe.policy;
    match answer {
        Ok(_) => Some(format!(
            "The API server would have taken a {what} that {policy} has to refuse: somebody weakens the policy or its \
             binding, or another API server has not heard of it yet."
        )),
        Err(CallError::Answered(status)) if status.code == 403 && status.message.contains(&probe.answer) => {
            None
        }
        Err(CallError::Answered(status)) => Some(format!(
            "It could not be tried whether {policy} is in force: the API server answered {} to a {what} that it has to \
             refuse: {}.",
            status.code,
            status.message.trim_end_matches('.')
        )),
        Err(error) => Some(format!("Whether {policy} is in force could not be verified: {error}.")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn probe() -> Probe {
        Probe { policy: "p".to_owned(), answer: "'p' denied".to_owned(), object: Value::Null, is_pod: true }
    }

    fn answered(code: u16, message: &str) -> Result<Value, CallError> {
        let status = serde_json::from_value(json!({"code": code, "message": message})).unwrap();
        Err(CallError::Answered(status))
    }

    #[test]
    fn only_the_right_refusal_by_the_right_policy_proves_anything() {
        assert_eq!(not_refused(&probe(), answered(403, "pods is forbidden: 'p' denied request")), None);
        for other in [
            Ok(Value::Null),
            answered(403, "pods is forbidden: User cannot create resource"),
            answered(422, "'p' denied"),
            Err(CallError::TimedOut(Duration::from_secs(1))),
        ] {
            assert!(not_refused(&probe(), other).is_some());
        }
    }
}
