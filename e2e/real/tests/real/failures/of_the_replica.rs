//! Failures of an image, of weights and of an engine: the model is changed to what fails, and back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hemvist_e2e::governed::split;
use hemvist_e2e::objects::Kind;
use hemvist_e2e_real::broken::Broken;
use hemvist_e2e_real::image::Image;
use serde_json::{Value, json};

use super::HOLD;
use super::watch::{Row, Watch, engine};
use crate::surroundings::{MODEL, PATIENCE, Surroundings, serves};

/// A change of the model that cannot work.
struct Failure {
    name: &'static str,
    change: Value,
    reason: &'static str,
    says: &'static [&'static str],
    /// Whether the engine's container shows it.
    shown: fn(&Value) -> bool,
}

/// Breaks the model in every way and mends it each time.
pub async fn all(surroundings: &Surroundings) -> Result<Vec<Row>> {
    let broken = images(surroundings)?;
    for image in broken.all() {
        surroundings.node.containerd().import(image, surroundings.node.folder()).await?;
    }
    impatient_kubelet(surroundings, &broken).await?;
    let mut rows = Vec::new();
    for failure in of_images(surroundings, &broken).into_iter().chain(of_engines(&broken)) {
        println!("{}:", failure.name);
        let came_of_it = comes_and_goes(surroundings, &failure).await;
        rows.push(Row::new(failure.name, failure.reason, came_of_it));
    }
    Ok(rows)
}

fn images(surroundings: &Surroundings) -> Result<Broken> {
    let images = &surroundings.images;
    let path = surroundings.model["spec"]["model"]["source"]["image"]["path"].as_str();
    let path = path.context("weights without a path")?;
    Broken::write(&repository(&images.engine), &repository(&images.model), path)
}

/// What cannot be pulled or run.
fn of_images(surroundings: &Surroundings, broken: &Broken) -> Vec<Failure> {
    let images = &surroundings.images;
    vec![
        Failure {
            name: "the engine's digest is wrong",
            change: engine_of(&unknown(&images.engine)),
            reason: "ImagePullFailed",
            says: &[
                "the image of container engine",
                "the registry does not answer",
                "registry.region.example",
            ],
            shown: waits_for_a_pull,
        },
        Failure {
            name: "the weights' digest is wrong",
            change: weights_of(&unknown(&images.model)),
            reason: "ImagePullFailed",
            says: &["the weights' image", "the registry does not answer"],
            shown: waits_for_a_pull,
        },
        Failure {
            name: "the engine is for other processors",
            change: engine_of(&broken.foreign.reference()),
            reason: "ArchitectureMismatch",
            says: &["exec format error"],
            shown: has_ended,
        },
        Failure {
            name: "the image has no engine",
            change: engine_of(&broken.empty.reference()),
            reason: "ContainerStartFailed",
            says: &["no such file or directory"],
            shown: has_ended,
        },
    ]
}

/// What runs and does not serve.
fn of_engines(broken: &Broken) -> Vec<Failure> {
    vec![
        Failure {
            name: "the weights cannot be read",
            change: weights_of(&broken.weights.reference()),
            reason: "CrashLoop",
            says: &["exit code 1", "last output"],
            shown: has_ended,
        },
        Failure {
            name: "the engine takes too much memory",
            change: engine_of(&broken.greedy.reference()),
            reason: "OutOfMemory",
            says: &["more memory than its limit"],
            shown: has_ended,
        },
        Failure {
            name: "the engine listens on another port",
            change: engine_of(&broken.elsewhere.reference()),
            reason: "StartupTimeout",
            says: &["has 20 seconds to start", "another port"],
            shown: has_ended,
        },
        Failure {
            name: "the weights load for too long",
            change: engine_of(&broken.slow.reference()),
            reason: "StartupTimeout",
            says: &["has 20 seconds to start", "loaded 12 of 163 shards"],
            shown: has_ended,
        },
    ]
}

fn engine_of(reference: &str) -> Value {
    json!({"spec": {"engine": {"image": reference}}})
}

