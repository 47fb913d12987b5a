//! `hemvist check` says of an object as it is written what the API server would say. That the API server does is shown by
//! the end-to-end test of the same objects (`e2e/tests/e2e/schema.rs`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use hemvist_api::all_definitions;
use hemvist_cli::run;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray,
};
use serde_json::Value;

const ACCEPTED: &str = "../../crds/tests/objects/accepted.yaml";
const REFUSED: &str = "../../crds/tests/objects/refused.yaml";

/// What the checker knows of schemas. `default` concerns the status alone, and `description` and `title` nobody but readers.
const KEYWORDS: [&str; 20] = [
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-validations",
    "additionalProperties",
];

fn check(file: &str) -> Value {
    check_text(file, "")
}

/// The same, with a text for the file `-`.
fn check_text(file: &str, text: &str) -> Value {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let arguments = ["hemvist", "check", file, "-o", "json", "--now", "2026-11-22"];
    run(arguments, &mut text.as_bytes(), &mut stdout, &mut stderr);
    serde_json::from_slice(&stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&stderr)))
}

/// The faults of an object as it is written, before any policy is asked.
fn as_written(object: &Value) -> Vec<&Value> {
    let findings = object["findings"].as_array().unwrap().iter();
    findings.filter(|finding| finding["reason"] == "Invalid" && finding["field"].is_null()).collect()
}

fn documents(file: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Every place of the schemas of both kinds, with its path from the root.
fn places() -> Vec<(String, JSONSchemaProps)> {
    fn walk(path: &str, schema: &JSONSchemaProps, places: &mut Vec<(String, JSONSchemaProps)>) {
        places.push((path.to_owned(), schema.clone()));
        for (name, property) in schema.properties.iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            walk(&path, property, places);
        }
        if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
            walk(&format!("{path}[]"), item, places);
        }
    }
    let mut places = Vec::new();
    for definition in all_definitions() {
        let version = definition.spec.versions.into_iter().next().unwrap();
        walk("", &version.schema.unwrap().open_api_v3_schema.unwrap(), &mut places);
    }
    places
}

/// `spec.incidents[1].reportedOn` without the number.
fn without_numbers(text: &str) -> String {
    text.split('[')
        .map(|part| part.trim_start_matches(|letter: char| letter.is_ascii_digit()))
        .collect::<Vec<_>>()
        .join("[")
}

#[test]
fn every_broken_rule_is_reported_with_its_own_message() {
    let text = std::fs::read_to_string(REFUSED).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let report = check(REFUSED);
    let models = report["models"].as_array().unwrap();
    let mut said = BTreeSet::new();
    for document in documents(REFUSED) {
        let name = &document["metadata"]["name"];
        let model = models
            .iter()
            .find(|model| model["name"] == *name)
            .unwrap_or_else(|| panic!("{name} was not read"));
        assert_eq!(model["verdict"], "Invalid", "{name}");
        let faults = as_written(model);
        let says: Vec<_> = faults.iter().map(|fault| fault["message"].as_str().unwrap()).collect();
        assert_eq!(says, [document["metadata"]["annotations"]["says"].as_str().unwrap()], "{name}");
        let line = usize::try_from(faults[0]["line"].as_u64().unwrap()).unwrap();
        assert!(lines[line - 1].ends_with("# here"), "{name}: line {line} is {:?}", lines[line - 1]);
        said.insert(without_numbers(says[0]));
    }
    let mut rules = BTreeSet::new();
    for (path, schema) in places() {
        for rule in schema.x_kubernetes_validations.iter().flatten() {
            let field = format!("{path}{}", rule.field_path.as_deref().unwrap_or_default());
            let message = rule.message.as_deref().unwrap();
            rules.insert(if field.is_empty() { message.to_owned() } else { format!("{field}: {message}") });
        }
    }
    assert!(rules.len() > 15, "only {} rules were found", rules.len());
    assert_eq!(said, rules);
}

/// The API server does not ask rules of an object of another shape, and says so; a pattern keeps it from nothing.
#[test]
fn rules_are_evaluated_where_the_api_server_evaluates_them() {
    let text = std::fs::read_to_string(ACCEPTED).unwrap();
    let model = text.split("---\n").nth(1).unwrap();
    let broken = model.replace("minReplicas: 1", "minReplicas: 4");
    let said = |text: &str| -> Vec<String> {
        let report = check_text("-", text);
        as_written(&report["models"][0])
            .iter()
            .map(|fault| fault["message"].as_str().unwrap().to_owned())
            .collect()
    };
    let rule = "spec.scaling.minReplicas: minReplicas must not be greater than maxReplicas";
    assert_eq!(said(&broken), [rule]);
    let pattern = said(&broken.replace("hostname: ai.region.example", "hostname: AI"));
    assert_eq!(pattern.len(), 2, "{pattern:?}");
    assert!(
        pattern[0].starts_with("spec.access.gateway.hostname is \"AI\", which does not match ^[a-z0-9]"),
        "{pattern:?}"
    );
    assert_eq!(pattern[1], rule);
    let shape = said(&broken.replace("strategy: Auto", "strategy: Unheard"));
    assert_eq!(
        shape,
        ["spec.rollout.strategy is \"Unheard\", but must be one of Auto, Recreate, Rolling, Surge"]
    );
}

#[test]
fn a_number_that_no_schema_allows_is_a_fault_and_no_crash() {
    let text = std::fs::read_to_string(ACCEPTED).unwrap();
    let model = text.split("---\n").nth(1).unwrap();
    for count in ["0", "-1", "-2147483648"] {
        let report = check_text("-", &model.replace("count: 4", &format!("count: {count}")));
        let faults = as_written(&report["models"][0]);
        assert_eq!(
            faults[0]["message"],
            format!("spec.accelerator.count is {count}, but must be at least 1")
        );
    }
}

#[test]
fn an_object_that_the_api_server_takes_has_no_fault() {
    let report = check(ACCEPTED);
    let objects = ["models", "policies"].into_iter().flat_map(|kind| report[kind].as_array().unwrap());
    let mut count = 0;
    for object in objects {
        assert_eq!(as_written(object), Vec::<&Value>::new(), "{}", object["name"]);
        count += 1;
    }
    assert_eq!(count, documents(ACCEPTED).len());
}

#[test]
fn the_accepted_objects_have_every_field_together() {
    fn walk(path: &str, value: &Value, seen: &mut BTreeSet<String>) {
        seen.insert(path.to_owned());
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| walk(&format!("{path}.{name}"), field, seen));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(&format!("{path}[]"), item, seen)),
            _ => {}
        }
    }
    let mut seen = BTreeSet::new();
    for document in documents(ACCEPTED) {
        walk("spec", &document["spec"], &mut seen);
    }
    let fields: BTreeSet<_> =
        places().into_iter().map(|(path, _)| path).filter(|path| path.starts_with("spec")).collect();
    assert!(fields.len() > 150, "only {} fields were found", fields.len());
    let missing: Vec<_> = fields.difference(&seen).collect();
    assert!(missing.is_empty(), "no object has {missing:?}");
}

#[test]
fn the_checker_knows_every_keyword_of_the_schemas() {
    let mut words = BTreeSet::new();
    for (_, schema) in places() {
        words.extend(serde_json::to_value(&schema).unwrap().as_object().unwrap().keys().cloned());
    }
    let unknown: Vec<_> = words.iter().filter(|word| !KEYWORDS.contains(&word.as_str())).collect();
    assert!(words.len() > 15 && unknown.is_empty(), "the checker does not know {unknown:?}");
}
