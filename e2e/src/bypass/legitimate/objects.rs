//! What tenants, other people's operators and GitOps write besides workloads.

use serde_json::{Value, json};

use crate::bypass::actor::Actor;
use crate::bypass::attempt::Attempts;
use crate::bypass::call::Call;
use crate::bypass::change::{every_way, every_way_at};
use crate::bypass::kinds;
use crate::bypass::lines::autoscalers::autoscaler;
use crate::bypass::lines::creations;
use crate::bypass::situation::{LABELLED, Situation, TENANTS};
use crate::objects::text;

/// All of them.
pub fn requests(situation: &Situation) -> Attempts {
    let mut requests = Attempts::default();
    new_objects(&mut requests);
    changed_objects(&mut requests, situation);
    keda(&mut requests, situation);
    gateway(&mut requests, situation);
    scales(&mut requests, situation);
    namespaces(&mut requests);
    requests
}

fn new_objects(requests: &mut Attempts) {
    let selector = json!({"matchLabels": {"app": "webb"}});
    let subjects = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "anna"}]);
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "ny"});
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "egen-deployment"});
    for (kind, rest) in [
        ("ConfigMap", json!({"data": {"a": "b"}})),
        ("Secret", json!({"stringData": {"a": "b"}})),
        ("ServiceAccount", json!({})),
        ("Service", json!({"spec": {"ports": [{"port": 80}], "selector": {"app": "webb"}}})),
        ("NetworkPolicy", json!({"spec": {"podSelector": selector, "ingress": [{}]}})),
        ("PodDisruptionBudget", json!({"spec": {"selector": selector, "maxUnavailable": 1}})),
        ("ResourceQuota", json!({"spec": {"hard": {"pods": "500", "requests.cpu": "500"}}})),
        ("LimitRange", json!({"spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}})),
        (
            "PersistentVolumeClaim",
            json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
        ),
        ("HorizontalPodAutoscaler", json!({"spec": {"scaleTargetRef": target, "maxReplicas": 5}})),
        ("Lease", json!({"spec": {"holderIdentity": "x", "leaseDurationSeconds": 15}})),
        ("Role", json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]})),
        ("RoleBinding", json!({"roleRef": role, "subjects": subjects})),
        ("ResourceClaim", json!({"spec": {}})),
    ] {
        let mut object = rest.clone();
        object["apiVersion"] = json!(kinds::api_version(kind));
        object["kind"] = json!(kind);
        object["metadata"] = json!({"namespace": TENANTS, "name": "ny", "labels": {
            "app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/part-of": "webb",
        }});
        for actor in [Actor::TenantAdmin, Actor::Admin] {
            requests.add_ways("L04", actor, &kind.to_lowercase(), creations(&object));
        }
    }
}

fn changed_objects(requests: &mut Attempts, situation: &Situation) {
    let annotation = json!({"metadata": {"annotations": {"example.org/x": "y"}, "labels": {"lag": "b"}}});
    let finalizer = json!({"metadata": {"finalizers": ["example.org/x"]}});
    let none = json!({"metadata": {"finalizers": []}});
    for (kind, own) in &situation.own {
        let what = kind.to_lowercase();
        for actor in [Actor::TenantEdit, Actor::ForeignOperator] {
            requests.add_ways("L05", actor, &format!("annotated-{what}"), every_way(own, "", &annotation));
            requests.add("L05", actor, "delete", &what, Call::delete(&kinds::item_of(own)));
        }
        for (name, change) in [("finalizer", &finalizer), ("no-finalizers", &none)] {
            let ways = every_way(own, "", change);
            requests.add_ways("L05", Actor::TenantAdmin, &format!("{name}-{what}"), ways);
        }
        let collection = format!("{}?labelSelector=app=egen-{what}", kinds::collection_of(own));
        requests.add("L05", Actor::TenantAdmin, "delete-collection", &what, Call::delete(&collection));
        requests.add(
            "L05",
            Actor::NamespaceController,
            "delete-collection",
            &what,
            Call::delete(&collection),
        );
        requests.add("L05", Actor::GarbageCollector, "delete", &what, Call::delete(&kinds::item_of(own)));
    }
}

