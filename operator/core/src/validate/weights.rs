//! Where the weights of a model and of its adapters are.

use hemvist_api::ModelDeploymentSpec;
use hemvist_api::model_deployment::{Adapter, ImageSource, ModelSource, VolumeClaimSource};
use hemvist_api::values::{EngineType, ModelFormat};

use super::check::{invalid, not_supported};
use super::{AdapterSettings, WeightsSource};
use crate::render::engine::description;
use crate::violation::Violation;

/// The weights of the model.
pub(super) fn weights(spec: &ModelDeploymentSpec) -> Result<WeightsSource, Vec<Violation>> {
    located("spec.model", &spec.model.source, spec.model.format)
}

/// The adapters of the model that clients ask for as `model_name`, in order of their names.
pub(super) fn adapters(
    spec: &ModelDeploymentSpec,
    model_name: &str,
) -> Result<Vec<AdapterSettings>, Vec<Violation>> {
    let listed: Vec<&Adapter> = spec.model.adapters.iter().flatten().collect();
    let mut faults: Vec<_> = untaken(spec.engine.type_).filter(|_| !listed.is_empty()).into_iter().collect();
    let mut adapters = Vec::new();
    for adapter in listed {
        let field = format!("spec.model.adapters[name={}]", adapter.name);
        if adapter.name == model_name {
            faults.push(invalid(
                format!("{field}.name"),
                "the model itself has this name, so a request for it would not say which is meant",
                "Give the adapter a name of its own.",
            ));
        }
        match located(&field, &adapter.source, spec.model.format) {
            Ok(source) => {
                let rank = adapter.rank;
                adapters.push(AdapterSettings { name: adapter.name.clone(), source, rank });
            }
            Err(found) => faults.extend(found),
        }
    }
    adapters.sort_by(|one, other| one.name.cmp(&other.name));
    if faults.is_empty() { Ok(adapters) } else { Err(faults) }
}

/// The fault of giving adapters to `engine`, if it takes none.
fn untaken(engine: EngineType) -> Option<Violation> {
    let takes = |engine| description(engine).adapters.is_some();
    let others = EngineType::ALL.iter().filter(|other| takes(**other)).map(|other| other.as_str());
    let others: Vec<_> = others.collect();
    (!takes(engine)).then(|| {
        invalid(
            "spec.model.adapters",
            format!("nobody knows how {engine} would be told of adapters"),
            format!("Leave spec.model.adapters out, or use one of {}.", others.join(", ")),
        )
    })
}

/// The place that `source` names, with `field` for what it is the source of.
fn located(field: &str, source: &ModelSource, format: ModelFormat) -> Result<WeightsSource, Vec<Violation>> {
    let (kind, path, located) = match source {
        ModelSource { image: Some(ImageSource { reference, path }), .. } => {
            let path = path.as_ref().map_or("/", |path| path.as_str()).to_owned();
            let reference = reference.as_str().to_owned();
            ("image", path.clone(), WeightsSource::Image { reference, path })
        }
        ModelSource { persistent_volume_claim: Some(VolumeClaimSource { claim_name, path }), .. } => {
            let path = path.as_ref().map_or("", |path| path.as_str()).to_owned();
            let claim_name = claim_name.as_str().to_owned();
            ("persistentVolumeClaim", path.clone(), WeightsSource::VolumeClaim { claim_name, path })
        }
        ModelSource { mirror: Some(_), .. } => {
            return Err(vec![not_supported(
                &format!("{field}.source.mirror"),
                "fetching weights from a mirror",
                &format!(
                    "Put the weights into an OCI image ({field}.source.image) or a volume ({field}.source.persistentVolumeClaim)."
                ),
            )]);
        }
        _ => {
            return Err(vec![invalid(
                format!("{field}.source"),
                "no source is set",
                "Set exactly one of image, persistentVolumeClaim and mirror.",
            )]);
        }
    };
    if format == ModelFormat::GGUF && !path.to_ascii_lowercase().ends_with(".gguf") {
        return Err(vec![invalid(
            format!("{field}.source.{kind}.path"),
            format!("{path:?} does not name a GGUF file"),
            "Name the file, such as models/model-q4.gguf; of a split model the first part.",
        )]);
    }
    Ok(located)
}
