//! Each rule by itself, and which policy is reported.

use std::collections::BTreeSet;

use hemvist_api::values::{DataCentre, Enforcement, InformationClass, Isolation, RiskClass};
use serde_json::{Value, json};

use super::fixture::{DIGEST, book, check, effective, model, region, reported, with};
use super::{EffectivePolicy, PolicyBook, PolicyEntry};
use crate::snapshot::{Key, Settings};
use crate::violation::Violation;

#[test]
fn what_the_region_allows_is_allowed() {
    assert_eq!(reported(&check(&effective(region(), &[]), model())), Vec::<String>::new());
}

/// One change of the model, and what the region's policy has to find: field and reason, or nothing.
type Case = (&'static str, Value, &'static str);

fn assert_found(cases: Vec<Case>) {
    let policy = effective(region(), &[]);
    for (pointer, value, expected) in cases {
        let found = reported(&check(&policy, with(model(), pointer, value.clone())));
        let expected = if expected.is_empty() { vec![] } else { vec![format!("{expected} by region")] };
        assert_eq!(found, expected, "{pointer} = {value}");
    }
}

#[test]
fn each_field_of_the_purpose_is_judged() {
    const VALID_UNTIL: &str = "spec.purpose.assessments[type=DPIA].validUntil: AssessmentExpired";
    const DECIDED_ON: &str = "spec.purpose.assessments[type=DPIA].decidedOn: AssessmentExpired";
    const OVERSIGHT: &str = "spec.purpose.humanOversight: HumanOversightMissing";
    let dpia = |decided: &str, valid: &str| json!([{"type": "DPIA", "reference": "R 1", "decidedOn": decided, "validUntil": valid}]);
    let fria = json!([{"type": "FRIA", "reference": "R 1", "decidedOn": "2026-05-02"}]);
    assert_found(vec![
        (
            "/purpose/informationClass",
            json!("Secret"),
            "spec.purpose.informationClass: InformationClassNotAllowed",
        ),
        ("/purpose/riskClass", json!("Minimal"), "spec.purpose.riskClass: RiskClassNotAllowed"),
        ("/purpose/humanOversight", Value::Null, OVERSIGHT),
        ("/purpose/humanOversight/procedure", json!(" \u{200b} - "), OVERSIGHT),
        ("/purpose/assessments", fria, "spec.purpose.assessments: AssessmentMissing"),
        ("/purpose/assessments", dpia("2026-05-02", "2026-11-01"), ""),
        ("/purpose/assessments", dpia("2026-05-02", "2026-10-31"), VALID_UNTIL),
        ("/purpose/assessments", dpia("2026-05-02", "2027-02-30"), VALID_UNTIL),
        ("/purpose/assessments", dpia("2025-11-01", "2027-11-01"), ""),
        ("/purpose/assessments", dpia("2025-10-31", "2027-11-01"), DECIDED_ON),
        ("/purpose/assessments", dpia("2026-11-01", "2027-11-01"), ""),
        ("/purpose/assessments", dpia("2026-11-02", "2027-11-01"), DECIDED_ON),
    ]);
}

#[test]
fn each_field_of_model_engine_and_placement_is_judged() {
    const LICENCE: &str = "spec.model.licence: LicenceNotAllowed";
    const ADAPTER: &str = "spec.model.adapters[name=sv].source.image.reference: RegistryNotAllowed";
    let claim = json!({"persistentVolumeClaim": {"claimName": "weights"}});
    let adapter =
        json!([{"name": "sv", "source": {"image": {"reference": format!("docker.io/sv@{DIGEST}")}}}]);
    let by_tag = json!("registry.region.example/llama:v1");
    let no_registry = json!(format!("vllm/vllm@{DIGEST}"));
    assert_found(vec![
        ("/model/licence", json!("GPL-3.0"), LICENCE),
        ("/model/licence", json!("GPL-3.0 OR MIT"), ""),
        ("/model/licence", json!("MIT OR"), LICENCE),
        ("/model/format", json!("GGUF"), "spec.model.format: FormatNotAllowed"),
        ("/model/source", claim, "spec.model.digest: DigestMissing"),
        ("/model/source/image/reference", by_tag.clone(), "spec.model.source.image.reference: DigestMissing"),
        ("/model/adapters", adapter, ADAPTER),
        ("/engine/type", json!("SGLang"), "spec.engine.type: EngineNotAllowed"),
        ("/engine/image", no_registry, "spec.engine.image: RegistryNotAllowed"),
        ("/engine/image", by_tag, "spec.engine.image: DigestMissing"),
        (
            "/placement/dataCentres",
            json!(["jkpg-a", "varnamo"]),
            "spec.placement.dataCentres: DataCentreNotAllowed",
        ),
        ("/placement", Value::Null, ""),
    ]);
}

