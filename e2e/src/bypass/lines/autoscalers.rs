//! B43: autoscalers of a model that Hemvist did not make, and changes of those that it did.

use serde_json::{Value, json};

use super::creations;
use crate::bypass::actor::Actor;
use crate::bypass::attempt::Attempts;
use crate::bypass::change::{every_way, every_way_at};
use crate::bypass::kinds;
use crate::bypass::situation::{ModelObjects, Situation};

/// The kinds.
const KINDS: [&str; 2] = ["HorizontalPodAutoscaler", "ScaledObject"];

/// All of them.
pub fn attempts(situation: &Situation) -> Attempts {
    let mut attempts = Attempts::default();
    for (id, model) in &situation.models {
        of_a_model(&mut attempts, id, model);
    }
    turned_to_a_model(&mut attempts, situation);
    said_by_others(&mut attempts, situation);
    attempts
}

/// An autoscaler of a kind that scales `target`.
pub fn autoscaler(kind: &str, namespace: &Value, name: &str, target: &Value) -> Value {
    let spec = if kind == "ScaledObject" {
        json!({
            "scaleTargetRef": target,
            "minReplicaCount": 5,
            "maxReplicaCount": 9,
            "triggers": [{"type": "cpu", "metadata": {"value": "50"}}],
        })
    } else {
        json!({"scaleTargetRef": target, "minReplicas": 5, "maxReplicas": 9})
    };
    json!({
        "apiVersion": kinds::api_version(kind),
        "kind": kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": spec,
    })
}

/// What scales a model's pods, by its Deployment or past it.
fn of_a_model(attempts: &mut Attempts, id: &str, model: &ModelObjects) {
    let deployment = &model.children["Deployment"]["metadata"];
    for (kind, what, owner) in [
        ("Deployment", "deployment", deployment),
        ("ReplicaSet", "replicaset", &model.replica_set["metadata"]),
    ] {
        let target = json!({"apiVersion": "apps/v1", "kind": kind, "name": owner["name"]});
        for autoscaler_kind in KINDS {
            let object = autoscaler(autoscaler_kind, &owner["namespace"], "egen", &target);
            for actor in Actor::WRITERS {
                let what = format!("{}-of-the-{what}-of-{id}", autoscaler_kind.to_lowercase());
                attempts.add_ways("B43", actor, &what, creations(&object));
            }
        }
    }
    // KEDA takes a kind that is not stated for a Deployment.
    let target = json!({"name": deployment["name"]});
    let object = autoscaler("ScaledObject", &deployment["namespace"], "egen", &target);
    let what = format!("scaledobject-without-a-kind-of-{id}");
    attempts.add_ways("B43", Actor::TenantEdit, &what, creations(&object));
}

/// A tenant's own autoscaler comes to scale a model in its namespace.
fn turned_to_a_model(attempts: &mut Attempts, situation: &Situation) {
    let target = json!({"spec": {"scaleTargetRef": {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "name": situation.models["open"].children["Deployment"]["metadata"]["name"],
    }}});
    for kind in KINDS {
        let Some(own) = situation.own.get(kind) else { continue };
        for actor in [Actor::TenantEdit, Actor::ForeignOperator] {
            let what = format!("own-{}-turned-to-a-model", kind.to_lowercase());
            attempts.add_ways("B43", actor, &what, every_way(own, "", &target));
        }
    }
}

/// What an autoscaler of a model has seen is said by the cluster's own controllers.
fn said_by_others(attempts: &mut Attempts, situation: &Situation) {
    let said = json!({"status": {"currentReplicas": 1, "desiredReplicas": 7}});
    for (id, model) in &situation.models {
        let Some(live) = model.children.get("HorizontalPodAutoscaler") else { continue };
        let path = format!("{}/status", kinds::item_of(live));
        for actor in Actor::WRITERS {
            let what = format!("status-of-the-autoscaler-of-{id}");
            attempts.add_ways("B43", actor, &what, every_way_at(&path, live, &said));
        }
    }
}
