//! B12, B13, B24, B42: Hemvist's own objects, and others that look like them.

use serde_json::{Value, json};

use super::creations;
use crate::bypass::actor::Actor;
use crate::bypass::attempt::Attempts;
use crate::bypass::call::Call;
use crate::bypass::change::{every_way, every_way_at, merge};
use crate::bypass::kinds::{self, WORKLOADS};
use crate::bypass::shapes::{plain_spec, pod, workload_of};
use crate::bypass::situation::{ModelObjects, Situation, TENANTS};
use crate::objects::text;

const MODEL: &str = "hemvist.dev/model-deployment";
const UID: &str = "hemvist.dev/model-deployment-uid";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Kinds of which Hemvist makes objects, and what is made of those.
const OWN_KINDS: [&str; 11] = [
    "ServiceAccount",
    "NetworkPolicy",
    "Service",
    "PodDisruptionBudget",
    "Job",
    "Deployment",
    "ReplicaSet",
    "HorizontalPodAutoscaler",
    "ScaledObject",
    "HTTPRoute",
    "InferencePool",
];

/// Those of which one model of the situation has some.
const OF_ONE_MODEL: [&str; 3] = ["HorizontalPodAutoscaler", "HTTPRoute", "InferencePool"];

/// All of them.
pub fn attempts(situation: &Situation) -> Attempts {
    let mut attempts = Attempts::default();
    for (id, model) in &situation.models {
        changes(&mut attempts, id, model);
        scales(&mut attempts, id, model);
        twins(&mut attempts, id, model);
    }
    collections(&mut attempts);
    look_alikes(&mut attempts, situation);
    adoptions(&mut attempts, situation);
    quotas(&mut attempts, situation);
    attempts
}

/// What would open or end each of them.
fn change_of(kind: &str) -> Value {
    match kind {
        "ServiceAccount" => json!({"automountServiceAccountToken": true}),
        "NetworkPolicy" => json!({"spec": {"ingress": [{}], "egress": [{}]}}),
        "Service" => json!({"spec": {"selector": {"app": "egen-pod"}}}),
        "PodDisruptionBudget" => json!({"spec": {"maxUnavailable": 0}}),
        "Deployment" => json!({"spec": {"replicas": 9}}),
        "Job" => json!({"spec": {"backoffLimit": 0, "suspend": true}}),
        "HorizontalPodAutoscaler" => json!({"spec": {"maxReplicas": 9}}),
        // A rule without matches leads everything.
        "HTTPRoute" => json!({"spec": {"rules": [{"backendRefs": [{"name": "egen-service", "port": 80}]}]}}),
        "InferencePool" => json!({"spec": {"selector": {"matchLabels": {"app": "egen-pod"}}}}),
        _ => json!({"metadata": {"annotations": {"example.org/mine": "true"}}}),
    }
}

fn changes(attempts: &mut Attempts, id: &str, model: &ModelObjects) {
    let objects =
        model.children.iter().map(|(kind, child)| (*kind, child)).chain([("ReplicaSet", &model.replica_set)]);
    for (kind, child) in objects {
        let what = format!("{}-of-{id}", kind.to_lowercase());
        for actor in Actor::WRITERS {
            attempts.add_ways("B13", actor, &what, every_way(child, "", &change_of(kind)));
            attempts.add("B13", actor, "delete", &what, Call::delete(&kinds::item_of(child)));
            let foreground = format!("{}?propagationPolicy=Orphan", kinds::item_of(child));
            attempts.add("B13", actor, "delete-and-orphan", &what, Call::delete(&foreground));
        }
        for (change, name) in [
            (json!({"metadata": {"labels": {MANAGED_BY: null}}}), "not-managed"),
            (json!({"metadata": {"labels": {MANAGED_BY: "someone"}}}), "managed-by-someone"),
            (json!({"metadata": {"labels": {"hemvist.dev/information-class": "Secret"}}}), "other-class"),
            (json!({"metadata": {"labels": {UID: "00000000-0000-0000-0000-000000000000"}}}), "other-uid"),
            (json!({"metadata": {"ownerReferences": []}}), "no-owner"),
        ] {
            let ways = every_way(child, "", &change);
            attempts.add_ways("B13", Actor::TenantEdit, &format!("{name}-{what}"), ways);
        }
    }
    let deployment = &model.children["Deployment"];
    let change = json!({"spec": {"template": {"spec": {"nodeName": "jkpg-b-a10-1"}}}});
    for actor in Actor::WRITERS {
        attempts.add_ways("B13", actor, &format!("template-of-{id}"), every_way(deployment, "", &change));
        let what = format!("status-of-the-deployment-of-{id}");
        let change = json!({"status": {"observedGeneration": 1, "replicas": 7, "readyReplicas": 7, "availableReplicas": 7}});
        attempts.add_ways("B13", actor, &what, every_way(deployment, "/status", &change));
    }
}

