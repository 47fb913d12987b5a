//! Changes of an object, each at one place, that its schema says something about.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray,
};
use serde_json::{Value, json};

/// An object that is no longer as its schema says, perhaps.
pub struct Change {
    /// What was changed where.
    pub what: String,
    pub object: Value,
}

/// Every change of the object's spec.
pub fn changes(schema: &JSONSchemaProps, object: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    let spec = schema.properties.as_ref().and_then(|properties| properties.get("spec"));
    if let Some(spec) = spec {
        walk(spec, "/spec", object, &mut changes);
    }
    changes
}

fn walk(schema: &JSONSchemaProps, pointer: &str, object: &Value, changes: &mut Vec<Change>) {
    let Some(value) = object.pointer(pointer) else { return };
    for (what, other) in others(schema, value) {
        let mut object = object.clone();
        if let Some(place) = object.pointer_mut(pointer) {
            *place = other;
            changes.push(Change { what: format!("{pointer} {what}"), object });
        }
    }
    for (name, property) in schema.properties.iter().flatten() {
        walk(property, &format!("{pointer}/{name}"), object, changes);
    }
    if let (Some(JSONSchemaPropsOrArray::Schema(item)), Some(items)) = (&schema.items, value.as_array()) {
        for index in 0..items.len() {
            walk(item, &format!("{pointer}/{index}"), object, changes);
        }
    }
}

/// Other values for a place, each of which breaks what the schema says of it, or is right at its border.
fn others(schema: &JSONSchemaProps, value: &Value) -> Vec<(&'static str, Value)> {
    let mut others = match value {
        Value::String(text) => of_text(schema, text),
        Value::Number(_) => of_number(schema),
        Value::Bool(_) => vec![("is a text", json!("true"))],
        Value::Array(items) => of_list(schema, items),
        Value::Object(fields) => {
            let mut unknown = fields.clone();
            unknown.insert("unheard".to_owned(), json!(1));
            let mut others = vec![("has an unknown field", Value::Object(unknown)), ("is a list", json!([]))];
            for name in schema.required.iter().flatten() {
                let mut less = fields.clone();
                less.remove(name);
                others.push(("lacks a field", Value::Object(less)));
            }
            others
        }
        Value::Null => Vec::new(),
    };
    if schema.enum_.is_some() {
        others.push(("is no such word", json!("Unheard")));
    }
    others
}

fn of_text(schema: &JSONSchemaProps, text: &str) -> Vec<(&'static str, Value)> {
    let length = |limit: i64| usize::try_from(limit).unwrap_or_default();
    let mut others = vec![("is a number", json!(7)), ("has another text", json!(format!("{text} \u{1}")))];
    for odd in ["", "0", "a", "A", "å", "a b", "a\n", "-a", "a-", "../a", "2026-02-31", "1e3"] {
        others.push(("is odd", json!(odd)));
    }
    if let Some(max) = schema.max_length {
        others.push(("is too long", json!("a".repeat(length(max) + 1))));
        // Characters, and not bytes.
        others.push(("is just not too long", json!("å".repeat(length(max)))));
    }
    others
}

fn of_number(schema: &JSONSchemaProps) -> Vec<(&'static str, Value)> {
    #[allow(clippy::cast_possible_truncation, reason = "bounds of whole numbers")]
    let whole = |bound: f64| bound as i64;
    let mut others = vec![
        ("is a text", json!("1")),
        ("is broken", json!(1.5)),
        ("is negative", json!(-1)),
        ("is beyond 32 bits", json!(4_294_967_296_i64)),
        ("is beyond 64 bits", json!(1e30)),
    ];
    others.extend(schema.maximum.map(|most| ("is the most", json!(whole(most)))));
    others.extend(schema.maximum.map(|most| ("is too much", json!(whole(most) + 1))));
    others.extend(schema.minimum.map(|least| ("is the least", json!(whole(least)))));
    others.extend(schema.minimum.map(|least| ("is too little", json!(whole(least) - 1))));
    others
}

fn of_list(schema: &JSONSchemaProps, items: &[Value]) -> Vec<(&'static str, Value)> {
    let twice: Vec<_> = items.iter().chain(items).cloned().collect();
    let mut others =
        vec![("is empty", json!([])), ("has all twice", json!(twice)), ("is an object", json!({}))];
    if let (Some(most), Some(first)) = (schema.max_items, items.first()) {
        let count = usize::try_from(most).unwrap_or_default() + 1;
        others.push(("has too many", json!(vec![first; count])));
    }
    others
}
