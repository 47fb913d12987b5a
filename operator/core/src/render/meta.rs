//! What every object of a model has in common: its name, its labels, its owner and the hash of itself.

use std::collections::BTreeMap;

use hemvist_api::ModelDeployment;
use hemvist_api::labels::{
    APP_COMPONENT, APP_MANAGED_BY, APP_NAME, APP_PART_OF, HEMVIST, INFORMATION_CLASS, MODEL_DEPLOYMENT,
    MODEL_DEPLOYMENT_UID, RENDERED_HASH, RISK_CLASS,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::Resource;
use serde::Serialize;

use crate::request::ModelRequest;
use crate::snapshot::content_hash;

/// The value of the name label of everything that belongs to a model.
pub const NAME: &str = "hemvist-model";

/// The value of the component label.
pub const COMPONENT: &str = "model-server";

/// Name, namespace, labels and owner of an object of `model`.
///
/// Every kind but that of the replicas has the name of the model itself: kinds do not share names, and people look for the
/// one they know.
pub fn metadata(model: &ModelRequest) -> ObjectMeta {
    ObjectMeta {
        name: Some(model.key.name.clone()),
        namespace: Some(model.key.namespace.clone()),
        labels: Some(labels(model)),
        owner_references: Some(vec![owner(model)]),
        ..Default::default()
    }
}

/// The name of what makes the pods of `model`, with its information class at the end, which the names of the pods then have
/// in them. A request for a subresource such as `exec` has nothing of a pod but its name, so the name says it.
pub fn workload_name(model: &ModelRequest) -> String {
    format!("{}--{}", model.key.name, model.information_class.as_str().to_ascii_lowercase())
}

/// The labels of everything that belongs to `model`, its pods included.
///
/// `app.kubernetes.io/instance` is left out on purpose: Argo CD can be set to track its own objects by that label, and
/// would then take ours for surplus and delete them.
pub fn labels(model: &ModelRequest) -> BTreeMap<String, String> {
    let facts = [
        (APP_NAME, NAME),
        (APP_COMPONENT, COMPONENT),
        (APP_PART_OF, HEMVIST),
        (APP_MANAGED_BY, HEMVIST),
        (INFORMATION_CLASS, model.information_class.as_str()),
        (RISK_CLASS, model.risk_class.as_str()),
    ];
    let mut labels = identity(model);
    labels.extend(facts.map(|(label, value)| (label.to_owned(), value.to_owned())));
    labels
}

/// Finds the pods of `model` and no others. The UID is part of it: a namesake that was deleted and made again, or a pod
/// that was given the name by hand, is another model.
pub fn selector(model: &ModelRequest) -> LabelSelector {
    LabelSelector { match_labels: Some(identity(model)), ..Default::default() }
}

/// The labels that tell the pods of `model` from all others.
pub fn identity(model: &ModelRequest) -> BTreeMap<String, String> {
    [(MODEL_DEPLOYMENT, &model.key.name), (MODEL_DEPLOYMENT_UID, &model.uid)]
        .map(|(label, value)| (label.to_owned(), value.clone()))
        .into()
}

/// The `ModelDeployment` as controlling owner, so that deleting it deletes what was made for it.
fn owner(model: &ModelRequest) -> OwnerReference {
    OwnerReference {
        api_version: ModelDeployment::api_version(&()).into_owned(),
        kind: ModelDeployment::kind(&()).into_owned(),
        name: model.key.name.clone(),
        uid: model.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The object with the hash of itself as an annotation. The hash is taken before the annotation is there.
pub fn sealed<K: Resource + Serialize>(mut object: K) -> K {
    // These types always have a JSON form: their maps have text for keys.
    let hash = content_hash(&serde_json::to_value(&object).unwrap_or_default());
    object.meta_mut().annotations.get_or_insert_default().insert(RENDERED_HASH.to_owned(), hash);
    object
}
