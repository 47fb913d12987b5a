//! What is mounted in a replica: the weights and the adapters, read-only, and a bounded volume for each path that must be writable.

use k8s_openapi::api::core::v1::{
    EmptyDirVolumeSource, ImageVolumeSource, PersistentVolumeClaimVolumeSource, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::resources::shared_memory_gibibytes;
use crate::engine::{ADAPTERS_PATH, CACHE_PATH, EngineDescription, MountedAdapter, TEMPORARY_PATH};
use crate::request::{AdapterSettings, ModelRequest, WeightsSource};

/// Where the weights are mounted.
const WEIGHTS_PATH: &str = "/models";

/// Where the operating system looks for shared memory. Without a volume of its own it has 64 MiB.
const SHARED_MEMORY_PATH: &str = "/dev/shm";

const WEIGHTS: &str = "weights";
const CACHE: &str = "cache";
const TEMPORARY: &str = "tmp";
const SHARED_MEMORY: &str = "shm";

/// The volumes of the pod.
pub fn volumes(model: &ModelRequest, engine: &EngineDescription) -> Vec<Volume> {
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
pub fn mounts(model: &ModelRequest) -> Vec<VolumeMount> {
    let mount = |name: &str, path: &str| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..Default::default()
    };
    let mut mounts = vec![
        mount_of_weights(model),
        mount(CACHE, CACHE_PATH),
        mount(TEMPORARY, TEMPORARY_PATH),
        mount(SHARED_MEMORY, SHARED_MEMORY_PATH),
    ];
    let adapters = model.adapters.iter().enumerate();
    mounts.extend(adapters.map(|(place, adapter)| mount_of_adapter(place, adapter)));
    mounts
}

/// Where the weights are mounted. Of a claim with fetched weights it is the folder that is named after their digest: what is
/// still being fetched, and what other models have, is not seen.
pub fn mount_of_weights(model: &ModelRequest) -> VolumeMount {
    let sub_path = match &model.source {
        WeightsSource::Mirror(fetched) => Some(sealed_folder(&fetched.digest)),
        WeightsSource::Image { .. } | WeightsSource::VolumeClaim { .. } => None,
    };
    VolumeMount { sub_path, ..read_only_mount(WEIGHTS.to_owned(), WEIGHTS_PATH.to_owned()) }
}

/// Where the adapter at this place is mounted.
pub fn mount_of_adapter(place: usize, adapter: &AdapterSettings) -> VolumeMount {
    read_only_mount(adapter_volume(place), adapter_mount(adapter))
}

fn read_only_mount(name: String, mount_path: String) -> VolumeMount {
    VolumeMount { name, mount_path, read_only: Some(true), ..Default::default() }
}

/// The folder that a fetch ends with.
fn sealed_folder(digest: &str) -> String {
    digest.replace(':', "-")
}

/// The adapters of `model` where the container finds them.
pub fn adapters(model: &ModelRequest) -> Vec<MountedAdapter<'_>> {
    model.adapters.iter().map(mounted).collect()
}

fn mounted(adapter: &AdapterSettings) -> MountedAdapter<'_> {
    let AdapterSettings { name, source: _, rank } = adapter;
    MountedAdapter { name, path: adapter_path(adapter), rank: *rank }
}

/// The path of an adapter in the container.
pub fn adapter_path(adapter: &AdapterSettings) -> String {
    below(&adapter_mount(adapter), &adapter.source)
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
    let path = match source {
        WeightsSource::Image { path, .. } | WeightsSource::VolumeClaim { path, .. } => path,
        // Of a folder its content is fetched, and of a file nothing but it.
        WeightsSource::Mirror(fetched) if fetched.is_file => {
            fetched.path.rsplit('/').next().unwrap_or_default()
        }
        WeightsSource::Mirror(_) => "",
    };
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
        WeightsSource::VolumeClaim { claim_name, .. } => claim(volume, claim_name),
        WeightsSource::Mirror(fetched) => claim(volume, &fetched.claim_name),
    }
}

fn claim(volume: Volume, claim_name: &str) -> Volume {
    Volume {
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claim_name.to_owned(),
            read_only: Some(true),
        }),
        ..volume
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
