//! Random policies and models. The values come from small pools in which much is allowed, so that a case often hangs on
//! one limit only.

#![allow(clippy::unwrap_used, reason = "a generator that makes an unreadable object is a fault of the test")]

use std::collections::BTreeMap;

use hemvist_api::ai_policy::Exception;
use hemvist_api::{AIPolicy, ModelDeployment};
use hemvist_core::snapshot::{Key, Settings};
use hemvist_core::snapshot::{PolicyBook, PolicyEntry};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

/// The root namespace.
pub const ROOT: &str = "hemvist-system";

/// The namespace of the model.
pub const HOME: &str = "halsa";

/// The name of the model.
pub const NAME: &str = "journal";

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const CLASSES: &[&str] = &["Open", "Internal", "Sensitive", "Secret"];
const RISKS: &[&str] = &["Minimal", "Limited", "High"];
const ASSESSMENTS: &[&str] = &["DPIA", "FRIA", "InformationSecurity"];
const DATA_CENTRES: &[&str] = &["jkpg-a", "jkpg-b", "varnamo"];
const REGIONS: &[&str] = &["se-f", "se-g"];
const LICENCES: &[&str] = &["Apache-2.0", "MIT", "GPL-2.0-only", "GPL-2.0-only WITH Classpath-exception-2.0"];
const EXPRESSIONS: &[&str] = &[
    "Apache-2.0",
    "MIT",
    "MIT OR Apache-2.0",
    "MIT AND Apache-2.0",
    "MIT AND Apache-2.0 OR GPL-2.0-only AND Apache-2.0",
    "GPL-2.0-only WITH Classpath-exception-2.0",
];
const FORMATS: &[&str] = &["Safetensors", "GGUF"];
const REGISTRIES: &[&str] = &["r.example", "r.example/models", "r.example/vllm", "mirror.example:5000"];
const ENGINES: &[&str] = &["VLLM", "LlamaCpp"];
const ARGUMENTS: &[&str] = &["seed", "max-num-seqs"];
const DAYS: &[&str] = &[
    "2024-02-29",
    "2026-05-02",
    "2026-10-31",
    "2026-11-01",
    "2026-11-04",
    "2026-12-06",
    "2027-05-02",
    "2026-02-30",
];
const WAIVERS: &[&str] = &[
    "Assessment/DPIA",
    "Assessment/FRIA",
    "AssessmentAge",
    "HumanOversight",
    "RecordReference",
    "Residency",
];

/// How often a field is left out.
#[derive(Clone, Copy)]
pub enum Fields {
    /// Never: every list and every switch is stated.
    All,
    /// Now and then, as in a region.
    Most,
    /// Mostly, as in a department.
    Few,
}

impl Fields {
    /// The value, if it is stated.
    fn maybe<S: Strategy + 'static>(self, value: S) -> BoxedStrategy<Option<S::Value>> {
        match self {
            Self::All => value.prop_map(Some).boxed(),
            Self::Most => weighted(0.97, value).boxed(),
            Self::Few => weighted(0.2, value).boxed(),
        }
    }
}

/// Policies by namespace and name, in the order of their making.
pub type Policies = Vec<(Key, PolicyEntry)>;

/// The settings of every case.
pub fn settings() -> Settings {
    Settings { root_namespace: ROOT.to_owned(), ..Settings::default() }
}

/// A book of the policies.
pub fn book(policies: &[(Key, PolicyEntry)]) -> PolicyBook {
    PolicyBook { entries: policies.iter().cloned().collect::<BTreeMap<_, _>>() }
}

/// Policies of the region, of the department and of another one, with every name once.
pub fn policies() -> impl Strategy<Value = Policies> {
    (
        vec(policy(ROOT, Fields::Most), 0..3),
        vec(policy(HOME, Fields::Few), 0..3),
        policy("skola", Fields::Most),
    )
        .prop_map(|(region, department, other)| {
            let all = region.into_iter().chain(department).chain([other]);
            all.map(named).collect::<BTreeMap<_, _>>().into_iter().collect()
        })
}

