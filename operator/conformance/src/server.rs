//! A real API server with Hemvist's kinds, and the users that ask it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use hemvist_core::admission::{Compiled, Scope, compile};
use hemvist_core::snapshot::PolicyBook;
use hemvist_core::snapshot::Settings;
use hemvist_e2e::{Component, ControlPlane, Options, Progress, wait_until};
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::api::{Api, PostParams};
use kube::client::Body;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::pods::RUNTIME_CLASSES;
use crate::policies::TODAY;
use crate::verdict::{Answer, NARROWED};

/// How many requests are under way at the same time.
pub const AT_ONCE: usize = 16;

/// Who sends an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum User {
    /// Somebody of a department, who may write ModelDeployments and pods anywhere.
    Tenant,
    /// The controller that makes pods from ReplicaSets.
    PodMaker,
    /// Who may do everything.
    Admin,
}

impl User {
    /// The name under which the API server knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenant => "anna's \"account\" \\",
            Self::PodMaker => "system:serviceaccount:kube-system:replicaset-controller",
            Self::Admin => "admin",
        }
    }
}

/// A running API server.
pub struct Server {
    cluster: ControlPlane,
    admin: Client,
    tenant: Client,
    pod_maker: Client,
}

impl Server {
    /// Starts one with Hemvist's kinds, and without any policy.
    pub async fn start(name: &str) -> Result<Self> {
        let options = Options::new(name)
            .without(Component::ControllerManager)
            .without(Component::Scheduler)
            .without(Component::Kwok)
            .without_audit();
        let cluster = ControlPlane::start(options).await?;
        let admin = cluster.client();
        let tenant = cluster.client_as(User::Tenant.name(), &["tenants", "system:authenticated"]).await?;
        let groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"];
        let pod_maker = cluster.client_as(User::PodMaker.name(), &groups).await?;
        let server = Self { cluster, admin, tenant, pod_maker };
        server.prepare().await?;
        Ok(server)
    }

