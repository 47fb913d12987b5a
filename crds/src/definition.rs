//! The CustomResourceDefinitions, with what the derive macro cannot express.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps,
};
use kube::CustomResourceExt;
use serde_json::json;

use crate::{AIPolicy, ModelDeployment};

/// The CustomResourceDefinition of every kind, in the order of their names.
pub fn all_definitions() -> Vec<CustomResourceDefinition> {
    [AIPolicy::crd(), ModelDeployment::crd()].into_iter().map(finish).collect()
}

/// The file that a definition is committed as, such as `modeldeployments.yaml`.
pub fn definition_yaml_name(definition: &CustomResourceDefinition) -> String {
    format!("{}.yaml", definition.spec.names.plural)
}

/// Adds the status default and takes out `null`.
///
/// * `status.observedGeneration: -1` from the moment of creation, so that every waiter sees a new object as in progress
///   and not, for want of a status, as done.
/// * No field is nullable: `null` would be a third state beside absent and empty, and the policy's meaning rests on
///   there being two.
fn finish(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        let Some(root) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) else {
            continue;
        };
        without_null(root);
        if let Some(status) = root.properties.as_mut().and_then(|properties| properties.get_mut("status")) {
            status.default = Some(JSON(json!({ "observedGeneration": -1 })));
        }
    }
    definition
}

/// Takes `null` out of a schema and everything below it, and formats that the API server does not know.
fn without_null(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(values) = schema.enum_.as_mut() {
        values.retain(|value| !value.0.is_null());
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        without_null(property);
    }
    if let Some(items) = schema.items.as_mut() {
        use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaPropsOrArray as Items;
        match items {
            Items::Schema(item) => without_null(item),
            Items::Schemas(all) => all.iter_mut().for_each(without_null),
        }
    }
}
