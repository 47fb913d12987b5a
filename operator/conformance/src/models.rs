//! Random ModelDeployments: mostly what the policies of their namespace allow, with something wrong now and then.

mod single;

use hemvist_api::values::InformationClass;
use serde_json::{Value, json};

use crate::allowed::{Allowed, choose};
use crate::exceptions::DAYS;
use crate::exceptions::{MODELS, STORED};
use crate::policies::{ASSESSMENTS, CLASSES, DATA_CENTRES, ENGINES, FORMATS, LICENCES, REGISTRIES};
use crate::random::Random;
use crate::texts;

/// 64 digits of a SHA-256.
pub const DIGITS: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// References that are not what they seem.
const ODD_REFERENCES: [&str; 30] = [
    "r.example:5000/vllm",
    "r.example.evil.net/vllm",
    "evil.net/r.example/vllm",
    "r.example@evil.net/vllm",
    "r.example/models-evil/x",
    "r.example/Models/x",
    "r.example/models/../evil",
    "r.example/models/./x",
    "r.example/models/x/..",
    "r.example/models//x",
    "r.example/",
    "r.example",
    "vllm/vllm-openai",
    "alpine",
    "docker.io/alpine",
    "docker.io/library/alpine:3",
    "localhost/x/y",
    "localhost",
    "LOCALHOST/x/y",
    "r.example/a:b:c",
    "r.example/a:1/b",
    "r.example/a:",
    "r.example/a@",
    "r.example/a@x@y",
    "r.example/...",
    "r.example/..a",
    "r.example/.a/b",
    "R.EXAMPLE/models/x:v1",
    "MIRROR.example:5000/x",
    "mirror.example:50000/x",
];

/// Licences that are written in an odd way, or not as a licence.
const ODD_LICENCES: [&str; 22] = [
    "(MIT)",
    "(MIT OR Apache-2.0) AND LicenseRef-Evil",
    "LicenseRef-Evil AND (Zlib OR MIT OR BSD-3-Clause)",
    "LicenseRef-Evil AND (Zlib OR MIT)",
    "MIT OR (LicenseRef-Evil",
    "MIT OR OR",
    "MIT OR WITH",
    "MIT OR LicenseRef-Evil AND AND",
    "AND OR MIT",
    "MIT AND (Apache-2.0 OR LicenseRef-Evil)",
    "MIT WITH Classpath-exception-2.0",
    "MIT WITH a WITH b",
    "MIT WITH OR",
    "MIT WITH (MIT)",
    "mit",
    "Apache-2.0+",
    "GPL-2.0-only WITH Classpath-exception-2.0 AND MIT",
    "LicenseRef-Evil WITH MIT",
    "LicenseRef-Evil",
    "LicenseRef-Evil OR MIT",
    "Apache-2.0 AND MIT OR LicenseRef-Evil",
    "WITH OR MIT",
];

/// Arguments beside those that policies speak of: the engines' own, reserved ones, and ones that nobody knows.
const FURTHER_ARGUMENTS: [&str; 18] = [
    "block-size",
    "dtype",
    "enforce-eager",
    "batch-size",
    "jinja",
    "host",
    "port",
    "hos",
    "no-host",
    "no-trust-remote-code",
    "model",
    "api-key",
    "alias",
    "served-model-name",
    "ctx-size",
    "unheard-of",
    "max-model-len",
    "ignore-eos",
];

/// An image reference below an allowed registry, or an odd one. `odd` are further odd ones.
pub fn reference(random: &mut Random, allowed: &Allowed, unguided: usize, odd: &[&str]) -> String {
    let mut reference = if random.chance(unguided) {
        let position = random.below(ODD_REFERENCES.len() + odd.len());
        (*ODD_REFERENCES.iter().chain(odd).nth(position).unwrap_or(&"alpine")).to_owned()
    } else {
        let registry = choose(random, &allowed.registries, &REGISTRIES, unguided);
        below(random, &registry)
    };
    let digest = match random.below(1000) {
        roll if roll >= unguided.max(40) => format!("@sha256:{DIGITS}"),
        roll => match roll % 6 {
            0 => String::new(),
            1 => format!("@sha256:{}", DIGITS.to_uppercase()),
            2 => format!("@sha256:{DIGITS}0"),
            3 => format!("@sha512:{DIGITS}"),
            4 => format!("@x@sha256:{DIGITS}"),
            _ => format!("@sha256:{}", &DIGITS[1..]),
        },
    };
    reference.push_str(&digest);
    reference
}