/// A policy anywhere, sometimes one that cannot be read, with a name of its own.
pub fn newcomer() -> impl Strategy<Value = (Key, PolicyEntry)> {
    let namespace = select(vec![ROOT, HOME, "skola"]);
    let entry = namespace.prop_flat_map(|namespace| {
        let fields = if namespace == ROOT { Fields::Most } else { Fields::Few };
        (Just(namespace), policy(namespace, fields), prop::bool::weighted(0.1))
    });
    entry.prop_map(|(namespace, (_, _, spec), broken)| {
        let (key, entry) = named((namespace, "newcomer", spec));
        (key, if broken { unreadable() } else { entry })
    })
}

/// The same policies, those of the region with exceptions for the model and for others.
pub fn with_exceptions(policies: impl Strategy<Value = Policies>) -> impl Strategy<Value = Policies> {
    (policies, vec(exceptions(), 4)).prop_map(|(mut policies, mut excepted)| {
        for (key, entry) in &mut policies {
            if let PolicyEntry::Readable(policy) = entry
                && key.namespace == ROOT
            {
                policy.spec.exceptions = excepted.pop();
            }
        }
        policies
    })
}

fn exceptions() -> impl Strategy<Value = Vec<Exception>> {
    let one = (
        select(vec![HOME, HOME, HOME, "skola"]),
        select(vec![NAME, NAME, NAME, "other"]),
        subsequence(WAIVERS, 1..=4),
        select(DAYS),
    );
    vec(one, 0..3).prop_map(|all| {
        let stated = all.into_iter().map(|(namespace, model, waives, day)| {
            let stated = json!({"namespace": namespace, "modelDeployment": model, "waives": waives, "reason": "r",
                                "approvedBy": "a", "expiresOn": day});
            serde_json::from_value(stated).unwrap()
        });
        stated.collect()
    })
}

/// A policy of the region that states every list and binds every namespace.
pub fn complete_region() -> impl Strategy<Value = (Key, PolicyEntry)> {
    policy(ROOT, Fields::All).prop_map(|(namespace, _, mut spec)| {
        spec.as_object_mut().unwrap().remove("namespaces");
        named((namespace, "complete", spec))
    })
}

/// A policy that cannot be read.
pub fn unreadable() -> PolicyEntry {
    PolicyEntry::Unreadable { error: "unknown variant".to_owned() }
}

/// A model that asks for what many policies allow.
pub fn model() -> impl Strategy<Value = ModelDeployment> {
    let purpose = (select(CLASSES), select(RISKS), vec(assessment(), 0..3), any::<[bool; 3]>());
    let rest = (
        select(EXPRESSIONS),
        select(FORMATS),
        select(ENGINES),
        select(vec!["r.example/vllm/openai", "r.example/x", "mirror.example:5000/vllm"]),
        prop::bool::weighted(0.9),
        weighted(0.5, subsequence(DATA_CENTRES, 1..=2)),
    );
    (purpose, rest).prop_map(
        |((class, risk, assessments, said), (licence, format, engine, image, digest, asked))| {
            let at = |name: &str| if digest { format!("{name}@{DIGEST}") } else { format!("{name}:v1") };
            let assessments: BTreeMap<String, Value> =
                assessments.into_iter().map(|one| (one["type"].to_string(), one)).collect();
            let whole = json!({
                "purpose": {
                    "title": "t", "owner": {"organisation": "o", "contact": "c"},
                    "informationClass": class, "personalData": true, "riskClass": risk,
                    "decisionSupport": "None", "audience": "Staff",
                    "humanOversight": said[0].then(|| json!({"responsible": "r", "procedure": "p"})),
                    "transparencyNotice": said[1].then_some("n"),
                    "recordReference": said[2].then_some("d"),
                    "assessments": assessments.into_values().collect::<Vec<_>>(),
                },
                "model": {"source": {"image": {"reference": at("r.example/models/llama")}}, "format": format,
                          "licence": licence},
                "engine": {"type": engine, "image": at(image)},
                "placement": {"dataCentres": asked},
            });
            let mut model = ModelDeployment::new(NAME, serde_json::from_value(whole).unwrap());
            model.metadata.namespace = Some(HOME.to_owned());
            model.metadata.uid = Some("u-1".to_owned());
            model.metadata.generation = Some(1);
            model.metadata.creation_timestamp = Some(Time("2020-01-01T00:00:00Z".parse().unwrap()));
            model
        },
    )
}

