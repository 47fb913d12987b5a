//! Writes the objects of an accepted model, by server-side apply and only where something differs.
//!
//! What was written last time stands in the status of the model, not in memory: after a restart, and after a change of
//! leader, the next process knows what the last one knew. Every write is safe with two writers: the field manager is the
//! same for both, names are fixed, and an object is made only where none of that name exists.

mod replicas;
mod writer;

use hemvist_core::render::{Applied, DesiredObjects, Rendered, Then, There};
use hemvist_core::request::ScalingSettings;
use hemvist_core::snapshot::Subject;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub use self::writer::ApplyError;
use self::writer::Writer;
use crate::context::Context;

/// Takes the steps that the core gives, in its order, and says what is there now. `scaling` is what decides the number of
/// replicas, if something does. It is `now`.
///
/// # Errors
/// Where an object could not be written or deleted. Those before it are.
pub async fn apply(
    context: &Context,
    subject: &Subject<'_>,
    desired: DesiredObjects<Rendered>,
    scaling: Option<&ScalingSettings>,
    now: &Time,
) -> Result<DesiredObjects<Applied>, ApplyError> {
    let writer = Writer::new(context, subject, scaling);
    let has_fetchers = !subject.fetchers.is_empty();
    let mut applied = DesiredObjects::default();
    for step in desired.steps() {
        let children = |kind| writer.children(kind);
        let todo = step.todo(&There { children: &children, has_fetchers, applied: &applied, now });
        for deletion in &todo.delete {
            writer.delete(deletion).await?;
        }
        match todo.then {
            Then::Put(object) => applied.add(writer.put(object).await?),
            Then::Keep(child) => applied.add(*child),
            Then::Nothing => {}
        }
    }
    Ok(applied)
}
