//! Which events make which models due.

use std::sync::Arc;

use hemvist_api::{AIPolicy, ModelDeployment};
use hemvist_core::snapshot::NodeFacts;
use serde_json::{Value, json};

use super::*;
use crate::cache::Stamp;
use crate::fake_api::FakeApi;
use crate::fixture;
use crate::objects::Lenient;

/// What is seen of a cluster, and the models that it makes due.
struct Seen {
    context: Context,
    queue: Arc<Queue<Key>>,
}

fn nothing_seen() -> Seen {
    let (context, queue) = fixture::context(&FakeApi::new(), View::new(Arc::default(), true), &RECONCILER);
    Seen { context, queue }
}

fn object(name: &str, generation: i64, version: u64) -> (Stamp, Value) {
    let metadata = json!({"name": name, "namespace": "ns", "uid": name, "generation": generation,
        "resourceVersion": version.to_string()});
    let stamp = Stamp { key: Key::new("ns", name), uid: name.to_owned(), version };
    (stamp, json!({"metadata": metadata, "spec": "unreadable"}))
}

fn see_model(seen: &Seen, name: &str, generation: i64, version: u64) {
    let (stamp, object) = object(name, generation, version);
    let object: Lenient<ModelDeployment> = serde_json::from_value(object).unwrap();
    let key = stamp.key.clone();
    let change = seen.context.view.models.lock().observe(stamp, Some(object.into()));
    seen.context.triggers.publish(&Event::Model { key: &key, change: &change });
}

fn see_policy(seen: &Seen, generation: i64, version: u64) {
    let (stamp, object) = object("policy", generation, version);
    let object: Lenient<AIPolicy> = serde_json::from_value(object).unwrap();
    let key = stamp.key.clone();
    let change = seen.context.view.policies.lock().observe(stamp, Some(object.into()));
    seen.context.triggers.publish(&Event::Policy { key: &key, change: &change });
}

fn see_pod(seen: &Seen, pod: PodFacts, version: u64) {
    let stamp = Stamp { key: pod.key.clone(), uid: pod.uid.clone(), version };
    let change = seen.context.view.pods.lock().observe(stamp, Some(pod));
    seen.context.triggers.publish(&Event::Pod(&change));
}

/// The models that come, once everything has settled.
async fn models(seen: &Seen) -> Vec<String> {
    let mut names = Vec::new();
    while let Ok((key, _)) = tokio::time::timeout(Duration::from_secs(5), seen.queue.next()).await {
        seen.queue.finish(&key, crate::queue::Ending::Done);
        names.push(key.name);
    }
    names.sort();
    names
}

#[tokio::test(start_paused = true)]
async fn a_new_policy_concerns_every_model_and_its_new_status_none() {
    let seen = nothing_seen();
    see_model(&seen, "a", 1, 1);
    see_model(&seen, "b", 1, 2);
    assert_eq!(models(&seen).await, ["a", "b"]);
    see_policy(&seen, 1, 3);
    assert_eq!(models(&seen).await, ["a", "b"]);
    see_policy(&seen, 1, 4);
    assert_eq!(models(&seen).await, Vec::<String>::new());
    see_policy(&seen, 2, 5);
    assert_eq!(models(&seen).await, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_concerns_every_model_but_its_heartbeat_none() {
    let seen = nothing_seen();
    see_model(&seen, "a", 1, 1);
    models(&seen).await;
    let beat = |version| {
        let stamp = Stamp { key: Key::new("", "n"), uid: "n".to_owned(), version };
        let change = seen.context.view.nodes.lock().observe(stamp, Some(NodeFacts::default()));
        seen.context.triggers.publish(&Event::Node(&change));
    };
    beat(1);
    assert_eq!(models(&seen).await, ["a"]);
    beat(2);
    assert_eq!(models(&seen).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn accelerators_that_others_take_concern_the_models_that_wait() {
    let seen = nothing_seen();
    see_model(&seen, "waits", 1, 1);
    see_model(&seen, "serves", 1, 2);
    seen.context.view.remember(&Key::new("ns", "waits"), &FollowUp { waits: true, ..FollowUp::default() });
    models(&seen).await;
    let mut pod = PodFacts { key: Key::new("x", "p"), uid: "p".to_owned(), ..PodFacts::default() };
    pod.devices.insert("nvidia.com/gpu".to_owned(), 1);
    see_pod(&seen, pod.clone(), 3);
    assert_eq!(models(&seen).await, Vec::<String>::new(), "it holds nothing before it is on a node");
    pod.node = Some("n".to_owned());
    see_pod(&seen, pod.clone(), 4);
    assert_eq!(models(&seen).await, ["waits"]);
    pod.ready = true;
    see_pod(&seen, pod, 5);
    assert_eq!(models(&seen).await, Vec::<String>::new(), "it holds what it held");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_leaves_the_queue_concerns_those_that_wait() {
    let seen = nothing_seen();
    see_model(&seen, "waits", 1, 1);
    see_model(&seen, "serves", 1, 2);
    let waits = FollowUp { waits: true, ..FollowUp::default() };
    seen.context.view.remember(&Key::new("ns", "waits"), &waits);
    seen.context.view.remember(&Key::new("ns", "gone"), &waits);
    seen.context.view.remember(&Key::new("ns", "placed-and-gone"), &FollowUp::default());
    models(&seen).await;
    reconcile(&seen.context, &Key::new("ns", "placed-and-gone"), 0).await.unwrap();
    assert_eq!(models(&seen).await, Vec::<String>::new(), "nobody counted it");
    reconcile(&seen.context, &Key::new("ns", "gone"), 0).await.unwrap();
    assert_eq!(models(&seen).await, ["waits"]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_concerns_its_model() {
    let seen = nothing_seen();
    let key = Key::new("ns", "p");
    let pod = PodFacts { key, uid: "p".to_owned(), model_name: Some("a".to_owned()), ..PodFacts::default() };
    see_pod(&seen, pod, 1);
    assert_eq!(models(&seen).await, ["a"]);
}
