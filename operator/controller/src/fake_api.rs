//! A fake API server for tests: it stores objects, counts versions, and fails on demand.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// What the server does with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mood {
    /// What it should.
    Well,
    /// It answers with this status.
    Answers(u16),
    /// It never answers.
    Hangs,
}

/// A server with what it was asked.
#[derive(Clone, Debug)]
pub struct FakeApi {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    objects: BTreeMap<String, Value>,
    version: u64,
    requests: Vec<String>,
    mood: Mood,
    refused: Option<(String, u16)>,
    refused_text: Option<(String, u16)>,
    let_through: Option<String>,
}

impl FakeApi {
    /// An empty server.
    pub fn new() -> Self {
        let state = State {
            objects: BTreeMap::new(),
            version: 100,
            requests: Vec::new(),
            mood: Mood::Well,
            refused: None,
            refused_text: None,
            let_through: None,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// A client of it. No socket is used, so that time can stand still.
    pub fn client(&self) -> Client {
        let api = self.clone();
        Client::new(tower::service_fn(move |request| api.clone().answer(request)), "default")
    }

    /// From now on it does this.
    pub fn set_mood(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// From now on it answers what concerns this kind, such as `services`, with this status.
    pub fn refuse(&self, kind: &str, code: u16) {
        self.state.lock().unwrap().refused = Some((format!("/{kind}/"), code));
    }

    /// From now on it answers what has this text in it with this status.
    pub fn refuse_containing(&self, text: &str, code: u16) {
        self.state.lock().unwrap().refused_text = Some((text.to_owned(), code));
    }

    /// From now on it makes nothing of this policy.
    pub fn let_through(&self, policy: &str) {
        self.state.lock().unwrap().let_through = Some(policy.to_owned());
    }

    /// Stores an object at a path such as `/api/v1/namespaces/ns/services/a`.
    pub fn store(&self, path: &str, mut object: Value) -> Value {
        let mut state = self.state.lock().unwrap();
        state.version += 1;
        object["metadata"]["resourceVersion"] = json!(state.version.to_string());
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{}", state.version));
        }
        state.objects.insert(path.to_owned(), object.clone());
        object
    }

    /// What is stored at a path.
    pub fn stored(&self, path: &str) -> Option<Value> {
        self.state.lock().unwrap().objects.get(path).cloned()
    }

    /// Removes what is stored at a path.
    pub fn remove(&self, path: &str) -> Option<Value> {
        self.state.lock().unwrap().objects.remove(path)
    }

    /// What it was asked since the last call, such as `PATCH services/a`.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }

    /// An object that is only sent to be refused: by the policy that it names, where that is there with a binding of its
    /// name that denies. What it says stands in the first of the texts in its message.
    fn tried(&self, body: &Value) -> (u16, Value) {
        const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";
        let name = body["metadata"]["annotations"][hemvist_api::labels::PROBE].as_str().unwrap_or_default();
        let passes = self.state.lock().unwrap().let_through.as_deref() == Some(name);
        let policy = self.stored(&format!("{GROUP}/validatingadmissionpolicies/{name}")).filter(|_| !passes);
        let binding = self.stored(&format!("{GROUP}/validatingadmissionpolicybindings/{name}"));
        let denies = binding.is_some_and(|one| one["spec"]["validationActions"][0] == "Deny");
        let says = policy.filter(|_| denies).and_then(|policy| {
            let message = policy["spec"]["validations"][0]["messageExpression"].as_str()?.to_owned();
            let probe = &message[message.find("'a probe: ")? + 1..];
            Some(probe[..probe.find('\'')?].to_owned())
        });
        let Some(says) = says else { return (201, body.clone()) };
        let message =
            format!("ValidatingAdmissionPolicy '{name}' with binding '{name}' denied request: {says}");
        (
            403,
            json!({"kind": "Status", "status": "Failure", "code": 403, "message": message, "reason": "Forbidden"}),
        )
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let method = parts.method.as_str().to_owned();
        let body = body.collect_bytes().await.unwrap();
        let mood = {
            let mut state = self.state.lock().unwrap();
            let words: Vec<&str> = path.rsplit('/').take(2).collect();
            let kind_and_name = words.into_iter().rev().collect::<Vec<_>>().join("/");
            state.requests.push(format!("{method} {kind_and_name}"));
            match &state.refused {
                Some((kind, code)) if path.contains(kind) => Mood::Answers(*code),
                _ => match &state.refused_text {
                    Some((text, code)) if String::from_utf8_lossy(&body).contains(text) => {
                        Mood::Answers(*code)
                    }
                    _ => state.mood,
                },
            }
        };
        let (code, answer) = match mood {
            Mood::Hangs => std::future::pending().await,
            Mood::Answers(code) => (code, refusal(code)),
            Mood::Well if parts.uri.query().unwrap_or_default().contains("dryRun=All") => {
                self.tried(&serde_json::from_slice(&body).unwrap_or_default())
            }
            Mood::Well => {
                let force = parts.uri.query().unwrap_or_default().contains("force=true");
                self.obey(&method, &path, force, serde_json::from_slice(&body).unwrap_or_default())
            }
        };
        let text = serde_json::to_vec(&answer).unwrap();
        Ok(Response::builder().status(code).body(Body::from(text)).unwrap())
    }

    fn obey(&self, method: &str, path: &str, force: bool, mut body: Value) -> (u16, Value) {
        let asked_version = body["metadata"]["resourceVersion"].as_str().map(str::to_owned);
        match (method, self.stored(path)) {
            ("POST", _) => {
                let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                let path = format!("{path}/{name}");
                if self.stored(&path).is_some() {
                    (409, refusal(409))
                } else {
                    (201, self.store(&path, body))
                }
            }
            ("GET", Some(object)) => (200, object),
            // What the object has made goes first, and it stays until then.
            ("DELETE", Some(mut object)) if body["propagationPolicy"] == "Foreground" => {
                object["metadata"]["deletionTimestamp"] = json!("2026-11-23T08:00:00Z");
                (200, self.store(path, object))
            }
            ("DELETE", Some(_)) => {
                self.remove(path);
                (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "code": 200}))
            }
            ("PATCH", None) if path.ends_with("/status") => {
                let whole = path.trim_end_matches("/status");
                let Some(mut object) = self.stored(whole) else { return (404, refusal(404)) };
                object["status"] = body["status"].take();
                (200, self.store(whole, object))
            }
            ("PATCH", None) => (201, self.store(path, namespaced(path, body))),
            ("PATCH", Some(_)) if !force => (409, refusal(409)),
            ("PATCH" | "PUT", Some(object)) => {
                if asked_version.is_some_and(|asked| object["metadata"]["resourceVersion"] != *asked) {
                    return (409, refusal(409));
                }
                body["metadata"]["uid"] = object["metadata"]["uid"].clone();
                if method == "PATCH" {
                    body["metadata"]["managedFields"] = object["metadata"]["managedFields"].clone();
                }
                (200, self.store(path, namespaced(path, body)))
            }
            _ => (404, refusal(404)),
        }
    }
}

fn namespaced(path: &str, mut object: Value) -> Value {
    if let Some((_, rest)) = path.split_once("/namespaces/") {
        object["metadata"]["namespace"] = json!(rest.split('/').next());
    }
    object
}

fn refusal(code: u16) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": format!("no: {code}"), "reason": "Test"})
}
