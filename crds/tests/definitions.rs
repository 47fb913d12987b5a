//! The committed YAML is what the types say, and it is small and complete enough to ship.

#![allow(clippy::unwrap_used, reason = "a test fails where a definition is not what it should be")]

use std::path::Path;

use hemvist_api::{all_definitions, definition_yaml_name};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};

/// Client-side apply keeps a copy of the object in an annotation of at most 256 KiB; a quarter of it leaves room.
const MAX_YAML_BYTES: usize = 64 * 1024;

fn render(definition: &CustomResourceDefinition) -> String {
    let body = serde_saphyr::to_string(definition).unwrap();
    format!("# Made from the types in crds/src by `make crds`. Do not edit.\n---\n{body}")
}

fn each_field(path: &str, schema: &JSONSchemaProps, visit: &mut dyn FnMut(&str, &JSONSchemaProps)) {
    for (name, property) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        visit(&path, property);
        each_field(&path, property, visit);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
        let path = format!("{path}[]");
        visit(&path, item);
        each_field(&path, item, visit);
    }
}

fn schemas() -> Vec<(String, JSONSchemaProps)> {
    all_definitions()
        .into_iter()
        .map(|definition| {
            let version = definition.spec.versions.into_iter().next().unwrap();
            (definition.spec.names.kind, version.schema.unwrap().open_api_v3_schema.unwrap())
        })
        .collect()
}

/// Where the YAML is committed: beside the types, for `kubectl apply`, and in the chart, which can hold no link to it.
const FOLDERS: [&str; 2] = [".", "../charts/hemvist/files/crds"];

#[test]
fn committed_yaml_equals_the_types() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for definition in all_definitions() {
        let wanted = render(&definition);
        for folder in FOLDERS {
            let file = root.join(folder).join(definition_yaml_name(&definition));
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&file, &wanted).unwrap();
            }
            let committed = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(
                committed == wanted,
                "{} differs from the types: run `make crds` and commit the result",
                file.display()
            );
        }
    }
}

#[test]
fn definitions_are_small_enough_for_client_side_apply() {
    for definition in all_definitions() {
        let size = render(&definition).len();
        assert!(
            size <= MAX_YAML_BYTES,
            "{} is {size} bytes, more than {MAX_YAML_BYTES}",
            definition_yaml_name(&definition)
        );
    }
}

#[test]
fn every_field_has_a_description() {
    let mut seen = 0;
    for (kind, schema) in schemas() {
        each_field(&kind, &schema, &mut |path, field| {
            // Conditions are described by Kubernetes; list items are described by their list.
            if path.ends_with("[]") || path.ends_with(".metadata") {
                return;
            }
            seen += 1;
            assert!(
                field.description.as_deref().is_some_and(|text| !text.trim().is_empty()),
                "{path} has no description"
            );
        });
    }
    assert!(seen > 100, "only {seen} fields were looked at");
}

#[test]
fn every_string_and_list_of_a_spec_is_bounded() {
    let mut seen = 0;
    for (kind, schema) in schemas() {
        let spec = schema.properties.as_ref().unwrap().get("spec").unwrap().clone();
        each_field(&format!("{kind}.spec"), &spec, &mut |path, field| match field.type_.as_deref() {
            Some("string") => {
                seen += 1;
                assert!(
                    field.max_length.is_some() || field.enum_.is_some(),
                    "{path} has no maxLength and no enum"
                );
            }
            Some("array") => {
                seen += 1;
                assert!(field.max_items.is_some(), "{path} has no maxItems");
                assert!(field.x_kubernetes_list_type.is_some(), "{path} has no list type");
            }
            Some("integer") => {
                seen += 1;
                assert!(
                    field.minimum.is_some() && field.maximum.is_some(),
                    "{path} has no minimum and maximum"
                );
            }
            _ => {}
        });
    }
    assert!(seen > 80, "only {seen} fields were looked at");
}

#[test]
fn nothing_of_ours_is_nullable_or_has_a_default_but_the_observed_generation() {
    for (kind, schema) in schemas() {
        each_field(&kind, &schema, &mut |path, field| {
            assert!(field.nullable != Some(true), "{path} is nullable");
            let expected = path == format!("{kind}.status");
            assert!(field.default.is_some() == expected, "{path}: default {:?}", field.default);
        });
    }
}
