//! The same change to an object in every way that the API has for it.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::kinds;
use crate::objects::text;

/// The ways to make a change, each with its name: PUT, three kinds of patch, and server-side apply. `change` is a JSON
/// merge patch whose lists are whole.
pub fn every_way(live: &Value, subresource: &str, change: &Value) -> Vec<(&'static str, Call)> {
    let path = format!("{}{subresource}", kinds::item_of(live));
    every_way_at(&path, live, change)
}

/// As [`every_way`], for an object that lies at a path of its own, such as a Scale.
pub fn every_way_at(path: &str, live: &Value, change: &Value) -> Vec<(&'static str, Call)> {
    let mut whole = live.clone();
    merge(&mut whole, change);
    if let Some(metadata) = whole["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    let mut ways = vec![
        ("put", Call::put(path, &whole)),
        ("json-patch", Call::json_patch(path, &operations(live, change))),
        ("merge-patch", Call::merge_patch(path, change)),
    ];
    // Kubernetes has it for its own kinds alone.
    if !kinds::is_of_a_definition(text(&live["kind"])) {
        ways.push(("strategic-patch", Call::strategic_patch(path, change)));
    }
    // Apply can take back only what its manager has written, so it can remove nothing here.
    if !has_null(change) {
        ways.push(("apply", Call::apply(path, &applied(live, change))));
    }
    ways
}

/// Carries out a JSON merge patch.
pub fn merge(target: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        *target = change.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (name, value) in change {
        if value.is_null() {
            if let Some(object) = target.as_object_mut() {
                object.remove(name);
            }
        } else {
            merge(&mut target[name.as_str()], value);
        }
    }
}

fn applied(live: &Value, change: &Value) -> Value {
    let metadata = &live["metadata"];
    let mut object = json!({
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {"name": metadata["name"]},
    });
    if !metadata["namespace"].is_null() {
        object["metadata"]["namespace"] = metadata["namespace"].clone();
    }
    merge(&mut object, change);
    object
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

/// A JSON merge patch as a list of JSON patch operations.
fn operations(live: &Value, change: &Value) -> Value {
    let mut list = Vec::new();
    walk("", Some(live), change, &mut list);
    Value::Array(list)
}

fn walk(pointer: &str, live: Option<&Value>, change: &Value, list: &mut Vec<Value>) {
    match (live, change) {
        (Some(Value::Object(live)), Value::Object(change)) => {
            for (name, value) in change {
                let escaped = name.replace('~', "~0").replace('/', "~1");
                walk(&format!("{pointer}/{escaped}"), live.get(name), value, list);
            }
        }
        (None, Value::Null) => (),
        (Some(_), Value::Null) => list.push(json!({"op": "remove", "path": pointer})),
        (_, value) => list.push(json!({"op": "add", "path": pointer, "value": value})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_patch_and_its_operations_say_the_same() {
        let live = json!({"metadata": {"labels": {"a/b": "1", "c": "2"}}, "spec": {"list": [1]}});
        let change =
            json!({"metadata": {"labels": {"a/b": null, "d": "3"}}, "spec": {"list": [2], "new": {"x": 1}}});
        let mut merged = live.clone();
        merge(&mut merged, &change);
        let expected =
            json!({"metadata": {"labels": {"c": "2", "d": "3"}}, "spec": {"list": [2], "new": {"x": 1}}});
        assert_eq!(merged, expected);
        let list = operations(&live, &change);
        assert!(list.as_array().is_some_and(|all| all.len() == 4), "{list}");
        assert!(list.to_string().contains(r#""path":"/metadata/labels/a~1b""#), "{list}");
    }
}
