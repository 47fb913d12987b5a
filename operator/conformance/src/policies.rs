//! Random AIPolicies: sets of them, each for a namespace of its own.
//!
//! The values come from small pools in which much is allowed, so that a verdict often hangs on one limit only. Some texts
//! are ones that the schema would refuse: the compiler has to be safe without it.

use std::collections::{BTreeMap, BTreeSet};

use hemvist_api::AIPolicy;
use hemvist_core::snapshot::{Key, Settings};
use hemvist_core::snapshot::{PolicyBook, PolicyEntry};
use serde_json::{Value, json};

use crate::exceptions::{self, DAYS, ELSEWHERE, MODELS, exception};
use crate::random::Random;
use crate::texts::{CONTROL, HOSTILE};

/// Data centres that policies speak of.
pub const DATA_CENTRES: [&str; 4] = ["jkpg-a", "jkpg-b", "varnamo", "oslo"];
/// Regions that policies speak of.
pub const REGIONS: [&str; 3] = ["se-f", "se-g", "no-03"];
/// Information classes.
pub const CLASSES: [&str; 4] = ["Open", "Internal", "Sensitive", "Secret"];
/// Risk classes that a policy can allow.
pub const RISKS: [&str; 3] = ["Minimal", "Limited", "High"];
/// Kinds of assessments.
pub const ASSESSMENTS: [&str; 6] =
    ["DPIA", "FRIA", "InformationSecurity", "Procurement", "Accessibility", "Climate"];
/// Licences that policies speak of.
pub const LICENCES: [&str; 5] = [
    "Apache-2.0",
    "MIT",
    "GPL-2.0-only",
    "GPL-2.0-only WITH Classpath-exception-2.0",
    "LicenseRef-Llama-3.3",
];
/// Formats.
pub const FORMATS: [&str; 2] = ["Safetensors", "GGUF"];
/// Registries that policies speak of.
pub const REGISTRIES: [&str; 7] = [
    "r.example",
    "R.Example/models",
    "r.example/vllm/",
    "mirror.example:5000",
    "localhost/x",
    "docker.io/library",
    "registry.region.example/a/b",
];
/// Engines.
pub const ENGINES: [&str; 4] = ["VLLM", "LlamaCpp", "SGLang", "Custom"];
/// Arguments that policies speak of: known, further, and ones that nobody may allow.
pub const ARGUMENTS: [&str; 6] =
    ["seed", "max-num-seqs", "trust-remote-code", "api-key", "numa", "no-warmup"];
/// The day of every judgement.
pub const TODAY: k8s_openapi::jiff::civil::Date = k8s_openapi::jiff::civil::date(2026, 11, 1);

/// Which policies a fault is tried under.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Under {
    /// Complete ones of the root namespace, which let others make pods.
    Open,
    /// Complete ones of the root namespace, which say nothing of who makes pods.
    Closed,
    /// As the open ones, with a local one that leaves accelerators to Hemvist.
    Denied,
    /// As the open ones, with a local one that cannot be read.
    Unreadable,
    /// A local one alone.
    Unbound,
    /// One of the root namespace that states no list.
    NothingSet,
    /// As the open ones, but a breach only leads to a warning.
    Lenient,
    /// As the open ones, with exceptions: one that holds for the last day, one that ended the day before, one for a model
    /// of another namespace, and one that a local policy states.
    Excepted,
}

/// The policies of one namespace.
#[derive(Clone, Debug)]
pub struct PolicySet {
    pub namespace: String,
    /// Its policies: those of the root namespace that name it, and its own.
    pub entries: BTreeMap<Key, PolicyEntry>,
}

impl PolicySet {
    /// The specs of those that can be read.
    pub fn specs(&self) -> impl Iterator<Item = (&Key, &hemvist_api::AIPolicySpec)> {
        self.entries.iter().filter_map(|(key, entry)| match entry {
            PolicyEntry::Readable(policy) => Some((key, &policy.spec)),
            PolicyEntry::Unreadable { .. } => None,
        })
    }

