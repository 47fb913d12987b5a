//! The bodies of the operator's writes, found out from what it wrote.
//!
//! The plain client has to make the same writes. The operator makes them once, for one model; the API server's book of
//! managed fields says which fields it sent; every other model gets the same under its own names.

use anyhow::{Context, Result, bail};
use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::{Map, Value};

use super::scene::{ModelName, Scene};

/// A kind of object that the operator makes for a model.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChildKind {
    pub(super) group: &'static str,
    pub(super) kind: &'static str,
    pub(super) plural: &'static str,
}

/// The kinds that the operator makes for a model, in the order in which it makes them.
pub(super) const CHILDREN: [ChildKind; 5] = [
    ChildKind { group: "", kind: "ServiceAccount", plural: "serviceaccounts" },
    ChildKind { group: "networking.k8s.io", kind: "NetworkPolicy", plural: "networkpolicies" },
    ChildKind { group: "", kind: "Service", plural: "services" },
    ChildKind { group: "policy", kind: "PodDisruptionBudget", plural: "poddisruptionbudgets" },
    ChildKind { group: "apps", kind: "Deployment", plural: "deployments" },
];

/// The label by which the operator's objects are found.
pub(super) const MADE_BY_HEMVIST: &str = "app.kubernetes.io/managed-by=hemvist";

/// The operator's field manager.
const FIELD_MANAGER: &str = "hemvist";

impl ChildKind {
    /// The kind as clients address it. All of them are of version `v1`.
    pub(super) fn resource(self) -> ApiResource {
        let version = "v1".to_owned();
        let api_version = if self.group.is_empty() { version.clone() } else { format!("{}/v1", self.group) };
        ApiResource {
            group: self.group.to_owned(),
            version,
            api_version,
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        }
    }

    /// The path of the objects of a namespace.
    pub(super) fn path(self, namespace: &str) -> String {
        let root =
            if self.group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{}/v1", self.group) };
        format!("{root}/namespaces/{namespace}/{}", self.plural)
    }

    /// All objects of a namespace that can be seen by a client.
    pub(super) fn api(self, client: &Client, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), namespace, &self.resource())
    }
}

/// One write: where it goes and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) path: String,
    pub(super) body: String,
}

/// Everything that is written for one model, as text with its names.
pub(super) struct Template {
    name: ModelName,
    uid: String,
    writes: Vec<Write>,
}

impl Template {
    /// Reads what the operator has made for a model.
    pub(super) async fn read(scene: &Scene, name: ModelName) -> Result<Self> {
        let model = scene.models(&name.namespace).get(&name.name).await.context("reading the first model")?;
        let uid = model.metadata.uid.clone().context("a model without a UID")?;
        let mut writes = Vec::new();
        for kind in CHILDREN {
            writes.push(child_write(scene, kind, &name).await.with_context(|| format!("the {}", kind.kind))?);
        }
        writes.push(status_write(&model, &name, &uid));
        Ok(Self { name, uid, writes })
    }

    /// The writes for another model, in the operator's order.
    pub(super) fn writes_for(&self, name: &ModelName, uid: &str) -> Vec<Write> {
        let rename = |text: &str| {
            let text = text.replace(&self.name.namespace, &name.namespace);
            text.replace(&self.name.name, &name.name).replace(&self.uid, uid)
        };
        let renamed = |write: &Write| Write { path: rename(&write.path), body: rename(&write.body) };
        self.writes.iter().map(renamed).collect()
    }

    /// The bytes of all bodies of one model.
    pub(super) fn bytes(&self) -> usize {
        self.writes.iter().map(|write| write.body.len()).sum()
    }
}

