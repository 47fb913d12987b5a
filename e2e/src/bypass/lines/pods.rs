//! B06, B07, B08, B10: changes to pods that are there.

use serde_json::{Value, json};

use crate::bypass::actor::Actor;
use crate::bypass::attempt::{Attempts, Standing};
use crate::bypass::call::Call;
use crate::bypass::change::{every_way, every_way_at, merge};
use crate::bypass::kinds;
use crate::bypass::situation::Situation;
use crate::models::image;

/// The classes of which a pod may have no debugging container at all.
const CLOSED: [&str; 1] = ["sensitive"];

/// All of them.
pub fn attempts(situation: &Situation) -> Attempts {
    let mut attempts = Attempts::default();
    for (id, model) in &situation.models {
        updates(&mut attempts, id, &model.pod);
        status(&mut attempts, id, &model.pod);
        resizes(&mut attempts, id, &model.pod);
        debugging(&mut attempts, id, &model.pod);
    }
    if let Some(pod) = situation.own.get("Pod") {
        debugging(&mut attempts, "plain", pod);
    }
    pods_that_come_to_use_one(&mut attempts, situation);
    kubelet(&mut attempts, situation);
    attempts
}

/// What can be changed of a pod that runs: labels, annotations, images, further tolerations.
fn updates(attempts: &mut Attempts, id: &str, pod: &Value) {
    for (what, change, effect) in labels().into_iter().chain(spec_changes(pod)) {
        for actor in [Actor::TenantEdit, Actor::ForeignOperator] {
            let what = format!("{what}-of-{id}");
            for attempt in attempts.add_ways("B06", actor, &what, every_way(pod, "", &change)) {
                attempt.effect.clone_from(&effect);
            }
        }
    }
}