    /// Whether a policy of the root namespace states exceptions.
    pub fn has_exceptions(&self, settings: &Settings) -> bool {
        let mut of_root = self.specs().filter(|(key, _)| key.namespace == settings.root_namespace);
        of_root.any(|(_, spec)| spec.exceptions.as_ref().is_some_and(|all| !all.is_empty()))
    }

    /// The policies as they are printed beside a pair that differs.
    pub fn shown(&self) -> String {
        let one = |(key, entry): (&Key, &PolicyEntry)| match entry {
            PolicyEntry::Readable(policy) => {
                format!(
                    "{key}: {}\n",
                    serde_json::to_string(&without_nulls(json!(policy.spec))).unwrap_or_default()
                )
            }
            PolicyEntry::Unreadable { error } => format!("{key}: unreadable: {error}\n"),
        };
        self.entries.iter().map(one).collect()
    }
}

/// The settings of every case. One namespace of a run may be ungoverned.
pub fn settings(ungoverned: Option<&str>) -> Settings {
    let ungoverned_namespaces: BTreeSet<String> = ungoverned.map(str::to_owned).into_iter().collect();
    Settings { ungoverned_namespaces, ..Settings::default() }
}

/// All policies of some sets in one book. Those of the same name become one, which binds the namespaces of all of them and
/// states all of their exceptions.
pub fn book<'a>(sets: impl IntoIterator<Item = &'a PolicySet>) -> PolicyBook {
    let mut book = PolicyBook::default();
    for (key, entry) in sets.into_iter().flat_map(|set| &set.entries) {
        let (Some(PolicyEntry::Readable(there)), PolicyEntry::Readable(more)) =
            (book.entries.get_mut(key), entry)
        else {
            book.entries.insert(key.clone(), entry.clone());
            continue;
        };
        let names = there.spec.namespaces.get_or_insert_default();
        names.extend(more.spec.namespaces.clone().unwrap_or_default());
        names.sort();
        names.dedup();
        let exceptions = there.spec.exceptions.get_or_insert_default();
        exceptions.extend(more.spec.exceptions.clone().unwrap_or_default());
    }
    book
}

/// The value without entries that are null.
pub fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// A random set for a namespace; whether its policies of the root namespace may have exceptions.
pub fn set(random: &mut Random, settings: &Settings, namespace: &str, excepting: bool) -> PolicySet {
    let of_root = [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 0][random.below(13)];
    let own = [0, 0, 0, 0, 0, 1, 1, 1, 1, 2][random.below(10)].max(usize::from(of_root == 0));
    let mut entries = BTreeMap::new();
    for number in 0..of_root {
        let key = Key::new(&settings.root_namespace, format!("{namespace}-{number}"));
        let mut spec = spec(random, Fields::Most);
        spec["namespaces"] = json!([namespace]);
        spec["exceptions"] = exceptions::stated(random, namespace, if excepting { 600 } else { 0 });
        entries.insert(key.clone(), readable(&key, spec));
    }
    if of_root > 0 && excepting && random.chance(250) {
        // An exception counts for every policy of the root namespace, whichever of them states it.
        let key = Key::new(&settings.root_namespace, format!("{namespace}-waiver"));
        let exceptions = exceptions::stated(random, namespace, 1000);
        let spec = json!({ "namespaces": [namespace], "enforcement": "Audit", "exceptions": exceptions });
        entries.insert(key.clone(), readable(&key, spec));
    }
    for number in 0..own {
        let key = Key::new(namespace, format!("own.{number}"));
        let mut spec = spec(random, Fields::Few);
        // These are without effect: only the root namespace makes exceptions.
        spec["exceptions"] = exceptions::stated(random, namespace, 250);
        let entry = if random.chance(60) {
            PolicyEntry::Unreadable { error: (*random.pick(&HOSTILE)).to_owned() + *random.pick(&CONTROL) }
        } else {
            readable(&key, spec)
        };
        entries.insert(key, entry);
    }
    PolicySet { namespace: namespace.to_owned(), entries }
}

