//! What is written in which order, against a fake API server.

use std::sync::Arc;

use hemvist_api::AIPolicy;
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::Resource;
use serde_json::{Value, json};

use super::*;
use crate::cache::Stamp;
use crate::fake_api::{FakeApi, Mood};
use crate::fixture;
use crate::objects::Lenient;
use crate::objects::compiled::{CompiledObject, CompiledType};

const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
const OF_MODELS: &str = "hemvist-models.hemvist-system.region";

/// A cluster, and an operator that has just started and sees all of it.
struct World {
    api: FakeApi,
    context: Context,
}

impl World {
    fn new() -> Self {
        Self::beside(FakeApi::new())
    }

    /// Another operator of the same cluster.
    fn beside(api: FakeApi) -> Self {
        let (context, _) = fixture::context(&api, View::new(Arc::default(), true), &RECONCILER);
        Self { api, context }
    }

    fn see_policy(&self, generation: i64, spec: &Value) {
        let metadata = json!({"name": "region", "namespace": "hemvist-system", "uid": "region-1", "generation": generation,
            "resourceVersion": generation.to_string()});
        let object: Lenient<AIPolicy> =
            serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap();
        let stamp = Stamp::of(object.meta()).unwrap();
        self.context.view.policies.lock().observe(stamp, Some(object.into()));
    }

    fn lose_policy(&self) {
        let mut policies = self.context.view.policies.lock();
        policies.list_begins();
        policies.list_ends();
    }

    /// What this operator sees of an object, as it is stored.
    fn see(&self, id: &CompiledId) {
        match id.kind {
            CompiledKind::Policy => self.see_as::<ValidatingAdmissionPolicy>(id, POLICIES),
            CompiledKind::Binding => self.see_as::<ValidatingAdmissionPolicyBinding>(id, BINDINGS),
        }
    }

    fn see_as<K: CompiledType>(&self, id: &CompiledId, folder: &str) {
        let cache = self.context.view.compiled.seen(id.kind);
        if let Some(object) = self.api.stored(&format!("{folder}/{}", id.name)) {
            let object: CompiledObject<K> = serde_json::from_value(object).unwrap();
            cache.lock().observe(Stamp::of(object.meta()).unwrap(), Some(object.seen));
        } else {
            let uid = cache.lock().get(&id.key()).unwrap().uid.clone();
            cache.lock().forget(&Stamp { key: id.key(), uid, version: 0 });
        }
    }

    async fn reconcile(&self) -> Result<Next, ReconcileError> {
        reconcile(&self.context).await
    }

    fn compilation(&self) -> Option<Compilation> {
        let key = Key::new("hemvist-system", "region");
        let seen = self.context.view.policies.lock().get(&key)?;
        self.context.view.compiled.compilation(&key, &seen)
    }

    fn is_proven(&self) -> bool {
        matches!(self.compilation(), Some(Compilation::Proven { .. }))
    }

    /// The writes since the last call, without what they are written to.
    fn writes(&self) -> Vec<String> {
        let names = |request: String| {
            let (method, object) = request.split_once(' ').unwrap();
            let (kind, name) = object.rsplit_once('/').unwrap();
            let kind = kind.strip_prefix("validatingadmission").unwrap_or(kind);
            format!("{method} {kind}/{name}")
        };
        self.api.requests().into_iter().filter(|one| !one.starts_with("POST")).map(names).collect()
    }
}

fn id(kind: CompiledKind, name: &str) -> CompiledId {
    CompiledId { kind, name: name.to_owned() }
}

fn region() -> Value {
    json!({"informationClasses": [{"class": "Open"}], "models": {"licences": ["MIT"]}})
}

fn at(writes: &[String], wanted: &str) -> usize {
    writes.iter().position(|one| one == wanted).unwrap_or_else(|| panic!("no {wanted} in {writes:?}"))
}

