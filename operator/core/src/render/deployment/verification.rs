//! The containers that verify the digests of weights before the engine starts. One that fails is started again, and as long
//! as one fails there is no engine.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{container, volumes};
use crate::request::{ModelRequest, WeightsSource};

/// What the containers are called; those of adapters have their place at the end.
const NAME: &str = "verify";

/// The program in the image.
pub const PROGRAM: &str = "hemvist-fetch";

/// One for each digest that is stated of weights on a volume. An image carries its own.
pub fn containers(model: &ModelRequest) -> Option<Vec<Container>> {
    let image = model.tools_image.as_ref()?;
    let own = digest(&model.source).map(|digest| {
        let mount = volumes::mount_of_weights(model);
        container_of(image, NAME.to_owned(), digest, &volumes::weights_path(&model.source), mount)
    });
    let of_adapters = model.adapters.iter().enumerate().filter_map(|(place, adapter)| {
        let name = format!("{NAME}-adapter-{place}");
        let path = volumes::adapter_path(adapter);
        Some(container_of(
            image,
            name,
            digest(&adapter.source)?,
            &path,
            volumes::mount_of_adapter(place, adapter),
        ))
    });
    Some(own.into_iter().chain(of_adapters).collect())
}

fn digest(source: &WeightsSource) -> Option<&str> {
    match source {
        WeightsSource::Image { .. } => None,
        WeightsSource::VolumeClaim { digest, .. } => digest.as_deref(),
        WeightsSource::Mirror(fetched) => Some(&fetched.digest),
    }
}

fn container_of(
    image: &str,
    name: String,
    digest: &str,
    path: &str,
    mount: k8s_openapi::api::core::v1::VolumeMount,
) -> Container {
    Container {
        name,
        image: Some(image.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(vec![PROGRAM.to_owned()]),
        args: Some(["verify", "--digest", digest, path].map(str::to_owned).into()),
        resources: Some(resources()),
        security_context: Some(container::security()),
        volume_mounts: Some(vec![mount]),
        ..Default::default()
    }
}

/// What reading and hashing need. It is not more than the engine has, which comes after, so a pod does not grow by it.
pub fn resources() -> ResourceRequirements {
    let limits = BTreeMap::from([
        ("memory".to_owned(), Quantity("256Mi".to_owned())),
        ("ephemeral-storage".to_owned(), Quantity("64Mi".to_owned())),
    ]);
    let mut requests = limits.clone();
    requests.insert("cpu".to_owned(), Quantity("1".to_owned()));
    ResourceRequirements { limits: Some(limits), requests: Some(requests), ..Default::default() }
}