    async fn prepare(&self) -> Result<()> {
        for definition in hemvist_api::all_definitions() {
            self.make("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json!(definition)).await?;
        }
        for class in RUNTIME_CLASSES {
            let object = json!({ "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass",
                                 "metadata": { "name": class }, "handler": "any" });
            self.make("/apis/node.k8s.io/v1/runtimeclasses", object).await?;
        }
        let rights = "/apis/rbac.authorization.k8s.io/v1";
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "tenants" },
            "rules": [{ "apiGroups": ["", "hemvist.dev"], "resources": ["pods", "modeldeployments"],
                        "verbs": ["create", "update", "get"] }],
        });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": "tenants" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "tenants" },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "tenants" }],
        });
        self.make(&format!("{rights}/clusterroles"), role).await?;
        self.make(&format!("{rights}/clusterrolebindings"), binding).await?;
        wait_until("the kinds to be served", Duration::from_mins(1), || async {
            let path = "/apis/hemvist.dev/v1alpha1/modeldeployments";
            let (status, _, body) = self.send(User::Admin, "GET", path, None).await?;
            Ok(Progress::when(status == 200, body))
        })
        .await
    }

    /// Makes namespaces, each with the account that a pod needs.
    pub async fn make_namespaces<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
        stream::iter(names.into_iter().map(anyhow::Ok))
            .try_for_each_concurrent(AT_ONCE, |name| async move {
                let namespace =
                    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
                let account =
                    json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default" } });
                self.make("/api/v1/namespaces", namespace).await?;
                self.make(&format!("/api/v1/namespaces/{name}/serviceaccounts"), account).await?;
                Ok(())
            })
            .await
    }

    /// Makes an object as somebody who may, and gives back what the API server made of it.
    pub async fn make(&self, path: &str, object: Value) -> Result<Value> {
        let (status, _, body) = self.send(User::Admin, "POST", path, Some(&object)).await?;
        if status >= 300 {
            bail!("making an object at {path}: {status} {body}");
        }
        Ok(serde_json::from_str(&body)?)
    }

    /// Sends an object in a dry run and reads the answer.
    pub async fn try_out(&self, user: User, method: &str, path: &str, object: &Value) -> Result<Answer> {
        let path = format!("{path}?dryRun=All");
        let (status, warnings, body) = self.send(user, method, &path, Some(object)).await?;
        Ok(Answer::read(status, &warnings, &body))
    }

    async fn send(
        &self,
        user: User,
        method: &str,
        path: &str,
        object: Option<&Value>,
    ) -> Result<(u16, Vec<String>, String)> {
        let client = match user {
            User::Tenant => &self.tenant,
            User::PodMaker => &self.pod_maker,
            User::Admin => &self.admin,
        };
        let body = object.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body))?;
        let response = client.send(request).await.with_context(|| format!("{method} {path}"))?;
        let status = response.status().as_u16();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let warnings = response.headers().get_all("warning").iter().map(text).collect();
        let body = response.into_body().collect_bytes().await?;
        Ok((status, warnings, String::from_utf8_lossy(&body).into_owned()))
    }

    /// Writes compiled policies with their bindings.
    pub async fn write(&self, compiled: &[Compiled]) -> Result<()> {
        let policies: Api<ValidatingAdmissionPolicy> = Api::all(self.admin.clone());
        let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(self.admin.clone());
        let (policies, bindings) = (&policies, &bindings);
        stream::iter(compiled.iter().map(anyhow::Ok))
            .try_for_each_concurrent(AT_ONCE, |one| async move {
                let parameters = PostParams::default();
                let policy = one.policy();
                let written = policies.create(&parameters, &policy).await;
                written.with_context(|| format!("writing {}: {policy:?}", policy.name_any()))?;
                for binding in one.bindings() {
                    let written = bindings.create(&parameters, &binding).await;
                    written.with_context(|| format!("writing the binding {}", binding.name_any()))?;
                }
                Ok(())
            })
            .await
    }

    /// Waits until every policy that has a probe refuses it.
    pub async fn wait_until_in_force(&self, settings: &Settings, compiled: &[Compiled]) -> Result<()> {
        let probes: Vec<_> = compiled.iter().filter_map(|one| one.probe(settings)).collect();
        let mut waiting: BTreeSet<usize> = (0..probes.len()).collect();
        let deadline = std::time::Instant::now() + Duration::from_mins(4);
        let namespace = &settings.root_namespace;
        while !waiting.is_empty() {
            // Every probe is work for every policy, so only the next ones are asked for.
            let asked = waiting.iter().copied().take(2 * AT_ONCE).map(|position| {
                let probe = &probes[position];
                let path = if probe.is_pod { pods_path(namespace) } else { models_path(namespace) };
                async move {
                    let path = format!("{path}?dryRun=All");
                    let (_, _, body) = self.send(User::Admin, "POST", &path, Some(&probe.object)).await?;
                    let status: Value = serde_json::from_str(&body)?;
                    let message = status["message"].as_str().unwrap_or_default().to_owned();
                    anyhow::Ok((position, message.contains(&probe.answer), message))
                }
            });
            let answers: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
            for (position, _, _) in answers.iter().filter(|(_, in_force, _)| *in_force) {
                waiting.remove(position);
            }
            if let Some((position, _, message)) = answers.iter().find(|(_, in_force, _)| !in_force) {
                if std::time::Instant::now() > deadline {
                    bail!(
                        "{} policies are not in force; {} says {message}",
                        waiting.len(),
                        probes[*position].policy
                    );
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        Ok(())
    }

    /// Waits until everything that was written so far is in force, because what is written last is. `mark` tells one waiting from another.
    pub async fn settle(&self, settings: &Settings, mark: &str) -> Result<()> {
        let nothing = PolicyBook::default();
        let mut last = compile(&nothing, settings, TODAY).default_deny;
        last.retain(|one| one.probe(settings).is_some());
        for one in &mut last {
            one.name = format!("{}{NARROWED}settled-{mark}", one.name);
            one.namespaces = Scope::Only([settings.root_namespace.clone()].into());
        }
        self.write(&last).await?;
        self.wait_until_in_force(settings, &last).await?;
        // Bindings are read apart from policies.
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok(())
    }

    pub async fn stop(self) -> Result<()> {
        self.cluster.stop().await
    }
}

/// The path at which ModelDeployments of a namespace are made.
pub fn models_path(namespace: &str) -> String {
    format!("/apis/hemvist.dev/v1alpha1/namespaces/{namespace}/modeldeployments")
}

/// The path at which pods of a namespace are made.
pub fn pods_path(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods")
}
