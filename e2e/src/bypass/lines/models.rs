//! B27 to B31, and the rules of the policies themselves: ModelDeployments that break one.

use serde_json::{Value, json};

use super::creations;
use crate::bypass::actor::Actor;
use crate::bypass::attempt::{Attempts, Standing};
use crate::bypass::call::Call;
use crate::bypass::change::{every_way, merge};
use crate::bypass::kinds;
use crate::bypass::shapes::{compliant_pod, workload_of};
use crate::bypass::situation::{LOOSENERS, ModelObjects, Situation};
use crate::models::{image, local_policy};

const PEOPLE: [Actor; 2] = [Actor::TenantEdit, Actor::TenantAdmin];

/// All of them.
pub fn attempts(situation: &Situation) -> Attempts {
    let mut attempts = Attempts::default();
    for (id, faults) in [("open", faults_of_the_region()), ("sensitive", faults_of_the_department())] {
        if let Some(model) = situation.models.get(id) {
            broken_rules(&mut attempts, id, model, &faults);
        }
    }
    if let Some(open) = situation.models.get("open") {
        loosening(&mut attempts, open);
        injections(&mut attempts, open);
        references(&mut attempts, open);
        arguments(&mut attempts, open);
        sizes(&mut attempts, open);
    }
    attempts
}

/// A model like another, elsewhere or with another name, and as nobody has written it yet.
pub fn like(model: &ModelObjects, namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": model.model["apiVersion"],
        "kind": "ModelDeployment",
        "metadata": {"namespace": namespace, "name": name},
        "spec": model.model["spec"],
    })
}

fn like_with(model: &ModelObjects, name: &str, change: &Value) -> Value {
    let namespace = model.model["metadata"]["namespace"].as_str().unwrap_or_default();
    let mut object = like(model, namespace, name);
    merge(&mut object, change);
    object
}

