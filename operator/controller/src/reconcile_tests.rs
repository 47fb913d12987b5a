//! The whole way from a view to the requests that it leads to, against a server of a few lines.

use std::sync::Arc;
use std::time::Duration;

use hemvist_core::snapshot::{ChildKind, NodeFacts, PodFacts};
use serde_json::{Value, json};

use super::*;
use crate::cache::{Cache, Shared, Stamp};
use crate::call::Deadline;
use crate::context::ClientHandle;
use crate::events::Events;
use crate::fake_api::{FakeApi, Mood};
use crate::jitter::Jitter;
use crate::metrics::{Metrics, QueueMetrics};
use crate::objects::Lenient;
use crate::queue::Queue;
use crate::triggers::Triggers;
use crate::view::View;

const MODEL: &str = "/apis/hemvist.dev/v1alpha1/namespaces/ns/modeldeployments/m";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/ns/deployments/m--open";
const SERVICE: &str = "/api/v1/namespaces/ns/services/m";
const ACCOUNT: &str = "/api/v1/namespaces/ns/serviceaccounts/m";
const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const CREATED: [&str; 6] = [
    "PATCH serviceaccounts/m",
    "PATCH networkpolicies/m",
    "PATCH services/m",
    "PATCH poddisruptionbudgets/m",
    "PATCH deployments/m--open",
    "PATCH m/status",
];

/// A cluster with one node, one policy and one model, and what this process sees of it.
struct World {
    api: FakeApi,
    context: Context,
}

fn key() -> Key {
    Key::new("ns", "m")
}

