//! Writes the objects of an accepted model, by server-side apply and only where something differs.
//!
//! What was written last time stands in the status of the model, not in memory: after a restart, and after a change of
//! leader, the next process knows what the last one knew. Every write is safe with two writers: the field manager is the
//! same for both, names are fixed, and an object is made only where none of that name exists.

mod replicas;
mod weights;
mod writer;

use hemvist_core::render::{Applied, DesiredObjects, Rendered};
use hemvist_core::request::ScalingSettings;
use hemvist_core::snapshot::Subject;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use self::weights::{Replicas, put_fetch, put_replicas};
pub use self::writer::ApplyError;
use self::writer::{Wanted, Writer};
use crate::context::Context;

/// Writes what differs and says what is there now. What comes first is written first: whoever sees the last object knows
/// that all of them are there. An autoscaler that is not wanted goes before the replicas are written, and one that is wanted
/// comes after them, so that nobody else writes their number meanwhile. `scaling` is what decides that number, if
/// something does. It is `now`.
///
/// # Errors
/// Where an object could not be written. Those before it are.
pub fn apply<'a>(
    context: &'a Context,
    subject: &'a Subject<'a>,
    desired: DesiredObjects<Rendered>,
    scaling: Option<&'a ScalingSettings>,
    now: &'a Time,
) -> impl Future<Output = Result<DesiredObjects<Applied>, ApplyError>> + Send + 'a {
    let DesiredObjects {
        service_account,
        network_policy,
        service,
        pod_disruption_budget,
        fetch,
        deployment,
        horizontal_pod_autoscaler,
        scaled_object,
        inference_pool,
        http_route,
    } = desired;
    // As JSON from here on: the typed objects are large, and this future lives through every request.
    let service_account = Wanted::of(&service_account);
    let network_policy = Wanted::of(&network_policy);
    let service = Wanted::of(&service);
    let pod_disruption_budget = Wanted::of(&pod_disruption_budget);
    let fetch = fetch.map(|fetch| (Wanted::of(&fetch.network_policy), Wanted::of(&fetch.job)));
    let replicas = Replicas { wanted: Wanted::of(&deployment), deployment: Box::new(deployment) };
    let horizontal_pod_autoscaler = horizontal_pod_autoscaler.as_ref().map(Wanted::of);
    let scaled_object = scaled_object.as_ref().map(Wanted::of);
    let inference_pool = inference_pool.as_ref().map(Wanted::of);
    let http_route = http_route.as_ref().map(Wanted::of);
    async move {
        let writer = Writer::new(context, subject, scaling, now);
        writer.remove_unless(horizontal_pod_autoscaler.as_ref()).await?;
        writer.remove_unless(scaled_object.as_ref()).await?;
        writer.remove_unless(http_route.as_ref()).await?;
        writer.remove_unless(inference_pool.as_ref()).await?;
        let service_account = writer.put(service_account).await?;
        let network_policy = writer.put(network_policy).await?;
        let service = writer.put(service).await?;
        let pod_disruption_budget = writer.put(pod_disruption_budget).await?;
        let fetch = put_fetch(&writer, fetch).await?;
        let deployment = put_replicas(&writer, replicas, fetch.as_ref().map(|fetch| &fetch.job)).await?;
        Ok(DesiredObjects {
            service_account,
            network_policy,
            service,
            pod_disruption_budget,
            fetch,
            deployment,
            horizontal_pod_autoscaler: writer.put_optional(horizontal_pod_autoscaler).await?,
            scaled_object: writer.put_optional(scaled_object).await?,
            inference_pool: writer.put_optional(inference_pool).await?,
            http_route: writer.put_optional(http_route).await?,
        })
    }
}
