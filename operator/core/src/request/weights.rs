//! Where the weights of a model and of its adapters are.

use hemvist_api::ModelDeploymentSpec;
use hemvist_api::model_deployment::{
    Adapter, HubMirror, ImageSource, MirrorSource, ModelSource, ObjectStoreMirror, VolumeClaimSource,
};
use hemvist_api::values::{Digest, EngineType, ModelFormat, RelativePath};

use super::{AdapterSettings, FetchedWeights, Mirror, WeightsSource};
use crate::engine::description;
use crate::rules::listing;
use crate::snapshot::Settings;
use crate::violation::{RequestFinding, Violation};

/// The weights of the model.
pub(super) fn weights(
    spec: &ModelDeploymentSpec,
    settings: &Settings,
) -> Result<WeightsSource, Vec<Violation>> {
    let model = &spec.model;
    located("spec.model", &model.source, model.digest.as_ref(), model.format, settings)
}

/// The adapters of the model that clients ask for as `model_name`, in order of their names.
pub(super) fn adapters(
    spec: &ModelDeploymentSpec,
    model_name: &str,
    settings: &Settings,
) -> Result<Vec<AdapterSettings>, Vec<Violation>> {
    let listed: Vec<&Adapter> = spec.model.adapters.iter().flatten().collect();
    let mut faults: Vec<_> = untaken(spec.engine.type_).filter(|_| !listed.is_empty()).into_iter().collect();
    let mut adapters = Vec::new();
    for adapter in listed {
        let field = format!("spec.model.adapters[name={}]", adapter.name);
        if adapter.name == model_name {
            let finding = RequestFinding::AdapterNameTaken;
            faults.push(Violation::of_request(format!("{field}.name"), finding));
        }
        let source = ModelSource::from(&adapter.source);
        match located(&field, &source, adapter.digest.as_ref(), spec.model.format, settings) {
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
        let others = others.join(", ");
        Violation::of_request("spec.model.adapters", RequestFinding::AdaptersNotSupported { engine, others })
    })
}

/// The place that `source` names, with `field` for what it is the source of.
fn located(
    field: &str,
    source: &ModelSource,
    digest: Option<&Digest>,
    format: ModelFormat,
    settings: &Settings,
) -> Result<WeightsSource, Vec<Violation>> {
    let (kind, path, located) = match source {
        ModelSource { image: Some(ImageSource { reference, path }), .. } => {
            let path = path.as_ref().map_or("/", |path| path.as_str()).to_owned();
            let reference = reference.as_str().to_owned();
            ("image", path.clone(), WeightsSource::Image { reference, path })
        }
        ModelSource { persistent_volume_claim: Some(VolumeClaimSource { claim_name, path }), .. } => {
            let path = path.as_ref().map_or("", |path| path.as_str()).to_owned();
            let claim_name = claim_name.as_str().to_owned();
            let digest = digest.map(|digest| digest.as_str().to_owned());
            if digest.is_some() && settings.tools_image.is_none() {
                return Err(vec![no_tools(&format!("{field}.digest"), "verified")]);
            }
            ("persistentVolumeClaim", path.clone(), WeightsSource::VolumeClaim { claim_name, path, digest })
        }
        ModelSource { mirror: Some(mirror), .. } => {
            let fetched = fetched(field, mirror, digest, format, settings)?;
            ("mirror", fetched.path.clone(), WeightsSource::Mirror(Box::new(fetched)))
        }
        _ => {
            return Err(vec![Violation::of_request(
                format!("{field}.source"),
                RequestFinding::SourceMissing,
            )]);
        }
    };
    if format == ModelFormat::GGUF && !path.to_ascii_lowercase().ends_with(".gguf") {
        let finding = RequestFinding::FileNotNamed { path: format!("{path:?}") };
        return Err(vec![Violation::of_request(format!("{field}.source.{kind}.path"), finding)]);
    }
    Ok(located)
}

/// What is fetched of a mirror, and by what it is known to be right.
fn fetched(
    field: &str,
    source: &MirrorSource,
    digest: Option<&Digest>,
    format: ModelFormat,
    settings: &Settings,
) -> Result<FetchedWeights, Vec<Violation>> {
    let text = |path: &Option<RelativePath>| path.as_ref().map_or("", |path| path.as_str()).to_owned();
    let (kind, mirror, endpoint, secret_name) = match source {
        MirrorSource { object_store: Some(store), .. } => {
            let ObjectStoreMirror { endpoint, region, bucket, prefix, secret_name } = store;
            let mirror = Mirror::ObjectStore {
                endpoint: endpoint.clone(),
                region: region.clone(),
                bucket: bucket.clone(),
                prefix: text(prefix),
            };
            ("objectStore", mirror, endpoint, secret_name)
        }
        MirrorSource { hub: Some(HubMirror { endpoint, repository, revision, secret_name }), .. } => {
            let (endpoint_of, repository) = (endpoint.clone(), repository.clone());
            let mirror = Mirror::Hub { endpoint: endpoint_of, repository, revision: revision.clone() };
            ("hub", mirror, endpoint, secret_name)
        }
        _ => {
            let finding = RequestFinding::MirrorMissing;
            return Err(vec![Violation::of_request(format!("{field}.source.mirror"), finding)]);
        }
    };
    let mut faults = Vec::new();
    if settings.tools_image.is_none() {
        faults.push(no_tools(&format!("{field}.source.mirror"), "fetched"));
    }
    if digest.is_none() {
        faults.push(Violation::of_request(format!("{field}.digest"), RequestFinding::MirrorNeedsDigest));
    }
    let address = settings.mirrors.address(endpoint);
    if address.is_none() {
        faults.push(unlisted(format!("{field}.source.mirror.{kind}.endpoint"), endpoint, settings));
    }
    let (Some(digest), Some(address), true) = (digest, address, faults.is_empty()) else {
        return Err(faults);
    };
    Ok(FetchedWeights {
        claim_name: source.claim_name.as_str().to_owned(),
        path: text(&source.path),
        is_file: format == ModelFormat::GGUF,
        digest: digest.as_str().to_owned(),
        mirror,
        address,
        secret_name: secret_name.as_ref().map(|name| name.as_str().to_owned()),
    })
}

/// The fault of weights that nothing is there to fetch or to check with.
fn no_tools(field: &str, done: &'static str) -> Violation {
    Violation::of_request(field, RequestFinding::ToolsNotConfigured { done })
}

/// The fault of a mirror that the installation does not know.
fn unlisted(field: String, endpoint: &str, settings: &Settings) -> Violation {
    let known = listing(settings.mirrors.endpoints(), "none");
    Violation::of_request(field, RequestFinding::MirrorNotListed { endpoint: endpoint.to_owned(), known })
}

/// Whether something is fetched or held to a digest before it is served.
pub(super) fn is_verified(source: &WeightsSource, adapters: &[AdapterSettings]) -> bool {
    let sources = adapters.iter().map(|adapter| &adapter.source).chain([source]);
    sources.into_iter().any(|source| match source {
        WeightsSource::Image { .. } => false,
        WeightsSource::VolumeClaim { digest, .. } => digest.is_some(),
        WeightsSource::Mirror(_) => true,
    })
}
