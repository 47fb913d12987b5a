//! Models that the policies allow, and policies by those who may write them.

use serde_json::json;

use crate::bypass::actor::Actor;
use crate::bypass::attempt::Attempts;
use crate::bypass::call::Call;
use crate::bypass::change::every_way;
use crate::bypass::kinds;
use crate::bypass::lines::creations;
use crate::bypass::lines::models::like;
use crate::bypass::situation::{LOOSENERS, Situation};
use crate::installation::ROOT_NAMESPACE;
use crate::models::local_policy;
use crate::objects::text;

/// All of them.
pub fn requests(situation: &Situation) -> Attempts {
    let mut requests = Attempts::default();
    for (id, model) in &situation.models {
        let live = &model.model;
        let namespace = text(&live["metadata"]["namespace"]);
        let is_scaled = !live["spec"]["scaling"].is_null();
        let number = |replicas: i32| {
            if is_scaled {
                json!({"spec": {"scaling": {"maxReplicas": replicas + 1}}})
            } else {
                json!({"spec": {"replicas": replicas}})
            }
        };
        for actor in [Actor::TenantEdit, Actor::TenantAdmin, Actor::Admin] {
            let object = like(model, namespace, "lika");
            requests.add_ways("L15", actor, &format!("like-{id}"), creations(&object));
            for (what, change) in [
                (
                    "labels",
                    json!({"metadata": {"labels": {"lag": "b"}, "annotations": {"example.org/x": "y"}}}),
                ),
                ("suspended", json!({"spec": {"suspend": true}})),
                ("more-replicas", number(3)),
                ("no-replicas", number(0)),
                ("consumers", json!({"spec": {"access": {"consumers": [{"namespace": "nya"}]}}})),
                ("finalizer", json!({"metadata": {"finalizers": ["example.org/x"]}})),
                ("no-finalizers", json!({"metadata": {"finalizers": []}})),
            ] {
                requests.add_ways("L15", actor, &format!("{what}-of-{id}"), every_way(live, "", &change));
            }
            if !is_scaled {
                let scale = format!("{}/scale", kinds::item_of(live));
                let call = Call::merge_patch(&scale, &json!({"spec": {"replicas": 2}}));
                requests.add("L15", actor, "scale", id, call);
            }
            requests.add("L15", actor, "delete", id, Call::delete(&kinds::item_of(live)));
        }
        // As GitOps applies what it has applied before.
        let mut whole = like(model, namespace, text(&live["metadata"]["name"]));
        whole["metadata"]["labels"] = json!({"argocd.argoproj.io/instance": "modeller"});
        let call = Call::apply(&kinds::item_of(live), &whole);
        requests.add("L15", Actor::Admin, "apply-again", id, call);
    }
    for policy in &situation.policies {
        let name = text(&policy["metadata"]["name"]);
        let change = json!({"metadata": {"labels": {"lag": "b"}}, "spec": {"quota": {"accelerators": 64}}});
        requests.add_ways("L16", Actor::Admin, &format!("policy-{name}"), every_way(policy, "", &change));
    }
    for (actor, namespace) in [(Actor::TenantAdmin, LOOSENERS), (Actor::Admin, ROOT_NAMESPACE)] {
        let spec = json!({"images": {"registries": ["registry.region.example"], "requireDigest": true}});
        let policy = local_policy(namespace, "stramare", &spec);
        requests.add_ways("L16", actor, &format!("new-policy-in-{namespace}"), creations(&policy));
    }
    requests
}
