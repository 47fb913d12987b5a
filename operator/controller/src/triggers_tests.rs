use hemvist_api::{AIPolicy, ModelDeployment};
use serde_json::{Value, json};

use super::*;
use crate::cache::Stamp;
use crate::jitter::Jitter;
use crate::metrics::QueueMetrics;
use crate::objects::Lenient;
use crate::view::Verdict;

fn triggers() -> Triggers {
    let queue = || Arc::new(Queue::new(QueueMetrics::default(), Jitter::seeded(1)));
    Triggers::new(
        queue(),
        queue(),
        queue(),
        queue(),
        queue(),
        queue(),
        Arc::new(View::new(Arc::default(), true)),
    )
}

fn object(name: &str, generation: i64, version: u64) -> (Stamp, Value) {
    let metadata = json!({"name": name, "namespace": "ns", "uid": name, "generation": generation,
        "resourceVersion": version.to_string()});
    let stamp = Stamp { key: Key::new("ns", name), uid: name.to_owned(), version };
    (stamp, json!({"metadata": metadata, "spec": "unreadable"}))
}

fn see_model(triggers: &Triggers, name: &str, generation: i64, version: u64) {
    let (stamp, object) = object(name, generation, version);
    let object: Lenient<ModelDeployment> = serde_json::from_value(object).unwrap();
    let key = stamp.key.clone();
    let change = triggers.view.models.lock().observe(stamp, Some(object.into()));
    triggers.model(&key, &change);
}

fn see_policy(triggers: &Triggers, generation: i64, version: u64) {
    let (stamp, object) = object("policy", generation, version);
    let object: Lenient<AIPolicy> = serde_json::from_value(object).unwrap();
    let key = stamp.key.clone();
    let change = triggers.view.policies.lock().observe(stamp, Some(object.into()));
    triggers.policy(&key, &change);
}

fn see_pod(triggers: &Triggers, pod: PodFacts, version: u64) {
    let stamp = Stamp { key: pod.key.clone(), uid: pod.uid.clone(), version };
    let change = triggers.view.pods.lock().observe(stamp, Some(pod));
    triggers.pod(&change);
}

/// The models that come, once everything has settled.
async fn models(triggers: &Triggers) -> Vec<String> {
    let mut names = Vec::new();
    while let Ok((key, _)) = tokio::time::timeout(Duration::from_secs(5), triggers.models.next()).await {
        triggers.models.finish(&key, crate::queue::Ending::Done);
        names.push(key.name);
    }
    names.sort();
    names
}

#[tokio::test(start_paused = true)]
async fn a_new_policy_concerns_every_model_and_its_new_status_none() {
    let triggers = triggers();
    see_model(&triggers, "a", 1, 1);
    see_model(&triggers, "b", 1, 2);
    assert_eq!(models(&triggers).await, ["a", "b"]);
    see_policy(&triggers, 1, 3);
    assert_eq!(models(&triggers).await, ["a", "b"]);
    see_policy(&triggers, 1, 4);
    assert_eq!(models(&triggers).await, Vec::<String>::new());
    see_policy(&triggers, 2, 5);
    assert_eq!(models(&triggers).await, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_concerns_every_model_but_its_heartbeat_none() {
    let triggers = triggers();
    see_model(&triggers, "a", 1, 1);
    models(&triggers).await;
    let beat = |version| {
        let stamp = Stamp { key: Key::new("", "n"), uid: "n".to_owned(), version };
        triggers.node(&triggers.view.nodes.lock().observe(stamp, Some(NodeFacts::default())));
    };
    beat(1);
    assert_eq!(models(&triggers).await, ["a"]);
    beat(2);
    assert_eq!(models(&triggers).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn accelerators_that_others_take_concern_the_models_that_wait() {
    let triggers = triggers();
    see_model(&triggers, "waits", 1, 1);
    see_model(&triggers, "serves", 1, 2);
    triggers.view.remember(&Key::new("ns", "waits"), &Verdict { waits: true, ..Verdict::default() });
    models(&triggers).await;
    let mut pod = PodFacts { key: Key::new("x", "p"), uid: "p".to_owned(), ..PodFacts::default() };
    pod.devices.insert("nvidia.com/gpu".to_owned(), 1);
    see_pod(&triggers, pod.clone(), 3);
    assert_eq!(models(&triggers).await, Vec::<String>::new(), "it holds nothing before it is on a node");
    pod.node = Some("n".to_owned());
    see_pod(&triggers, pod.clone(), 4);
    assert_eq!(models(&triggers).await, ["waits"]);
    pod.ready = true;
    see_pod(&triggers, pod, 5);
    assert_eq!(models(&triggers).await, Vec::<String>::new(), "it holds what it held");
}

#[tokio::test(start_paused = true)]
async fn a_pod_concerns_its_model() {
    let triggers = triggers();
    let key = Key::new("ns", "p");
    let pod = PodFacts { key, uid: "p".to_owned(), model_name: Some("a".to_owned()), ..PodFacts::default() };
    see_pod(&triggers, pod, 1);
    assert_eq!(models(&triggers).await, ["a"]);
}
