//! What the schema of a kind and its rules say of an object, with the places in the text: what the API server checks when
//! the object is created, without one.
//!
//! Stricter in two points, where it would only ignore it: a field that nobody knows, and a field without a value.

mod fault;
mod rules;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use hemvist_api::all_definitions;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

use regex::Regex;

use crate::located::{Located, Node};
use fault::below;
use rules::Evaluator;

pub use fault::Fault;

/// Fields beside `spec` that an object may have and that are not looked into.
const OTHER_FIELDS: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// The faults of one object as they are found.
#[derive(Default)]
struct Faults {
    found: Vec<Fault>,
    /// Whether one of them keeps the API server from asking the rules: a value of another type, one of no enumeration, too
    /// much of it, or one that is missing.
    blocking: bool,
}

/// The schemas of the kinds of Hemvist.
pub struct Schemas {
    kinds: Vec<(String, JSONSchemaProps)>,
    rules: Evaluator,
    /// Patterns that have been asked for. One is in many objects.
    patterns: RefCell<BTreeMap<String, Result<Regex, String>>>,
}

impl Schemas {
    /// The schemas of this version.
    pub fn new() -> Self {
        let kinds = all_definitions().into_iter().filter_map(|definition| {
            let version = definition.spec.versions.into_iter().next()?;
            Some((definition.spec.names.kind, version.schema?.open_api_v3_schema?))
        });
        Self { kinds: kinds.collect(), rules: Evaluator::new(), patterns: RefCell::default() }
    }

    /// Every fault of an object: those of its schema in the order of its text, and then those of its rules. `None` where the
    /// kind is not known.
    pub fn faults(&self, kind: &str, object: &Located) -> Option<Vec<Fault>> {
        let (_, schema) = self.kinds.iter().find(|(name, _)| name == kind)?;
        let mut faults = Faults::default();
        required(schema, "", object, &mut faults);
        for (name, value) in object.fields() {
            match schema.properties.as_ref().and_then(|properties| properties.get(name)) {
                _ if OTHER_FIELDS.contains(&name.as_str()) => {}
                Some(property) => self.check(property, name, value, &mut faults),
                None => unknown(name, value, &mut faults),
            }
        }
        if !faults.blocking {
            faults.found.extend(self.rules.broken(schema, object));
        }
        Some(faults.found)
    }

    fn check(&self, schema: &JSONSchemaProps, path: &str, value: &Located, faults: &mut Faults) {
        if let Some(wanted) = schema.type_.as_deref().filter(|wanted| !is_of_type(&value.node, wanted)) {
            let found = described(&value.node);
            faults.block(path, value, &format!("is {found}, but must be {}", with_article(wanted)));
            return;
        }
        if let Some(allowed) = &schema.enum_ {
            let found = value.value();
            if !allowed.iter().any(|allowed| allowed.0 == found) {
                let words: Vec<_> = allowed.iter().filter_map(|allowed| allowed.0.as_str()).collect();
                faults.block(
                    path,
                    value,
                    &format!("is {}, but must be one of {}", described(&value.node), words.join(", ")),
                );
            }
        }
        match &value.node {
            Node::Fields(_) => self.object(schema, path, value, faults),
            Node::List(items) => self.list(schema, path, value, items, faults),
            Node::Text(text) => {
                length(schema, path, value, text, faults);
                self.pattern(schema, path, value, text, faults);
            }
            Node::Number(number) => bounds(schema, path, value, number.as_f64(), faults),
            Node::Null | Node::Bool(_) => {}
        }
    }

    fn object(&self, schema: &JSONSchemaProps, path: &str, value: &Located, faults: &mut Faults) {
        required(schema, path, value, faults);
        for (name, field) in value.fields() {
            let path = below(path, name);
            let property = schema.properties.as_ref().and_then(|properties| properties.get(name));
            match (property, &schema.additional_properties) {
                (Some(property), _) => self.check(property, &path, field, faults),
                (None, Some(JSONSchemaPropsOrBool::Schema(others))) => {
                    self.check(others, &path, field, faults);
                }
                (None, Some(JSONSchemaPropsOrBool::Bool(true))) => {}
                (None, _) if schema.x_kubernetes_preserve_unknown_fields == Some(true) => {}
                (None, _) => unknown(&path, field, faults),
            }
        }
    }

    fn list(
        &self,
        schema: &JSONSchemaProps,
        path: &str,
        value: &Located,
        items: &[Located],
        faults: &mut Faults,
    ) {
        let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
        if let Some(max) = schema.max_items.filter(|max| count > *max) {
            faults.block(path, value, &format!("has {count} items, but must have at most {max}"));
        }
        if let Some(min) = schema.min_items.filter(|min| count < *min) {
            faults.add(path, value, &format!("has {count} items, but must have at least {min}"));
        }
        let Some(JSONSchemaPropsOrArray::Schema(of_item)) = &schema.items else { return };
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            self.check(of_item, &path, item, faults);
            let identity = match schema.x_kubernetes_list_type.as_deref() {
                Some("map") => {
                    let keys = schema.x_kubernetes_list_map_keys.iter().flatten();
                    keys.map(|key| item.field(key).map(Located::value).unwrap_or_default().to_string())
                        .collect::<Vec<_>>()
                }
                Some("set") => vec![item.value().to_string()],
                _ => continue,
            };
            let words = identity.join(" and ");
            if !seen.insert(identity) {
                faults.add(&path, item, &format!("repeats {words}, which must be unique in the list"));
            }
        }
    }

    fn pattern(
        &self,
        schema: &JSONSchemaProps,
        path: &str,
        value: &Located,
        text: &str,
        faults: &mut Faults,
    ) {
        let Some(pattern) = &schema.pattern else { return };
        let mut patterns = self.patterns.borrow_mut();
        let compiled = patterns
            .entry(pattern.clone())
            .or_insert_with(|| Regex::new(pattern).map_err(|error| error.to_string()));
        match compiled {
            Ok(regex) if regex.is_match(text) => {}
            Ok(_) => faults.add(path, value, &format!("is {text:?}, which does not match {pattern}")),
            Err(error) => faults.add(path, value, &format!("cannot be held to {pattern}: {error}")),
        }
    }
}

