//! Random exceptions: duties that a policy waives for one model, for a time, and much that only looks like it.

use serde_json::{Value, json};

use crate::random::Random;
use crate::texts::{self, HOSTILE};

/// Days on which duties begin and exceptions end: before, on and after the day of judgement, and one that no calendar has.
pub const DAYS: [&str; 5] = ["2024-02-29", "2026-10-31", "2026-11-01", "2027-05-02", "2026-02-30"];

/// Models that exceptions name.
pub const MODELS: [&str; 4] = ["pilot", "journal", "triage", "screening"];

/// A namespace that nobody has.
pub const ELSEWHERE: &str = "elsewhere";

/// What the names of stored models begin with, so that no other is made of the same name.
pub const STORED: &str = "stored-";

/// Everything that can be waived.
pub const WAIVABLE: [&str; 10] = [
    "Assessment/DPIA",
    "Assessment/FRIA",
    "Assessment/InformationSecurity",
    "Assessment/Procurement",
    "Assessment/Accessibility",
    "Assessment/Climate",
    "AssessmentAge",
    "HumanOversight",
    "TransparencyNotice",
    "RecordReference",
];

/// What cannot be waived, and what is not written as it has to be.
const NOT_WAIVABLE: [&str; 10] = [
    "Residency",
    "Clearance",
    "UnacceptableRisk",
    "Assessment",
    "Assessment/",
    "Assessment/Horoscope",
    "Assessment/DPIA/FRIA",
    "humanOversight",
    "RecordReference ",
    "assessments",
];

/// The exceptions of a policy that applies to `namespace`; `per_mille` is how often it has any. The schema takes only one for
/// a model, and the compiler has to be safe with more.
pub fn stated(random: &mut Random, namespace: &str, per_mille: usize) -> Value {
    if !random.chance(per_mille) {
        return if random.chance(100) { json!([]) } else { Value::Null };
    }
    (0..=random.below(5)).map(|_| one(random, namespace)).collect()
}

fn one(random: &mut Random, namespace: &str) -> Value {
    let model = match random.below(20) {
        0 => (*random.pick(&HOSTILE)).to_owned(),
        1..=4 => format!("{STORED}{}", random.pick(&MODELS)),
        _ => (*random.pick(&MODELS)).to_owned(),
    };
    // Other namespaces have policies of their own, which do not say so.
    let elsewhere = ["ns-1", "ns-2", ELSEWHERE, "' in ['", ""];
    let namespace = if random.chance(900) { namespace } else { *random.pick(&elsewhere) };
    let last_day = if random.chance(650) { "2027-05-02" } else { *random.pick(&DAYS) };
    json!({
        "namespace": namespace,
        "modelDeployment": model,
        "waives": waives(random),
        "reason": texts::any(random, 1000),
        "approvedBy": texts::any(random, 200),
        "expiresOn": last_day,
    })
}

fn waives(random: &mut Random) -> Vec<&'static str> {
    let most = match random.below(10) {
        0 => 0,
        1..=3 => WAIVABLE.len(),
        _ => 1 + random.below(6),
    };
    let mut waived = random.some(&WAIVABLE, most);
    if waived.is_empty() || random.chance(200) {
        waived.push(*random.pick(&NOT_WAIVABLE));
    }
    waived
}

/// An exception as policies of the root namespace make it, through `last_day`.
pub fn exception(namespace: &str, model: &str, waives: &[&str], last_day: &str) -> Value {
    json!({
        "namespace": namespace, "modelDeployment": model, "waives": waives, "reason": "A pilot.",
        "approvedBy": "The chief of information security", "expiresOn": last_day,
    })
}
