//! What is done about one ModelDeployment: from what is seen to what is written, in one direction.

use std::collections::BTreeSet;

use hemvist_api::condition::{ConditionStatus, ConditionType};
use hemvist_api::{ModelDeployment, ModelDeploymentStatus};
use hemvist_core::decide::{Decision, decide};
use hemvist_core::render::render;
use hemvist_core::snapshot::{Key, Snapshot, Subject};
use hemvist_core::status::{self as core_status, Application};

use crate::admission::AdmissionError;
use crate::apply::{ApplyError, apply};
use crate::context::Context;
use crate::evict::{EvictError, evict};
use crate::objects::SeenModel;
use crate::quota::QuotaError;
use crate::status::{StatusError, write_model};
use crate::view::Verdict;
use crate::withdraw::{WithdrawError, withdraw};

/// How it went on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// The object is gone, or going.
    Gone,
    /// All is as it should be; it is looked at again in time.
    Settled,
    /// People were told of trouble that may pass; it is tried again. The word is for metrics.
    Retry(&'static str),
}

/// Why the machine failed. That a model is refused is no error.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// An object could not be written.
    #[error("applying {0}")]
    Apply(#[from] ApplyError),
    /// An object could not be deleted.
    #[error("withdrawing: {0}")]
    Withdraw(#[from] WithdrawError),
    /// A pod could not be made to leave.
    #[error(transparent)]
    Evict(#[from] EvictError),
    /// What is compiled could not be written.
    #[error("compiling policies: {0}")]
    Admission(#[from] AdmissionError),
    /// A limit to accelerators could not be written.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// The status could not be written.
    #[error(transparent)]
    Status(#[from] StatusError),
}

impl ReconcileError {
    /// One word for metrics.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Apply(error) => error.category(),
            Self::Withdraw(error) => error.category(),
            Self::Evict(error) => error.category(),
            Self::Admission(error) => error.category(),
            Self::Quota(error) => error.category(),
            Self::Status(error) => error.category(),
        }
    }
}

/// Does what is to be done about the model `key`, which has failed `failures` times in a row.
///
/// # Errors
/// Where the machine failed.
pub async fn reconcile(context: &Context, key: &Key, failures: u32) -> Result<Next, ReconcileError> {
    let Some(seen) = context.view.models.lock().get(key) else {
        context.view.forget(key);
        return Ok(Next::Gone);
    };
    if seen.terminating {
        // What was made for it goes with it, by its owner references.
        context.view.remember(key, &Verdict::default());
        return Ok(Next::Gone);
    }
    match &seen.content {
        Ok(model) => reconcile_readable(context, key, &seen, model, failures).await,
        Err(error) => reconcile_unreadable(context, key, &seen, error).await,
    }
}

async fn reconcile_readable(
    context: &Context,
    key: &Key,
    seen: &SeenModel,
    model: &ModelDeployment,
    failures: u32,
) -> Result<Next, ReconcileError> {
    let snapshot = context.view.snapshot();
    let subject = context.view.subject(model);
    let decision = decide(&snapshot, &subject);
    let carried_out = carry_out(context, &snapshot, &subject, &decision, failures).await;
    // A pod has to leave whether or not its model could be written.
    let evicted = evict(context, seen, &decision.evictions).await;
    let (application, retry) = carried_out?;
    let subject = context.view.subject(model);
    let status = core_status::model(&snapshot, &subject, &decision, &application);
    remember(context, key, &decision, &status);
    write_model(context, key, seen, &status).await?;
    evicted?;
    Ok(retry.map_or(Next::Settled, Next::Retry))
}

/// Makes the cluster be as decided; with the word for metrics where that has to be tried again.
async fn carry_out(
    context: &Context,
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    decision: &Decision,
    failures: u32,
) -> Result<(Application, Option<&'static str>), ReconcileError> {
    let Some(plan) = decision.plan() else {
        let pods: Vec<_> = subject.pods.iter().chain(&subject.fetchers).cloned().collect();
        withdraw(context, &subject.children, &pods).await?;
        return Ok((Application::Withdrawn, None));
    };
    let desired = render(&plan.model, &snapshot.settings);
    // On the heap for as long as it takes: every reconcile would be as large as what it writes.
    match Box::pin(apply(context, subject, desired, plan.model.scaling.as_ref())).await {
        Ok(objects) => Ok((Application::Applied(objects), None)),
        Err(error) => {
            let category = error.category();
            Ok((error.told(failures)?, Some(category)))
        }
    }
}

/// Says that the model cannot be read, and takes back what was made for it: no judgement is a no. What runs would
/// otherwise go on by a policy of yesterday, as nobody can say whether that of today still allows it.
async fn reconcile_unreadable(
    context: &Context,
    key: &Key,
    seen: &SeenModel,
    error: &str,
) -> Result<Next, ReconcileError> {
    let (children, pods) = context.view.observed(&key.namespace, &seen.uid);
    withdraw(context, &children, &pods).await?;
    let conditions = seen.status().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let now = context.view.snapshot().now;
    if context.view.remember(key, &Verdict::default()) {
        context.triggers.counts();
    }
    let status = core_status::unreadable_model(conditions, seen.generation, error, &now);
    write_model(context, key, seen, &status).await?;
    Ok(Next::Settled)
}

/// Remembers what the counts of the policies and the queue for accelerators need.
fn remember(context: &Context, key: &Key, decision: &Decision, status: &ModelDeploymentStatus) {
    let refused_by = match decision.plan() {
        Some(_) => BTreeSet::new(),
        None => decision
            .violations
            .iter()
            .filter_map(|violation| violation.rule.as_ref())
            .map(|rule| Key::new(&rule.namespace, &rule.name))
            .collect(),
    };
    let placed = status.conditions.iter().flatten().find(|one| one.type_ == ConditionType::Placed.as_str());
    let waits =
        decision.plan().is_some() && placed.is_none_or(|one| one.status != ConditionStatus::True.as_str());
    if context.view.remember(key, &Verdict { refused_by, waits }) {
        context.triggers.counts();
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