fn weights_of(reference: &str) -> Value {
    json!({"spec": {"model": {"source": {"image": {"reference": reference}}}}})
}

/// The image by a digest that nobody has.
fn unknown(image: &Image) -> String {
    format!("{}@sha256:{}", repository(image), "0".repeat(64))
}

fn repository(image: &Image) -> String {
    let reference = image.reference();
    reference.split('@').next().unwrap_or_default().to_owned()
}

fn waits_for_a_pull(engine: &Value) -> bool {
    engine["state"]["waiting"]["reason"].as_str().is_some_and(|reason| reason.contains("Pull"))
}

fn has_ended(engine: &Value) -> bool {
    [&engine["state"], &engine["lastState"]].iter().any(|state| state["terminated"].is_object())
}

/// How long it took to be reported, and to serve again once the change was taken back, which happens in any case.
async fn comes_and_goes(surroundings: &Surroundings, failure: &Failure) -> Result<(Duration, Duration)> {
    let (namespace, name) = split(MODEL)?;
    let objects = surroundings.governed.objects();
    objects.merge(Kind::ModelDeployment, namespace, name, &failure.change).await?;
    let reported = is_reported(surroundings, failure).await;
    let begun = Instant::now();
    let images = &surroundings.images;
    let works = json!({"spec": {
        "engine": {"image": images.engine.reference()},
        "model": {"source": {"image": {"reference": images.model.reference()}}},
    }});
    objects.merge(Kind::ModelDeployment, namespace, name, &works).await?;
    serves(surroundings, 0).await?;
    Ok((reported?, begun.elapsed()))
}

async fn is_reported(surroundings: &Surroundings, failure: &Failure) -> Result<Duration> {
    let mut watch = Watch::new(surroundings, "Ready");
    let is_there = async || {
        let pods = surroundings.governed.pods(MODEL).await?;
        let mut new = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        Ok(new.any(|pod| engine(pod).is_some_and(failure.shown)))
    };
    let reported = watch.reports(failure.reason, PATIENCE, is_there).await?;
    // The pull is reported before its cause.
    if failure.reason == "ImagePullFailed" {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    watch.keeps_on(failure.reason, HOLD).await?;
    watch.has_said(failure.says)?;
    Ok(reported)
}

/// The engines that start for too long get 20 seconds and not ten minutes, and the one that takes all the memory gets less
/// of it: a test may not take the time and the memory of its machine. Everything else of their pods is as it is rendered.
async fn impatient_kubelet(surroundings: &Surroundings, broken: &Broken) -> Result<()> {
    let startup = "startupProbe: Object.spec.containers.startupProbe{periodSeconds: 10, failureThreshold: 2}";
    let memory = "resources: Object.spec.containers.resources{limits: {\"memory\": \"64Mi\"}, requests: {\"memory\": \"64Mi\"}}";
    for (name, image, change) in [
        ("elsewhere", broken.elsewhere.reference(), startup),
        ("slow", broken.slow.reference(), startup),
        ("greedy", broken.greedy.reference(), memory),
    ] {
        let expression = format!(
            "Object{{spec: Object.spec{{containers: [Object.spec.containers{{name: \"engine\", {change}}}]}}}}"
        );
        let condition = format!("object.spec.containers.exists(container, container.image == \"{image}\")");
        let group = "admissionregistration.k8s.io/v1";
        let policy = json!({
            "apiVersion": group, "kind": "MutatingAdmissionPolicy", "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "reinvocationPolicy": "Never",
                "matchConstraints": {"resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
                ]},
                "matchConditions": [{"name": "image", "expression": condition}],
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
            },
        });
        let binding = json!({
            "apiVersion": group, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": name},
            "spec": {"policyName": name},
        });
        let kubectl = surroundings.governed.cluster().kubectl()?;
        for object in [policy, binding] {
            kubectl.run_with_input(&["apply", "-f", "-"], &object.to_string()).await?.success()?;
        }
    }
    Ok(())
}
