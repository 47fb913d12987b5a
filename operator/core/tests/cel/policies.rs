//! Policies whose texts can be anything, and the same policies with harmless texts.

#![allow(clippy::unwrap_used, reason = "a generator that makes an unreadable object is a fault of the test")]

use hemvist_api::AIPolicy;
use hemvist_core::snapshot::Key;
use hemvist_core::snapshot::{PolicyBook, PolicyEntry};
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Value, json};

const ROOT: &str = "hemvist-system";

/// Texts that a careless printer would let out of their literal.
pub const HOSTILE: [&str; 36] = [
    "'",
    "\"",
    "\\",
    "\\\\",
    "\\'",
    "'\\",
    "''' || true || '''",
    "\"\"\" || true || \"\"\"",
    "' || true || '",
    "\\' || true || \\'",
    "x'] || true || ['",
    "') || true || size('",
    "\n",
    "\r\n' || true || '",
    "a\0b",
    "a\tb\u{7}\u{8}\u{c}\u{b}\u{1b}",
    "\\u0027 || true || \\u0027",
    "\\x27\\047\\101\\U00000027",
    "r'",
    "r\"\"\"",
    "b'x'",
    "\u{2028}\u{2029}\u{85}",
    "\u{202e}evil\u{2066}\u{200f}",
    "\u{feff}\u{200b}\u{ad}",
    "😀👩‍⚕️",
    "e\u{301}\u{302}",
    "\u{301}",
    "object.spec == oldObject.spec",
    "variables.class",
    "// comment",
    "`ident`",
    "{'a': 1}.?b",
    "?",
    "\u{7f}\u{80}\u{9f}\u{a0}",
    "\u{10ffff}\u{e000}",
    "Åsa Öberg 医",
];

/// Which texts stand in which list, by their positions in [`HOSTILE`].
#[derive(Clone, Debug)]
pub struct Plan {
    lists: [Option<Vec<usize>>; 8],
    name: usize,
    error: usize,
    local: bool,
    broken: bool,
}

/// A plan of a policy.
pub fn plan() -> impl Strategy<Value = Plan> {
    let list = || weighted(0.25, subsequence((0..HOSTILE.len()).collect::<Vec<_>>(), 0..=2));
    let lists = (list(), list(), list(), list(), list(), list(), list(), list());
    let rest = (0..HOSTILE.len(), 0..HOSTILE.len(), any::<bool>(), prop::bool::weighted(0.1));
    (lists, rest).prop_map(|(lists, (name, error, local, broken))| Plan {
        lists: lists.into(),
        name,
        error,
        local,
        broken,
    })
}

impl Plan {
    /// A plan with these texts in every list.
    pub fn of_all(positions: &[usize]) -> Self {
        let lists = std::array::from_fn(|_| Some(positions.to_vec()));
        Self { lists, name: 4, error: 6, local: false, broken: false }
    }

    /// Whether this is one of the few for which everything that is always there is read too.
    pub fn looks_at_all(&self) -> bool {
        self.name == 0
    }

    /// The policy with the texts that `text` gives for the positions.
    pub fn book(&self, text: impl Fn(usize) -> String) -> PolicyBook {
        let list = |number: usize| {
            self.lists[number]
                .as_ref()
                .map(|positions| positions.iter().map(|one| text(*one)).collect::<Vec<_>>())
        };
        let spec = json!({
            "residency": { "regions": list(0), "dataCentres": list(1) },
            "models": { "licences": list(2), "requireDigest": true },
            "images": { "registries": list(3), "requireDigest": false },
            "engines": { "allowedArgs": list(4) },
            "informationClasses": list(5).map(|centres| json!([{
                "class": "Sensitive", "dataCentres": centres, "isolation": "WholeNode",
                "requires": { "assessments": ["DPIA"] },
            }])),
            "namespaces": if self.local { None } else { list(6) },
        });
        let namespace = if self.local { text(self.name) } else { ROOT.to_owned() };
        let key = Key::new(namespace, format!("p{}", text(self.name)));
        let entry = if self.broken {
            PolicyEntry::Unreadable { error: text(self.error) }
        } else {
            readable(&key, spec)
        };
        PolicyBook { entries: [(key, entry)].into() }
    }
}

/// A policy that can be read.
pub fn readable(key: &Key, spec: Value) -> PolicyEntry {
    let mut policy = AIPolicy::new(&key.name, serde_json::from_value(spec).unwrap());
    policy.metadata.namespace = Some(key.namespace.clone());
    PolicyEntry::Readable(Box::new(policy))
}

/// The largest policy that the schema takes: every list full, every text as long as it may be.
pub fn largest() -> PolicyBook {
    let many = |count: usize, length: usize, fill: char| -> Vec<String> {
        let text = |number: usize| format!("{number:03}{}", fill.to_string().repeat(length - 3));
        (0..count).map(text).collect()
    };
    let assessments = ["DPIA", "FRIA", "InformationSecurity", "Procurement", "Accessibility", "Climate"];
    let requires = json!({
        "assessments": assessments, "humanOversight": true, "transparencyNotice": true, "recordReference": true,
        "maxAssessmentAgeDays": 400,
    });
    let information = ["Open", "Internal", "Sensitive", "Secret"].map(|class| {
        json!({ "class": class, "dataCentres": many(64, 63, 'a'), "isolation": "WholeNode", "requires": requires })
    });
    let risk = ["Minimal", "Limited", "High", "Unacceptable"]
        .map(|class| json!({ "class": class, "requires": requires }));
    let registries: Vec<String> = (0..64).map(|number| format!("r{number:02}.{}", "a".repeat(249))).collect();
    let spec = json!({
        "namespaces": many(256, 63, 'a'),
        "enforcement": "Deny",
        "residency": { "regions": many(64, 63, 'a'), "dataCentres": many(64, 63, 'a') },
        "models": { "licences": many(64, 128, 'A'), "formats": ["Safetensors", "GGUF"], "requireDigest": true },
        "images": { "registries": registries, "requireDigest": true },
        "engines": { "types": ["VLLM", "SGLang", "LlamaCpp", "Custom"],
                     "allowedArgs": (0..64).map(|number| format!("a{number:03}{}", "a".repeat(59))).collect::<Vec<_>>() },
        "informationClasses": information,
        "riskClasses": risk,
        "unmanagedAccelerators": "Deny",
    });
    let key = Key::new(ROOT, "largest");
    PolicyBook { entries: [(key.clone(), readable(&key, spec))].into() }
}
