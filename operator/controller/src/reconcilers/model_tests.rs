//! From a view of the cluster to the requests of a reconcile, against a fake API server.

use std::time::Duration;

use hemvist_core::snapshot::ChildKind;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Resource;
use serde_json::{Value, json};

use super::*;
use crate::cache::Stamp;
use crate::fake_api::Mood;
use crate::fixture::{MODEL, World, forget};
use crate::objects::ChildObject;
use crate::queue::Ending;

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/ns/deployments/m--open";
const SERVICE: &str = "/api/v1/namespaces/ns/services/m";
const ACCOUNT: &str = "/api/v1/namespaces/ns/serviceaccounts/m";

const CREATED: [&str; 6] = [
    "PATCH serviceaccounts/m",
    "PATCH networkpolicies/m",
    "PATCH services/m",
    "PATCH poddisruptionbudgets/m",
    "PATCH deployments/m--open",
    "PATCH m/status",
];

fn key() -> Key {
    Key::new("ns", "m")
}

impl World {
    /// What this process sees of the Deployment, as it is stored.
    fn see_deployment(&self) {
        self.see_deployment_at(DEPLOYMENT);
    }

    fn see_deployment_at(&self, path: &str) {
        let object = deployment(self.api.stored(path).unwrap());
        let stamp = Stamp::of(object.meta()).unwrap();
        self.context.view.children(ChildKind::Deployment).lock().observe(stamp, object.seen);
    }

    /// The pods of the Deployment, which is being deleted, are gone, and so it goes. The watch says so.
    fn deployment_goes(&self) {
        let object = deployment(self.api.remove(DEPLOYMENT).unwrap());
        assert!(object.seen.as_ref().unwrap().facts.terminating);
        let stamp = Stamp::of(object.meta()).unwrap();
        let change = self.context.view.children(ChildKind::Deployment).lock().forget(&stamp);
        self.context.triggers.publish(&Event::Child(&change));
    }

    async fn reconcile(&self) -> Result<Next, ReconcileError> {
        reconcile(&self.context, &key(), 0).await
    }

    /// Whether the model is due, now or in a while.
    async fn is_due(&self) -> bool {
        let next = tokio::time::timeout(Duration::from_secs(5), self.queue.next()).await;
        next.is_ok_and(|(due, _)| {
            self.queue.finish(&due, Ending::Done);
            due == key()
        })
    }

    fn ready_reason(&self) -> String {
        let status = self.api.stored(MODEL).unwrap()["status"].clone();
        let ready =
            status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == "Ready").cloned();
        ready.unwrap()["reason"].as_str().unwrap().to_owned()
    }
}

fn deployment(object: Value) -> ChildObject<Deployment> {
    serde_json::from_value(object).unwrap()
}

#[tokio::test]
async fn a_new_model_costs_five_objects_and_one_status() {
    let world = World::new(&RECONCILER);
    assert_eq!(world.reconcile().await.unwrap(), Next::Settled);
    assert_eq!(world.api.requests(), CREATED);
    assert_eq!(world.ready_reason(), "Scheduling");
}

