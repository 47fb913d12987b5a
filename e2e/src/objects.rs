//! Objects of any kind as plain JSON, read and written as an administrator.
//!
//! As JSON and not as types, because what is judged is what the API server holds, with fields that no type here knows.

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
    WatchEvent, WatchParams,
};
use kube::{Api, Client};
use serde_json::Value;

/// The field manager of what the tests write, so that it is told apart from what they test.
const MANAGER: &str = "hemvist-e2e";

/// A kind of object that the tests look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "they are the names of kinds")]
pub enum Kind {
    AIPolicy,
    CustomResourceDefinition,
    Deployment,
    Event,
    HTTPRoute,
    HorizontalPodAutoscaler,
    InferencePool,
    Job,
    Lease,
    ModelDeployment,
    Namespace,
    NetworkPolicy,
    Node,
    Pod,
    PodDisruptionBudget,
    ScaledObject,
    Service,
    ServiceAccount,
}

impl Kind {
    /// What only some ModelDeployments become.
    pub const FURTHER_CHILDREN: [Self; 4] =
        [Self::HorizontalPodAutoscaler, Self::ScaledObject, Self::InferencePool, Self::HTTPRoute];

    /// What every ModelDeployment becomes.
    pub const CHILDREN: [Self; 5] = [
        Self::ServiceAccount,
        Self::NetworkPolicy,
        Self::Service,
        Self::PodDisruptionBudget,
        Self::Deployment,
    ];

    /// As it stands in an object.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AIPolicy => "AIPolicy",
            Self::CustomResourceDefinition => "CustomResourceDefinition",
            Self::Deployment => "Deployment",
            Self::Event => "Event",
            Self::HTTPRoute => "HTTPRoute",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::InferencePool => "InferencePool",
            Self::Job => "Job",
            Self::Lease => "Lease",
            Self::ModelDeployment => "ModelDeployment",
            Self::Namespace => "Namespace",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::Node => "Node",
            Self::Pod => "Pod",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::ScaledObject => "ScaledObject",
            Self::Service => "Service",
            Self::ServiceAccount => "ServiceAccount",
        }
    }

    /// As it stands in a path.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::AIPolicy => "aipolicies",
            Self::CustomResourceDefinition => "customresourcedefinitions",
            Self::Deployment => "deployments",
            Self::Event => "events",
            Self::HTTPRoute => "httproutes",
            Self::HorizontalPodAutoscaler => "horizontalpodautoscalers",
            Self::InferencePool => "inferencepools",
            Self::Job => "jobs",
            Self::Lease => "leases",
            Self::ModelDeployment => "modeldeployments",
            Self::Namespace => "namespaces",
            Self::NetworkPolicy => "networkpolicies",
            Self::Node => "nodes",
            Self::Pod => "pods",
            Self::PodDisruptionBudget => "poddisruptionbudgets",
            Self::ScaledObject => "scaledobjects",
            Self::Service => "services",
            Self::ServiceAccount => "serviceaccounts",
        }
    }

    const fn group_version(self) -> (&'static str, &'static str) {
        match self {
            Self::AIPolicy | Self::ModelDeployment => ("hemvist.dev", "v1alpha1"),
            Self::CustomResourceDefinition => ("apiextensions.k8s.io", "v1"),
            Self::Deployment => ("apps", "v1"),
            Self::Event => ("events.k8s.io", "v1"),
            Self::HTTPRoute => ("gateway.networking.k8s.io", "v1"),
            Self::HorizontalPodAutoscaler => ("autoscaling", "v2"),
            Self::InferencePool => ("inference.networking.k8s.io", "v1"),
            Self::Job => ("batch", "v1"),
            Self::Lease => ("coordination.k8s.io", "v1"),
            Self::NetworkPolicy => ("networking.k8s.io", "v1"),
            Self::PodDisruptionBudget => ("policy", "v1"),
            Self::ScaledObject => ("keda.sh", "v1alpha1"),
            Self::Namespace | Self::Node | Self::Pod | Self::Service | Self::ServiceAccount => ("", "v1"),
        }
    }

    /// `group/version`, as it stands in an object.
    pub fn api_version(self) -> String {
        match self.group_version() {
            ("", version) => version.to_owned(),
            (group, version) => format!("{group}/{version}"),
        }
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// Where the tests do not look at such objects.
    pub fn named(name: &str) -> Result<Self> {
        let all = [
            Self::AIPolicy,
            Self::CustomResourceDefinition,
            Self::Event,
            Self::Job,
            Self::Lease,
            Self::ModelDeployment,
            Self::Namespace,
            Self::Node,
            Self::Pod,
        ];
        let found = all
            .into_iter()
            .chain(Self::CHILDREN)
            .chain(Self::FURTHER_CHILDREN)
            .find(|kind| kind.name() == name);
        found.with_context(|| format!("the tests know no kind {name:?}"))
    }
}

/// The objects of one cluster.
#[derive(Clone)]
pub struct Objects {
    client: Client,
}

impl Objects {
    /// With the rights of this client.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// The object, or nothing where there is none.
    ///
    /// # Errors
    /// Where the API server does not answer.
    pub async fn find(&self, kind: Kind, namespace: &str, name: &str) -> Result<Option<Value>> {
        let found = self.api(kind, namespace).get_opt(name).await;
        let found = found.with_context(|| format!("reading {} {namespace}/{name}", kind.name()))?;
        Ok(found.map(serde_json::to_value).transpose()?)
    }