fn last(writes: &[String], wanted: &str) -> usize {
    writes.iter().rposition(|one| one == wanted).unwrap_or_else(|| panic!("no {wanted} in {writes:?}"))
}

#[tokio::test]
async fn a_cluster_is_closed_before_a_policy_comes_and_opened_after() {
    let world = World::new();
    world.see_policy(1, &region());
    assert_eq!(world.reconcile().await.unwrap(), Next::Settled);
    let writes = world.writes();
    let policy = at(&writes, &format!("PATCH policies/{OF_MODELS}"));
    assert!(at(&writes, "PATCH policies/hemvist-models") < policy, "{writes:?}");
    assert!(policy < last(&writes, "PATCH policies/hemvist-models"), "{writes:?}");
    assert!(at(&writes, "PATCH policies/hemvist-nodes") < policy, "{writes:?}");
    assert!(at(&writes, &format!("PATCH policybindings/{OF_MODELS}")) < policy, "{writes:?}");
    assert!(world.is_proven());
}

#[tokio::test]
async fn what_is_in_force_costs_no_write_and_is_tried_once_after_a_start() {
    let world = World::new();
    world.see_policy(1, &region());
    world.reconcile().await.unwrap();
    world.api.requests();
    world.reconcile().await.unwrap();
    assert_eq!(world.api.requests(), Vec::<String>::new());

    let next = World::beside(world.api.clone());
    next.see_policy(1, &region());
    for folder in [CompiledKind::Policy, CompiledKind::Binding] {
        for (key, _) in world.context.view.compiled.seen(folder).lock().iter() {
            next.see(&id(folder, &key.name));
        }
    }
    assert_eq!(next.compilation(), None);
    assert_eq!(next.reconcile().await.unwrap(), Next::Settled);
    assert!(next.is_proven());
    let requests = next.api.requests();
    assert!(!requests.is_empty() && requests.iter().all(|one| one.starts_with("POST")), "{requests:?}");
}

#[tokio::test]
async fn what_is_weakened_or_deleted_is_repaired() {
    let world = World::new();
    world.see_policy(1, &region());
    world.reconcile().await.unwrap();
    world.api.requests();
    let path = format!("{BINDINGS}/{OF_MODELS}");
    let mut binding = world.api.stored(&path).unwrap();
    binding["spec"]["validationActions"] = json!(["Warn"]);
    world.api.store(&path, binding);
    world.see(&id(CompiledKind::Binding, OF_MODELS));
    world.reconcile().await.unwrap();
    assert_eq!(world.api.stored(&path).unwrap()["spec"]["validationActions"], json!(["Deny", "Audit"]));
    assert!(world.is_proven());

    world.api.remove(&format!("{POLICIES}/hemvist-nodes"));
    world.see(&id(CompiledKind::Policy, "hemvist-nodes"));
    world.writes();
    world.reconcile().await.unwrap();
    assert_eq!(world.writes(), ["PATCH policies/hemvist-nodes"]);
    let counted = world.context.metrics.encode().unwrap();
    for name in [OF_MODELS, "hemvist-nodes"] {
        let line = format!("hemvist_admission_repairs_total{{policy=\"{name}\"}} 1");
        assert!(counted.contains(&line), "{counted}");
    }
}

#[tokio::test]
async fn a_deleted_policy_is_removed_after_default_deny_covers_its_fields() {
    let world = World::new();
    world.see_policy(1, &region());
    world.reconcile().await.unwrap();
    world.api.requests();
    world.lose_policy();
    world.reconcile().await.unwrap();
    let writes = world.writes();
    let binding = at(&writes, &format!("DELETE policybindings/{OF_MODELS}"));
    assert!(at(&writes, "PATCH policies/hemvist-models") < binding, "{writes:?}");
    assert!(binding < at(&writes, &format!("DELETE policies/{OF_MODELS}")), "{writes:?}");
    assert!(world.api.stored(&format!("{POLICIES}/hemvist-pods.hemvist-system.region")).is_none());
}

