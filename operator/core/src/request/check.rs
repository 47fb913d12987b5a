//! Validates a ModelDeployment: gives one with every field resolved, or all of its faults.

use std::collections::BTreeSet;

use hemvist_api::condition::Reason;
use hemvist_api::values::{
    AcceleratorVendor, DataCentre, IncidentKind, Isolation, RequestLogging, RolloutStrategy,
};
use hemvist_api::{ModelDeployment, ModelDeploymentSpec};

use super::engine::engine;
use super::route::route;
use super::scaling::scaling;
use super::toleration::tolerations;
use super::weights::{adapters, is_verified, weights};
use super::{AcceleratorRequest, ModelRequest};
use crate::accelerator::{Vendor, vendor};
use crate::bytes::parse_bytes;
use crate::engine::description;
use crate::policy::EffectivePolicy;
use crate::snapshot::{ChildKind, Key, Settings};
use crate::violation::{Finding, RequestFinding, Violation};

/// How long requests may go on when a replica stops, in seconds, where the model does not say.
const DEFAULT_DRAIN_SECONDS: i32 = 45;

/// Reads a model. On the way out either everything is there, or every fault is in the list, not only the first.
///
/// # Errors
///
/// The faults: fields that this version does not carry out, and values that cannot be carried out. What a policy says of
/// the model is not judged here but in [`EffectivePolicy::check`]; the policy gives the values that it sets.
pub fn validate(
    model: &ModelDeployment,
    policy: &EffectivePolicy,
    settings: &Settings,
    served: &BTreeSet<ChildKind>,
) -> Result<ModelRequest, Vec<Violation>> {
    let spec = &model.spec;
    let class = spec.purpose.information_class;
    let key = Key::new(
        model.metadata.namespace.clone().unwrap_or_default(),
        model.metadata.name.clone().unwrap_or_default(),
    );
    let isolation = policy.isolation(class);
    let mut faults = unsupported(spec);
    faults.extend(context_length(spec));
    let name = spec.model.name.clone().unwrap_or_else(|| key.name.clone());
    let source = collect(weights(spec, settings), &mut faults);
    let adapters = collect(adapters(spec, &name, settings), &mut faults);
    let engine = collect(engine(spec, &name, policy), &mut faults);
    let accelerator = collect(accelerator(model, policy), &mut faults);
    let scaling = collect(scaling(spec, settings, served), &mut faults);
    let route = collect(route(spec, settings, served), &mut faults);
    let (
        Some(source),
        Some(adapters),
        Some(engine),
        Some((accelerator, resource_names)),
        Some(scaling),
        Some(route),
        true,
    ) = (source, adapters, engine, accelerator, scaling, route, faults.is_empty())
    else {
        return Err(faults);
    };
    let rollout = spec.rollout.as_ref();
    let suspended = suspension(spec).is_some();
    Ok(ModelRequest {
        uid: model.metadata.uid.clone().unwrap_or_default(),
        model_name: name,
        key,
        information_class: class,
        risk_class: spec.purpose.risk_class,
        tools_image: settings.tools_image.clone().filter(|_| is_verified(&source, &adapters)),
        source,
        format: spec.model.format,
        adapters,
        weights_bytes: weights_bytes(spec),
        engine,
        tolerations: tolerations(class, &accelerator, settings),
        accelerator,
        resource_names,
        clearance: policy.clearance(class, asked_data_centres(spec)),
        isolation,
        replicas: if suspended { 0 } else { spec.replicas.unwrap_or(1) },
        scaling: scaling.filter(|_| !suspended),
        rollout: rollout.and_then(|rollout| rollout.strategy).unwrap_or(RolloutStrategy::Auto),
        drain_seconds: rollout.and_then(|rollout| rollout.drain_seconds).unwrap_or(DEFAULT_DRAIN_SECONDS),
        consumers: consumers(spec),
        route,
        request_logging: spec
            .records
            .as_ref()
            .and_then(|records| records.request_logging)
            .unwrap_or(RequestLogging::None),
    })
}

/// Why a model is kept at no replicas, with the words for it, if it is.
pub fn suspension(spec: &ModelDeploymentSpec) -> Option<(Reason, String)> {
    let open = spec
        .incidents
        .iter()
        .flatten()
        .find(|incident| incident.kind == IncidentKind::SeriousAI && incident.closed_on.is_none());
    if let Some(incident) = open {
        let text = format!(
            "Serious incident {} is open, so no replica runs. Set its closedOn in spec.incidents when it is closed.",
            incident.reference
        );
        return Some((Reason::IncidentOpen, text));
    }
    (spec.suspend == Some(true)).then(|| {
        (
            Reason::Suspended,
            "spec.suspend is true, so no replica runs. Set it to false to serve again.".to_owned(),
        )
    })
}

fn collect<T>(result: Result<T, Vec<Violation>>, faults: &mut Vec<Violation>) -> Option<T> {
    result.map_err(|new| faults.extend(new)).ok()
}

/// Fields whose shape is there and whose behaviour is not, in this version.
fn unsupported(spec: &ModelDeploymentSpec) -> Vec<Violation> {
    let mut faults = Vec::new();
    if spec.accelerator.as_ref().is_some_and(|accelerator| accelerator.device_class_name.is_some()) {
        let field = "spec.accelerator.deviceClassName";
        faults.push(Violation::of_request(field, RequestFinding::DeviceClassNotSupported));
    }
    faults
}