async fn child_write(scene: &Scene, kind: ChildKind, model: &ModelName) -> Result<Write> {
    let api = kind.api(&scene.administrator, &model.namespace);
    let found = api.list(&ListParams::default().labels(MADE_BY_HEMVIST)).await?.items;
    let [object] = found.as_slice() else { bail!("{} objects instead of one", found.len()) };
    let mut object = serde_json::to_value(object)?;
    let name = object["metadata"]["name"].as_str().context("no name")?.to_owned();
    let entries = object["metadata"]["managedFields"].as_array().context("no managed fields")?;
    let entry =
        entries.iter().find(|entry| entry["manager"] == FIELD_MANAGER && entry["operation"] == "Apply");
    let fields = entry.context("Hemvist has applied nothing")?["fieldsV1"].clone();
    object = applied(&object, &fields);
    let resource = kind.resource();
    object["apiVersion"] = Value::from(resource.api_version);
    object["kind"] = Value::from(resource.kind);
    object["metadata"]["name"] = Value::from(name.clone());
    object["metadata"]["namespace"] = Value::from(model.namespace.clone());
    let path = kind.path(&model.namespace);
    let path = format!("{path}/{name}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict");
    Ok(Write { path, body: object.to_string() })
}

fn status_write(model: &DynamicObject, name: &ModelName, uid: &str) -> Write {
    let body = serde_json::json!({
        "apiVersion": "hemvist.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"namespace": name.namespace, "name": name.name, "uid": uid},
        "status": model.data["status"],
    });
    let path =
        format!("/apis/hemvist.dev/v1alpha1/namespaces/{}/modeldeployments/{}", name.namespace, name.name);
    Write { path: format!("{path}/status?fieldManager={FIELD_MANAGER}&force=true"), body: body.to_string() }
}

/// The part of an object that a set of managed fields names.
fn applied(object: &Value, fields: &Value) -> Value {
    let names = fields.as_object().into_iter().flatten().filter(|(name, _)| *name != ".");
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return object.clone();
    }
    if let Value::Array(items) = object {
        return names.into_iter().filter_map(|(name, below)| applied_item(items, name, below)).collect();
    }
    let mut part = Map::new();
    for (name, below) in names {
        if let Some(name) = name.strip_prefix("f:")
            && let Some(value) = object.get(name)
        {
            part.insert(name.to_owned(), applied(value, below));
        }
    }
    Value::Object(part)
}

/// The item of a list that a managed field names by its key or by its value.
fn applied_item(items: &[Value], name: &str, below: &Value) -> Option<Value> {
    if let Some(value) = name.strip_prefix("v:") {
        return serde_json::from_str(value).ok();
    }
    let key: Map<String, Value> = serde_json::from_str(name.strip_prefix("k:")?).ok()?;
    let item = items.iter().find(|item| key.iter().all(|(name, value)| item[name] == *value))?;
    Some(applied(item, below))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_was_sent_is_sent_again() {
        let object = json!({"metadata": {"uid": "1", "labels": {"a": "b"}}, "spec": {
            "clusterIP": "10.0.0.1", "ports": [{"name": "http", "port": 80, "protocol": "TCP"}], "args": ["x", "y"],
            "emptyDir": {}}});
        let fields = json!({"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {"f:args": {}, "f:emptyDir": {},
            "f:ports": {"k:{\"port\":80}": {".": {}, "f:name": {}, "f:port": {}}}}});
        let expected = json!({"metadata": {"labels": {"a": "b"}}, "spec": {
            "ports": [{"name": "http", "port": 80}], "args": ["x", "y"], "emptyDir": {}}});
        assert_eq!(applied(&object, &fields), expected);
    }

    #[test]
    fn every_model_gets_its_own_names() {
        let name = ModelName { namespace: "bench-9".to_owned(), name: "model-99999".to_owned() };
        let write = Write {
            path: "/n/bench-9/model-99999".to_owned(),
            body: r#"{"uid":"u-1","name":"model-99999"}"#.to_owned(),
        };
        let template = Template { name, uid: "u-1".to_owned(), writes: vec![write] };
        let expected = Write {
            path: "/n/bench-3/model-00013".to_owned(),
            body: r#"{"uid":"u-2","name":"model-00013"}"#.to_owned(),
        };
        assert_eq!(template.writes_for(&ModelName::of(13), "u-2"), [expected]);
    }
}