#[tokio::test]
async fn a_policy_of_another_owner_is_not_changed() {
    let world = World::new();
    let labels = json!({"app.kubernetes.io/managed-by": "hemvist"});
    world.api.store(
        &format!("{POLICIES}/theirs"),
        json!({"metadata": {"name": "theirs", "labels": labels}, "spec": {}}),
    );
    world.see(&id(CompiledKind::Policy, "theirs"));
    world.reconcile().await.unwrap();
    assert!(world.api.stored(&format!("{POLICIES}/theirs")).is_some());
}

#[tokio::test]
async fn a_changed_policy_is_not_reported_as_enforced_before_it_is_probed() {
    let world = World::new();
    world.see_policy(1, &region());
    world.reconcile().await.unwrap();
    world.see_policy(
        2,
        &json!({"informationClasses": [{"class": "Open"}], "models": {"licences": ["Apache-2.0"]}}),
    );
    assert_eq!(world.compilation(), None);
    world.api.set_mood(Mood::Answers(503));
    assert!(world.reconcile().await.is_err());
    assert!(matches!(world.compilation(), Some(Compilation::NotYet { .. })));
    world.api.set_mood(Mood::Well);
    world.reconcile().await.unwrap();
    assert!(world.is_proven());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_not_refused_opens_nothing() {
    let world = World::new();
    world.reconcile().await.unwrap();
    let closed = world.api.stored(&format!("{POLICIES}/hemvist-models")).unwrap();
    world.see_policy(1, &region());
    world.api.let_through("hemvist-pods.hemvist-system.region");
    assert_eq!(world.reconcile().await.unwrap(), Next::Retry("not_in_force"));
    let Some(Compilation::Failed { why }) = world.compilation() else { panic!("{:?}", world.compilation()) };
    assert!(why.contains("hemvist-pods.hemvist-system.region has to refuse"), "{why}");
    assert_eq!(world.api.stored(&format!("{POLICIES}/hemvist-models")).unwrap()["spec"], closed["spec"]);
}

#[tokio::test]
async fn a_policy_that_the_server_does_not_take_is_closed_and_stops_no_other() {
    let world = World::new();
    world.reconcile().await.unwrap();
    world.see_policy(1, &region());
    world.api.refuse_containing("'MIT'", 422);
    assert_eq!(world.reconcile().await.unwrap(), Next::Retry("not_in_force"));
    let Some(Compilation::Failed { why }) = world.compilation() else { panic!("{:?}", world.compilation()) };
    assert!(why.contains("the API server denies everything in the namespaces of this policy"), "{why}");
    let closed = world.api.stored(&format!("{POLICIES}/{OF_MODELS}")).unwrap();
    assert!(closed["spec"].to_string().contains("cannot be read"), "{closed}");
    world.writes();
    world.reconcile().await.unwrap();
    assert_eq!(world.writes(), Vec::<String>::new(), "what was refused a moment ago is not sent again");
}

#[tokio::test]
async fn a_missing_right_is_reported() {
    let world = World::new();
    world.see_policy(1, &region());
    world.api.refuse("validatingadmissionpolicies", 403);
    assert!(world.reconcile().await.is_err());
    assert!(matches!(world.compilation(), Some(Compilation::Failed { .. })));
}

#[tokio::test]
async fn a_right_that_is_given_back_is_used_at_once() {
    let world = World::new();
    world.see_policy(1, &region());
    world.reconcile().await.unwrap();
    world.api.remove(&format!("{BINDINGS}/{OF_MODELS}"));
    world.see(&id(CompiledKind::Binding, OF_MODELS));
    world.api.refuse("validatingadmissionpolicybindings", 403);
    assert_eq!(world.reconcile().await.unwrap(), Next::Retry("not_in_force"));
    assert!(matches!(world.compilation(), Some(Compilation::Failed { .. })));
    world.api.refuse("nothing", 403);
    world.reconcile().await.unwrap();
    assert!(world.is_proven(), "{:?}", world.compilation());
}