fn below(random: &mut Random, registry: &str) -> String {
    let registry = registry.trim_end_matches('/');
    let (host, path) = registry.split_once('/').map_or((registry, None), |(host, path)| (host, Some(path)));
    let host = match random.below(6) {
        0 => host.to_uppercase(),
        1 => host.to_lowercase(),
        _ => host.to_owned(),
    };
    // `LOCALHOST` names no registry.
    let host = if host == "LOCALHOST" { "localhost".to_owned() } else { host };
    let name = match (path, random.below(4)) {
        (Some(path), 0) => path.to_owned(),
        (Some(path), _) => format!("{path}/llama"),
        (None, 0) => "a/b/c".to_owned(),
        (None, _) => "vllm".to_owned(),
    };
    let tag = ["", "", ":v1", ":V1.2_x-y"][random.below(4)];
    format!("{host}/{name}{tag}")
}

/// A ModelDeployment. `unguided` of a thousand choices are not guided by what is allowed.
pub fn model(random: &mut Random, namespace: &str, allowed: &Allowed, unguided: usize) -> Value {
    let excepted =
        (!allowed.exceptions.is_empty() && random.chance(600)).then(|| random.pick(&allowed.exceptions));
    // What else is wrong would hide what is waived.
    let unguided = if excepted.is_some() && random.chance(700) { 0 } else { unguided };
    let class = choose(random, &allowed.classes, &CLASSES, unguided);
    let engine = choose(random, &allowed.engines, &ENGINES, unguided);
    let (name, lacking) = match excepted {
        Some((model, waived)) => (name_like(random, model), waived.as_slice()),
        None => (format!("m-{}", random.below(1_000_000)), &[][..]),
    };
    let mut object = json!({
        "apiVersion": "hemvist.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": metadata(random, namespace, &name),
        "spec": {
            "purpose": purpose(random, allowed, &class, &Lack { unguided, lacking }),
            "model": weights(random, allowed, unguided),
            "engine": {
                "type": engine,
                "image": reference(random, allowed, unguided, &[]),
                "args": arguments(random, allowed, unguided),
                "contextLength": optional(random, json!(4096)),
            },
            "accelerator": accelerator(random, &class),
            "placement": placement(random, allowed, &class, unguided),
            "replicas": optional(random, json!(2)),
            "suspend": optional(random, json!(true)),
        },
    });
    if unguided == 0 && random.chance(if excepted.is_some() { 100 } else { 300 }) {
        single::break_one_rule(random, &mut object["spec"]);
    }
    scattered(random, object)
}

/// The name that an exception has; now and then another, for which it does not count.
fn name_like(random: &mut Random, model: &str) -> String {
    let name = model.trim_start_matches(STORED);
    match random.below(12) {
        0 => format!("{name}2"),
        1 => name[1..].to_owned(),
        2 => (*random.pick(&MODELS)).to_owned(),
        _ => name.to_owned(),
    }
}

fn metadata(random: &mut Random, namespace: &str, name: &str) -> Value {
    let longest = if random.chance(5) { 65_536 } else { 300 };
    json!({
        "name": name,
        "namespace": namespace,
        "annotations": random.chance(300).then(|| json!({ "note.example/x": texts::any(random, longest) })),
    })
}

/// The value, or nothing.
fn optional(random: &mut Random, value: Value) -> Value {
    if random.chance(500) { value } else { Value::Null }
}

/// The object with some of what is null left out.
pub fn scattered(random: &mut Random, value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null() || random.chance(150))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|(key, value)| (key, scattered(random, value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(|item| scattered(random, item)).collect(),
        other => other,
    }
}

/// Which duties a model does not meet.
struct Lack<'a> {
    /// How many of a thousand choices are not guided by what is allowed.
    unguided: usize,
    /// What an exception waives: mostly the model lacks it.
    lacking: &'a [String],
}