/// What KEDA makes of a ScaledObject of Hemvist's, and how it scales; and what it notes on a tenant's own.
fn keda(requests: &mut Attempts, situation: &Situation) {
    let deployment = &situation.models["internal"].children["Deployment"]["metadata"];
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment["name"]});
    let mut made = autoscaler("HorizontalPodAutoscaler", &deployment["namespace"], "keda-hpa-ny", &target);
    made["metadata"]["labels"] = deployment["labels"].clone();
    requests.add("L06", Actor::Keda, "create", "autoscaler-of-a-model", Call::create(&made));
    let scale = json!({
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"namespace": deployment["namespace"], "name": deployment["name"]},
        "spec": {"replicas": 2},
    });
    let path = format!(
        "{}/scale",
        kinds::item("Deployment", text(&deployment["namespace"]), text(&deployment["name"]))
    );
    for actor in [Actor::Keda, Actor::Autoscaler] {
        requests.add("L06", actor, "put", "deployment-of-a-model", Call::put(&path, &scale));
    }
    if let Some(own) = situation.own.get("ScaledObject") {
        let finalizer = json!({"metadata": {"finalizers": ["finalizer.keda.sh"]}});
        requests.add_ways("L06", Actor::Keda, "own-scaledobject", every_way(own, "", &finalizer));
    }
}

/// What somebody's gateway notes on the way that Hemvist made to a model.
fn gateway(requests: &mut Attempts, situation: &Situation) {
    let accepted = json!({
        "type": "Accepted", "status": "True", "reason": "Accepted", "message": "",
        "lastTransitionTime": "2026-11-23T08:00:00Z",
    });
    let noted = json!({
        "controllerName": "example.org/gateway", "parentRef": {"name": "region"}, "conditions": [accepted],
    });
    for (kind, child) in situation.models.values().flat_map(|model| &model.children) {
        if ["HTTPRoute", "InferencePool"].contains(kind) {
            let what = format!("{}-of-a-model", kind.to_lowercase());
            let ways = every_way(child, "/status", &json!({"status": {"parents": [noted]}}));
            requests.add_ways("L06", Actor::ForeignOperator, &what, ways);
        }
    }
}

/// By people, and by the autoscaler.
fn scales(requests: &mut Attempts, situation: &Situation) {
    for kind in ["Deployment", "ReplicaSet", "StatefulSet", "ReplicationController"] {
        let Some(own) = situation.own.get(kind) else { continue };
        let metadata = &own["metadata"];
        let scale = json!({
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"namespace": metadata["namespace"], "name": metadata["name"]},
            "spec": {"replicas": 1},
        });
        let path = format!("{}/scale", kinds::item_of(own));
        for actor in [Actor::TenantEdit, Actor::Autoscaler] {
            let mut ways = every_way_at(&path, &scale, &json!({"spec": {"replicas": 3}}));
            // The autoscaler may update and not patch.
            ways.retain(|(way, _)| actor == Actor::TenantEdit || *way == "put");
            requests.add_ways("L06", actor, &kind.to_lowercase(), ways);
        }
    }
}

fn namespaces(requests: &mut Attempts) {
    let made = |labels: Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ny-avdelning", "labels": labels}});
    for actor in [Actor::Admin, Actor::ForeignOperator] {
        for (what, labels) in [
            ("plain", json!({})),
            ("restricted", json!({"pod-security.kubernetes.io/enforce": "restricted"})),
        ] {
            requests.add_ways("L07", actor, &format!("namespace-{what}"), creations(&made(labels)));
        }
    }
    let path = kinds::item("Namespace", "", LABELLED);
    let live = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LABELLED}});
    for actor in [Actor::Admin, Actor::TenantAdmin] {
        let change = json!({"metadata": {"labels": {"lag": "b"}, "annotations": {"example.org/x": "y"}}});
        let mut ways = every_way_at(&path, &live, &change);
        // It is only its name here, and a JSON patch and a PUT need the rest.
        ways.retain(|(way, _)| !["put", "json-patch"].contains(way));
        requests.add_ways("L07", actor, "labels", ways);
        requests.add("L07", actor, "delete", "namespace", Call::delete(&path));
    }
}
