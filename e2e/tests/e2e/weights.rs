//! Weights from a mirror: fetched by a Job with a network of its own, and served when they are verified and not before.
//!
//! How the pods that fetch end is played here; that the program ends so is tried against a real store in `hemvist-fetch`.

use anyhow::{Context, Result, ensure};
use hemvist_e2e::governed::{Governed, PATIENCE};
use hemvist_e2e::models::{image, model, region_policy};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::{Options, Progress, wait_until};
use serde_json::{Value, json};

const KEY: &str = "halsa/journal";
const DEPLOYMENT: &str = "journal--open";

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn from_mirror(endpoint: &str) -> Value {
    json!({"mirror": {
        "claimName": "weights",
        "objectStore": {"endpoint": endpoint, "bucket": "models", "prefix": "qwen3-8b", "secretName": "store-reader"},
    }})
}

async fn governed() -> Result<Governed> {
    let governed = Governed::start(Options::new("weights")).await?;
    let node = SimulatedNode::new("node").gpus(Gpu::L40S, 8).cleared("se-f", "jkpg-a", "Sensitive");
    node.create(&governed.cluster().client()).await?;
    governed.create_namespaces(&["halsa"]).await?;
    governed.create_bound_claim("halsa", "weights").await?;
    governed.objects().create(&region_policy()).await?;
    Ok(governed)
}

/// The one Job of the model, once it fetches this digest.
async fn job(governed: &Governed, digest: &str) -> Result<Value> {
    wait_until(&format!("the Job that fetches {digest}"), PATIENCE, async || {
        let jobs =
            governed.objects().list(Kind::Job, "halsa", "hemvist.dev/model-deployment=journal").await?;
        Ok(match jobs.as_slice() {
            [job] if job["spec"].to_string().contains(digest) => Progress::Done(job.clone()),
            others => Progress::not_yet(format!("{} Jobs", others.len())),
        })
    })
    .await
}

/// Plays the end of the pod that fetches for a Job, and gives the pod as it was.
async fn fetch_ends(governed: &Governed, job: &Value, status: i32, message: &Value) -> Result<Value> {
    let selector = format!("batch.kubernetes.io/job-name={}", text(&job["metadata"]["name"]));
    let pod = wait_until("a pod that fetches", PATIENCE, async || {
        let pods = governed.objects().list(Kind::Pod, "halsa", &selector).await?;
        let waits = |pod: &&Value| pod["status"]["phase"] == "Pending" && !pod["spec"]["nodeName"].is_null();
        Ok(pods
            .iter()
            .find(waits)
            .map_or_else(|| Progress::not_yet(json!(pods).to_string()), |pod| Progress::Done(pod.clone())))
    })
    .await?;
    let terminated = json!({
        "exitCode": status, "reason": if status == 0 { "Completed" } else { "Error" }, "message": message.to_string(),
        "startedAt": "2026-11-23T08:00:00Z", "finishedAt": "2026-11-23T08:10:00Z",
    });
    let change = json!({"status": {
        "phase": if status == 0 { "Succeeded" } else { "Failed" },
        "containerStatuses": [{
            "name": "fetch", "image": "tools", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": terminated},
        }],
    }});
    let name = text(&pod["metadata"]["name"]);
    let patch = ["patch", "pod", name, "--namespace=halsa", "--subresource=status", "--type=merge", "-p"];
    let change = change.to_string();
    let arguments: Vec<_> = patch.into_iter().chain([change.as_str()]).collect();
    governed.cluster().kubectl()?.run(&arguments).await?.success()?;
    Ok(pod)
}

async fn deployment(governed: &Governed) -> Result<Option<Value>> {
    governed.objects().find(Kind::Deployment, "halsa", DEPLOYMENT).await
}