fn collections(attempts: &mut Attempts) {
    const HEMVISTS: &str = "?labelSelector=app.kubernetes.io/managed-by=hemvist";
    let mut all = |kind: &'static str, namespace: &str, what: &str, selector: &str| {
        for actor in Actor::WRITERS {
            let what = format!("{what}-{}", kind.to_lowercase());
            let call = Call::delete(&format!("{}{selector}", kinds::collection(kind, namespace)));
            attempts.add("B13", actor, "delete-collection", &what, call);
        }
    };
    // No model of the situation has a ScaledObject.
    for kind in OWN_KINDS.into_iter().filter(|kind| !["ScaledObject", "Job"].contains(kind)) {
        let namespace = if OF_ONE_MODEL.contains(&kind) { "teknik" } else { "halsa" };
        all(kind, namespace, "all", "");
        all(kind, namespace, "hemvist", HEMVISTS);
    }
    // There the tenants have Jobs of their own too, which may go.
    all("Job", TENANTS, "hemvist", HEMVISTS);
}

fn scales(attempts: &mut Attempts, id: &str, model: &ModelObjects) {
    for (kind, object) in [("Deployment", &model.children["Deployment"]), ("ReplicaSet", &model.replica_set)]
    {
        let metadata = &object["metadata"];
        let scale = json!({
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"namespace": metadata["namespace"], "name": metadata["name"]},
            "spec": {"replicas": object["spec"]["replicas"]},
        });
        let path = format!("{}/scale", kinds::item_of(object));
        for (to, replicas) in [("nothing", 0), ("nine", 9)] {
            for actor in Actor::WRITERS {
                let what = format!("{}-of-{id}-to-{to}", kind.to_lowercase());
                let ways = every_way_at(&path, &scale, &json!({"spec": {"replicas": replicas}}));
                // Nothing is left out of a Scale.
                let shown = if replicas == 0 { Value::Null } else { json!(replicas) };
                for attempt in attempts.add_ways("B24", actor, &what, ways) {
                    attempt.effect = Some(("/spec/replicas".to_owned(), shown.clone()));
                }
            }
        }
    }
}

/// Pods and workloads with the labels by which a model's Service and the usage statement know its pods.
fn twins(attempts: &mut Attempts, id: &str, model: &ModelObjects) {
    let metadata = &model.model["metadata"];
    let namespace = text(&metadata["namespace"]);
    let labels = [
        ("uid", json!({UID: metadata["uid"]})),
        ("name", json!({MODEL: metadata["name"]})),
        ("all", model.pod["metadata"]["labels"].clone()),
    ];
    for (which, labels) in labels {
        let mut twin = pod(namespace, "tvilling", &plain_spec());
        merge(&mut twin["metadata"]["labels"], &labels);
        for kind in ["Pod"].into_iter().chain(WORKLOADS) {
            let what = format!("{}-with-{which}-of-{id}", kind.to_lowercase());
            let object = workload_of(kind, &twin);
            for actor in [Actor::TenantEdit, Actor::ForeignOperator] {
                attempts.add_ways("B12", actor, &what, creations(&object));
            }
        }
    }
    // The same name as the model's own, elsewhere and as if it had been made again.
    let mut reused = pod(TENANTS, text(&model.children["Deployment"]["metadata"]["name"]), &plain_spec());
    reused["metadata"]["labels"][MODEL] = metadata["name"].clone();
    reused["metadata"]["labels"][UID] = json!("00000000-0000-0000-0000-000000000000");
    for kind in ["Pod", "ReplicaSet", "StatefulSet"] {
        let mut object = workload_of(kind, &reused);
        object["metadata"]["name"] = json!(format!("{}-igen", text(&object["metadata"]["name"])));
        for actor in Actor::WRITERS {
            let what = format!("{}-named-like-{id}", kind.to_lowercase());
            attempts.add_ways("B42", actor, &what, creations(&object));
        }
    }
}

