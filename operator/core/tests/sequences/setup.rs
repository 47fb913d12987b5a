//! The cluster that every sequence begins with, and what people do to it.

use hemvist_api::labels::{NODE_CLEARANCE, NODE_DATA_CENTRE, NODE_REGION};
use serde_json::{Value, json};

use super::world::{Id, World, id};

/// Something that somebody does.
#[derive(Clone, Copy)]
pub struct Event {
    /// What it is called in a log.
    pub name: &'static str,
    /// What it does.
    pub happens: fn(&mut World),
    /// Whether it comes only after the event before it in the list.
    pub follows: bool,
    /// The model that it is about; every one where it names none.
    about: Option<&'static str>,
}

const fn event(about: Option<&'static str>, name: &'static str, happens: fn(&mut World)) -> Event {
    Event { name, happens, follows: false, about }
}

/// What happens to a whole cluster. No two of these concern the same field, so that their order does not matter for what
/// they come to.
const EVENTS: [Event; 10] = [
    event(Some("chatt"), "a new engine image for chatt", new_image),
    event(Some("chatt"), "chatt is to have two replicas", two_replicas),
    event(None, "b-1 loses its clearance", lose_clearance),
    event(Some("oppen"), "the policy no longer allows MIT", tighten),
    event(Some("journal"), "journal becomes Sensitive", stricter_class),
    event(Some("gammal"), "gammal is deleted", delete_model),
    event(Some("journal"), "a-2 is not heard of", lose_node),
    Event { name: "a-2 is back", happens: find_node, follows: true, about: Some("journal") },
    event(Some("rontgen"), "somebody labels the Service of rontgen", meddle),
    event(Some("chatt"), "somebody deletes the Service of chatt", delete_service),
];

/// What happens in a cluster with these models.
pub fn events(models: &[&str]) -> Vec<Event> {
    EVENTS.into_iter().filter(|event| event.about.is_none_or(|model| models.contains(&model))).collect()
}

/// Models that share a cluster. Not all of them do, so that a thousand sequences are quick.
pub const CLUSTERS: [&[&str]; 3] =
    [&["chatt", "journal", "rontgen"], &["chatt", "oppen", "upptagen"], &["gammal", "journal", "oppen"]];

/// Every model: its namespace, name, class, licence and the data centre that it asks for.
const MODELS: [(&str, &str, &str, &str, Option<&str>); 6] = [
    ("teknik", "chatt", "Internal", "Apache-2.0", Some("jkpg-b")),
    ("halsa", "journal", "Internal", "Apache-2.0", None),
    ("halsa", "rontgen", "Sensitive", "Apache-2.0", None),
    ("teknik", "gammal", "Open", "Apache-2.0", Some("jkpg-b")),
    ("teknik", "oppen", "Open", "MIT", Some("jkpg-b")),
    ("teknik", "upptagen", "Open", "Apache-2.0", Some("jkpg-b")),
];

/// A cluster with two data centres, a policy and these models, of which `upptagen` finds its name taken; and what in it is
/// nobody's but its maker's.
pub fn cluster(models: &[&str]) -> (World, Vec<Id>) {
    let mut world = nodes_and_policy();
    for (namespace, name, class, licence, data_centre) in MODELS {
        if models.contains(&name) {
            world.create(model(namespace, name, class, licence, data_centre)).unwrap();
        }
    }
    let foreign = [
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "teknik", "name": "upptagen"},
               "spec": {"ports": [{"port": 80}]}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
               "metadata": {"namespace": "teknik", "name": "other"}, "spec": {"podSelector": {}}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": "halsa", "name": "default"}}),
    ];
    let foreign = foreign.map(|object| super::world::id_of(&world.create(object).unwrap()));
    (world, foreign.into())
}

fn nodes_and_policy() -> World {
    let mut world = World::default();
    for (name, data_centre, clearance) in [
        ("a-1", "jkpg-a", "Sensitive"),
        ("a-2", "jkpg-a", "Sensitive"),
        ("b-1", "jkpg-b", "Internal"),
        ("b-2", "jkpg-b", "Internal"),
        ("c-1", "sthlm-a", "Secret"),
    ] {
        world.create(node(name, data_centre, clearance)).unwrap();
    }
    world.create(policy()).unwrap();
    world
}

fn node(name: &str, data_centre: &str, clearance: &str) -> Value {
    let region = if data_centre == "sthlm-a" { "se-ab" } else { "se-f" };
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {
            NODE_REGION: region, NODE_DATA_CENTRE: data_centre, NODE_CLEARANCE: clearance,
            "kubernetes.io/hostname": name,
        }},
        "spec": {},
        "status": {
            "allocatable": {"nvidia.com/gpu": "4"}, "capacity": {"nvidia.com/gpu": "4"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    })
}

