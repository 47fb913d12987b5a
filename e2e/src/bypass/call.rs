//! One request as it goes over the wire, and its answer.

use std::time::Duration;

use anyhow::{Context, Result};
use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::kinds;
use crate::objects::text;

/// How long the API server may take. Admission comes before a connection to a node or a pod, and those that are
/// simulated never answer: who is still waiting then has got past admission.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// How long such a connection is waited for.
const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(5);

/// The field manager of whoever tries. It is not the one of those who made the objects: apply takes away what its manager
/// had written and writes no more.
const MANAGER: &str = "hemvist-e2e-bypass";

/// What becomes of a connection, in place of a status, where the API server is still dialling a pod.
pub const STILL_DIALLING: u16 = 0;

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    content_type: &'static str,
    body: String,
    manager: &'static str,
    upgrade: bool,
    connect: bool,
}

#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status; [`STILL_DIALLING`] where a connection through the API server got none in time.
    pub code: u16,
    pub body: String,
}

impl Answer {
    /// Whether it was done.
    pub const fn is_success(&self) -> bool {
        matches!(self.code, 200..300)
    }

    /// What the API server says, where it is a Status; else the beginning of the body.
    pub fn message(&self) -> String {
        let status: Option<Value> = serde_json::from_str(&self.body).ok();
        let message = status.filter(|status| status["kind"] == "Status");
        message.map_or_else(
            || self.body.chars().take(300).collect(),
            |status| text(&status["message"]).to_owned(),
        )
    }

    /// The object in the body; null where there is none.
    pub fn object(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Call {
    fn new(method: Method, path: &str, content_type: &'static str, body: String) -> Self {
        Self {
            method,
            path: path.to_owned(),
            content_type,
            body,
            manager: MANAGER,
            upgrade: false,
            connect: false,
        }
    }

    /// Reads.
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path, "", String::new())
    }

    /// Creates an object where its kind lies.
    pub fn create(object: &Value) -> Self {
        Self::post(&kinds::collection_of(object), object)
    }

    /// Sends an object to a path.
    pub fn post(path: &str, object: &Value) -> Self {
        Self::new(Method::POST, path, "application/json", object.to_string())
    }

    /// Sends an object to a path as YAML, which the API server reads too. JSON is YAML; what differs is the reader.
    pub fn post_yaml(path: &str, object: &Value) -> Self {
        Self::new(Method::POST, path, "application/yaml", object.to_string())
    }

    /// Replaces an object.
    pub fn put(path: &str, object: &Value) -> Self {
        Self::new(Method::PUT, path, "application/json", object.to_string())
    }

    /// Changes an object by operations.
    pub fn json_patch(path: &str, operations: &Value) -> Self {
        Self::new(Method::PATCH, path, "application/json-patch+json", operations.to_string())
    }

    /// Changes an object by a merge patch.
    pub fn merge_patch(path: &str, change: &Value) -> Self {
        Self::new(Method::PATCH, path, "application/merge-patch+json", change.to_string())
    }

    /// Changes an object by Kubernetes' own merge patch, which knows the keys of lists.
    pub fn strategic_patch(path: &str, change: &Value) -> Self {
        Self::new(Method::PATCH, path, "application/strategic-merge-patch+json", change.to_string())
    }

    /// Server-side apply, with force.
    pub fn apply(path: &str, object: &Value) -> Self {
        let path = format!("{path}?force=true");
        Self::new(Method::PATCH, &path, "application/apply-patch+yaml", object.to_string())
    }

