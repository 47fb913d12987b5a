//! What the schema of a kind says of an object, with the places in the text.
//!
//! The API server checks the same and more: patterns and CEL rules are left to it.

use std::collections::BTreeSet;

use hemvist_api::all_definitions;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

use crate::located::{Located, Node, Position};

/// Fields beside `spec` that an object may have and that are not looked into.
const OTHER_FIELDS: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// A place where an object is not as the schema of its kind says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Where it stands.
    pub position: Position,
    /// The field with what is wrong about it.
    pub message: String,
}

/// The schemas of the kinds of Hemvist.
pub struct Schemas {
    kinds: Vec<(String, JSONSchemaProps)>,
}

impl Schemas {
    /// The schemas of this version.
    pub fn new() -> Self {
        let kinds = all_definitions().into_iter().filter_map(|definition| {
            let version = definition.spec.versions.into_iter().next()?;
            Some((definition.spec.names.kind, version.schema?.open_api_v3_schema?))
        });
        Self { kinds: kinds.collect() }
    }

    /// Every fault of an object, in the order of its text. `None` where the kind is not known.
    pub fn faults(&self, kind: &str, object: &Located) -> Option<Vec<Fault>> {
        let (_, schema) = self.kinds.iter().find(|(name, _)| name == kind)?;
        let mut faults = Vec::new();
        required(schema, "", object, &mut faults);
        for (name, value) in fields(object) {
            match schema.properties.as_ref().and_then(|properties| properties.get(name)) {
                _ if OTHER_FIELDS.contains(&name.as_str()) => {}
                Some(property) => check(property, name, value, &mut faults),
                None => unknown(name, value, &mut faults),
            }
        }
        Some(faults)
    }
}

fn fields(object: &Located) -> &[(String, Located)] {
    if let Node::Fields(fields) = &object.node { fields } else { &[] }
}

fn fault(faults: &mut Vec<Fault>, path: &str, at: &Located, what: &str) {
    faults.push(Fault { position: at.position, message: format!("{path} {what}") });
}

fn unknown(path: &str, at: &Located, faults: &mut Vec<Fault>) {
    fault(faults, path, at, "is no field of this kind; without it the object would mean something else");
}

fn check(schema: &JSONSchemaProps, path: &str, value: &Located, faults: &mut Vec<Fault>) {
    if let Some(wanted) = schema.type_.as_deref().filter(|wanted| !is_of_type(&value.node, wanted)) {
        let found = described(&value.node);
        fault(faults, path, value, &format!("is {found} where {} belongs", with_article(wanted)));
        return;
    }
    if let Some(allowed) = &schema.enum_ {
        let found = value.value();
        if !allowed.iter().any(|allowed| allowed.0 == found) {
            let words: Vec<_> = allowed.iter().filter_map(|allowed| allowed.0.as_str()).collect();
            fault(
                faults,
                path,
                value,
                &format!("is {}, which is none of {}", described(&value.node), words.join(", ")),
            );
        }
    }
    match &value.node {
        Node::Fields(_) => object(schema, path, value, faults),
        Node::List(items) => list(schema, path, value, items, faults),
        Node::Text(text) => length(schema, path, value, text, faults),
        Node::Number(number) => bounds(schema, path, value, number.as_f64(), faults),
        Node::Null | Node::Bool(_) => {}
    }
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
        Node::Fields(_) => "a group of fields".to_owned(),
    }
}

fn with_article(type_: &str) -> &str {
    match type_ {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a group of fields",
        other => other,
    }
}

fn required(schema: &JSONSchemaProps, path: &str, value: &Located, faults: &mut Vec<Fault>) {
    for name in schema.required.iter().flatten().filter(|name| value.field(name).is_none()) {
        fault(faults, &below(path, name), value, "is required and missing");
    }
}

fn object(schema: &JSONSchemaProps, path: &str, value: &Located, faults: &mut Vec<Fault>) {
    required(schema, path, value, faults);
    for (name, field) in fields(value) {
        let path = below(path, name);
        let property = schema.properties.as_ref().and_then(|properties| properties.get(name));
        match (property, &schema.additional_properties) {
            (Some(property), _) => check(property, &path, field, faults),
            (None, Some(JSONSchemaPropsOrBool::Schema(others))) => check(others, &path, field, faults),
            (None, Some(JSONSchemaPropsOrBool::Bool(true))) => {}
            (None, _) if schema.x_kubernetes_preserve_unknown_fields == Some(true) => {}
            (None, _) => unknown(&path, field, faults),
        }
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn list(schema: &JSONSchemaProps, path: &str, value: &Located, items: &[Located], faults: &mut Vec<Fault>) {
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    if let Some(max) = schema.max_items.filter(|max| count > *max) {
        fault(faults, path, value, &format!("has {count} items, and {max} are the most"));
    }
    if let Some(min) = schema.min_items.filter(|min| count < *min) {
        fault(faults, path, value, &format!("has {count} items, and {min} are the least"));
    }
    let Some(JSONSchemaPropsOrArray::Schema(of_item)) = &schema.items else { return };
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        check(of_item, &path, item, faults);
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
            fault(faults, &path, item, &format!("repeats {words}, which can stand in the list once"));
        }
    }
}

fn length(schema: &JSONSchemaProps, path: &str, value: &Located, text: &str, faults: &mut Vec<Fault>) {
    let count = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if let Some(max) = schema.max_length.filter(|max| count > *max) {
        fault(faults, path, value, &format!("has {count} characters, and {max} are the most"));
    }
    if let Some(min) = schema.min_length.filter(|min| count < *min) {
        fault(faults, path, value, &format!("has {count} characters, and {min} are the least"));
    }
}

fn bounds(
    schema: &JSONSchemaProps,
    path: &str,
    value: &Located,
    number: Option<f64>,
    faults: &mut Vec<Fault>,
) {
    let Some(number) = number else { return };
    if let Some(max) = schema.maximum.filter(|max| number > *max) {
        fault(faults, path, value, &format!("is {number}, and {max} is the most"));
    }
    if let Some(min) = schema.minimum.filter(|min| number < *min) {
        fault(faults, path, value, &format!("is {number}, and {min} is the least"));
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
            "2: spce is no field",
            "4: spec.enforcement is \"Deney\", which is none of ",
            "6: spec.residency.dataCentre is no field",
            "7: spec.residency.regions[1] repeats \"se-f\"",
            "8: spec.namespaces is \"halsa\" where a list belongs",
            "10: spec.models.requireDigest is empty where true or false belongs",
            "14: spec.informationClasses[1].requires.maxAssessmentAgeDays is 0, and 1 is the least",
            "13: spec.informationClasses[1] repeats \"Open\"",
            "15: spec.informationClasses[2].class is required and missing",
            "16: spec.quota.accelerators is 1.5 where a whole number belongs",
            "17: spec.decision.title has 0 characters, and 1 are the least",
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
        assert_eq!(faults("ModelDeployment", "kind: ModelDeployment\n"), ["1: spec is required and missing"]);
    }

    #[test]
    fn status_and_metadata_are_the_api_servers() {
        assert_eq!(faults("AIPolicy", "spec: {}\nstatus: {x: 1}\nmetadata: {y: 1}\n"), Vec::<String>::new());
    }
}