#[test]
fn unacceptable_risk_is_refused_whatever_a_policy_lists() {
    let region = with(region(), "/riskClasses", json!([{"class": "Unacceptable"}]));
    let asked = with(model(), "/purpose/riskClass", json!("Unacceptable"));
    let only = vec!["spec.purpose.riskClass: RiskClassUnacceptable by nobody".to_owned()];
    assert_eq!(reported(&check(&effective(region, &[]), asked.clone())), only);
    let nobody = EffectivePolicy::for_namespace(&PolicyBook::default(), &Settings::default(), "halsa");
    assert!(reported(&check(&nobody, asked)).contains(&only[0]));
}

#[test]
fn a_list_that_the_region_does_not_state_allows_nothing() {
    for (pointer, field, policy_field) in [
        ("/informationClasses", "spec.purpose.informationClass", "spec.informationClasses"),
        ("/riskClasses", "spec.purpose.riskClass", "spec.riskClasses"),
        ("/models/licences", "spec.model.licence", "spec.models.licences"),
        ("/models/formats", "spec.model.format", "spec.models.formats"),
        ("/images/registries", "spec.engine.image", "spec.images.registries"),
        ("/engines/types", "spec.engine.type", "spec.engines.types"),
    ] {
        // What a department states does not stand in for what the region leaves out.
        let policy = effective(with(region(), pointer, Value::Null), &[region()]);
        let violations = check(&policy, model());
        let unstated =
            violations.iter().find(|violation| violation.field == field && violation.rule.is_none());
        let finding = format!("{:?}", unstated.map(|violation| &violation.finding));
        assert!(finding.contains(policy_field), "{pointer}: {finding}");
    }
}

#[test]
fn data_centres_are_stated_for_all_classes_or_for_the_class() {
    let by_class = with(region(), "/residency/dataCentres", Value::Null);
    assert_eq!(check(&effective(by_class.clone(), &[]), model()), []);
    let open = with(model(), "/purpose/informationClass", json!("Open"));
    let expected = ["spec.placement.dataCentres: DataCentreNotAllowed by nobody"];
    assert_eq!(reported(&check(&effective(by_class, &[]), open)), expected);
}

#[test]
fn every_policy_that_refuses_is_named_once() {
    let local = json!({"models": {"licences": ["MIT"]}, "residency": {"dataCentres": ["jkpg-b"]},
                       "informationClasses": [{"class": "Sensitive", "dataCentres": ["jkpg-b"]}]});
    let asked = with(model(), "/model/licence", json!("GPL-3.0"));
    assert_eq!(
        reported(&check(&effective(region(), &[local]), asked)),
        [
            "spec.model.licence: LicenceNotAllowed by first",
            "spec.model.licence: LicenceNotAllowed by region",
            "spec.placement.dataCentres: DataCentreNotAllowed by first",
        ]
    );
}

#[test]
fn policies_have_to_agree_on_one_choice() {
    let local = |licence: &str, data_centre: &str| json!({"models": {"licences": [licence]}, "residency": {"dataCentres": [data_centre]}});
    let policy = effective(region(), &[local("MIT", "jkpg-a"), local("Apache-2.0", "jkpg-b")]);
    let asked = with(with(model(), "/model/licence", json!("MIT OR Apache-2.0")), "/placement", Value::Null);
    let found = reported(&check(&policy, asked));
    assert!(found.contains(&"spec.model.licence: LicenceNotAllowed by region".to_owned()), "{found:?}");
    let exhausted = "spec.purpose.informationClass: DataCentreNotAllowed by second".to_owned();
    assert!(found.contains(&exhausted), "{found:?}");
}