    /// Deletes an object, or all of a path that ends with a selector.
    pub fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path, "", String::new())
    }

    /// Connects through the API server to a pod, Service or node.
    pub fn connect(method: Method, path: &str) -> Self {
        Self { connect: true, ..Self::new(method, path, "", String::new()) }
    }

    /// As a client does that means to talk: asks for a web socket.
    #[must_use]
    pub const fn upgraded(mut self) -> Self {
        self.upgrade = true;
        self
    }

    /// With a field manager of its own.
    #[must_use]
    pub const fn managed_by(mut self, manager: &'static str) -> Self {
        self.manager = manager;
        self
    }

    /// Whether it is a connection, for which there is no dry run.
    pub const fn is_connect(&self) -> bool {
        self.connect
    }

    /// Method and path, for messages.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Sends it as the client's user.
    ///
    /// # Errors
    /// Where the API server cannot be reached or does not answer.
    pub async fn send(&self, client: &Client, dry_run: bool) -> Result<Answer> {
        let limit = if self.connect { CONNECT_TIME_LIMIT } else { TIME_LIMIT };
        match tokio::time::timeout(limit, self.exchange(client, dry_run)).await {
            Ok(answer) => answer.with_context(|| self.line()),
            Err(_) if self.connect => Ok(Answer { code: STILL_DIALLING, body: "still dialling".to_owned() }),
            Err(late) => Err(late).with_context(|| format!("no answer to {}", self.line())),
        }
    }

    async fn exchange(&self, client: &Client, dry_run: bool) -> Result<Answer> {
        let mut tries = 5;
        loop {
            let answer = self.exchange_once(client, dry_run).await?;
            tries -= 1;
            // Others write between the reading and the writing of a PUT, and what is to be seen is not who was first.
            let outrun = answer.code == 409 && answer.body.contains("has been modified");
            if self.method != Method::PUT || !outrun || tries == 0 {
                return Ok(answer);
            }
        }
    }

    async fn exchange_once(&self, client: &Client, dry_run: bool) -> Result<Answer> {
        let body = if self.method == Method::PUT && !self.connect {
            self.with_fresh_version(client).await?
        } else {
            self.body.clone()
        };
        let response = client.send(self.request(body, dry_run)?).await?;
        let code = response.status().as_u16();
        if code == 101 {
            return Ok(Answer { code, body: String::new() });
        }
        let bytes = response.into_body().collect_bytes().await?;
        Ok(Answer { code, body: String::from_utf8_lossy(&bytes).into_owned() })
    }

    /// The body of a PUT with the version that is there now. It is read of the object itself: there are those who may
    /// write a part and not read it.
    async fn with_fresh_version(&self, client: &Client) -> Result<String> {
        let parts = ["/status", "/scale", "/resize", "/ephemeralcontainers"];
        let part = parts.into_iter().find(|part| self.path.ends_with(part)).unwrap_or_default();
        let path = self.path.strip_suffix(part).unwrap_or(&self.path);
        let answer = client.send(Self::get(path).request(String::new(), false)?).await?;
        let bytes = answer.into_body().collect_bytes().await?;
        let live: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let mut object: Value = serde_json::from_str(&self.body).context("reading the body of a PUT")?;
        let version = &live["metadata"]["resourceVersion"];
        if !version.is_null() {
            object["metadata"]["resourceVersion"] = version.clone();
        }
        Ok(object.to_string())
    }

    fn request(&self, body: String, dry_run: bool) -> Result<Request<Body>> {
        let mut uri = self.path.clone();
        let mut add = |text: &str| {
            uri.push(if uri.contains('?') { '&' } else { '?' });
            uri.push_str(text);
        };
        let writes = self.method != Method::GET && !self.connect;
        if writes {
            add(&format!("fieldManager={}", self.manager));
        }
        if writes && dry_run {
            add("dryRun=All");
        }
        let mut request = Request::builder().method(self.method.clone()).uri(uri);
        if !self.content_type.is_empty() {
            request = request.header("Content-Type", self.content_type);
        }
        if self.upgrade {
            request = request
                .header("Connection", "Upgrade")
                .header("Upgrade", "websocket")
                .header("Sec-WebSocket-Version", "13")
                .header("Sec-WebSocket-Key", "aGVtdmlzdC1lMmUtZG9vcg==")
                .header("Sec-WebSocket-Protocol", "v5.channel.k8s.io");
        }
        Ok(request.body(Body::from(body.into_bytes()))?)
    }
}

/// The body of a Binding that puts a pod on a node.
pub fn binding(namespace: &str, pod: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"namespace": namespace, "name": pod},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    })
}
