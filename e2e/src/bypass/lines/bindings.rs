//! B04 and B05: putting a pod on a node without the scheduler.

use serde_json::{Value, json};

use crate::bypass::actor::Actor;
use crate::bypass::attempt::Attempts;
use crate::bypass::call::{Call, binding};
use crate::bypass::situation::Situation;
use crate::objects::text;

/// Everyone who could have a right to bind.
const BINDERS: [Actor; 4] = [Actor::TenantEdit, Actor::TenantAdmin, Actor::ForeignOperator, Actor::Admin];

/// All of them: pods of models and plain ones, to nodes that would do and that would not, by both paths.
pub fn attempts(situation: &Situation) -> Attempts {
    let mut attempts = Attempts::default();
    let pods = [("pod-of-a-model", &situation.waiting_pod), ("plain-pod", &situation.own_waiting_pod)];
    for (name, pod) in pods {
        for node in [&situation.nodes[0], &situation.nodes[situation.nodes.len() - 1]] {
            for actor in BINDERS {
                both_paths(&mut attempts, actor, name, pod, text(&node["metadata"]["name"]));
            }
        }
    }
    attempts
}

fn both_paths(attempts: &mut Attempts, actor: Actor, what: &str, pod: &Value, node: &str) {
    let (namespace, name) = (text(&pod["metadata"]["namespace"]), text(&pod["metadata"]["name"]));
    let mut body = binding(namespace, name, node);
    let what = format!("{what}-to-{node}");
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/binding");
    attempts.add("B04", actor, "pods-binding", &what, Call::post(&path, &body));
    let path = format!("/api/v1/namespaces/{namespace}/bindings");
    attempts.add("B05", actor, "bindings", &what, Call::post(&path, &body));
    attempts.add("B05", actor, "bindings-as-yaml", &what, Call::post_yaml(&path, &body));
    // A binding can bring labels and annotations along, and it is the pod that gets them.
    body["metadata"]["labels"] = json!({"hemvist.dev/information-class": "Open"});
    body["metadata"]["annotations"] = json!({"cdi.k8s.io/gpu": "nvidia.com/gpu=all"});
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/binding");
    attempts.add("B04", actor, "pods-binding-with-labels", &what, Call::post(&path, &body));
}