#[test]
fn regions_have_to_be_left_where_they_are_stated() {
    let abroad = json!({"residency": {"regions": ["dk-81"]}});
    let found = reported(&check(&effective(region(), std::slice::from_ref(&abroad)), model()));
    assert_eq!(found, ["spec.purpose.informationClass: RegionNotAllowed by region"]);
    let unset = with(region(), "/residency/regions", Value::Null);
    assert_eq!(check(&effective(unset, &[abroad]), model()), []);
}

#[test]
fn duties_apply_from_their_day_and_at_once_where_the_day_is_invalid() {
    let high = |day: &str| with(region(), "/riskClasses/1/requires/notBefore", json!(day));
    let expected = [
        "spec.purpose.assessments: AssessmentMissing by region",
        "spec.purpose.recordReference: RecordReferenceMissing by region",
        "spec.purpose.transparencyNotice: TransparencyNoticeMissing by region",
    ];
    for (day, binds) in [("2026-11-02", false), ("2026-11-01", true), ("2026-02-30", true)] {
        let found = reported(&check(&effective(high(day), &[]), model()));
        assert_eq!(found, if binds { expected.to_vec() } else { vec![] }, "{day}");
    }
}

#[test]
fn the_least_greatest_age_wins_for_every_required_assessment() {
    let local = json!({"riskClasses": [{"class": "High", "requires": {"maxAssessmentAgeDays": 90}}]});
    let found = reported(&check(&effective(region(), &[local]), model()));
    assert_eq!(found, ["spec.purpose.assessments[type=DPIA].decidedOn: AssessmentExpired by first"]);
}

