//! What is mounted in a replica: the weights, read-only, and a bounded volume for each path that must be writable.

use k8s_openapi::api::core::v1::{
    EmptyDirVolumeSource, ImageVolumeSource, PersistentVolumeClaimVolumeSource, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::resources::shared_memory_gibibytes;
use crate::render::engine::{CACHE_PATH, EngineDescription, TEMPORARY_PATH};
use crate::validate::{ValidatedModel, WeightsSource};

/// Where the weights are mounted.
const WEIGHTS_PATH: &str = "/models";

/// Where the operating system looks for shared memory. Without a volume of its own it has 64 MiB.
const SHARED_MEMORY_PATH: &str = "/dev/shm";

const WEIGHTS: &str = "weights";
const CACHE: &str = "cache";
const TEMPORARY: &str = "tmp";
const SHARED_MEMORY: &str = "shm";

/// The volumes of the pod.
pub fn volumes(model: &ValidatedModel, engine: &EngineDescription) -> Vec<Volume> {
    vec![
        weights(&model.source),
        scratch(CACHE, engine.cache_gibibytes, None),
        scratch(TEMPORARY, engine.temporary_gibibytes, None),
        scratch(SHARED_MEMORY, shared_memory_gibibytes(model), Some("Memory")),
    ]
}

/// Where the container finds them.
pub fn mounts() -> Vec<VolumeMount> {
    let mount = |name: &str, path: &str| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..Default::default()
    };
    vec![
        VolumeMount { read_only: Some(true), ..mount(WEIGHTS, WEIGHTS_PATH) },
        mount(CACHE, CACHE_PATH),
        mount(TEMPORARY, TEMPORARY_PATH),
        mount(SHARED_MEMORY, SHARED_MEMORY_PATH),
    ]
}

/// The path of the weights in the container: a directory of safetensors, or a GGUF file.
pub fn weights_path(source: &WeightsSource) -> String {
    let (WeightsSource::Image { path, .. } | WeightsSource::VolumeClaim { path, .. }) = source;
    match path.trim_matches('/') {
        "" => WEIGHTS_PATH.to_owned(),
        below => format!("{WEIGHTS_PATH}/{below}"),
    }
}

fn weights(source: &WeightsSource) -> Volume {
    let volume = Volume { name: WEIGHTS.to_owned(), ..Default::default() };
    match source {
        WeightsSource::Image { reference, .. } => Volume {
            image: Some(ImageVolumeSource {
                reference: Some(reference.clone()),
                pull_policy: Some("IfNotPresent".to_owned()),
            }),
            ..volume
        },
        WeightsSource::VolumeClaim { claim_name, .. } => Volume {
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim_name.clone(),
                read_only: Some(true),
            }),
            ..volume
        },
    }
}

/// An empty volume that ends with the pod; the kubelet evicts a pod that fills it beyond its size.
fn scratch(name: &str, gibibytes: u64, medium: Option<&str>) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: medium.map(str::to_owned),
            size_limit: Some(Quantity(format!("{gibibytes}Gi"))),
        }),
        ..Default::default()
    }
}