fn policy() -> Value {
    json!({
        "apiVersion": "hemvist.dev/v1alpha1", "kind": "AIPolicy",
        "metadata": {"namespace": "hemvist-system", "name": "region"},
        "spec": {
            "enforcement": "Deny",
            "residency": {"regions": ["se-f"], "dataCentres": ["jkpg-a", "jkpg-b"]},
            "informationClasses": [
                {"class": "Open"}, {"class": "Internal"},
                {"class": "Sensitive", "dataCentres": ["jkpg-a"], "isolation": "WholeNode"},
            ],
            "riskClasses": [{"class": "Minimal"}],
            "models": {"licences": ["Apache-2.0", "MIT"], "formats": ["Safetensors"], "requireDigest": true},
            "images": {"registries": ["registry.region.example"], "requireDigest": true},
            "engines": {"types": ["VLLM"]},
        },
    })
}

fn model(namespace: &str, name: &str, class: &str, licence: &str, data_centre: Option<&str>) -> Value {
    let image =
        |image: &str, digit: &str| format!("registry.region.example/{image}@sha256:{}", digit.repeat(64));
    let mut model = json!({
        "apiVersion": "hemvist.dev/v1alpha1", "kind": "ModelDeployment",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "purpose": {
                "title": "Svarar", "owner": {"organisation": "Regionen", "contact": "ai@region.example"},
                "informationClass": class, "personalData": false, "riskClass": "Minimal",
                "decisionSupport": "None", "audience": "Staff",
            },
            "model": {
                "source": {"image": {"reference": image("models/mistral", "1"), "path": "/models"}},
                "format": "Safetensors", "licence": licence,
            },
            "engine": {"type": "VLLM", "image": image("vllm", "2")},
            "accelerator": {"count": 1},
            "replicas": 1,
        },
    });
    if let Some(data_centre) = data_centre {
        model["spec"]["placement"] = json!({"dataCentres": [data_centre]});
    }
    model
}

fn change(world: &mut World, kind: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
    // What somebody has deleted before cannot be changed.
    let _ = world.update(&id(kind, namespace, name), change);
}

/// A new engine image.
pub fn new_image(world: &mut World) {
    let image = format!("registry.region.example/vllm@sha256:{}", "3".repeat(64));
    change(world, "ModelDeployment", "teknik", "chatt", |model| {
        model["spec"]["engine"]["image"] = json!(image);
    });
}

/// A second replica.
pub fn two_replicas(world: &mut World) {
    change(world, "ModelDeployment", "teknik", "chatt", |model| model["spec"]["replicas"] = json!(2));
}

/// One replica again.
pub fn one_replica(world: &mut World) {
    change(world, "ModelDeployment", "teknik", "chatt", |model| model["spec"]["replicas"] = json!(1));
}

/// A node may hold nothing any more.
pub fn lose_clearance(world: &mut World) {
    let take_off =
        |node: &mut Value| drop(node["metadata"]["labels"].as_object_mut().unwrap().remove(NODE_CLEARANCE));
    change(world, "Node", "", "b-1", take_off);
}

/// A policy that allows less.
pub fn tighten(world: &mut World) {
    let allow = |policy: &mut Value| policy["spec"]["models"]["licences"] = json!(["Apache-2.0"]);
    change(world, "AIPolicy", "hemvist-system", "region", allow);
}

/// A policy that allows less, of what chatt needs; and all again.
pub fn no_internal(world: &mut World) {
    let allow = |policy: &mut Value| policy["spec"]["informationClasses"] = json!([{"class": "Open"}]);
    change(world, "AIPolicy", "hemvist-system", "region", allow);
}

/// The policy as it was.
pub fn internal_again(world: &mut World) {
    change(world, "AIPolicy", "hemvist-system", "region", |old| old["spec"] = policy()["spec"].clone());
}

fn stricter_class(world: &mut World) {
    let class = |model: &mut Value| model["spec"]["purpose"]["informationClass"] = json!("Sensitive");
    change(world, "ModelDeployment", "halsa", "journal", class);
}

fn delete_model(world: &mut World) {
    let _ = world.delete(&id("ModelDeployment", "teknik", "gammal"), None);
}

fn lose_node(world: &mut World) {
    world.unreachable.insert("a-2".to_owned());
}

fn find_node(world: &mut World) {
    world.unreachable.remove("a-2");
}

/// The node of chatt is not heard of any more.
pub fn lose_its_node(world: &mut World) {
    world.unreachable.insert("b-1".to_owned());
}

/// It is thrown away.
pub fn delete_its_node(world: &mut World) {
    let _ = world.delete(&id("Node", "", "b-1"), None);
    world.unreachable.remove("b-1");
}

fn meddle(world: &mut World) {
    let label = |service: &mut Value| service["metadata"]["labels"]["team"] = json!("other");
    change(world, "Service", "halsa", "rontgen", label);
}

fn delete_service(world: &mut World) {
    let _ = world.delete(&id("Service", "teknik", "chatt"), None);
}