impl Lack<'_> {
    fn lacks(&self, random: &mut Random, duty: &str) -> bool {
        self.lacking.iter().any(|one| one == duty) && random.chance(800)
    }

    /// What is said where a duty demands it; nothing, or nothing of meaning, now and then.
    fn said(&self, random: &mut Random, duty: &str, longest: usize) -> Value {
        if self.lacks(random, duty) {
            json!(random.pick(&texts::EMPTY_WORDS))
        } else if random.chance(self.unguided * 2) {
            if random.chance(300) { Value::Null } else { json!(texts::any(random, longest)) }
        } else {
            json!("RJL 2026/1240")
        }
    }

    fn assessments(&self, random: &mut Random) -> Value {
        let mut made = if random.chance(self.unguided * 2) {
            random.some(&ASSESSMENTS, 3)
        } else {
            ASSESSMENTS.to_vec()
        };
        made.retain(|type_| !self.lacks(random, &format!("Assessment/{type_}")));
        if made.is_empty() && random.chance(500) {
            return Value::Null;
        }
        let assessments = made.into_iter().map(|one| {
            json!({
                "type": one, "reference": texts::any(random, 128), "decidedOn": random.pick(&DAYS),
                "validUntil": random.chance(300).then_some("2027-12-31"),
            })
        });
        assessments.collect()
    }
}

fn purpose(random: &mut Random, allowed: &Allowed, class: &str, lack: &Lack<'_>) -> Value {
    let risks = ["Minimal", "Limited", "High", "Unacceptable"];
    let oversight = json!({
        "responsible": lack.said(random, "HumanOversight", 200),
        "procedure": lack.said(random, "HumanOversight", 128),
    });
    let undescribed =
        random.chance(lack.unguided) || random.chance(500) && lack.lacks(random, "HumanOversight");
    let oversight = if undescribed { Value::Null } else { oversight };
    json!({
        "title": texts::any(random, 200),
        "description": optional(random, json!("x")),
        "owner": { "organisation": "Region", "contact": "ai@region.example" },
        "informationClass": class,
        "personalData": random.chance(500),
        "riskClass": choose(random, &allowed.risks, &risks, lack.unguided),
        "decisionSupport": "None",
        "audience": "Staff",
        "assessments": lack.assessments(random),
        "humanOversight": oversight,
        "transparencyNotice": lack.said(random, "TransparencyNotice", 1000),
        "recordReference": lack.said(random, "RecordReference", 128),
    })
}

fn weights(random: &mut Random, allowed: &Allowed, unguided: usize) -> Value {
    let adapters = match random.below(10) {
        0..=5 => Value::Null,
        6 => json!([]),
        _ => (0..=random.below(3))
            .map(|number| {
                json!({
                    "name": format!("adapter-{number}"),
                    "source": source_of_adapter(random, allowed, unguided),
                    "digest": digest(random, unguided),
                })
            })
            .collect(),
    };
    json!({
        "source": source(random, allowed, unguided),
        "format": choose(random, &allowed.formats, &FORMATS, unguided),
        "licence": licence(random, allowed, unguided),
        "digest": digest(random, unguided),
        "adapters": adapters,
        "name": optional(random, json!("llama")),
    })
}

fn source(random: &mut Random, allowed: &Allowed, unguided: usize) -> Value {
    match random.below(8) {
        0 => {
            json!({ "persistentVolumeClaim": { "claimName": "weights", "path": optional(random, json!("")) } })
        }
        1 => {
            json!({ "mirror": { "claimName": "weights", "hub": { "endpoint": "https://hub.region.example", "repository": "a/b",
                                          "revision": &DIGITS[..40] } } })
        }
        _ => json!({
            "image": { "reference": reference(random, allowed, unguided, &[]), "path": optional(random, json!("/m")) },
            "mirror": null,
        }),
    }
}

/// Adapters are not fetched.
fn source_of_adapter(random: &mut Random, allowed: &Allowed, unguided: usize) -> Value {
    let mut source = source(random, allowed, unguided);
    if source["mirror"].take().is_object() {
        return json!({ "persistentVolumeClaim": { "claimName": "weights" } });
    }
    if let Some(fields) = source.as_object_mut() {
        fields.remove("mirror");
    }
    source
}