fn model() -> Value {
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

fn policy() -> Value {
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
    fn new() -> Self {
        let api = FakeApi::new();
        let metrics = Arc::new(Metrics::default());
        let deadline = Deadline::new(Duration::from_secs(10));
        let view = Arc::new(View::new(Arc::default(), false));
        let queue = || Arc::new(Queue::new(QueueMetrics::default(), Jitter::seeded(1)));
        let (events, _) = Events::new(api.client(), "test", deadline, metrics.clone());
        let triggers = Triggers::new(queue(), queue(), queue(), queue(), queue(), queue(), view.clone());
        let client = ClientHandle::new(api.client());
        let (resync, jitter) = (Duration::from_mins(10), Jitter::seeded(1));
        let world = Self {
            api,
            context: Context { view, triggers, events, metrics, client, deadline, resync, jitter },
        };
        world.see_model(model());
        let policy = see::<hemvist_api::AIPolicy>(policy(), 1);
        world.context.view.policies.lock().observe(policy.0, Some(policy.1.into()));
        world.see_node("Open", 1);
        world
    }

    fn see_model(&self, model: Value) {
        let (stamp, object) = see::<ModelDeployment>(self.api.store(MODEL, model), 0);
        self.context.view.models.lock().observe(stamp, Some(object.into()));
    }

    fn see_node(&self, clearance: &str, version: u64) {
        let node: hemvist_core::snapshot::NodeObject = serde_json::from_value(json!({
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

    fn see_pod(&self) {
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

    /// What this process sees of the Deployment, as it is stored.
    fn see_deployment(&self) {
        self.see_deployment_at(DEPLOYMENT);
    }

    fn see_deployment_at(&self, path: &str) {
        use crate::objects::ChildObject;
        use k8s_openapi::api::apps::v1::Deployment;
        let object: ChildObject<Deployment> = serde_json::from_value(self.api.stored(path).unwrap()).unwrap();
        let stamp = Stamp::of(kube::Resource::meta(&object)).unwrap();
        self.context.view.children(ChildKind::Deployment).lock().observe(stamp, object.seen);
    }

    async fn reconcile(&self) -> Result<Next, ReconcileError> {
        reconcile(&self.context, &key(), 0).await
    }

    fn ready_reason(&self) -> String {
        let status = self.api.stored(MODEL).unwrap()["status"].clone();
        let ready =
            status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == "Ready").cloned();
        ready.unwrap()["reason"].as_str().unwrap().to_owned()
    }
}

fn see<K>(object: Value, version: u64) -> (Stamp, Lenient<K>)
where
    K: serde::de::DeserializeOwned + kube::core::object::HasStatus + kube::Resource,
    K::Status: serde::de::DeserializeOwned,
{
    let object: Lenient<K> = serde_json::from_value(object).unwrap();
    let mut stamp = Stamp::of(kube::Resource::meta(&object)).unwrap();
    stamp.version = stamp.version.max(version);
    (stamp, object)
}

fn forget<T: PartialEq>(cache: &Shared<Cache<T>>) {
    let mut cache = cache.lock();
    cache.list_begins();
    cache.list_ends();
}

#[tokio::test]
async fn a_new_model_costs_five_objects_and_one_status() {
    let world = World::new();
    assert_eq!(world.reconcile().await.unwrap(), Next::Settled);
    assert_eq!(world.api.requests(), CREATED);
    assert_eq!(world.ready_reason(), "Scheduling");
}

#[tokio::test]
async fn what_is_as_it_should_be_is_not_written_again() {
    let world = World::new();
    world.reconcile().await.unwrap();
    world.api.requests();
    world.reconcile().await.unwrap();
    assert_eq!(world.api.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_changed_object_is_repaired_and_only_that_one() {
    let world = World::new();
    world.reconcile().await.unwrap();
    world.api.requests();
    let mut deployment = world.api.stored(DEPLOYMENT).unwrap();
    deployment["spec"]["replicas"] = json!(7);
    world.api.store(DEPLOYMENT, deployment);
    world.see_deployment();
    world.reconcile().await.unwrap();
    assert_eq!(world.api.requests(), ["PATCH deployments/m--open"]);
    assert_eq!(world.api.stored(DEPLOYMENT).unwrap()["spec"]["replicas"], 1);
}

#[tokio::test]
async fn what_others_have_added_is_taken_out() {
    let world = World::new();
    world.reconcile().await.unwrap();
    world.api.requests();
    let mut deployment = world.api.stored(DEPLOYMENT).unwrap();
    deployment["metadata"]["labels"]["theirs"] = json!("x");
    deployment["metadata"]["managedFields"] = json!([{"manager": "other", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {"f:theirs": {}}}}}]);
    world.api.store(DEPLOYMENT, deployment);
    world.see_deployment();
    world.reconcile().await.unwrap();
    assert_eq!(world.api.requests(), ["PATCH deployments/m--open", "PUT deployments/m--open"]);
}

#[tokio::test]
async fn an_object_of_somebody_else_is_left_alone() {
    let world = World::new();
    let theirs = json!({"metadata": {"name": "m", "namespace": "ns"}, "spec": {"theirs": true}});
    let theirs = world.api.store(SERVICE, theirs);
    assert_eq!(world.reconcile().await.unwrap(), Next::Retry("name_conflict"));
    assert_eq!(world.api.stored(SERVICE), Some(theirs));
    assert_eq!(world.ready_reason(), "NameConflict");
    assert!(world.api.stored(DEPLOYMENT).is_none());
}

#[tokio::test]
async fn an_object_of_ours_that_is_not_seen_is_taken_up_again() {
    let world = World::new();
    world.reconcile().await.unwrap();
    world.api.requests();
    forget(world.context.view.children(ChildKind::Deployment));
    assert_eq!(world.reconcile().await.unwrap(), Next::Settled);
    assert_eq!(
        world.api.requests(),
        ["PATCH deployments/m--open", "GET deployments/m--open", "PATCH deployments/m--open"]
    );
}

#[tokio::test]
async fn an_object_of_an_earlier_model_of_the_name_is_waited_for() {
    let world = World::new();
    let owner = json!({"apiVersion": "hemvist.dev/v1alpha1", "kind": "ModelDeployment", "name": "m", "uid": "model-0", "controller": true});
    world
        .api
        .store(ACCOUNT, json!({"metadata": {"name": "m", "namespace": "ns", "ownerReferences": [owner]}}));
    assert_eq!(world.reconcile().await.unwrap(), Next::Retry("leaving"));
    world.api.remove(ACCOUNT);
    assert_eq!(world.reconcile().await.unwrap(), Next::Settled);
}

#[tokio::test]
async fn a_refused_model_is_withdrawn_and_its_isolation_last() {
    let world = World::new();
    world.reconcile().await.unwrap();
    world.api.requests();
    world.see_pod();
    forget(&world.context.view.policies);
    world.reconcile().await.unwrap();
    assert_eq!(
        world.api.requests(),
        [
            "DELETE deployments/m--open",
            "DELETE poddisruptionbudgets/m",
            "DELETE services/m",
            "DELETE serviceaccounts/m",
            "PATCH m/status"
        ]
    );
    forget(&world.context.view.pods);
    world.reconcile().await.unwrap();
    assert_eq!(world.api.requests(), ["DELETE networkpolicies/m"]);
    world.reconcile().await.unwrap();
    assert_eq!(world.api.requests(), Vec::<String>::new());
}

/// Before Deployments had the class in their names, and whenever the class of a model changes.
#[tokio::test]
async fn a_deployment_of_another_name_makes_room_before_the_new_one_is_written() {
    let world = World::new();
    let owner = json!({"apiVersion": "hemvist.dev/v1alpha1", "kind": "ModelDeployment", "name": "m", "uid": "model-1", "controller": true});
    let old = "/apis/apps/v1/namespaces/ns/deployments/m";
    world.api.store(old, json!({"metadata": {"name": "m", "namespace": "ns", "ownerReferences": [owner]}}));
    world.see_deployment_at(old);
    assert_eq!(world.reconcile().await.unwrap(), Next::Settled);
    let requests = world.api.requests();
    let at = |wanted: &str| requests.iter().position(|one| one == wanted).unwrap();
    assert!(at("DELETE deployments/m") < at("PATCH deployments/m--open"), "{requests:?}");
    assert!(at("PATCH networkpolicies/m") < at("DELETE deployments/m"), "{requests:?}");
    let children = world.api.stored(MODEL).unwrap()["status"]["children"].clone();
    let names: Vec<_> =
        children.as_array().unwrap().iter().filter(|one| one["kind"] == "Deployment").collect();
    assert_eq!(names.len(), 1);
    assert_eq!(names[0]["name"], "m--open");
    world.reconcile().await.unwrap();
    assert_eq!(world.api.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn every_deployment_of_a_refused_model_goes_before_its_isolation() {
    let world = World::new();
    world.reconcile().await.unwrap();
    world.api.requests();
    let mut old = world.api.stored(DEPLOYMENT).unwrap();
    old["metadata"]["name"] = json!("m");
    old["metadata"]["uid"] = json!("old");
    world.api.store("/apis/apps/v1/namespaces/ns/deployments/m", old);
    world.see_deployment_at("/apis/apps/v1/namespaces/ns/deployments/m");
    forget(&world.context.view.policies);
    world.reconcile().await.unwrap();
    assert_eq!(world.api.requests()[..2], ["DELETE deployments/m", "DELETE deployments/m--open"]);
}

#[tokio::test]
async fn a_pod_leaves_a_node_that_is_not_cleared_even_if_nothing_can_be_written() {
    let world = World::new();
    world.reconcile().await.unwrap();
    world.api.requests();
    world.see_pod();
    world.see_node("none", 2);
    forget(world.context.view.children(ChildKind::Deployment));
    world.api.refuse("deployments", 500);
    assert!(world.reconcile().await.is_err());
    assert!(world.api.requests().contains(&"POST m-1/eviction".to_owned()));
}

#[tokio::test]
async fn a_refusal_of_the_server_is_told_at_once_and_a_failure_when_it_lasts() {
    for (code, failures_until_told) in [(422, 0), (403, 0), (500, 3), (429, 3)] {
        let world = World::new();
        world.api.refuse("services", code);
        for failures in 0..failures_until_told {
            assert!(reconcile(&world.context, &key(), failures).await.is_err(), "{code}");
        }
        let next = reconcile(&world.context, &key(), failures_until_told).await.unwrap();
        assert!(matches!(next, Next::Retry(_)), "{code}");
        assert_eq!(world.ready_reason(), "ApplyFailed", "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_given_up_on() {
    let world = World::new();
    world.api.set_mood(Mood::Hangs);
    let begin = tokio::time::Instant::now();
    let error = world.reconcile().await.unwrap_err();
    assert_eq!(error.category(), "timeout");
    assert_eq!(begin.elapsed(), Duration::from_secs(10));
}

#[tokio::test]
async fn a_model_that_cannot_be_read_says_so_once_and_loses_what_it_has() {
    let world = World::new();
    world.reconcile().await.unwrap();
    world.api.requests();
    let mut model = world.api.stored(MODEL).unwrap();
    model["spec"]["purpose"]["informationClass"] = json!("Cosmic");
    world.see_model(model);
    world.reconcile().await.unwrap();
    world.reconcile().await.unwrap();
    let withdrawn = [
        "DELETE deployments/m--open",
        "DELETE poddisruptionbudgets/m",
        "DELETE services/m",
        "DELETE networkpolicies/m",
        "DELETE serviceaccounts/m",
        "PATCH m/status",
    ];
    assert_eq!(world.api.requests(), withdrawn);
    assert_eq!(world.ready_reason(), "Unreadable");
}

#[tokio::test]
async fn a_change_that_came_with_the_answer_is_worked_on() {
    let world = World::new();
    let mut model = world.api.stored(MODEL).unwrap();
    model["metadata"]["generation"] = json!(2);
    world.api.store(MODEL, model);
    world.reconcile().await.unwrap();
    assert_eq!(world.context.triggers.models.depth(), 1);
}

#[tokio::test]
async fn a_model_that_is_gone_is_forgotten() {
    let world = World::new();
    world.reconcile().await.unwrap();
    forget(&world.context.view.models);
    assert_eq!(world.reconcile().await.unwrap(), Next::Gone);
    assert!(world.context.view.waiting().is_empty());
}

const QUOTA: &str = "/api/v1/namespaces/ns/resourcequotas/hemvist-accelerators";

#[tokio::test]
async fn a_limit_to_accelerators_comes_changes_and_goes_with_the_policy() {
    use crate::quota;
    let world = World::new();
    let key = quota::key("ns");
    let see_limit = |limit: Option<i32>, version: u64| {
        let mut object = policy();
        object["spec"]["quota"] = json!({"accelerators": limit});
        object["metadata"]["generation"] = json!(version);
        let policy = see::<hemvist_api::AIPolicy>(object, version);
        world.context.view.policies.lock().observe(policy.0, Some(policy.1.into()));
    };
    assert_eq!(quota::reconcile(&world.context, &key).await.unwrap(), Next::Gone);
    assert_eq!(world.api.requests(), Vec::<String>::new());
    for (limit, version) in [(4, 2), (2, 3)] {
        see_limit(Some(limit), version);
        for _ in 0..2 {
            assert_eq!(quota::reconcile(&world.context, &key).await.unwrap(), Next::Settled);
        }
        assert_eq!(world.api.requests(), ["PATCH resourcequotas/hemvist-accelerators"]);
        let hard = &world.api.stored(QUOTA).unwrap()["spec"]["hard"];
        assert_eq!(*hard, json!({"requests.nvidia.com/gpu": limit.to_string()}));
    }
    see_limit(None, 4);
    quota::reconcile(&world.context, &key).await.unwrap();
    assert_eq!(world.api.requests(), ["DELETE resourcequotas/hemvist-accelerators"]);
    assert_eq!(quota::reconcile(&world.context, &key).await.unwrap(), Next::Gone);
}

#[tokio::test]
async fn replicas_are_given_up_before_they_are_left_out_and_taken_back_after_the_autoscaler() {
    let world = World::new();
    world.reconcile().await.unwrap();
    world.api.requests();
    let mut scaled = world.api.stored(MODEL).unwrap();
    scaled["metadata"]["generation"] = json!(2);
    scaled["spec"]["scaling"] =
        json!({"minReplicas": 1, "maxReplicas": 3, "metric": "QueueDepth", "target": 4});
    world.see_model(scaled);
    world.reconcile().await.unwrap();
    let handed_over =
        ["PATCH deployments/m--open", "PATCH deployments/m--open", "PATCH horizontalpodautoscalers/m"];
    assert_eq!(world.api.requests()[..3], handed_over);
    assert_eq!(world.api.stored(DEPLOYMENT).unwrap()["spec"].get("replicas"), None);

    let mut paused = world.api.stored(MODEL).unwrap();
    paused["metadata"]["generation"] = json!(3);
    paused["spec"]["suspend"] = json!(true);
    world.see_model(paused);
    world.reconcile().await.unwrap();
    let taken_back = ["DELETE horizontalpodautoscalers/m", "PATCH deployments/m--open"];
    assert_eq!(world.api.requests()[..2], taken_back);
    assert_eq!(world.api.stored(DEPLOYMENT).unwrap()["spec"]["replicas"], 0);
}
