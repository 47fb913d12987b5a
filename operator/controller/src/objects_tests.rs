use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;

use super::*;

#[test]
fn an_object_that_cannot_be_read_keeps_its_name_and_its_status() {
    let object: Lenient<ModelDeployment> = serde_json::from_value(json!({
        "metadata": {"name": "a", "namespace": "ns", "uid": "1", "generation": 4},
        "spec": {"purpose": {"informationClass": "Cosmic"}},
        "status": {"observedGeneration": 3},
    }))
    .unwrap();
    assert_eq!(object.meta().name.as_deref(), Some("a"));
    let seen = SeenModel::from(object);
    assert!(seen.content.is_err());
    assert_eq!((seen.generation, seen.status().unwrap().observed_generation), (Some(4), Some(3)));
}

#[test]
fn the_content_of_a_child_is_the_same_in_a_list_and_in_an_answer() {
    let metadata = json!({"name": "a", "namespace": "ns", "managedFields": [{"manager": "x"}]});
    let listed = json!({"metadata": metadata, "spec": {"replicas": 1}});
    let mut answered = listed.clone();
    answered["apiVersion"] = json!("apps/v1");
    answered["kind"] = json!("Deployment");
    answered["metadata"]["managedFields"] = json!([]);
    let content = |object| {
        serde_json::from_value::<ChildObject<Deployment>>(object).unwrap().seen.unwrap().facts.content
    };
    assert_eq!(content(listed), content(answered));
}

#[test]
fn only_a_model_deployment_is_named_as_owner() {
    let owned_by = |api_version: &str| {
        let owner =
            json!({"apiVersion": api_version, "kind": "ModelDeployment", "name": "m", "controller": true});
        owner_name(&json!({"metadata": {"ownerReferences": [owner]}}))
    };
    assert_eq!(owned_by("hemvist.dev/v1alpha1").as_deref(), Some("m"));
    assert_eq!(owned_by("hemvist.dev.evil/v1"), None);
}