fn digest(random: &mut Random, unguided: usize) -> Value {
    if random.chance(unguided.max(300)) { Value::Null } else { json!(format!("sha256:{DIGITS}")) }
}

fn licence(random: &mut Random, allowed: &Allowed, unguided: usize) -> String {
    if random.chance(unguided * 2) {
        return (*random.pick(&ODD_LICENCES)).to_owned();
    }
    let mut one = || choose(random, &allowed.licences, &LICENCES, unguided);
    let (first, second) = (one(), one());
    match random.below(8) {
        0 => format!("{first} OR LicenseRef-Evil"),
        1 => format!("{first} AND {second}"),
        2 => format!("LicenseRef-Evil AND MIT OR {first} AND {second}"),
        3 if !first.contains(" WITH ") => format!("{first} WITH LLVM-exception"),
        _ => first,
    }
}

fn arguments(random: &mut Random, allowed: &Allowed, unguided: usize) -> Value {
    if random.chance(600) {
        return if random.chance(800) { Value::Null } else { json!([]) };
    }
    let mut names: Vec<String> = Vec::new();
    for _ in 0..=random.below(3) {
        let name = if random.chance(unguided * 2) {
            (*random.pick(&FURTHER_ARGUMENTS)).to_owned()
        } else {
            choose(random, &allowed.arguments, &["seed", "enforce-eager", "jinja", "unheard-of"], 400)
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.into_iter().map(|name| json!({ "name": name, "value": optional(random, json!("8")) })).collect()
}

fn accelerator(random: &mut Random, class: &str) -> Value {
    let open = InformationClass::parse(class).is_some_and(|class| class < InformationClass::Sensitive);
    match random.below(8) {
        0 => json!({}),
        1 => json!({ "partition": null, "count": 2 }),
        2 if open || random.chance(300) => json!({ "partition": "1g.10gb" }),
        3 => json!({ "vendor": "NVIDIA", "products": ["NVIDIA-H100-80GB-HBM3"] }),
        _ => Value::Null,
    }
}

fn placement(random: &mut Random, allowed: &Allowed, class: &str, unguided: usize) -> Value {
    let centres = allowed.data_centres(class);
    // Where a class is narrower than the rest, what only the class refuses is asked for now and then.
    let refused = |one: &&String| !centres.contains(one);
    let by_class: Vec<String> = allowed.data_centres("").iter().filter(refused).cloned().collect();
    if !by_class.is_empty() && random.chance(200) {
        return json!({ "dataCentres": [random.pick(&by_class)] });
    }
    match random.below(8) {
        0..=2 => Value::Null,
        3 => json!({}),
        4 => json!({ "dataCentres": null, "priority": "High" }),
        _ => {
            let mut asked: Vec<String> = Vec::new();
            for _ in 0..=random.below(2) {
                let one = choose(random, &centres, &DATA_CENTRES, unguided);
                if !asked.contains(&one) {
                    asked.push(one);
                }
            }
            if random.chance(unguided) {
                asked.push("elsewhere".to_owned());
            }
            json!({ "dataCentres": asked })
        }
    }
}

/// The same model with other values where nothing is judged.
pub fn with_unjudged_changes(random: &mut Random, model: &Value) -> Value {
    let mut changed = model.clone();
    changed["metadata"]["labels"] = json!({ "team": format!("t{}", random.below(9)) });
    let spec = &mut changed["spec"];
    match random.below(5) {
        0 => spec["suspend"] = json!(!spec["suspend"].as_bool().unwrap_or_default()),
        1 => spec["replicas"] = json!(random.below(9)),
        2 => spec["access"] = json!({ "consumers": [{ "namespace": "journal-app" }] }),
        3 => {
            spec["incidents"] =
                json!([{ "kind": "Security", "occurredOn": "2026-09-01", "reference": texts::HOSTILE[3] }]);
        }
        _ => spec["rollout"] = json!({ "drainSeconds": random.below(3600) }),
    }
    changed
}