fn context_length(spec: &ModelDeploymentSpec) -> Option<Violation> {
    let longest = spec.model.facts.as_ref()?.max_context_length?;
    let asked = spec.engine.context_length?;
    (asked > longest).then(|| {
        Violation::of_request("spec.engine.contextLength", RequestFinding::ContextTooLong { asked, longest })
    })
}

fn weights_bytes(spec: &ModelDeploymentSpec) -> Option<u64> {
    parse_bytes(spec.model.facts.as_ref()?.weights.as_ref()?.as_str())
}

fn asked_data_centres(spec: &ModelDeploymentSpec) -> Option<&[DataCentre]> {
    spec.placement.as_ref()?.data_centres.as_deref()
}

fn consumers(spec: &ModelDeploymentSpec) -> BTreeSet<String> {
    let consumers = spec.access.iter().flat_map(|access| access.consumers.iter().flatten());
    consumers.map(|consumer| consumer.namespace.as_str().to_owned()).collect()
}

fn accelerator(
    model: &ModelDeployment,
    policy: &EffectivePolicy,
) -> Result<(AcceleratorRequest, Vec<String>), Vec<Violation>> {
    let spec = &model.spec;
    let asked = spec.accelerator.clone().unwrap_or_default();
    let row = vendor(asked.vendor.unwrap_or(AcceleratorVendor::NVIDIA));
    let count = asked.count.unwrap_or(1);
    let mut faults = Vec::new();
    let names = match &asked.partition {
        None => device_names(row, model),
        Some(profile) => row.partition_resource(profile).into_iter().collect(),
    };
    let resource = names.first().cloned().unwrap_or_else(|| {
        faults.extend(asked.partition.as_ref().map(|profile| no_partition(row, profile)));
        String::new()
    });
    if asked.products.is_some() && row.labels.product.is_none() {
        let finding = RequestFinding::ProductsUnknown { vendor: row.vendor };
        faults.push(Violation::of_request("spec.accelerator.products", finding));
    }
    faults.extend(engine_without_library(spec, row));
    if asked.partition.is_some() && count > 1 {
        faults.push(Violation::of_request("spec.accelerator.count", RequestFinding::PartitionsCombined));
    }
    faults.extend(partition_isolation(spec, policy));
    faults.extend(parallelism(spec, count));
    if !faults.is_empty() {
        return Err(faults);
    }
    let request = AcceleratorRequest {
        vendor: row.vendor,
        resource,
        count,
        product_label: row.labels.product,
        products: asked.products.clone().into_iter().flatten().collect(),
        reason: choice(asked.vendor.is_some(), asked.count.is_some()),
    };
    Ok((request, names))
}

/// The resources by which whole devices of a vendor are requested, the one that was resolved before first. Which of them nodes
/// have that the model can go to, the schedule finds out.
fn device_names(vendor: &Vendor, model: &ModelDeployment) -> Vec<String> {
    let status = model.status.as_ref();
    let before = status.and_then(|status| status.resolved.as_ref()?.accelerator.as_ref());
    let before = before.map(|accelerator| accelerator.resource.as_str());
    let mut names: Vec<String> = vendor.devices.iter().map(|name| (*name).to_owned()).collect();
    names.sort_by_key(|name| Some(name.as_str()) != before);
    names
}

fn no_partition(vendor: &Vendor, profile: &str) -> Violation {
    let finding = if vendor.partitions.is_empty() {
        RequestFinding::PartitionsUnknown { vendor: vendor.vendor }
    } else {
        RequestFinding::PartitionUnknown { vendor: vendor.vendor, partition: profile.to_owned() }
    };
    Violation::of_request("spec.accelerator.partition", finding)
}

/// An engine that has no library for the vendor's devices.
fn engine_without_library(spec: &ModelDeploymentSpec, vendor: &Vendor) -> Option<Violation> {
    let engine = spec.engine.type_;
    (!(description(engine).drives)(vendor)).then(|| {
        let finding = RequestFinding::VendorNotSupported { engine, vendor: vendor.vendor };
        Violation::of_request("spec.engine.type", finding)
    })
}

/// A partition of a device is less than a whole one, which a class can demand.
pub(crate) fn partition_isolation(spec: &ModelDeploymentSpec, policy: &EffectivePolicy) -> Option<Violation> {
    spec.accelerator.as_ref()?.partition.as_ref()?;
    let (demanded, rule) = policy.demanded_isolation(spec.purpose.information_class)?;
    (demanded > Isolation::Partition).then(|| {
        let finding = Finding::IsolationTooLow { asked: Isolation::Partition, demanded };
        Violation::of_rule("spec.accelerator.partition", finding, rule.clone())
    })
}

/// Some engines spread the attention heads evenly over the accelerators of a replica.
fn parallelism(spec: &ModelDeploymentSpec, count: i32) -> Option<Violation> {
    let heads = spec.model.facts.as_ref()?.attention_heads?;
    let spreads = description(spec.engine.type_).spreads_heads;
    (spreads && heads.checked_rem(count).is_some_and(|rest| rest != 0)).then(|| {
        Violation::of_request("spec.accelerator.count", RequestFinding::HeadsNotDivisible { heads, count })
    })
}

fn choice(vendor_asked: bool, count_asked: bool) -> String {
    let count = if count_asked {
        "set in spec.accelerator.count"
    } else {
        "the default of 1, because this version does not calculate memory"
    };
    let vendor = if vendor_asked { "spec.accelerator.vendor" } else { "the default of NVIDIA" };
    format!("{count}; vendor: {vendor}")
}
