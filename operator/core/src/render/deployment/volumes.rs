//! What is mounted in a replica: the weights and the adapters, read-only, and a bounded volume for each path that must be writable.

use k8s_openapi::api::core::v1::{
    EmptyDirVolumeSource, ImageVolumeSource, PersistentVolumeClaimVolumeSource, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::resources::shared_memory_gibibytes;
use crate::render::engine::{ADAPTERS_PATH, CACHE_PATH, EngineDescription, MountedAdapter, TEMPORARY_PATH};
use crate::validate::{AdapterSettings, ValidatedModel, WeightsSource};

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
    let adapters = model.adapters.iter().enumerate();
    let adapters = adapters.map(|(place, adapter)| read_only(adapter_volume(place), &adapter.source));
    let mut volumes = vec![
        read_only(WEIGHTS.to_owned(), &model.source),
        scratch(CACHE, engine.cache_gibibytes, None),
        scratch(TEMPORARY, engine.temporary_gibibytes, None),
        scratch(SHARED_MEMORY, shared_memory_gibibytes(model), Some("Memory")),
    ];
    volumes.extend(adapters);
    volumes
}

/// Where the container finds them.
pub fn mounts(model: &ValidatedModel) -> Vec<VolumeMount> {
    let mount = |name: &str, path: &str| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..Default::default()
    };
    let read_only = |name: &str, path: &str| VolumeMount { read_only: Some(true), ..mount(name, path) };
    let mut mounts = vec![
        read_only(WEIGHTS, WEIGHTS_PATH),
        mount(CACHE, CACHE_PATH),
        mount(TEMPORARY, TEMPORARY_PATH),
        mount(SHARED_MEMORY, SHARED_MEMORY_PATH),
    ];
    let adapters = model.adapters.iter().enumerate();
    mounts.extend(adapters.map(|(place, one)| read_only(&adapter_volume(place), &adapter_mount(one))));
    mounts
}

/// The adapters of `model` where the container finds them.
pub fn adapters(model: &ValidatedModel) -> Vec<MountedAdapter<'_>> {
    model.adapters.iter().map(mounted).collect()
}

fn mounted(adapter: &AdapterSettings) -> MountedAdapter<'_> {
    let AdapterSettings { name, source, rank } = adapter;
    MountedAdapter { name, path: below(&adapter_mount(adapter), source), rank: *rank }
}

/// The volume of the adapter at this place: a name of an adapter can be too long for the name of a volume.
fn adapter_volume(place: usize) -> String {
    format!("adapter-{place}")
}

fn adapter_mount(adapter: &AdapterSettings) -> String {
    format!("{ADAPTERS_PATH}/{}", adapter.name)
}

/// The path of the weights in the container: a directory of safetensors, or a GGUF file.
pub fn weights_path(source: &WeightsSource) -> String {
    below(WEIGHTS_PATH, source)
}

/// Where the files of `source` are when it is mounted at `mount`.
fn below(mount: &str, source: &WeightsSource) -> String {
    let (WeightsSource::Image { path, .. } | WeightsSource::VolumeClaim { path, .. }) = source;
    match path.trim_matches('/') {
        "" => mount.to_owned(),
        below => format!("{mount}/{below}"),
    }
}

fn read_only(name: String, source: &WeightsSource) -> Volume {
    let volume = Volume { name, ..Default::default() };
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