type Fault = (&'static str, Value);

fn purpose(change: Value) -> Value {
    let mut whole = json!({"spec": {}});
    whole["spec"]["purpose"] = change;
    whole
}

fn faults_of_the_region() -> Vec<Fault> {
    let reference =
        |reference: &str| json!({"spec": {"model": {"source": {"image": {"reference": reference}}}}});
    let engine = |change: Value| json!({"spec": {"engine": change}});
    let assessment = |kind: &str| json!({"type": kind, "reference": "RJL 1", "decidedOn": "2026-09-01", "validUntil": "2027-09-01"});
    let both = json!([assessment("DPIA"), assessment("InformationSecurity")]);
    let oversight = json!({"responsible": "Chef", "procedure": "RJL 1"});
    let claim = json!({"image": null, "persistentVolumeClaim": {"claimName": "vikter", "path": "x.gguf"}});
    vec![
        ("unacceptable-risk", purpose(json!({"riskClass": "Unacceptable"}))),
        ("secret", purpose(json!({"informationClass": "Secret"}))),
        ("engine-from-elsewhere", engine(json!({"image": image("vllm", 'a').replace("region", "foreign")}))),
        ("engine-by-tag", engine(json!({"image": "registry.region.example/vllm/vllm-openai:v1"}))),
        ("model-from-elsewhere", reference(&image("m", 'a').replace("region", "foreign"))),
        ("model-by-tag", reference("registry.region.example/models/qwen3-8b:1")),
        ("weights-without-digest", json!({"spec": {"model": {"source": claim}}})),
        ("other-licence", json!({"spec": {"model": {"licence": "LicenseRef-Proprietary"}}})),
        ("part-of-a-licence", json!({"spec": {"model": {"licence": "Apache-2.0 AND GPL-3.0-only"}}})),
        ("sglang", engine(json!({"type": "SGLang"}))),
        ("custom-engine", engine(json!({"type": "Custom"}))),
        ("no-notice", purpose(json!({"transparencyNotice": null}))),
        ("another-data-centre", json!({"spec": {"placement": {"dataCentres": ["moln-1"]}}})),
        (
            "sensitive-without-assessments",
            purpose(
                json!({"informationClass": "Sensitive", "assessments": null, "humanOversight": oversight}),
            ),
        ),
        (
            "sensitive-with-one-assessment",
            purpose(
                json!({"informationClass": "Sensitive", "assessments": [assessment("DPIA")], "humanOversight": oversight}),
            ),
        ),
        (
            "sensitive-without-oversight",
            purpose(json!({"informationClass": "Sensitive", "assessments": both})),
        ),
        ("code-of-the-model", engine(json!({"args": [{"name": "trust-remote-code"}]}))),
    ]
}

fn faults_of_the_department() -> Vec<Fault> {
    let assessment = |kind: &str| json!({"type": kind, "reference": "RJL 1", "decidedOn": "2026-09-01", "validUntil": "2027-09-01"});
    vec![
        ("class-that-the-department-leaves-out", purpose(json!({"informationClass": "Open"}))),
        ("licence-that-the-department-leaves-out", json!({"spec": {"model": {"licence": "BSD-3-Clause"}}})),
        (
            "data-centre-that-the-department-leaves-out",
            json!({"spec": {"placement": {"dataCentres": ["jkpg-b"]}}}),
        ),
        ("no-registry-number", purpose(json!({"recordReference": null}))),
        ("no-oversight", purpose(json!({"humanOversight": null}))),
        ("no-assessments", purpose(json!({"assessments": []}))),
        ("no-dpia", purpose(json!({"assessments": [assessment("InformationSecurity")]}))),
        ("unacceptable-risk", purpose(json!({"riskClass": "Unacceptable"}))),
    ]
}

/// Each rule, by everyone and in every way that an object can come about or change.
fn broken_rules(attempts: &mut Attempts, id: &str, model: &ModelObjects, faults: &[Fault]) {
    for (what, change) in faults {
        let object = like_with(model, "ny-modell", change);
        for actor in PEOPLE {
            let what = format!("{what}-like-{id}");
            attempts.add_ways("B33", actor, &format!("new-{what}"), creations(&object));
            attempts.add_ways("B33", actor, &format!("changed-{what}"), every_way(&model.model, "", change));
        }
    }
}

/// A local policy that allows everything, and then what the region does not.
fn loosening(attempts: &mut Attempts, open: &ModelObjects) {
    let wide = json!({
        "enforcement": "Audit",
        "unmanagedAccelerators": "RequireResidency",
        "residency": {"regions": ["se-f", "no-03"], "dataCentres": ["jkpg-a", "jkpg-b", "moln-1"]},
        "informationClasses": [{"class": "Open"}, {"class": "Internal"}, {"class": "Sensitive"}, {"class": "Secret"}],
        "riskClasses": [{"class": "Minimal"}, {"class": "Limited"}, {"class": "High"}, {"class": "Unacceptable"}],
        "models": {
            "licences": ["Apache-2.0", "LicenseRef-Proprietary", "MIT"],
            "formats": ["Safetensors", "GGUF"],
            "requireDigest": false,
        },
        "images": {"registries": ["registry.region.example", "registry.foreign.example"], "requireDigest": false},
        "engines": {"types": ["VLLM", "LlamaCpp", "SGLang", "Custom"], "allowedArgs": ["trust-remote-code"]},
    });
    let waivers = json!([{
        "namespace": LOOSENERS, "modelDeployment": "ny-modell", "waives": ["InformationClass"], "reason": "I say so",
        "approvedBy": "I", "expiresOn": "2027-06-01",
    }]);
    let mut waiving = wide.clone();
    waiving["exceptions"] = waivers;
    let mut naming = wide.clone();
    naming["namespaces"] = json!([LOOSENERS]);
    for (which, spec) in [("wide", &wide), ("waiving", &waiving), ("naming-namespaces", &naming)] {
        let policy = local_policy(LOOSENERS, which, spec);
        let apply = Call::apply(&kinds::item_of(&policy), &policy);
        for (what, change) in faults_of_the_region() {
            let mut object = like(open, LOOSENERS, "ny-modell");
            merge(&mut object, &change);
            let attempt = attempts.add("B27", Actor::TenantAdmin, which, what, Call::create(&object));
            attempt.before.push((Actor::TenantAdmin, apply.clone()));
        }
        for kind in ["Pod", "Deployment", "Job"] {
            let object = workload_of(kind, &compliant_pod(LOOSENERS, "egen", "Open"));
            let what = format!("gpu-{}", kind.to_lowercase());
            let attempt = attempts.add("B27", Actor::TenantAdmin, which, &what, Call::create(&object));
            attempt.before.push((Actor::TenantAdmin, apply.clone()));
            attempt.by_identity = true;
        }
    }
}

/// Texts that mean something to CEL, to templates and to shells.
const INJECTIONS: [(&str, &str); 12] = [
    ("or-true", "x\" || true || \""),
    ("or-true-with-single-quotes", "x' || true || '"),
    ("triple-quotes", "x\"\"\" || true || \"\"\""),
    ("raw", "r'x' || true || r'"),
    ("backslash-at-the-end", "x\\"),
    ("newline", "x\n|| true"),
    ("escaped-quote", "x\\\" || true"),
    ("unicode-quote", "x\\u0022 || true"),
    ("template", "{{ true }} ${true} $(true)"),
    ("comment", "x' //"),
    ("line-separator", "x\u{2028}|| true"),
    ("no-character", "x\u{200b}\u{202e}eurt ||"),
];

fn injections(attempts: &mut Attempts, open: &ModelObjects) {
    let foreign = json!({"spec": {"engine": {"image": image("vllm", 'a').replace("region", "foreign")}}});
    for (name, text) in INJECTIONS {
        for (field, change) in [
            ("title", purpose(json!({"title": text}))),
            ("organisation", purpose(json!({"owner": {"organisation": text, "contact": text}}))),
            ("record", purpose(json!({"recordReference": text}))),
            ("annotation", json!({"metadata": {"annotations": {"example.org/x": text}}})),
        ] {
            let mut object = like_with(open, "ny-modell", &foreign);
            merge(&mut object, &change);
            let what = format!("{name}-in-{field}");
            attempts.add("B28", Actor::TenantEdit, "create", &what, Call::create(&object));
        }
        // In a policy whose decision ends up in messages, and then a pod and a model that nothing allows.
        let spec = json!({"decision": {"title": text, "reference": text, "decidedBy": text, "decidedOn": "2026-06-16"}});
        let policy = local_policy(LOOSENERS, &format!("text-{name}"), &spec);
        let apply = Call::apply(&kinds::item_of(&policy), &policy);
        let mut model = like(open, LOOSENERS, "ny-modell");
        merge(&mut model, &foreign);
        for (what, object) in [("gpu-pod", compliant_pod(LOOSENERS, "egen", "Open")), ("model", model)] {
            let what = format!("{what}-after-{name}");
            let attempt = attempts.add("B28", Actor::TenantAdmin, "policy", &what, Call::create(&object));
            attempt.before.push((Actor::TenantAdmin, apply.clone()));
            attempt.by_identity = object["kind"] == "Pod";
        }
    }
}

/// References that look like the region's, and addresses that are no images at all.
fn references(attempts: &mut Attempts, open: &ModelObjects) {
    let digest = format!("@sha256:{}", "a".repeat(64));
    let schema = Some(Standing::Schema("should match"));
    let list = [
        ("registry-as-a-prefix", format!("registry.region.example.evil.example/x{digest}"), None),
        ("registry-as-a-prefix-of-a-letter", format!("registry.region.examplex/x{digest}"), None),
        ("registry-as-a-folder", format!("evil.example/registry.region.example/x{digest}"), None),
        ("registry-as-a-user", format!("registry.region.example@evil.example/x{digest}"), None),
        ("registry-at-another-port", format!("registry.region.example:5000/x{digest}"), None),
        ("registry-in-capitals", format!("REGISTRY.REGION.EXAMPLE.evil.example/x{digest}"), None),
        ("no-registry", format!("library/x{digest}"), None),
        ("metadata-service", format!("http://169.254.169.254/latest{digest}"), None),
        ("file", format!("file:///etc/shadow{digest}"), None),
        ("claim-elsewhere", format!("pvc://halsa/vikter{digest}"), None),
        ("short-digest", format!("registry.region.example/x@sha256:{}", "a".repeat(63)), None),
        ("no-digits-in-the-digest", format!("registry.region.example/x@sha256:{}", "z".repeat(64)), None),
        ("other-digest", format!("registry.region.example/x@sha512:{}", "a".repeat(64)), None),
        ("parent-folder", format!("../x{digest}"), schema),
        ("space", format!("registry.region.example/x y{digest}"), schema),
        ("query", format!("registry.region.example/x?y{digest}"), schema),
        ("substitution", format!("$(registry)/x{digest}"), schema),
    ];
    for (what, reference, standing) in list {
        for (field, change) in [
            ("engine", json!({"spec": {"engine": {"image": reference}}})),
            ("model", json!({"spec": {"model": {"source": {"image": {"reference": reference}}}}})),
        ] {
            let call = Call::create(&like_with(open, "ny-modell", &change));
            let what = format!("{field}-{what}");
            attempts.add("B30", Actor::TenantEdit, "create", &what, call).standing = standing;
        }
    }
    let claim = |claim: &str, path: &str| {
        json!({"spec": {"model": {
            "digest": format!("sha256:{}", "a".repeat(64)),
            "source": {"image": null, "persistentVolumeClaim": {"claimName": claim, "path": path}},
        }}})
    };
    for (what, change) in [
        ("claim-of-another-namespace", claim("halsa/vikter", "x")),
        ("path-above-the-claim", claim("vikter", "../../etc")),
        ("path-from-the-root", claim("vikter", "/etc/shadow")),
    ] {
        let call = Call::create(&like_with(open, "ny-modell", &change));
        attempts.add("B30", Actor::TenantEdit, "create", what, call).standing = schema;
    }
}

fn arguments(attempts: &mut Attempts, open: &ModelObjects) {
    let schema = Some(Standing::Schema("should match"));
    let list = [
        ("trust-remote-code", json!({"name": "trust-remote-code"}), None),
        ("host", json!({"name": "host", "value": "0.0.0.0"}), None),
        ("api-key", json!({"name": "api-key", "value": "x"}), None),
        ("load-format", json!({"name": "load-format", "value": "pt"}), None),
        ("download-dir", json!({"name": "download-dir", "value": "x"}), None),
        ("name-with-dashes", json!({"name": "--trust-remote-code"}), schema),
        ("name-with-a-value", json!({"name": "max-num-seqs=1", "value": "1"}), schema),
        ("value-with-dashes", json!({"name": "max-num-seqs", "value": "--trust-remote-code"}), schema),
        ("value-of-a-shell", json!({"name": "max-num-seqs", "value": "1;curl evil.example"}), schema),
        (
            "value-that-is-substituted",
            json!({"name": "max-num-seqs", "value": "$(curl evil.example)"}),
            schema,
        ),
        ("value-with-a-newline", json!({"name": "max-num-seqs", "value": "1\n--trust-remote-code"}), schema),
        ("value-with-a-space", json!({"name": "max-num-seqs", "value": "1 --trust-remote-code"}), schema),
    ];
    for (what, argument, standing) in list {
        let change = json!({"spec": {"engine": {"args": [argument]}}});
        for (way, call) in creations(&like_with(open, "ny-modell", &change)) {
            attempts.add("B29", Actor::TenantEdit, way, what, call).standing = standing;
        }
    }
    for name in ["--trust-remote-code", "a b", "x;y", "$(x)", "x\ny"] {
        let change = json!({"spec": {"model": {"name": name}}});
        let call = Call::create(&like_with(open, "ny-modell", &change));
        let what = format!("model-name-{}", name.escape_debug());
        attempts.add("B29", Actor::TenantEdit, "create", &what, call).standing = schema;
    }
}

/// One more than what the schema takes.
fn sizes(attempts: &mut Attempts, open: &ModelObjects) {
    let many = |count: usize, of: &dyn Fn(usize) -> Value| Value::Array((0..count).map(of).collect());
    let argument = |number: usize| json!({"name": format!("a{number}"), "value": "1"});
    let assessment = |number: usize| json!({"type": "DPIA", "reference": format!("RJL {number}"), "decidedOn": "2026-09-01"});
    let consumer = |number: usize| json!({"namespace": format!("n{number}")});
    let list = [
        ("title", purpose(json!({"title": "x".repeat(201)})), "Too long"),
        ("description", purpose(json!({"description": "x".repeat(2001)})), "Too long"),
        ("image", json!({"spec": {"engine": {"image": format!("a{}", "b".repeat(512))}}}), "Too long"),
        ("arguments", json!({"spec": {"engine": {"args": many(33, &argument)}}}), "Too many"),
        ("very-many-arguments", json!({"spec": {"engine": {"args": many(10_000, &argument)}}}), "Too many"),
        ("assessments", purpose(json!({"assessments": many(17, &assessment)})), "Too many"),
        ("consumers", json!({"spec": {"access": {"consumers": many(65, &consumer)}}}), "Too many"),
        ("replicas", json!({"spec": {"replicas": 1001}}), "should be less than or equal to 1000"),
        ("name", json!({"metadata": {"name": "x".repeat(41)}}), "must be at most 40 characters"),
        ("megabytes", purpose(json!({"description": "x".repeat(1_400_000)})), "Too long"),
    ];
    for (what, change, message) in list {
        let object = like_with(open, "ny-modell", &change);
        let standing = Some(Standing::Schema(message));
        attempts
            .add("B31", Actor::TenantEdit, "create", &format!("too-much-{what}"), Call::create(&object))
            .standing = standing;
    }
    // All that fits, and one thing that no policy allows: the rules must not have run out of what they may spend.
    let types = ["DPIA", "FRIA", "InformationSecurity", "Procurement", "Accessibility", "Climate"];
    let one_of_each =
        many(6, &|number| json!({"type": types[number], "reference": "RJL 1", "decidedOn": "2026-09-01"}));
    let change = json!({"spec": {
        "purpose": {"description": "x".repeat(2000), "riskClass": "Unacceptable", "assessments": one_of_each},
        "access": {"consumers": many(64, &consumer)},
    }});
    let call = Call::create(&like_with(open, "ny-modell", &change));
    attempts.add("B31", Actor::TenantEdit, "create", "all-that-fits-and-unacceptable", call);
}