/// Objects that say that Hemvist made them.
fn look_alikes(attempts: &mut Attempts, situation: &Situation) {
    for kind in OWN_KINDS {
        let Some(own) = situation.own.get(kind) else { continue };
        let mut object = json!({
            "apiVersion": own["apiVersion"],
            "kind": kind,
            "metadata": {"namespace": TENANTS, "name": "lik", "labels": {MANAGED_BY: "hemvist"}},
        });
        if !own["spec"].is_null() {
            object["spec"] = own["spec"].clone();
        }
        if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
            spec.retain(|field, _| !field.starts_with("clusterIP"));
            // The API server gives a Job its selector and its template the labels for it.
            if kind == "Job" {
                spec.remove("selector");
                spec["template"]["metadata"] = json!({});
            }
        }
        for actor in Actor::WRITERS {
            attempts.add_ways(
                "B12",
                actor,
                &format!("look-alike-{}", kind.to_lowercase()),
                creations(&object),
            );
        }
        let change = json!({"metadata": {"labels": {MANAGED_BY: "hemvist"}}});
        for actor in [Actor::TenantEdit, Actor::ForeignOperator] {
            let what = format!("own-{}-becomes-hemvists", kind.to_lowercase());
            attempts.add_ways("B12", actor, &what, every_way(own, "", &change));
        }
    }
}

/// Own pods that come to look like a model's, and owners that are forged.
fn adoptions(attempts: &mut Attempts, situation: &Situation) {
    let Some(own) = situation.own.get("Pod") else { return };
    for (id, model) in &situation.models {
        let uid = &model.model["metadata"]["uid"];
        for (which, labels) in [("uid", json!({UID: uid})), ("name", json!({MODEL: "webbassistent"}))] {
            let change = json!({"metadata": {"labels": labels}});
            for (path, way) in [("", "pod"), ("/status", "status")] {
                for actor in [Actor::TenantEdit, Actor::ForeignOperator] {
                    let what = format!("{which}-of-{id}-on-an-own-{way}");
                    attempts.add_ways("B12", actor, &what, every_way(own, path, &change));
                }
            }
        }
        let owned = [
            ("replicaset", &model.replica_set),
            ("deployment", &model.children["Deployment"]),
            ("model", &model.model),
        ];
        for (kind, owner) in owned {
            let mut object = pod(text(&owner["metadata"]["namespace"]), "kuckling", &plain_spec());
            object["metadata"]["labels"] = model.pod["metadata"]["labels"].clone();
            object["metadata"]["ownerReferences"] = json!([{
                "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"], "controller": true,
            }]);
            for actor in Actor::WRITERS {
                let what = format!("pod-owned-by-the-{kind}-of-{id}");
                attempts.add_ways("B12", actor, &what, creations(&object));
            }
        }
    }
}

/// The quota of accelerators that Hemvist keeps, and the statements of what was used.
fn quotas(attempts: &mut Attempts, situation: &Situation) {
    let quota = |name: &str, labels: Value| {
        json!({
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"namespace": TENANTS, "name": name, "labels": labels},
            "spec": {"hard": {"requests.nvidia.com/gpu": "999"}},
        })
    };
    let mut forged = vec![("quota-with-hemvists-label", quota("egen", json!({MANAGED_BY: "hemvist"})))];
    if situation.quota.is_none() {
        forged.push(("quota-with-hemvists-name", quota("hemvist-accelerators", json!({}))));
    }
    for (what, object) in &forged {
        for actor in Actor::WRITERS {
            let mut ways = creations(object);
            ways.retain(|(way, _)| *way != "generate-name" || *what == "quota-with-hemvists-label");
            attempts.add_ways("B13", actor, what, ways);
        }
    }
    if let Some(quota) = &situation.quota {
        for actor in Actor::WRITERS {
            let change = json!({"spec": {"hard": {"requests.nvidia.com/gpu": "999"}}});
            attempts.add_ways("B13", actor, "accelerators-quota", every_way(quota, "", &change));
            // What is counted against stands in the status.
            let counted = json!({"status": {"hard": {"requests.nvidia.com/gpu": "999"}}});
            attempts.add_ways("B13", actor, "status-of-the-quota", every_way(quota, "/status", &counted));
            attempts.add("B13", actor, "delete", "accelerators-quota", Call::delete(&kinds::item_of(quota)));
        }
    }
    if situation.usage_statements {
        let statement = json!({
            "apiVersion": "hemvist.dev/v1alpha1",
            "kind": "UsageStatement",
            "metadata": {"namespace": TENANTS, "name": "2026-11"},
            "spec": {},
        });
        for actor in [Actor::TenantAdmin, Actor::ForeignOperator] {
            attempts.add("B13", actor, "create", "usage-statement", Call::create(&statement));
        }
    }
}