/// A policy that can be read.
pub fn readable(key: &Key, spec: Value) -> PolicyEntry {
    let spec = serde_json::from_value(spec).unwrap_or_else(|error| unreachable!("a random policy: {error}"));
    let mut policy = AIPolicy::new(&key.name, spec);
    policy.metadata.namespace = Some(key.namespace.clone());
    policy.metadata.generation = Some(3);
    PolicyEntry::Readable(Box::new(policy))
}

/// How many fields a policy sets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fields {
    /// Nearly always, as one of a region.
    Most,
    /// Now and then, as one of a department.
    Few,
}

/// A random policy.
fn spec(random: &mut Random, fields: Fields) -> Value {
    json!({
        "enforcement": enforcement(random, fields),
        "informationClasses": classes(random, fields, &CLASSES, true),
        "riskClasses": classes(random, fields, &RISKS, false),
        "residency": {
            "regions": if random.chance(600) { list(random, fields, &REGIONS) } else { Value::Null },
            "dataCentres": list(random, fields, &DATA_CENTRES),
        },
        "models": {
            "licences": list(random, fields, &LICENCES),
            "formats": closed(random, fields, &FORMATS),
            "requireDigest": switch(random),
        },
        "images": { "registries": list(random, fields, &REGISTRIES), "requireDigest": switch(random) },
        "engines": { "types": closed(random, fields, &ENGINES), "allowedArgs": list(random, fields, &ARGUMENTS) },
        "unmanagedAccelerators": match (fields, random.below(10)) {
            (Fields::Most, 0..=5) | (Fields::Few, 0) => json!("RequireResidency"),
            (Fields::Most, 6) | (Fields::Few, 1) => json!("Deny"),
            _ => Value::Null,
        },
    })
}

fn enforcement(random: &mut Random, fields: Fields) -> Value {
    let values: &[Option<&str>] = match fields {
        Fields::Most => {
            &[None, None, None, Some("Deny"), Some("Deny"), Some("Deny"), Some("Warn"), Some("Audit")]
        }
        Fields::Few => &[None, None, None, Some("Deny"), Some("Warn"), Some("Audit")],
    };
    json!(random.pick(values))
}

fn switch(random: &mut Random) -> Value {
    json!(random.pick(&[None, Some(false), Some(true)]))
}

fn stated(random: &mut Random, fields: Fields) -> bool {
    random.chance(if fields == Fields::Most { 955 } else { 220 })
}

fn closed(random: &mut Random, fields: Fields, pool: &[&str]) -> Value {
    if !stated(random, fields) {
        return Value::Null;
    }
    let most = if random.chance(800) { pool.len() } else { random.below(pool.len() + 1) };
    json!(random.some(pool, most))
}

fn list(random: &mut Random, fields: Fields, pool: &[&str]) -> Value {
    if !stated(random, fields) {
        return Value::Null;
    }
    let most = match random.below(100) {
        0..=64 => pool.len(),
        65..=79 => pool.len() - 1,
        80..=96 => 1 + random.below(pool.len() - 1),
        _ => 0,
    };
    let mut values = random.some(pool, most);
    if random.chance(80) {
        values.push(*random.pick(&HOSTILE));
        values.push(*random.pick(&CONTROL));
    }
    json!(values)
}

fn classes(random: &mut Random, fields: Fields, pool: &[&str], information: bool) -> Value {
    if !stated(random, fields) {
        return Value::Null;
    }
    let most = match random.below(100) {
        0..=74 => pool.len(),
        75..=97 => pool.len() - 1 - random.below(2),
        _ => 0,
    };
    let listed = random.some(pool, most);
    listed.into_iter().map(|class| rule(random, class, information)).collect()
}