/// A policy with this specification.
pub fn policy_of(namespace: &str, name: &str, spec: Value) -> (Key, PolicyEntry) {
    named((namespace, name, spec))
}

/// A model that asks for nothing but its class, perhaps a data centre, and perhaps brings an assessment.
pub fn plain_model(class: &str, data_centre: Option<&str>, assessed: bool) -> ModelDeployment {
    let assessments =
        assessed.then(|| json!([{"type": "DPIA", "reference": "R", "decidedOn": "2026-05-02"}]));
    let spec = json!({
        "purpose": {
            "title": "t", "owner": {"organisation": "o", "contact": "c"}, "informationClass": class,
            "personalData": false, "riskClass": "Minimal", "decisionSupport": "None", "audience": "Staff",
            "assessments": assessments,
        },
        "model": {"source": {"image": {"reference": "r.example/models/llama:v1"}}, "format": "Safetensors",
                  "licence": "MIT"},
        "engine": {"type": "VLLM", "image": "r.example/vllm:v1"},
        "placement": {"dataCentres": data_centre.map(|data_centre| vec![data_centre])},
    });
    let mut model = ModelDeployment::new(NAME, serde_json::from_value(spec).unwrap());
    model.metadata.namespace = Some(HOME.to_owned());
    model
}

/// A model whose texts are arbitrary, as they can be in a file that no API server has seen.
pub fn any_model() -> impl Strategy<Value = ModelDeployment> {
    (model(), "\\PC{0,40}", "[a-z.:/@ ()]{0,40}", "[0-9-]{0,12}", "[A-Z ()+.]{0,30}").prop_map(
        |(mut model, any, image, day, licence)| {
            model.spec.engine.image = image.as_str().into();
            model.spec.model.licence = licence.as_str().into();
            model.spec.purpose.transparency_notice = Some(any);
            for assessment in model.spec.purpose.assessments.iter_mut().flatten() {
                assessment.decided_on = day.as_str().into();
            }
            model
        },
    )
}

fn named((namespace, name, spec): (&str, &str, Value)) -> (Key, PolicyEntry) {
    let mut policy = AIPolicy::new(name, serde_json::from_value(spec).unwrap());
    policy.metadata.generation = Some(1);
    (Key::new(namespace, name), PolicyEntry::Readable(Box::new(policy)))
}

