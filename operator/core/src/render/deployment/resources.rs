//! The resources of a replica.
//!
//! Accelerators, memory and storage are requested as they are limited, so that a node never promises what it does not
//! have. The processor has no limit: throttling the process that feeds an accelerator leaves the accelerator idle, and a
//! core too many is cheaper than that.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::bytes::{GIBIBYTE, gibibytes_up};
use crate::decide::Plan;
use crate::engine::EngineDescription;
use crate::request::ModelRequest;

/// Weights that are assumed where their size is not known.
const UNKNOWN_WEIGHTS_GIBIBYTES: u64 = 64;

/// Shared memory with one accelerator: only engine and server talk through it.
const SHARED_GIBIBYTES: u64 = 2;

/// Shared memory with several: the workers exchange tensors through it.
const SHARED_GIBIBYTES_PARALLEL: u64 = 8;

/// Storage besides the volumes: what the container logs before the logs are rotated.
const LOG_GIBIBYTES: u64 = 1;

/// Cores for server and scheduler of the engine.
const BASE_CORES: i64 = 2;

/// Requests and limits of the container.
pub fn resources(plan: &Plan, engine: &EngineDescription) -> ResourceRequirements {
    let (model, accelerator) = (&plan.model, plan.accelerator());
    let limits: BTreeMap<_, _> = [
        (accelerator.resource.clone(), accelerator.count.to_string()),
        ("memory".to_owned(), gibibytes_up(memory_bytes(model, engine))),
        ("ephemeral-storage".to_owned(), format!("{}Gi", storage_gibibytes(engine))),
    ]
    .map(|(name, quantity)| (name, Quantity(quantity)))
    .into();
    // One worker for each accelerator keeps one core busy.
    let cores = BASE_CORES + i64::from(accelerator.count);
    let mut requests = limits.clone();
    requests.insert("cpu".to_owned(), Quantity(cores.to_string()));
    ResourceRequirements { limits: Some(limits), requests: Some(requests), ..Default::default() }
}

/// Size of `/dev/shm`, in gibibytes. It is memory, and counted as such.
pub fn shared_memory_gibibytes(model: &ModelRequest) -> u64 {
    if model.accelerator.count > 1 { SHARED_GIBIBYTES_PARALLEL } else { SHARED_GIBIBYTES }
}

fn memory_bytes(model: &ModelRequest, engine: &EngineDescription) -> u64 {
    let weights = model.weights_bytes.unwrap_or(UNKNOWN_WEIGHTS_GIBIBYTES * GIBIBYTE);
    let host_share = weights.div_ceil(engine.weights_per_host_byte.max(1));
    ((engine.base_gibibytes + shared_memory_gibibytes(model)) * GIBIBYTE).saturating_add(host_share)
}

/// Storage of the node: the volumes on it, and the logs.
fn storage_gibibytes(engine: &EngineDescription) -> u64 {
    engine.cache_gibibytes + engine.temporary_gibibytes + LOG_GIBIBYTES
}