/// The folder of the claim that the pods of a Deployment see.
fn served(deployment: &Value) -> &str {
    text(&deployment["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]["subPath"])
}

async fn wait_for_available(governed: &Governed, status: &str, reason: &str) -> Result<Value> {
    let has = |model: &Value| {
        let available = condition(model, "Available");
        available["status"] == status && available["reason"] == reason
    };
    governed.wait_for_model(KEY, &format!("be Available={status} {reason}"), has).await
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_are_served_when_they_are_fetched_and_an_old_version_until_then() -> Result<()> {
    let governed = governed().await?;
    let operator = governed.operator("hemvist-operator")?;
    governed.wait_until_enforced("hemvist-system/region").await?;
    let mut wanted = model("halsa", "journal");
    wanted["spec"]["model"]["digest"] = json!(digest('1'));
    wanted["spec"]["model"]["source"] = from_mirror("https://objects.elsewhere.example");
    governed.objects().create(&wanted).await?;
    let message = governed.wait_for_reason(KEY, "Invalid").await?;
    ensure!(message.contains("https://objects.region.example"), "{message}");

    let change = json!({"spec": {"model": {"source": from_mirror("https://objects.region.example")}}});
    governed.objects().merge(Kind::ModelDeployment, "halsa", "journal", &change).await?;
    governed.wait_for_reason(KEY, "FetchingWeights").await?;
    ensure!(deployment(&governed).await?.is_none(), "replicas were made before their weights");
    networks_are_apart(&governed).await?;
    let first = job(&governed, &digest('1')).await?;
    nobody_else_ends_it(&governed, &first).await?;

    let full = json!({"reason": "StorageFull", "message": "24000 MiB more are to be fetched"});
    let pod = fetch_ends(&governed, &first, 20, &full).await?;
    ensure!(pod["spec"]["automountServiceAccountToken"] == false, "{pod}");
    let message = governed.wait_for_reason(KEY, "StorageFull").await?;
    ensure!(message.contains("24000 MiB") && message.contains("retries"), "{message}");
    // Without a hand: the Job tries again, and what it says last is what counts.
    fetch_ends(&governed, &first, 0, &json!({"reason": "Verified", "message": "fetched"})).await?;
    governed.wait_for_reason(KEY, "Serving").await?;
    let old = deployment(&governed).await?.context("no Deployment")?;
    ensure!(served(&old) == digest('1').replace(':', "-"), "{}", served(&old));
    ensure!(old["spec"]["template"]["spec"]["initContainers"][0]["name"] == "verify", "{old}");

    a_new_version(&governed, &first, &old).await?;
    another_source(&governed).await?;
    governed.end(vec![operator], 2).await
}

/// The pods that serve go nowhere; those that fetch go to the mirror and nowhere else.
async fn networks_are_apart(governed: &Governed) -> Result<()> {
    let policy = |name| governed.objects().get(Kind::NetworkPolicy, "halsa", name);
    let (serves, fetches) = (policy("journal").await?, policy("journal.fetch").await?);
    ensure!(serves["spec"]["egress"].is_null(), "{serves}");
    ensure!(serves["spec"]["policyTypes"] == json!(["Ingress", "Egress"]), "{serves}");
    let egress = fetches["spec"]["egress"].to_string();
    ensure!(
        egress.contains("10.20.0.0/16") && egress.contains("443") && !egress.contains("0.0.0.0"),
        "{egress}"
    );
    ensure!(fetches["spec"]["ingress"].is_null(), "{fetches}");
    let selected = |policy: &Value| policy["spec"]["podSelector"]["matchLabels"].clone();
    ensure!(selected(&serves) != selected(&fetches), "both select {}", selected(&serves));
    Ok(())
}

/// Not even an administrator says that weights were fetched.
async fn nobody_else_ends_it(governed: &Governed, job: &Value) -> Result<()> {
    let name = text(&job["metadata"]["name"]);
    // That of a finished Job says so much that a change of one field shows as well who may.
    let change = json!({"status": {"ready": 1}}).to_string();
    let patch =
        ["patch", "job", name, "--namespace=halsa", "--subresource=status", "--type=merge", "-p", &change];
    for arguments in [patch.as_slice(), &["delete", "job", name, "--namespace=halsa"]] {
        let answer = governed.cluster().kubectl()?.run(arguments).await?;
        ensure!(answer.code != 0 && answer.stderr.contains("hemvist-children"), "{arguments:?}: {answer:?}");
    }
    Ok(())
}

/// A new digest: the old version serves until the new weights are there, and goes on where they are the wrong ones.
async fn a_new_version(governed: &Governed, first: &Value, old: &Value) -> Result<()> {
    let change = |digit| json!({"spec": {"model": {"digest": digest(digit)}}});
    governed.objects().merge(Kind::ModelDeployment, "halsa", "journal", &change('2')).await?;
    let model = wait_for_available(governed, "True", "FetchingWeights").await?;
    ensure!(condition(&model, "Ready")["status"] == "True", "{}", model["status"]);
    let second = job(governed, &digest('2')).await?;
    ensure!(
        second["metadata"]["name"] != first["metadata"]["name"],
        "the Job of another digest has the same name"
    );
    let now = deployment(governed).await?.context("the old version is gone")?;
    ensure!(now["spec"] == old["spec"], "the old version was changed: {now}");
    fetch_ends(governed, &second, 0, &json!({"reason": "Verified", "message": "fetched"})).await?;
    wait_until("the new version", PATIENCE, async || {
        let now = deployment(governed).await?.unwrap_or_default();
        Ok(Progress::when(served(&now) == digest('2').replace(':', "-"), served(&now)))
    })
    .await?;
    wait_for_available(governed, "True", "ReplicasAvailable").await?;

    governed.objects().merge(Kind::ModelDeployment, "halsa", "journal", &change('3')).await?;
    let third = job(governed, &digest('3')).await?;
    let wrong =
        json!({"reason": "ModelDigestMismatch", "message": "what the mirror holds has another digest"});
    fetch_ends(governed, &third, 10, &wrong).await?;
    let model = wait_for_available(governed, "True", "ModelDigestMismatch").await?;
    let message = text(&condition(&model, "Available")["message"]);
    ensure!(message.contains("The old version keeps serving"), "{message}");
    wait_until("the Job to be given up", PATIENCE, async || {
        let job = job(governed, &digest('3')).await?;
        let failed = condition(&job, "Failed");
        Ok(Progress::when(failed["reason"] == "PodFailurePolicy", failed))
    })
    .await?;
    let now = deployment(governed).await?.context("the old version is gone")?;
    ensure!(served(&now) == digest('2').replace(':', "-"), "{}", served(&now));
    Ok(())
}

/// Weights from elsewhere: what fetched goes, its isolation last.
async fn another_source(governed: &Governed) -> Result<()> {
    let source =
        json!({"mirror": null, "image": {"reference": image("models/qwen3-8b", 'a'), "path": "/models"}});
    let change = json!({"spec": {"model": {"digest": null, "source": source}}});
    governed.objects().merge(Kind::ModelDeployment, "halsa", "journal", &change).await?;
    wait_until("what fetched to be gone", PATIENCE, async || {
        let jobs = governed.objects().list(Kind::Job, "halsa", "").await?;
        let policy = governed.objects().find(Kind::NetworkPolicy, "halsa", "journal.fetch").await?;
        Ok(Progress::when(jobs.is_empty() && policy.is_none(), format!("{} Jobs, {policy:?}", jobs.len())))
    })
    .await?;
    wait_for_available(governed, "True", "ReplicasAvailable").await.map(|_| ())
}