impl Faults {
    fn add(&mut self, path: &str, at: &Located, what: &str) {
        self.found.push(Fault { position: at.position, message: format!("{path} {what}") });
    }

    fn block(&mut self, path: &str, at: &Located, what: &str) {
        self.blocking = true;
        self.add(path, at, what);
    }
}

fn unknown(path: &str, at: &Located, faults: &mut Faults) {
    faults.add(path, at, "is not a field of this kind");
}

fn is_of_type(node: &Node, wanted: &str) -> bool {
    match node {
        Node::Null => false,
        Node::Bool(_) => wanted == "boolean",
        Node::Number(number) => wanted == "number" || (wanted == "integer" && !number.is_f64()),
        Node::Text(_) => wanted == "string",
        Node::List(_) => wanted == "array",
        Node::Fields(_) => wanted == "object",
    }
}

fn described(node: &Node) -> String {
    match node {
        Node::Null => "empty".to_owned(),
        Node::Bool(value) => value.to_string(),
        Node::Number(number) => number.to_string(),
        Node::Text(text) => format!("{text:?}"),
        Node::List(_) => "a list".to_owned(),
        Node::Fields(_) => "an object".to_owned(),
    }
}

fn with_article(type_: &str) -> &str {
    match type_ {
        "string" => "a text",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "a boolean",
        "array" => "a list",
        "object" => "an object",
        other => other,
    }
}

fn required(schema: &JSONSchemaProps, path: &str, value: &Located, faults: &mut Faults) {
    for name in schema.required.iter().flatten().filter(|name| value.field(name).is_none()) {
        faults.block(&below(path, name), value, "is required");
    }
}

fn length(schema: &JSONSchemaProps, path: &str, value: &Located, text: &str, faults: &mut Faults) {
    let count = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if let Some(max) = schema.max_length.filter(|max| count > *max) {
        faults.block(path, value, &format!("has {count} characters, but must have at most {max}"));
    }
    if let Some(min) = schema.min_length.filter(|min| count < *min) {
        faults.add(path, value, &format!("has {count} characters, but must have at least {min}"));
    }
}

/// The bounds of the schema, and those of the format that it names.
fn bounds(schema: &JSONSchemaProps, path: &str, value: &Located, number: Option<f64>, faults: &mut Faults) {
    let Some(number) = number else { return };
    let (least, most) = match schema.format.as_deref() {
        Some("int32") => (Some(f64::from(i32::MIN)), Some(f64::from(i32::MAX))),
        _ => (None, None),
    };
    if let Some(max) = schema.maximum.or(most).filter(|max| number > *max) {
        faults.add(path, value, &format!("is {number}, but must be at most {max}"));
    }
    if let Some(min) = schema.minimum.or(least).filter(|min| number < *min) {
        faults.add(path, value, &format!("is {number}, but must be at least {min}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(kind: &str, text: &str) -> Vec<String> {
        let object: Located = serde_saphyr::from_str(text).unwrap();
        let faults = Schemas::new().faults(kind, &object).unwrap();
        faults.into_iter().map(|fault| format!("{}: {}", fault.position.line, fault.message)).collect()
    }

    #[test]
    fn every_kind_of_fault_is_found_where_it_stands() {
        let text = "\
kind: AIPolicy
spce: {}
spec:
  enforcement: Deney
  residency:
    dataCentre: [a]
    regions: [se-f, se-f]
  namespaces: halsa
  models:
    requireDigest:
  informationClasses:
    - class: Open
    - class: Open
      requires: {maxAssessmentAgeDays: 0}
    - {}
  quota: {accelerators: 1.5}
  decision: {title: \"\"}
";
        let found = faults("AIPolicy", text);
        let expected = [
            "2: spce is not a field",
            "4: spec.enforcement is \"Deney\", but must be one of ",
            "6: spec.residency.dataCentre is not a field",
            "7: spec.residency.regions[1] repeats \"se-f\"",
            "8: spec.namespaces is \"halsa\", but must be a list",
            "10: spec.models.requireDigest is empty, but must be a boolean",
            "14: spec.informationClasses[1].requires.maxAssessmentAgeDays is 0, but must be at least 1",
            "13: spec.informationClasses[1] repeats \"Open\"",
            "15: spec.informationClasses[2].class is required",
            "16: spec.quota.accelerators is 1.5, but must be an integer",
            "17: spec.decision.title has 0 characters, but must have at least 1",
        ];
        for wanted in expected {
            assert!(
                found.iter().any(|fault| fault.starts_with(wanted)),
                "{wanted}\nnot in\n{}",
                found.join("\n")
            );
        }
    }

    #[test]
    fn an_object_without_spec_lacks_it() {
        assert_eq!(faults("ModelDeployment", "kind: ModelDeployment\n"), ["1: spec is required"]);
    }

    #[test]
    fn status_and_metadata_are_the_api_servers() {
        assert_eq!(faults("AIPolicy", "spec: {}\nstatus: {x: 1}\nmetadata: {y: 1}\n"), Vec::<String>::new());
    }
}
