//! One thing that is not allowed in a model that is allowed otherwise, so that no other rule hides the one that covers it.

use serde_json::{Value, json};

use super::{DIGITS, ODD_LICENCES, ODD_REFERENCES};
use crate::policies::{CLASSES, DATA_CENTRES, ENGINES, FORMATS, LICENCES};
use crate::random::Random;

/// Risk classes, also the one that no policy can allow.
const RISKS: [&str; 4] = ["Minimal", "Limited", "High", "Unacceptable"];

/// Gives one field a value that is not guided by what is allowed.
pub fn break_one_rule(random: &mut Random, spec: &mut Value) {
    match random.below(3) {
        0 => break_purpose(random, &mut spec["purpose"]),
        1 => break_weights(random, &mut spec["model"]),
        _ => break_rest(random, spec),
    }
}

fn break_purpose(random: &mut Random, purpose: &mut Value) {
    match random.below(8) {
        0 => purpose["informationClass"] = json!(random.pick(&CLASSES)),
        1..=3 => purpose["riskClass"] = json!(random.pick(&RISKS)),
        4 => purpose["assessments"] = Value::Null,
        5 => purpose["humanOversight"] = Value::Null,
        6 => purpose["transparencyNotice"] = Value::Null,
        _ => purpose["recordReference"] = Value::Null,
    }
}

fn break_weights(random: &mut Random, model: &mut Value) {
    let odd = json!({ "image": { "reference": odd_reference(random) } });
    match random.below(5) {
        0 => model["format"] = json!(random.pick(&FORMATS)),
        1 => model["licence"] = json!(random.pick(&LICENCES)),
        2 => model["licence"] = json!(random.pick(&ODD_LICENCES)),
        3 => model["source"] = odd,
        _ => model["adapters"] = json!([{ "name": "odd", "source": odd }]),
    }
}

fn break_rest(random: &mut Random, spec: &mut Value) {
    match random.below(5) {
        0 => spec["engine"]["type"] = json!(random.pick(&ENGINES)),
        1 => spec["engine"]["image"] = json!(odd_reference(random)),
        2 => spec["engine"]["args"] = json!([{ "name": "jinja" }]),
        3 => spec["placement"] = json!({ "dataCentres": [random.pick(&DATA_CENTRES)] }),
        _ => spec["accelerator"] = json!({ "partition": "1g.10gb" }),
    }
}

/// A reference that is not what it seems, with a digest or with nearly one.
fn odd_reference(random: &mut Random) -> String {
    let digest = *random.pick(&[DIGITS, &DIGITS[1..]]);
    format!("{}@sha256:{digest}", random.pick(&ODD_REFERENCES))
}
