//! A region, a department and a model for the unit tests of the policy.

use hemvist_api::{AIPolicy, AIPolicySpec, ModelDeployment};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::civil::{Date, date};
use serde_json::{Value, json};

use super::{EffectivePolicy, PolicyBook, PolicyEntry};
use crate::snapshot::{Key, Settings};
use crate::violation::Violation;

/// The day on which the tests play.
pub(crate) const TODAY: Date = date(2026, 11, 1);

/// The name of the model.
pub(crate) const NAME: &str = "journal";

/// A digest.
pub(crate) const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The policy of the region: everything that `model` needs, and no more.
pub(crate) fn region() -> Value {
    json!({
        "enforcement": "Deny",
        "informationClasses": [
            {"class": "Open"},
            {"class": "Sensitive", "dataCentres": ["jkpg-a", "jkpg-b"], "isolation": "WholeDevice",
             "requires": {"assessments": ["DPIA"], "humanOversight": true, "maxAssessmentAgeDays": 365}},
        ],
        "riskClasses": [
            {"class": "Limited"},
            {"class": "High", "requires": {"assessments": ["FRIA"], "recordReference": true,
             "transparencyNotice": true, "notBefore": "2027-12-02"}},
        ],
        "residency": {"regions": ["se-f"], "dataCentres": ["jkpg-a", "jkpg-b", "varnamo"]},
        "models": {"licences": ["Apache-2.0", "MIT"], "formats": ["Safetensors"], "requireDigest": true},
        "images": {"registries": ["registry.region.example"], "requireDigest": true},
        "engines": {"types": ["VLLM", "LlamaCpp"], "allowedArgs": ["max-num-seqs", "seed"]},
    })
}

/// A model that the region allows.
pub(crate) fn model() -> Value {
    let image = format!("registry.region.example/models/llama@{DIGEST}");
    json!({
        "purpose": {
            "title": "Sammanfattning", "owner": {"organisation": "Regionen", "contact": "ai@region.example"},
            "informationClass": "Sensitive", "personalData": true, "riskClass": "High",
            "decisionSupport": "Advisory", "audience": "Staff",
            "humanOversight": {"responsible": "Verksamhetschef", "procedure": "R 2026/1"},
            "assessments": [{"type": "DPIA", "reference": "R 2026/2", "decidedOn": "2026-05-02",
                             "validUntil": "2027-05-02"}],
        },
        "model": {"source": {"image": {"reference": image}}, "format": "Safetensors", "licence": "Apache-2.0"},
        "engine": {"type": "VLLM", "image": format!("registry.region.example/vllm@{DIGEST}")},
        "placement": {"dataCentres": ["jkpg-a"]},
    })
}

/// `base` with the value at `pointer` replaced, or removed where `value` is null. Missing objects are made.
pub(crate) fn with(base: Value, pointer: &str, value: Value) -> Value {
    let mut whole = base;
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let mut at = &mut whole;
    for step in parent.split('/').skip(1) {
        at = match step.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[step],
        };
    }
    if value.is_null() {
        at.as_object_mut().unwrap().remove(name);
    } else {
        at[name] = value;
    }
    whole
}

/// A book of policies, each with namespace, name and spec.
pub(crate) fn book(policies: &[(&str, &str, Value)]) -> PolicyBook {
    let entries = policies.iter().map(|(namespace, name, spec)| {
        let spec: AIPolicySpec = serde_json::from_value(spec.clone()).unwrap();
        let mut policy = AIPolicy::new(name, spec);
        policy.metadata.namespace = Some((*namespace).to_owned());
        policy.metadata.generation = Some(3);
        (Key::new(*namespace, *name), PolicyEntry::Readable(Box::new(policy)))
    });
    PolicyBook { entries: entries.collect() }
}

/// The policy of namespace `halsa`, which the region and the given local policies bind.
pub(crate) fn effective(region: Value, local: &[Value]) -> EffectivePolicy {
    let mut policies = vec![("hemvist-system", "region", region)];
    let names = ["first", "second", "third"];
    policies.extend(local.iter().zip(names).map(|(spec, name)| ("halsa", name, spec.clone())));
    EffectivePolicy::for_namespace(&book(&policies), &Settings::default(), "halsa")
}

/// A ModelDeployment in namespace `halsa`, made a year before the tests play.
pub(crate) fn named(name: &str, spec: Value) -> ModelDeployment {
    let mut model = ModelDeployment::new(name, serde_json::from_value(spec).unwrap());
    model.metadata.namespace = Some("halsa".to_owned());
    model.metadata.uid = Some("u-1".to_owned());
    model.metadata.creation_timestamp = Some(Time("2025-11-01T12:00:00Z".parse().unwrap()));
    model
}

/// What `policy` finds in `model`.
pub(crate) fn check(policy: &EffectivePolicy, model: Value) -> Vec<Violation> {
    policy.check(&named(NAME, model), TODAY)
}

/// The violations as `field: Reason by author`.
pub(crate) fn reported(violations: &[Violation]) -> Vec<String> {
    let author =
        |violation: &Violation| violation.rule.as_ref().map_or("nobody", |rule| &rule.name).to_owned();
    let line = |violation: &Violation| {
        format!("{}: {} by {}", violation.field, violation.reason(), author(violation))
    };
    violations.iter().map(line).collect()
}
