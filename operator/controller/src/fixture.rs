//! For the tests of reconcilers: a context without a cluster, and a small cluster in its view.

use std::sync::Arc;
use std::time::Duration;

use hemvist_api::{AIPolicy, ModelDeployment};
use hemvist_core::snapshot::{Key, NodeFacts, NodeObject, PodFacts};
use kube::Resource;
use kube::core::object::HasStatus;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cache::{Cache, Shared, Stamp};
use crate::call::Deadline;
use crate::context::{ClientHandle, Context};
use crate::events::Events;
use crate::fake_api::FakeApi;
use crate::jitter::Jitter;
use crate::metrics::{Metrics, QueueMetrics};
use crate::objects::Lenient;
use crate::queue::Queue;
use crate::reconciler::Reconciler;
use crate::triggers::Triggers;
use crate::view::View;

/// Where the model of a [`World`] is stored.
pub const MODEL: &str = "/apis/hemvist.dev/v1alpha1/namespaces/ns/modeldeployments/m";

/// The digest of everything in a [`World`].
pub const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The context of a reconciler, and its queue. Events reach no other reconciler.
pub fn context(api: &FakeApi, view: View, reconciler: &Reconciler) -> (Context, Arc<Queue<Key>>) {
    let metrics = Arc::new(Metrics::default());
    let deadline = Deadline::new(Duration::from_secs(10));
    let view = Arc::new(view);
    let queue = Arc::new(Queue::new(QueueMetrics::default(), Jitter::seeded(1)));
    let triggers = Triggers::new(view.clone(), [(reconciler.triggers, queue.clone())]);
    let (events, _) = Events::new(api.client(), "test", deadline, metrics.clone());
    let client = ClientHandle::new(api.client());
    let (resync, jitter) = (Duration::from_mins(10), Jitter::seeded(1));
    (Context { view, triggers, events, metrics, client, deadline, resync, jitter }, queue)
}

/// An object as it comes over the wire, at this version or a newer one.
pub fn see<K>(object: Value, version: u64) -> (Stamp, Lenient<K>)
where
    K: DeserializeOwned + HasStatus + Resource<DynamicType = ()>,
    K::Status: DeserializeOwned,
{
    let object: Lenient<K> = serde_json::from_value(object).unwrap();
    let mut stamp = Stamp::of(object.meta()).unwrap();
    stamp.version = stamp.version.max(version);
    (stamp, object)
}

/// Empties a cache: everything in it is gone.
pub fn forget<T: PartialEq>(cache: &Shared<Cache<T>>) {
    let mut cache = cache.lock();
    cache.list_begins();
    cache.list_ends();
}

/// A cluster with one node, one policy and one model, and what this process sees of it.
pub struct World {
    /// The API server.
    pub api: FakeApi,
    /// What the reconciler works with.
    pub context: Context,
    /// The keys that are due.
    pub queue: Arc<Queue<Key>>,
}

pub fn model() -> Value {
    json!({
        "apiVersion": "hemvist.dev/v1alpha1", "kind": "ModelDeployment",
        "metadata": {"name": "m", "namespace": "ns", "uid": "model-1", "generation": 1},
        "spec": {
            "purpose": {
                "title": "t", "owner": {"organisation": "o", "contact": "c@region.example"}, "informationClass": "Open",
                "personalData": false, "riskClass": "Minimal", "decisionSupport": "None", "audience": "Staff"},
            "model": {
                "source": {"image": {"reference": format!("registry.example/models/m@{DIGEST}")}},
                "format": "Safetensors", "licence": "MIT"},
            "engine": {"type": "VLLM", "image": format!("registry.example/vllm@{DIGEST}")},
            "accelerator": {"count": 1},
        },
    })
}

pub fn policy() -> Value {
    json!({
        "apiVersion": "hemvist.dev/v1alpha1", "kind": "AIPolicy",
        "metadata": {"name": "region", "namespace": "hemvist-system", "uid": "policy-1", "generation": 1},
        "spec": {
            "informationClasses": [{"class": "Open"}], "riskClasses": [{"class": "Minimal"}],
            "residency": {"dataCentres": ["a"]},
            "models": {"licences": ["MIT"], "formats": ["Safetensors"]},
            "images": {"registries": ["registry.example"]}, "engines": {"types": ["VLLM"]},
        },
    })
}

impl World {
    /// As one reconciler sees it.
    pub fn new(reconciler: &Reconciler) -> Self {
        Self::seen_by(View::new(Arc::default(), false), reconciler)
    }

    /// The same, in a view of nothing yet.
    pub fn seen_by(view: View, reconciler: &Reconciler) -> Self {
        let api = FakeApi::new();
        let (context, queue) = context(&api, view, reconciler);
        let world = Self { api, context, queue };
        world.see_model(model());
        world.see_policy(policy(), 1);
        world.see_node("Open", 1);
        world
    }

    /// The model is seen to be this.
    pub fn see_model(&self, model: Value) {
        let (stamp, object) = see::<ModelDeployment>(self.api.store(MODEL, model), 0);
        self.context.view.models.lock().observe(stamp, Some(object.into()));
    }

    /// The policy is seen to be this.
    pub fn see_policy(&self, policy: Value, version: u64) {
        let (stamp, object) = see::<AIPolicy>(policy, version);
        self.context.view.policies.lock().observe(stamp, Some(object.into()));
    }

    /// The node is seen to have this clearance.
    pub fn see_node(&self, clearance: &str, version: u64) {
        let node: NodeObject = serde_json::from_value(json!({
            "metadata": {"name": "n", "uid": "node-1", "labels": {
                "hemvist.node-restriction.kubernetes.io/data-centre": "a",
                "hemvist.node-restriction.kubernetes.io/clearance": clearance,
                "nvidia.com/gpu.product": "NVIDIA-L40S"}},
            "status": {"allocatable": {"nvidia.com/gpu": "4"}, "conditions": [{"type": "Ready", "status": "True"}]},
        }))
        .unwrap();
        let stamp = Stamp { key: Key::new("", "n"), uid: "node-1".to_owned(), version };
        self.context.view.nodes.lock().observe(stamp, Some(NodeFacts::from(node)));
    }

    /// A pod of the model is seen on the node.
    pub fn see_pod(&self) {
        let facts = PodFacts {
            key: Key::new("ns", "m-1"),
            uid: "pod-1".to_owned(),
            model_name: Some("m".to_owned()),
            model_uid: Some("model-1".to_owned()),
            node: Some("n".to_owned()),
            ..PodFacts::default()
        };
        let stamp = Stamp { key: facts.key.clone(), uid: facts.uid.clone(), version: 1 };
        self.context.view.pods.lock().observe(stamp, Some(facts));
    }
}