fn policy(
    namespace: &'static str,
    fields: Fields,
) -> impl Strategy<Value = (&'static str, &'static str, Value)> {
    let lists = (
        list(REGIONS, fields),
        list(DATA_CENTRES, fields),
        list(LICENCES, fields),
        list(FORMATS, fields),
        list(REGISTRIES, fields),
        list(ENGINES, fields),
        list(ARGUMENTS, fields),
    );
    let classes = (classes(CLASSES, fields, true), classes(RISKS, fields, false));
    let rest = (
        fields.maybe(select(vec!["Audit", "Warn", "Deny"])),
        weighted(0.2, subsequence(vec![HOME, "skola"], 0..=2)),
        any::<[Option<bool>; 2]>(),
        select(vec!["a", "b", "c", "d"]),
        fields.maybe(select(vec![0, 4, 16])),
        fields.maybe(select(vec!["RequireResidency", "Deny"])),
        weighted(0.5, select(DAYS)),
    );
    (lists, classes, rest).prop_map(
        move |(
            lists,
            (classes, risks),
            (enforcement, namespaces, digest, name, quota, unmanaged, review),
        )| {
            let (regions, data_centres, licences, formats, registries, engines, args) = lists;
            let spec = json!({
                "enforcement": enforcement, "namespaces": namespaces,
                "informationClasses": classes, "riskClasses": risks,
                "quota": {"accelerators": quota}, "unmanagedAccelerators": unmanaged,
                "climate": {"monthlyKWh": quota.map(|quota| quota * 100)},
                "decision": review.map(|day| json!({"title": "t", "reference": "r", "decidedBy": "d",
                                                    "decidedOn": "2026-01-01", "reviewBy": day})),
                "residency": {"regions": regions, "dataCentres": data_centres},
                "models": {"licences": licences, "formats": formats, "requireDigest": digest[0]},
                "images": {"registries": registries, "requireDigest": digest[1]},
                "engines": {"types": engines, "allowedArgs": args},
            });
            (namespace, name, spec)
        },
    )
}

fn list(pool: &'static [&'static str], fields: Fields) -> impl Strategy<Value = Option<Vec<&'static str>>> {
    let values = prop_oneof![8 => Just(pool.to_vec()), 2 => subsequence(pool, 0..=pool.len())];
    fields.maybe(values)
}

/// The rules of some classes, mostly of all.
fn classes(
    pool: &'static [&'static str],
    fields: Fields,
    information: bool,
) -> impl Strategy<Value = Option<Vec<Value>>> {
    let listed = prop_oneof![9 => Just(pool.to_vec()), 1 => subsequence(pool, 0..=pool.len())];
    let rules = listed.prop_flat_map(move |listed| {
        let rules: Vec<_> = listed.into_iter().map(|class| rule(class, information, fields)).collect();
        rules
    });
    fields.maybe(rules)
}

fn rule(class: &'static str, information: bool, fields: Fields) -> BoxedStrategy<Value> {
    let requires = (
        weighted(0.2, subsequence(ASSESSMENTS, 0..=2)),
        weighted(0.2, select(vec![100, 200, 4000])),
        weighted(0.5, select(DAYS)),
        any::<[Option<bool>; 3]>(),
    );
    let requires = requires.prop_map(move |(assessments, age, day, switches)| {
        let mut requires = json!({"assessments": assessments, "maxAssessmentAgeDays": age});
        for (name, value) in
            ["humanOversight", "transparencyNotice", "recordReference"].into_iter().zip(switches)
        {
            requires[name] = json!(value);
        }
        if !information {
            requires["notBefore"] = json!(day);
        }
        requires
    });
    let on_expiry = (select(vec!["Warn", "Stop"]), weighted(0.7, select(vec![0, 3, 30])));
    let limits = (
        list(DATA_CENTRES, Fields::Few),
        weighted(0.3, select(vec!["Shared", "Partition", "WholeNode"])),
        fields.maybe(on_expiry),
    );
    (weighted(0.3, requires), limits)
        .prop_map(move |(requires, (data_centres, isolation, on_expiry))| {
            let mut rule = json!({"class": class, "requires": requires});
            if information {
                rule["dataCentres"] = json!(data_centres);
                rule["isolation"] = json!(isolation);
                rule["onExpiry"] =
                    json!(on_expiry.map(|(action, days)| json!({"action": action, "graceDays": days})));
            }
            rule
        })
        .boxed()
}

fn assessment() -> impl Strategy<Value = Value> {
    (select(ASSESSMENTS), select(DAYS), weighted(0.7, select(DAYS))).prop_map(|(type_, decided, valid)| {
        json!({"type": type_, "reference": "R", "decidedOn": decided, "validUntil": valid})
    })
}
