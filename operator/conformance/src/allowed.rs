//! What all policies of a set allow, read naively: it makes objects that have little wrong with them.
//!
//! Nothing is judged by it. Where it errs, more objects are refused, and the tables of what was seen say so.

use hemvist_core::snapshot::PolicyEntry;
use serde_json::{Value, json};

use crate::exceptions::MODELS;
use crate::policies::{
    ARGUMENTS, CLASSES, DATA_CENTRES, ENGINES, FORMATS, LICENCES, PolicySet, REGIONS, REGISTRIES, RISKS,
};
use crate::random::Random;

/// The values that every policy of a set allows.
#[derive(Clone, Debug)]
pub struct Allowed {
    specs: Vec<Value>,
    /// Information classes.
    pub classes: Vec<String>,
    /// Risk classes.
    pub risks: Vec<String>,
    pub regions: Vec<String>,
    pub licences: Vec<String>,
    pub formats: Vec<String>,
    pub registries: Vec<String>,
    pub engines: Vec<String>,
    pub arguments: Vec<String>,
    /// Whether pods may be made by others than Hemvist.
    pub unmanaged: bool,
    /// Exceptions that any of them states, whether they hold or not: the model, and what is waived.
    pub exceptions: Vec<(String, Vec<String>)>,
}

impl Allowed {
    /// What a set allows.
    pub fn by(set: &PolicySet) -> Self {
        let specs: Vec<Value> = set
            .entries
            .values()
            .filter_map(|entry| match entry {
                PolicyEntry::Readable(policy) => Some(json!(policy.spec)),
                PolicyEntry::Unreadable { .. } => None,
            })
            .collect();
        let of = |pointer: &str, pool: &[&str]| common(&specs, pointer, pool);
        let unmanaged = |spec: &Value| spec["unmanagedAccelerators"] == "RequireResidency";
        let denied = |spec: &Value| spec["unmanagedAccelerators"] == "Deny";
        Self {
            classes: of("/informationClasses", &CLASSES),
            risks: of("/riskClasses", &RISKS),
            regions: of("/residency/regions", &REGIONS),
            licences: of("/models/licences", &LICENCES),
            formats: of("/models/formats", &FORMATS),
            registries: of("/images/registries", &REGISTRIES),
            engines: of("/engines/types", &ENGINES),
            arguments: of("/engines/allowedArgs", &ARGUMENTS),
            unmanaged: specs.iter().any(unmanaged) && !specs.iter().any(denied),
            exceptions: specs.iter().flat_map(exceptions).collect(),
            specs,
        }
    }

    pub fn data_centres(&self, class: &str) -> Vec<String> {
        let mut specs = self.specs.clone();
        for spec in &self.specs {
            let rules = spec["informationClasses"].as_array().into_iter().flatten();
            let own = rules.filter(|rule| rule["class"] == class).map(|rule| rule["dataCentres"].clone());
            specs.extend(own.map(|list| json!({ "residency": { "dataCentres": list } })));
        }
        common(&specs, "/residency/dataCentres", &DATA_CENTRES)
    }
}

/// One of what is allowed; now and then, or where nothing is, one of the others.
pub fn choose(random: &mut Random, allowed: &[String], pool: &[&str], unguided: usize) -> String {
    if allowed.is_empty() || random.chance(unguided) {
        (*random.pick(pool)).to_owned()
    } else {
        random.pick(allowed).clone()
    }
}

fn exceptions(spec: &Value) -> Vec<(String, Vec<String>)> {
    let texts = |list: &Value| list.as_array().into_iter().flatten().map(text).collect();
    let stated = spec["exceptions"].as_array().into_iter().flatten();
    let read = stated.map(|one| (text(&one["modelDeployment"]), texts(&one["waives"])));
    read.filter(|(model, _)| MODELS.iter().any(|known| model.ends_with(known))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn common(specs: &[Value], pointer: &str, pool: &[&str]) -> Vec<String> {
    let holds = |list: &Value, value: &str| {
        list.as_array().is_none_or(|list| list.iter().any(|one| *one == value || one["class"] == value))
    };
    let everywhere =
        |value: &&&str| specs.iter().all(|spec| spec.pointer(pointer).is_none_or(|list| holds(list, value)));
    pool.iter().filter(everywhere).map(|value| (*value).to_owned()).collect()
}
