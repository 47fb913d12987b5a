//! What a cluster needs before and just after its API server starts.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::arguments::Arguments;
use crate::wait::{Progress, wait_until};

/// The file with the policies that the API server reads from its own disk.
pub(super) const POLICIES_FILE: &str = "hemvist.yaml";

const TIME_LIMIT: Duration = Duration::from_mins(2);

/// Writes the files that the parts read.
pub(super) fn write_configuration(arguments: &Arguments) -> Result<()> {
    std::fs::write(arguments.stages(), include_str!("kwok.yaml")).context("writing KWOK's stages")?;
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    });
    std::fs::write(arguments.audit_policy(), policy.to_string()).context("writing the audit policy")?;
    arguments.options.policies_on_disk.as_ref().map_or(Ok(()), |text| write_policies_on_disk(arguments, text))
}

/// Writes the policies that the API server reads from its own disk, and the file that tells it where they are.
fn write_policies_on_disk(arguments: &Arguments, text: &str) -> Result<()> {
    let folder = arguments.policies_on_disk();
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    std::fs::write(folder.join(POLICIES_FILE), text).context("writing the policies on disk")?;
    let configuration = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{
            "name": "ValidatingAdmissionPolicy",
            "configuration": {
                "apiVersion": "apiserver.config.k8s.io/v1",
                "kind": "ValidatingAdmissionPolicyConfiguration",
                "staticManifestsDir": std::path::absolute(&folder)?,
            },
        }],
    });
    std::fs::write(arguments.admission_configuration(), configuration.to_string())
        .context("writing the admission configuration")
}

/// Waits until the API server says that it is ready.
pub(super) async fn wait_until_ready(client: &Client) -> Result<()> {
    wait_until("the API server to be ready", TIME_LIMIT, || async {
        let request = http::Request::get("/readyz").body(Vec::new())?;
        let answer = client.request_text(request).await?;
        Ok(Progress::when(answer == "ok", answer))
    })
    .await
}

/// Waits until pods can be made: each needs the service account that the controller manager gives its namespace.
pub(super) async fn wait_for_default_service_account(client: &Client) -> Result<()> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    wait_until("the default service account", TIME_LIMIT, || async {
        let account = accounts.get_opt("default").await?;
        Ok(Progress::when(account.is_some(), "none"))
    })
    .await
}

/// Gives the user `kwok` what the kubelets that it plays would do, and no more.
pub(super) async fn grant_kwok(client: &Client) -> Result<()> {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "kwok"},
        "rules": [
            {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch", "patch"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "patch", "delete"]},
            {"apiGroups": [""], "resources": ["nodes/status", "pods/status"], "verbs": ["patch", "update"]},
            {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
             "verbs": ["get", "list", "watch", "create", "patch", "update"]},
        ],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "kwok"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "kwok"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "kwok"}],
    });
    for (kind, object) in [("ClusterRole", role), ("ClusterRoleBinding", binding)] {
        create_unless_there(client, kind, object).await.with_context(|| format!("creating KWOK's {kind}"))?;
    }
    Ok(())
}

async fn create_unless_there(client: &Client, kind: &str, object: Value) -> Result<()> {
    let kind = GroupVersionKind::gvk("rbac.authorization.k8s.io", "v1", kind);
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &ApiResource::from_gvk(&kind));
    let object: DynamicObject = serde_json::from_value(object)?;
    match api.create(&PostParams::default(), &object).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        result => result.map(|_| ()).map_err(Into::into),
    }
}

/// A fresh token of a service account.
pub(super) async fn service_account_token(client: &Client, namespace: &str, name: &str) -> Result<String> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let request = TokenRequest {
        spec: TokenRequestSpec { expiration_seconds: Some(24 * 60 * 60), ..TokenRequestSpec::default() },
        ..TokenRequest::default()
    };
    let answer = accounts
        .create_token_request(name, &PostParams::default(), &request)
        .await
        .with_context(|| format!("asking for a token of {namespace}/{name}"))?;
    Ok(answer.status.context("an answer without a token")?.token)
}