fn rule(random: &mut Random, class: &str, information: bool) -> Value {
    let mut rule = json!({ "class": class });
    if random.chance(480) {
        let mut requires = json!({
            "assessments": random.chance(500).then(|| { let most = random.below(3); random.some(&ASSESSMENTS, most) }),
            "humanOversight": switch(random),
            "transparencyNotice": switch(random),
            "recordReference": switch(random),
            "maxAssessmentAgeDays": random.chance(300).then_some(400),
        });
        if !information && random.chance(400) {
            requires["notBefore"] = json!(random.pick(&DAYS));
        }
        rule["requires"] = requires;
    }
    if information && random.chance(200) {
        rule["dataCentres"] = list(random, Fields::Most, &DATA_CENTRES);
    }
    if information && random.chance(350) {
        rule["isolation"] = json!(random.pick(&["Shared", "Partition", "WholeDevice", "WholeNode"]));
    }
    if information && random.chance(150) {
        rule["requireDevicesLabel"] = json!(random.chance(800));
    }
    rule
}

/// A set of policies that is written down and not random: everything is stated, and not everything allowed.
///
/// Its policies of the root namespace have the same name in every such set, so that they are compiled to the same.
pub fn specimen(settings: &Settings, namespace: &str, under: Under) -> PolicySet {
    let root = Key::new(&settings.root_namespace, format!("specimen-{under:?}").to_lowercase());
    let own = Key::new(namespace, "own");
    let mut spec = if under == Under::NothingSet { json!({}) } else { complete() };
    spec["namespaces"] = json!([namespace]);
    if under != Under::Closed {
        spec["unmanagedAccelerators"] = json!("RequireResidency");
    }
    if under == Under::Lenient {
        spec["enforcement"] = json!("Warn");
    }
    if under == Under::Excepted {
        // The policy binds another namespace too, and has an exception there that is in force.
        let all = exceptions::WAIVABLE;
        spec["namespaces"] = json!([namespace, ELSEWHERE]);
        spec["exceptions"] = json!([
            exception(namespace, MODELS[0], &all, "2026-11-01"),
            exception(namespace, MODELS[1], &all, "2026-10-31"),
            exception(ELSEWHERE, MODELS[2], &all, "2027-05-02"),
        ]);
    }
    let mut entries = BTreeMap::new();
    if under != Under::Unbound {
        entries.insert(root.clone(), readable(&root, spec));
    }
    match under {
        Under::Denied => {
            entries.insert(own.clone(), readable(&own, json!({ "unmanagedAccelerators": "Deny" })))
        }
        Under::Unbound => {
            entries.insert(own.clone(), readable(&own, json!({ "models": { "licences": ["MIT"] } })))
        }
        Under::Unreadable => {
            entries.insert(own, PolicyEntry::Unreadable { error: "unknown variant".to_owned() })
        }
        Under::Excepted => {
            // What a department excepts is without effect.
            let exceptions = [exception(namespace, MODELS[3], &exceptions::WAIVABLE, "2027-05-02")];
            entries.insert(own.clone(), readable(&own, json!({ "exceptions": exceptions })))
        }
        Under::Open | Under::Closed | Under::NothingSet | Under::Lenient => None,
    };
    PolicySet { namespace: namespace.to_owned(), entries }
}

/// A set with one policy of the root namespace that allows much and does not speak of one field, so that nothing else hides
/// what follows from a field that is not set.
pub fn not_setting(settings: &Settings, namespace: &str, group: &str, field: &str) -> PolicySet {
    generous_but(settings, namespace, |spec| spec[group][field] = Value::Null)
}

/// The same with an empty list of regions, so that nothing else hides what follows from it.
pub fn without_regions(settings: &Settings, namespace: &str) -> PolicySet {
    generous_but(settings, namespace, |spec| spec["residency"]["regions"] = json!([]))
}

/// The same with fewer data centres for every class than for the rest.
pub fn narrow_classes(settings: &Settings, namespace: &str) -> PolicySet {
    generous_but(settings, namespace, |spec| {
        for rule in spec["informationClasses"].as_array_mut().into_iter().flatten() {
            rule["dataCentres"] = json!(["jkpg-a"]);
        }
    })
}