#[test]
fn nothing_is_allowed_where_no_policy_is_known_to_bind() {
    let settings =
        Settings { ungoverned_namespaces: BTreeSet::from(["skunk".to_owned()]), ..Settings::default() };
    let mut book = book(&[
        ("hemvist-system", "region", with(region(), "/namespaces", json!(["halsa", "skunk"]))),
        ("skola", "own", region()),
        ("trafik", "own", region()),
    ]);
    let broken = PolicyEntry::Unreadable { error: "unknown field `x`".to_owned() };
    book.entries.insert(Key::new("trafik", "broken"), broken.clone());
    let refused = |book: &PolicyBook, namespace: &str| {
        let policy = EffectivePolicy::for_namespace(book, &settings, namespace);
        let clearance = policy.clearance(InformationClass::Sensitive, None);
        let closed = clearance.data_centres.is_empty() && clearance.levels.is_empty();
        let violations = check(&policy, model());
        assert_eq!(closed, !violations.is_empty(), "{namespace}");
        assert!(!closed || (policy.allowed_args().is_empty() && policy.enforcement() == Enforcement::Deny));
        violations.iter().map(|violation| violation.reason().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(refused(&book, "halsa"), Vec::<String>::new());
    assert_eq!(refused(&book, "skola"), ["NoPolicy"]);
    assert_eq!(refused(&book, "trafik"), ["PolicyUnreadable"]);
    assert_eq!(refused(&book, "skunk"), ["NoPolicy"]);
    assert_eq!(refused(&book, "hemvist-system"), ["NoPolicy"]);
    // One that cannot be read in the root namespace may apply to every namespace.
    book.entries.insert(Key::new("hemvist-system", "broken"), broken);
    assert_eq!(refused(&book, "halsa"), ["PolicyUnreadable"]);
    assert_eq!(refused(&book, "skola"), ["PolicyUnreadable"]);
}

#[test]
fn a_root_policy_applies_to_the_namespaces_that_it_names() {
    for (names, binds) in
        [(json!(["halsa"]), true), (json!(["skola"]), false), (json!([]), false), (Value::Null, true)]
    {
        let policy = effective(with(region(), "/namespaces", names.clone()), &[]);
        assert_eq!(check(&policy, model()).is_empty(), binds, "{names}");
    }
}

#[test]
fn a_local_policy_cannot_weaken_enforcement_isolation_or_arguments() {
    let unset = with(region(), "/enforcement", Value::Null);
    let warn = with(region(), "/enforcement", json!("Warn"));
    let local = |value: &str| json!({"enforcement": value});
    for (region, local, expected) in [
        (unset.clone(), vec![], Enforcement::Deny),
        (unset, vec![local("Audit")], Enforcement::Deny),
        (warn.clone(), vec![], Enforcement::Warn),
        (warn.clone(), vec![local("Audit")], Enforcement::Warn),
        (warn, vec![local("Deny")], Enforcement::Deny),
    ] {
        assert_eq!(effective(region, &local).enforcement(), expected, "{local:?}");
    }

    let local = json!({"engines": {"allowedArgs": ["seed", "trust-remote-code"]},
                       "informationClasses": [{"class": "Sensitive", "isolation": "Shared"}]});
    let policy = effective(region(), std::slice::from_ref(&local));
    assert_eq!(policy.allowed_args(), BTreeSet::from(["seed".to_owned()]));
    assert_eq!(policy.isolation(InformationClass::Sensitive), Isolation::WholeDevice);
    assert_eq!(policy.isolation(InformationClass::Open), Isolation::Shared);
    let unset = with(region(), "/engines/allowedArgs", Value::Null);
    assert_eq!(effective(unset, &[local]).allowed_args(), BTreeSet::new());
}

#[test]
fn the_clearance_says_who_limits_it() {
    let local = json!({"residency": {"dataCentres": ["jkpg-a", "utrecht"]}});
    let policy = effective(region(), &[local]);
    let asked = [DataCentre::from("jkpg-a"), DataCentre::from("varnamo")];
    let clearance = policy.clearance(InformationClass::Sensitive, Some(&asked));
    assert_eq!(clearance.data_centres, BTreeSet::from(["jkpg-a".to_owned()]));
    assert_eq!(clearance.regions, Some(BTreeSet::from(["se-f".to_owned()])));
    assert_eq!(clearance.levels, BTreeSet::from([InformationClass::Sensitive, InformationClass::Secret]));
    assert_eq!(
        clearance.reason,
        "AIPolicy halsa/first allows jkpg-a, utrecht; AIPolicy hemvist-system/region allows jkpg-a, jkpg-b; \
         the model asks for jkpg-a, varnamo"
    );
    assert!(policy.clearance(InformationClass::Secret, None).levels.is_empty());
}

#[test]
fn the_policies_in_use_are_listed_with_their_fields() {
    let local = json!({"informationClasses": [{"class": "Open", "isolation": "WholeNode"}]});
    let uses = effective(region(), &[local]).uses(InformationClass::Sensitive, RiskClass::Limited);
    let names: Vec<_> =
        uses.iter().map(|used| (used.name.as_str(), used.generation, used.fields.len())).collect();
    assert_eq!(names, [("first", 3, 1), ("region", 3, 17)]);
    let fields = &uses[1].fields;
    assert!(fields.contains(&"spec.informationClasses[class=Sensitive].requires.assessments".to_owned()));
    assert!(!fields.iter().any(|field| field.contains("class=High")), "{fields:?}");
}

#[test]
fn fields_that_have_no_effect_are_reported() {
    let local = json!({
        "namespaces": ["skola"],
        "exceptions": [{"namespace": "halsa", "modelDeployment": "pilot", "waives": ["Assessment/DPIA"],
                        "reason": "pilot", "approvedBy": "CISO", "expiresOn": "2026-12-31"}],
        "enforcement": "Audit",
        "informationClasses": [
            {"class": "Sensitive", "dataCentres": ["varnamo"], "isolation": "Shared",
             "requires": {"humanOversight": false, "maxAssessmentAgeDays": 400}},
            {"class": "Secret"},
        ],
        "riskClasses": [{"class": "High", "requires": {"recordReference": false}}],
        "residency": {"regions": ["se-f"], "dataCentres": ["jkpg-c"]},
        "models": {"licences": ["MIT", "GPL-3.0"], "formats": ["GGUF"], "requireDigest": false},
        "images": {"registries": ["registry.region.example/models", "docker.io"]},
        "engines": {"types": ["SGLang"], "allowedArgs": ["trust-remote-code"]},
    });
    let settings = Settings::default();
    let fields = |region: Value| {
        let book = book(&[("hemvist-system", "region", region), ("halsa", "own", local.clone())]);
        assert_eq!(super::fields_without_effect(&book, &settings, &Key::new("hemvist-system", "region")), []);
        let fields = super::fields_without_effect(&book, &settings, &Key::new("halsa", "own"));
        fields.into_iter().map(|entry| format!("{}: {}", entry.field, entry.message)).collect::<Vec<_>>()
    };
    let found = fields(region());
    let expected = "spec.residency.dataCentres: jkpg-c is not allowed by AIPolicy hemvist-system/region and stays not \
                    allowed";
    assert!(found.contains(&expected.to_owned()), "{found:#?}");
    let names: Vec<&str> =
        found.iter().filter_map(|line| line.split_once(": ").map(|(field, _)| field)).collect();
    assert_eq!(
        names,
        [
            "spec.namespaces",
            "spec.exceptions",
            "spec.residency.dataCentres",
            "spec.models.licences",
            "spec.models.formats",
            "spec.images.registries",
            "spec.engines.types",
            "spec.engines.allowedArgs",
            "spec.informationClasses",
            "spec.models.requireDigest",
            "spec.enforcement",
            "spec.informationClasses[class=Sensitive].dataCentres",
            "spec.informationClasses[class=Sensitive].isolation",
            "spec.informationClasses[class=Sensitive].requires.humanOversight",
            "spec.informationClasses[class=Sensitive].requires.maxAssessmentAgeDays",
            "spec.riskClasses[class=High].requires.recordReference",
        ]
    );
    assert_eq!(fields(json!({"namespaces": []})).len(), 2, "without a region there is nothing to measure by");
}

#[test]
fn a_refusal_names_field_rule_policy_and_way_out() {
    let policy = effective(region(), &[]);
    let message = |pointer: &str, value| {
        let violations = check(&policy, with(model(), pointer, value));
        violations.iter().map(Violation::message).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        message("/engine/image", json!(format!("docker.io/vllm@{DIGEST}"))),
        format!(
            "spec.engine.image: registry of docker.io/vllm@{DIGEST} is not allowed by AIPolicy hemvist-system/region \
             (spec.images.registries), which allows registry.region.example. Copy the image to an allowed registry and \
             reference it there by digest. A reference without a registry means docker.io."
        )
    );
    assert_eq!(
        message("/purpose/assessments", json!([])),
        "spec.purpose.assessments: assessment DPIA is missing; it is required by AIPolicy hemvist-system/region \
         (spec.informationClasses[class=Sensitive].requires.assessments). Carry out the assessment and add it to \
         spec.purpose.assessments with type DPIA."
    );
    assert_eq!(
        message("/purpose/riskClass", json!("Unacceptable")),
        "spec.purpose.riskClass: risk class Unacceptable is prohibited by Article 5 of the AI Act (Regulation (EU) \
         2024/1689). No policy can allow it."
    );
}

#[test]
fn a_refusal_says_what_all_policies_allow_where_that_is_less() {
    let policy = effective(region(), &[json!({"models": {"licences": ["MIT"]}})]);
    let message = |licence: &str| {
        let violations = check(&policy, with(model(), "/model/licence", json!(licence)));
        violations.iter().map(Violation::message).collect::<Vec<_>>()
    };
    let refused = message("Zlib").join("\n");
    for words in [
        "AIPolicy halsa/first (spec.models.licences), which allows MIT. ",
        "AIPolicy hemvist-system/region (spec.models.licences), which allows Apache-2.0, MIT; all AIPolicies of this \
         namespace together allow MIT. ",
    ] {
        assert!(refused.contains(words), "{refused}");
    }
    assert_eq!(message("MIT"), Vec::<String>::new());
}