    /// The object.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn get(&self, kind: Kind, namespace: &str, name: &str) -> Result<Value> {
        let found = self.find(kind, namespace, name).await?;
        found.with_context(|| format!("there is no {} {namespace}/{name}", kind.name()))
    }

    /// All objects of a namespace, or of all namespaces where it is empty, that a label selector selects.
    ///
    /// # Errors
    /// Where the API server does not answer.
    pub async fn list(&self, kind: Kind, namespace: &str, selector: &str) -> Result<Vec<Value>> {
        let list = self.api(kind, namespace).list(&ListParams::default().labels(selector)).await;
        let list = list.with_context(|| format!("listing {}", kind.plural()))?;
        list.items.into_iter().map(|object| Ok(serde_json::to_value(object)?)).collect()
    }

    /// Creates an object.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub async fn create(&self, object: &Value) -> Result<Value> {
        let (kind, namespace, name) = identity(object)?;
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let made = self.api(kind, &namespace).create(&params, &serde_json::from_value(object.clone())?).await;
        let made = made.with_context(|| format!("creating {} {namespace}/{name}", kind.name()))?;
        Ok(serde_json::to_value(made)?)
    }

    /// What the API server says where it would refuse to create an object; nothing where it would not. Nothing is kept.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn refusal(&self, object: &Value) -> Result<Option<String>> {
        let (kind, namespace, name) = identity(object)?;
        let params = PostParams { dry_run: true, ..PostParams::default() };
        match self.api(kind, &namespace).create(&params, &serde_json::from_value(object.clone())?).await {
            Ok(_) => Ok(None),
            Err(kube::Error::Api(status)) => Ok(Some(status.message)),
            Err(error) => Err(error).with_context(|| format!("trying {} {namespace}/{name}", kind.name())),
        }
    }

    /// Sets the number of replicas by the scale subresource.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub async fn scale(&self, kind: Kind, namespace: &str, name: &str, replicas: u32) -> Result<()> {
        let number = serde_json::json!({"spec": {"replicas": replicas}});
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let scaled = self.api(kind, namespace).patch_scale(name, &params, &Patch::Merge(&number)).await;
        scaled.with_context(|| format!("scaling {} {namespace}/{name}", kind.name())).map(|_| ())
    }

    /// Every version that an object has had since it was as given.
    ///
    /// # Errors
    /// Where the API server does not remember that far back.
    pub async fn versions_since(&self, kind: Kind, object: &Value) -> Result<Vec<Value>> {
        let metadata = &object["metadata"];
        let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
        // One second, in which what has been is sent again.
        let params = WatchParams::default().fields(&format!("metadata.name={name}")).timeout(1);
        let events = self.api(kind, namespace).watch(&params, text(&metadata["resourceVersion"])).await;
        let mut events = std::pin::pin!(events.with_context(|| format!("watching {namespace}/{name}"))?);
        let mut versions = Vec::new();
        while let Some(event) = events.next().await {
            match event? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    versions.push(serde_json::to_value(object)?);
                }
                WatchEvent::Error(status) => bail!("watching {namespace}/{name}: {status:?}"),
                WatchEvent::Deleted(_) | WatchEvent::Bookmark(_) => {}
            }
        }
        Ok(versions)
    }

    /// Makes an object be as it is given, by server-side apply.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub async fn apply(&self, object: &Value) -> Result<Value> {
        let (kind, namespace, name) = identity(object)?;
        let params = PatchParams::apply(MANAGER).force();
        let made = self.api(kind, &namespace).patch(&name, &params, &Patch::Apply(object)).await;
        let made = made.with_context(|| format!("applying {} {namespace}/{name}", kind.name()))?;
        Ok(serde_json::to_value(made)?)
    }

    /// Changes fields of an object, by JSON merge patch.
    ///
    /// # Errors
    /// Where there is none, or the API server refuses the change.
    pub async fn merge(&self, kind: Kind, namespace: &str, name: &str, change: &Value) -> Result<Value> {
        self.patch(kind, namespace, name, &Patch::Merge(change)).await
    }

    /// Changes an object by a list of JSON patch operations.
    ///
    /// # Errors
    /// Where there is none, or the API server refuses the change.
    pub async fn patch_with(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        operations: &Value,
    ) -> Result<Value> {
        let operations = serde_json::from_value(operations.clone()).context("reading the operations")?;
        self.patch(kind, namespace, name, &Patch::Json::<()>(operations)).await
    }

    async fn patch<P>(&self, kind: Kind, namespace: &str, name: &str, patch: &Patch<P>) -> Result<Value>
    where
        P: serde::Serialize + std::fmt::Debug + Send + Sync,
    {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let changed = self.api(kind, namespace).patch(name, &params, patch).await;
        let changed = changed.with_context(|| format!("changing {} {namespace}/{name}", kind.name()))?;
        Ok(serde_json::to_value(changed)?)
    }

    /// Deletes an object; it may take a while until it is gone.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn delete(&self, kind: Kind, namespace: &str, name: &str) -> Result<()> {
        let deleted = self.api(kind, namespace).delete(name, &DeleteParams::background()).await;
        deleted.with_context(|| format!("deleting {} {namespace}/{name}", kind.name())).map(|_| ())
    }

    fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        let (group, version) = kind.group_version();
        let kind_of_group = GroupVersionKind::gvk(group, version, kind.name());
        let resource = ApiResource::from_gvk_with_plural(&kind_of_group, kind.plural());
        if namespace.is_empty() {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        }
    }
}

fn identity(object: &Value) -> Result<(Kind, String, String)> {
    let metadata = &object["metadata"];
    Ok((
        Kind::named(text(&object["kind"]))?,
        text(&metadata["namespace"]).to_owned(),
        text(&metadata["name"]).to_owned(),
    ))
}

/// The text of a value; empty where it is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The condition of a type; null where there is none.
pub fn condition<'a>(object: &'a Value, type_: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions.and_then(|all| all.iter().find(|one| one["type"] == type_)).unwrap_or(&Value::Null)
}