#[tokio::test]
async fn an_object_that_needs_no_change_is_not_written_again() {
    let world = World::new(&RECONCILER);
    world.reconcile().await.unwrap();
    world.api.requests();
    world.reconcile().await.unwrap();
    assert_eq!(world.api.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_changed_object_is_repaired_and_only_that_one() {
    let world = World::new(&RECONCILER);
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
    let world = World::new(&RECONCILER);
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
async fn an_object_of_another_owner_is_not_changed() {
    let world = World::new(&RECONCILER);
    let theirs = json!({"metadata": {"name": "m", "namespace": "ns"}, "spec": {"theirs": true}});
    let theirs = world.api.store(SERVICE, theirs);
    assert_eq!(world.reconcile().await.unwrap(), Next::Retry("name_conflict"));
    assert_eq!(world.api.stored(SERVICE), Some(theirs));
    assert_eq!(world.ready_reason(), "NameConflict");
    assert!(world.api.stored(DEPLOYMENT).is_none());
}

#[tokio::test]
async fn an_object_of_ours_that_is_not_seen_is_taken_up_again() {
    let world = World::new(&RECONCILER);
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
    let world = World::new(&RECONCILER);
    let owner = json!({"apiVersion": "hemvist.dev/v1alpha1", "kind": "ModelDeployment", "name": "m", "uid": "model-0", "controller": true});
    world
        .api
        .store(ACCOUNT, json!({"metadata": {"name": "m", "namespace": "ns", "ownerReferences": [owner]}}));
    assert_eq!(world.reconcile().await.unwrap(), Next::Retry("leaving"));
    world.api.remove(ACCOUNT);
    assert_eq!(world.reconcile().await.unwrap(), Next::Settled);
}

#[tokio::test(start_paused = true)]
async fn a_refused_model_is_pruned_and_its_isolation_last() {
    let world = World::new(&RECONCILER);
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
    assert_eq!(world.api.requests(), Vec::<String>::new(), "a pod may be there that is not seen");
    assert!(!world.is_due().await);
    world.deployment_goes();
    assert!(world.is_due().await);
    world.reconcile().await.unwrap();
    assert_eq!(world.api.requests(), ["DELETE networkpolicies/m"]);
    world.reconcile().await.unwrap();
    assert_eq!(world.api.requests(), Vec::<String>::new());
}

/// The watch tells nothing new of it then, and nothing else would make the model due.
#[tokio::test(start_paused = true)]
async fn a_deployment_that_is_gone_already_makes_its_model_due_again() {
    let world = World::new(&RECONCILER);
    world.reconcile().await.unwrap();
    world.api.requests();
    world.api.remove(DEPLOYMENT);
    forget(&world.context.view.policies);
    assert!(!world.is_due().await);
    world.reconcile().await.unwrap();
    let requests = world.api.requests();
    assert_eq!(requests[0], "DELETE deployments/m--open");
    assert!(!requests.contains(&"DELETE networkpolicies/m".to_owned()), "{requests:?}");
    assert!(world.is_due().await);
    world.reconcile().await.unwrap();
    assert_eq!(world.api.requests(), ["DELETE networkpolicies/m"]);
}

#[tokio::test]
async fn a_model_that_is_allowed_again_waits_until_its_old_replicas_are_gone() {
    let world = World::new(&RECONCILER);
    world.reconcile().await.unwrap();
    forget(&world.context.view.policies);
    world.reconcile().await.unwrap();
    world.api.requests();
    world.see_policy(crate::fixture::policy(), 2);
    assert_eq!(world.reconcile().await.unwrap(), Next::Retry("leaving"));
    assert_eq!(world.ready_reason(), "WaitingForPredecessor");
    world.deployment_goes();
    assert_eq!(world.reconcile().await.unwrap(), Next::Settled);
    assert!(world.api.stored(DEPLOYMENT).unwrap()["metadata"]["deletionTimestamp"].is_null());
}

/// Before Deployments had the class in their names, and whenever the class of a model changes.
#[tokio::test]
async fn a_deployment_of_another_name_makes_room_before_the_new_one_is_written() {
    let world = World::new(&RECONCILER);
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
async fn every_deployment_of_a_refused_model_is_deleted_before_its_isolation() {
    let world = World::new(&RECONCILER);
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
    let world = World::new(&RECONCILER);
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
        let world = World::new(&RECONCILER);
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
    let world = World::new(&RECONCILER);
    world.api.set_mood(Mood::Hangs);
    let begin = tokio::time::Instant::now();
    let error = world.reconcile().await.unwrap_err();
    assert_eq!(error.category(), "timeout");
    assert_eq!(begin.elapsed(), Duration::from_secs(10));
}

#[tokio::test]
async fn a_model_that_cannot_be_read_says_so_once_and_loses_what_it_has() {
    let world = World::new(&RECONCILER);
    world.reconcile().await.unwrap();
    world.api.requests();
    let mut model = world.api.stored(MODEL).unwrap();
    model["spec"]["purpose"]["informationClass"] = json!("Cosmic");
    world.see_model(model);
    world.reconcile().await.unwrap();
    world.reconcile().await.unwrap();
    let pruned = [
        "DELETE deployments/m--open",
        "DELETE poddisruptionbudgets/m",
        "DELETE services/m",
        "DELETE serviceaccounts/m",
        "PATCH m/status",
    ];
    assert_eq!(world.api.requests(), pruned);
    assert_eq!(world.ready_reason(), "Unreadable");
    world.deployment_goes();
    world.reconcile().await.unwrap();
    assert_eq!(world.api.requests(), ["DELETE networkpolicies/m"]);
}

#[tokio::test]
async fn a_change_that_came_with_the_answer_is_worked_on() {
    let world = World::new(&RECONCILER);
    let mut model = world.api.stored(MODEL).unwrap();
    model["metadata"]["generation"] = json!(2);
    world.api.store(MODEL, model);
    world.reconcile().await.unwrap();
    assert_eq!(world.queue.depth(), 1);
}

#[tokio::test]
async fn a_model_that_is_gone_is_forgotten() {
    let world = World::new(&RECONCILER);
    world.reconcile().await.unwrap();
    forget(&world.context.view.models);
    assert_eq!(world.reconcile().await.unwrap(), Next::Gone);
    assert!(world.context.view.waiting().is_empty());
}

#[tokio::test]
async fn replicas_are_given_up_before_they_are_left_out_and_taken_back_after_the_autoscaler() {
    let world = World::new(&RECONCILER);
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