/// The same with one duty of every risk class, so that no other duty hides it.
pub fn demanding_of_risks(settings: &Settings, namespace: &str, duty: &str) -> PolicySet {
    generous_but(settings, namespace, |spec| {
        for rule in spec["riskClasses"].as_array_mut().into_iter().flatten() {
            rule["requires"] = json!({ duty: true });
        }
    })
}

fn generous_but(settings: &Settings, namespace: &str, change: impl FnOnce(&mut Value)) -> PolicySet {
    let key = Key::new(&settings.root_namespace, format!("{namespace}-0"));
    let mut spec = generous(namespace, &Value::Null);
    change(&mut spec);
    let entries = BTreeMap::from([(key.clone(), readable(&key, without_nulls(spec)))]);
    PolicySet { namespace: namespace.to_owned(), entries }
}

/// A set with two policies of the root namespace that allow much, demand everything of every information class and have
/// random exceptions, and one of the department that demands a part of it too, so that verdicts hang on the exceptions.
pub fn excepting(random: &mut Random, settings: &Settings, namespace: &str) -> PolicySet {
    let mut entries = BTreeMap::new();
    for number in 0..2 {
        let key = Key::new(&settings.root_namespace, format!("{namespace}-{number}"));
        let mut spec = generous(namespace, &demanding());
        // What is not waived hides nothing either.
        spec["riskClasses"] = json!([{ "class": "Minimal" }, { "class": "High" }]);
        for rule in spec["informationClasses"].as_array_mut().into_iter().flatten() {
            rule["dataCentres"] = json!(["jkpg-a", "varnamo"]);
        }
        spec["exceptions"] = exceptions::stated(random, namespace, 900);
        entries.insert(key.clone(), readable(&key, without_nulls(spec)));
    }
    let key = Key::new(namespace, "own");
    let own = json!([
        { "class": "Open", "requires": { "recordReference": true } },
        { "class": "Internal" }, { "class": "Sensitive" }, { "class": "Secret" },
    ]);
    let spec = json!({ "informationClasses": own, "exceptions": exceptions::stated(random, namespace, 300) });
    entries.insert(key.clone(), readable(&key, without_nulls(spec)));
    PolicySet { namespace: namespace.to_owned(), entries }
}

/// A policy that allows nearly everything, and requires the same of every information class.
fn generous(namespace: &str, requires: &Value) -> Value {
    let mut spec = complete();
    spec["namespaces"] = json!([namespace]);
    spec["informationClasses"] =
        CLASSES.iter().map(|class| json!({ "class": class, "requires": requires })).collect();
    spec["riskClasses"] = RISKS.iter().map(|class| json!({ "class": class })).collect();
    spec["models"] = json!({ "licences": LICENCES, "formats": FORMATS });
    spec["images"] = json!({ "registries": REGISTRIES });
    spec["engines"]["types"] = json!(ENGINES);
    spec
}

fn demanding() -> Value {
    json!({
        "assessments": ["DPIA", "FRIA"], "humanOversight": true, "transparencyNotice": true, "recordReference": true,
    })
}

fn complete() -> Value {
    let requires = demanding();
    json!({
        "informationClasses": [
            { "class": "Open", "isolation": "Partition" },
            { "class": "Sensitive", "isolation": "WholeNode", "dataCentres": ["jkpg-a", "varnamo"], "requires": requires },
            { "class": "Secret", "isolation": "WholeDevice", "requires": requires },
        ],
        "riskClasses": [{ "class": "Minimal" }, { "class": "High", "requires": requires }],
        "residency": { "regions": ["se-f", "se-g"], "dataCentres": ["jkpg-a", "jkpg-b", "varnamo"] },
        "models": { "licences": ["Apache-2.0", "MIT"], "formats": ["Safetensors"], "requireDigest": true },
        "images": { "registries": ["R.Example/models", "mirror.example:5000", "localhost/x"], "requireDigest": true },
        "engines": { "types": ["VLLM", "LlamaCpp"], "allowedArgs": ["numa", "seed"] },
    })
}