type Change = (&'static str, Value, Option<(String, Value)>);

fn labels() -> Vec<Change> {
    let label = |name: &str, value: Value| json!({"metadata": {"labels": {name: value}}});
    let gone = |name: &str| Some((format!("/metadata/labels/{}", name.replace('/', "~1")), Value::Null));
    let effect = |name: &str, value: &str| {
        Some((format!("/metadata/labels/{}", name.replace('/', "~1")), json!(value)))
    };
    vec![
        ("other-class", label("hemvist.dev/information-class", json!("Secret")), None),
        (
            "no-class",
            label("hemvist.dev/information-class", Value::Null),
            gone("hemvist.dev/information-class"),
        ),
        (
            "other-model",
            label("hemvist.dev/model-deployment", json!("another")),
            effect("hemvist.dev/model-deployment", "another"),
        ),
        (
            "no-model",
            label("hemvist.dev/model-deployment", Value::Null),
            gone("hemvist.dev/model-deployment"),
        ),
        (
            "other-uid",
            label("hemvist.dev/model-deployment-uid", json!("00000000-0000-0000-0000-000000000000")),
            effect("hemvist.dev/model-deployment-uid", "00000000-0000-0000-0000-000000000000"),
        ),
        (
            "other-risk",
            label("hemvist.dev/risk-class", json!("Unacceptable")),
            effect("hemvist.dev/risk-class", "Unacceptable"),
        ),
        (
            "new-label-of-hemvist",
            label("hemvist.dev/exempt", json!("true")),
            effect("hemvist.dev/exempt", "true"),
        ),
        (
            "not-managed",
            label("app.kubernetes.io/managed-by", Value::Null),
            gone("app.kubernetes.io/managed-by"),
        ),
    ]
}

fn spec_changes(pod: &Value) -> Vec<Change> {
    let mut containers = pod["spec"]["containers"].clone();
    containers[0]["image"] = json!("docker.io/library/busybox:1");
    let mut by_tag = pod["spec"]["containers"].clone();
    by_tag[0]["image"] = json!("registry.region.example/vllm/vllm-openai:latest");
    let mut tolerations = pod["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
    tolerations.push(json!({"operator": "Exists"}));
    let effect = |image: &str| Some(("/spec/containers/0/image".to_owned(), json!(image)));
    vec![
        ("foreign-image", json!({"spec": {"containers": containers}}), effect("docker.io/library/busybox:1")),
        (
            "image-by-tag",
            json!({"spec": {"containers": by_tag}}),
            effect("registry.region.example/vllm/vllm-openai:latest"),
        ),
        ("blanket-toleration", json!({"spec": {"tolerations": tolerations}}), None),
        (
            "device-annotation",
            json!({"metadata": {"annotations": {"cdi.k8s.io/gpu": "nvidia.com/gpu=all"}}}),
            Some(("/metadata/annotations/cdi.k8s.io~1gpu".to_owned(), json!("nvidia.com/gpu=all"))),
        ),
        ("no-owner", json!({"metadata": {"ownerReferences": []}}), None),
    ]
}

/// The same labels by way of the status, which takes metadata along.
fn status(attempts: &mut Attempts, id: &str, pod: &Value) {
    for (what, change, effect) in labels() {
        for actor in [Actor::TenantEdit, Actor::ForeignOperator] {
            let what = format!("{what}-of-{id}");
            for attempt in attempts.add_ways("B10", actor, &what, every_way(pod, "/status", &change)) {
                attempt.effect.clone_from(&effect);
            }
        }
    }
}

fn resizes(attempts: &mut Attempts, id: &str, pod: &Value) {
    let path = format!("{}/resize", kinds::item_of(pod));
    let mut containers = pod["spec"]["containers"].clone();
    containers[0]["resources"]["requests"]["cpu"] = json!("7777m");
    let change = json!({"spec": {"containers": containers}});
    for actor in Actor::WRITERS {
        let what = format!("more-cpu-of-{id}");
        for attempt in attempts.add_ways("B08", actor, &what, every_way_at(&path, pod, &change)) {
            attempt.effect = Some(("/spec/containers/0/resources/requests/cpu".to_owned(), json!("7777m")));
        }
    }
    let mut containers = pod["spec"]["containers"].clone();
    for part in ["limits", "requests"] {
        containers[0]["resources"][part]["nvidia.com/gpu"] = json!("8");
    }
    let change = json!({"spec": {"containers": containers}});
    let what = format!("more-gpus-of-{id}");
    let standing = Standing::Validation("only cpu and memory resources are mutable");
    for attempt in attempts.add_ways("B08", Actor::TenantEdit, &what, every_way_at(&path, pod, &change)) {
        attempt.standing = Some(standing);
    }
}

/// Containers that are added to a pod that runs.
fn debugging(attempts: &mut Attempts, id: &str, pod: &Value) {
    let path = format!("{}/ephemeralcontainers", kinds::item_of(pod));
    let target = pod["spec"]["containers"][0]["name"].clone();
    let mut variants = vec![
        ("gpu-variable", json!({"env": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]})),
        ("privileged", json!({"securityContext": {"privileged": true}})),
    ];
    if CLOSED.contains(&id) {
        variants.extend([
            ("nothing-special", json!({})),
            ("foreign-image", json!({"image": "docker.io/library/busybox:1"})),
            ("the-engines-processes", json!({"targetContainerName": target})),
            ("the-weights", json!({"volumeMounts": [{"name": "weights", "mountPath": "/weights"}]})),
        ]);
    }
    for (what, change) in variants {
        let mut container = json!({"name": "felsok", "image": image("appar/felsok", 'd'), "command": ["sh"]});
        merge(&mut container, &change);
        let change = json!({"spec": {"ephemeralContainers": [container]}});
        for actor in Actor::WRITERS {
            let what = format!("{what}-in-{id}");
            attempts.add_ways("B07", actor, &what, every_way_at(&path, pod, &change));
        }
    }
    let container = json!({
        "name": "felsok", "image": image("appar/felsok", 'd'),
        "resources": {"limits": {"nvidia.com/gpu": "1"}},
    });
    let change = json!({"spec": {"ephemeralContainers": [container]}});
    let call = Call::strategic_patch(&path, &change);
    attempts.add("B07", Actor::TenantEdit, "strategic-patch", &format!("gpu-in-{id}"), call).standing =
        Some(Standing::Validation("cannot be set for an Ephemeral Container"));
}

/// The kubelet of the sensitive model's own node.
fn kubelet(attempts: &mut Attempts, situation: &Situation) {
    let Some(model) = situation.models.get("sensitive") else { return };
    let standing = Standing::NodeRestriction("cannot update labels through pod status");
    for (what, change, _) in labels() {
        let ways = every_way(&model.pod, "/status", &change);
        for attempt in attempts.add_ways("B10", Actor::Kubelet, &format!("{what}-of-its-own-pod"), ways) {
            attempt.standing = Some(standing);
        }
    }
}

/// A plain pod that an update makes one with a device.
fn pods_that_come_to_use_one(attempts: &mut Attempts, situation: &Situation) {
    let Some(live) = situation.own.get("Pod") else { return };
    let annotation = json!({"metadata": {"annotations": {"cdi.k8s.io/gpu": "nvidia.com/gpu=all"}}});
    for actor in Actor::WRITERS {
        let ways = every_way(live, "", &annotation);
        for attempt in attempts.add_ways("B06", actor, "device-annotation-on-a-plain-pod", ways) {
            attempt.effect =
                Some(("/metadata/annotations/cdi.k8s.io~1gpu".to_owned(), json!("nvidia.com/gpu=all")));
        }
    }
    let resources = json!([{"name": "app", "image": image("appar/webb", 'c'), "resources": {"limits": {"nvidia.com/gpu": "1"}}}]);
    let call = Call::strategic_patch(
        &format!("{}/resize", kinds::item_of(live)),
        &json!({"spec": {"containers": resources}}),
    );
    attempts
        .add("B08", Actor::TenantEdit, "strategic-patch", "gpu-by-resize-of-a-plain-pod", call)
        .standing = Some(Standing::Validation("only cpu and memory resources are mutable"));
}
