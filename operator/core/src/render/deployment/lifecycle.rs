//! How a replica starts, is probed and stops.

use k8s_openapi::api::core::v1::{Lifecycle, LifecycleHandler, Probe, SleepAction};

use crate::engine::{Drain, EngineDescription};
use crate::render::proxy::{LIVE_PATH, READY_PATH, probe};
use crate::request::ModelRequest;

/// Start of every engine, whatever the weights: import, compilation, capture of graphs, first run.
const STARTUP_BASE_SECONDS: u64 = 600;

/// Bytes of weights that are loaded in a second at worst: a networked volume shared with others, over one gigabit.
const WEIGHTS_BYTES_PER_SECOND: u64 = 100_000_000;

/// The budget where the size of the weights is not known: enough for about 120 GB.
const STARTUP_UNKNOWN_SECONDS: u64 = 1800;

/// The largest budget. A start that takes longer holds accelerators that others wait for.
const STARTUP_MAX_SECONDS: u64 = 3 * 3600;

/// Time between two startup probes. They ask the proxy, to which the question is nothing.
const STARTUP_PERIOD_SECONDS: i32 = 2;

/// Time before the startup budget runs: scheduling, and pulling the images of engine and weights.
const PULL_SECONDS: i64 = 1800;

/// Time for the endpoints to reach every proxy. Until then new requests still come in.
const ENDPOINT_SECONDS: i64 = 5;

/// Time to stop when nothing is under way any more, and to give the accelerators back.
const STOP_SECONDS: i64 = 15;

/// How long the engine may take until it first answers, in seconds.
pub fn startup_seconds(model: &ModelRequest) -> u64 {
    model
        .weights_bytes
        .map_or(STARTUP_UNKNOWN_SECONDS, |bytes| {
            STARTUP_BASE_SECONDS + bytes.div_ceil(WEIGHTS_BYTES_PER_SECOND)
        })
        .min(STARTUP_MAX_SECONDS)
}

/// How long a rollout may go on without a step before it counts as stuck: longer than any start that is still allowed,
/// after an old replica has had its time to stop.
pub fn progress_deadline_seconds(model: &ModelRequest) -> i32 {
    let seconds = i64::try_from(startup_seconds(model))
        .unwrap_or(i64::MAX)
        .saturating_add(PULL_SECONDS)
        .saturating_add(termination_grace_period_seconds(model));
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

/// Gives the engine its budget; until the model has answered, nothing else is probed and nothing is restarted. One that has
/// used it up has no requests to finish, so it ends without their time.
pub fn startup_probe(model: &ModelRequest) -> Probe {
    let attempts = startup_seconds(model).div_ceil(STARTUP_PERIOD_SECONDS.unsigned_abs().into());
    Probe {
        period_seconds: Some(STARTUP_PERIOD_SECONDS),
        failure_threshold: Some(i32::try_from(attempts).unwrap_or(i32::MAX)),
        termination_grace_period_seconds: Some(STOP_SECONDS),
        ..probe(READY_PATH)
    }
}

/// Takes a replica out of the service whose model does not answer. How patiently that is judged, the proxy knows: here it
/// is only asked what it has found.
pub fn readiness_probe() -> Probe {
    Probe { period_seconds: Some(2), failure_threshold: Some(1), ..probe(READY_PATH) }
}

/// Restarts an engine that has not said for two minutes that it is well. Slow to judge, because a start costs more than a
/// pause: an engine under full load answers late and is not dead.
pub fn liveness_probe() -> Probe {
    Probe { period_seconds: Some(10), failure_threshold: Some(12), ..probe(LIVE_PATH) }
}

/// Waits before the engine is told to stop: until no new requests come, and for an engine that would cut off those under
/// way, until they have had their time. The kubelet itself sleeps; no program of the image is run.
pub fn lifecycle(model: &ModelRequest, engine: &EngineDescription) -> Lifecycle {
    Lifecycle {
        pre_stop: Some(LifecycleHandler {
            sleep: Some(SleepAction { seconds: pre_stop_seconds(model, engine.drain) }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn pre_stop_seconds(model: &ModelRequest, drain: Drain) -> i64 {
    match drain {
        Drain::ByEngine => ENDPOINT_SECONDS,
        Drain::BeforeStop => ENDPOINT_SECONDS + drain_seconds(model),
    }
}

fn drain_seconds(model: &ModelRequest) -> i64 {
    i64::from(model.drain_seconds.max(0))
}

/// How long a replica has from the moment it is told to go until it is killed. The requests get their time in either way
/// of draining, so the sum is the same.
pub fn termination_grace_period_seconds(model: &ModelRequest) -> i64 {
    ENDPOINT_SECONDS + drain_seconds(model) + STOP_SECONDS
}
