//! Policies that get tighter, go, come back, and cannot open anything.

use anyhow::{Context, Result, ensure};
use hemvist_e2e::Options;
use hemvist_e2e::audit::Record;
use hemvist_e2e::governed::Governed;
use hemvist_e2e::installation::ROOT_NAMESPACE;
use hemvist_e2e::models::{local_policy, model, model_of_class, region_policy};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{Kind, condition, text};
use serde_json::{Value, json};

const OPEN: &str = "teknik/open";
const INTERNAL: &str = "halsa/internal";
const SENSITIVE: &str = "halsa/sensitive";

async fn governed(name: &str) -> Result<Governed> {
    let governed = Governed::start_without_admission(Options::new(name)).await?;
    for (name, data_centre) in [("a", "jkpg-a"), ("b", "jkpg-b")] {
        let node = SimulatedNode::new(name).gpus(Gpu::L40S, 8).cleared("se-f", data_centre, "Sensitive");
        node.create(&governed.cluster().client()).await?;
    }
    governed.create_namespaces(&["halsa", "teknik"]).await?;
    Ok(governed)
}

async fn create_three_models(governed: &Governed) -> Result<()> {
    governed.objects().create(&model("teknik", "open")).await?;
    governed.objects().create(&model_of_class("halsa", "internal", "Internal")).await?;
    governed.objects().create(&model_of_class("halsa", "sensitive", "Sensitive")).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tightened_or_deleted_policy_stops_models_and_a_restored_one_lets_them_run() -> Result<()> {
    let governed = governed("policies-tighter").await?;
    let operator = governed.operator("hemvist-operator")?;
    create_three_models(&governed).await?;
    for key in [OPEN, INTERNAL, SENSITIVE] {
        let message = governed.wait_for_reason(key, "NoPolicy").await?;
        ensure!(message.contains(ROOT_NAMESPACE) && message.contains("Create an AIPolicy"), "{message}");
        ensure!(governed.children(key).await?.is_empty(), "{key} was carried out without a policy");
    }
    governed.objects().create(&region_policy()).await?;
    for key in [OPEN, INTERNAL, SENSITIVE] {
        governed.wait_for_reason(key, "Serving").await?;
    }
    ensure!(governed.nodes_of(SENSITIVE).await? == ["a".to_owned()].into(), "not where the policy says");

    a_class_is_taken_away(&governed).await?;

    governed.objects().delete(Kind::AIPolicy, ROOT_NAMESPACE, "region").await?;
    for key in [OPEN, INTERNAL, SENSITIVE] {
        governed.wait_for_reason(key, "NoPolicy").await?;
        governed.wait_for_children(key, 0).await?;
        ensure!(governed.pods(key).await?.is_empty(), "{key} has pods and no policy");
    }
    governed.objects().create(&region_policy()).await?;
    for key in [OPEN, INTERNAL, SENSITIVE] {
        governed.wait_for_reason(key, "Serving").await?;
    }
    governed.end(vec![operator], 6).await
}

async fn a_class_is_taken_away(governed: &Governed) -> Result<()> {
    let since = governed.cluster().audit_log().position()?;
    let classes = json!({"spec": {"informationClasses": [{"class": "Open"}, {"class": "Internal"}]}});
    governed.objects().merge(Kind::AIPolicy, ROOT_NAMESPACE, "region", &classes).await?;
    let message = governed.wait_for_reason(SENSITIVE, "InformationClassNotAllowed").await?;
    for word in ["Sensitive", "hemvist-system/region", "spec.informationClasses"] {
        ensure!(message.contains(word), "{SENSITIVE} does not say {word:?}: {message}");
    }
    governed.wait_for_children(SENSITIVE, 0).await?;
    let deleted: Vec<Record> = governed
        .writes(since)?
        .into_iter()
        .filter(|record| record.verb == "delete" && record.name.starts_with("sensitive"))
        .collect();
    let kinds: Vec<&str> = deleted.iter().map(|record| record.resource.as_str()).collect();
    ensure!(
        kinds == ["deployments", "poddisruptionbudgets", "services", "serviceaccounts", "networkpolicies"],
        "pruned in the order {kinds:?}"
    );
    // The network stays closed until the last pod is gone.
    let all = governed.cluster().audit_log().records(since)?;
    let pod_gone = all
        .iter()
        .filter(|record| record.what() == "pods" && record.verb == "delete" && record.namespace == "halsa")
        .filter(|record| record.user.contains("kwok") && record.is_success())
        .map(|record| record.received.0)
        .max()
        .context("no pod was deleted by its node")?;
    let opened = deleted.last().context("nothing was deleted")?.received.0;
    ensure!(pod_gone < opened, "the NetworkPolicy went at {opened}, the pod at {pod_gone}");
    for key in [OPEN, INTERNAL] {
        let model = governed.model(key).await?;
        ensure!(
            condition(&model, "Ready")["reason"] == "Serving",
            "{key} was disturbed: {}",
            model["status"]
        );
    }
    governed.objects().apply(&region_policy()).await?;
    governed.wait_for_reason(SENSITIVE, "Serving").await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_policy_can_only_tighten_and_policies_count_what_they_bind() -> Result<()> {
    let governed = governed("policies-local").await?;
    let operator = governed.operator("hemvist-operator")?;
    governed.objects().create(&region_policy()).await?;
    create_three_models(&governed).await?;
    governed.objects().create(&model_of_class("halsa", "secret", "Secret")).await?;
    for key in [OPEN, INTERNAL, SENSITIVE] {
        governed.wait_for_reason(key, "Serving").await?;
    }
    governed.wait_for_reason("halsa/secret", "InformationClassNotAllowed").await?;
    wait_for_tally(&governed, "hemvist-system/region", [2, 4, 1]).await?;

    what_would_loosen_is_named_and_opens_nothing(&governed).await?;
    wait_for_tally(&governed, "halsa/own", [1, 3, 0]).await?;

    // Tighter: no internal information in this department. The region's own count stays as it was.
    let classes = json!({"spec": {"informationClasses": [{"class": "Open"}, {"class": "Sensitive"}]}});
    governed.objects().merge(Kind::AIPolicy, "halsa", "own", &classes).await?;
    let message = governed.wait_for_reason(INTERNAL, "InformationClassNotAllowed").await?;
    ensure!(message.contains("halsa/own"), "{message}");
    governed.wait_for_children(INTERNAL, 0).await?;
    wait_for_tally(&governed, "halsa/own", [1, 3, 2]).await?;
    wait_for_tally(&governed, "hemvist-system/region", [2, 4, 1]).await?;
    let model = governed.model(OPEN).await?;
    ensure!(condition(&model, "Ready")["reason"] == "Serving", "another department: {}", model["status"]);

    governed.objects().delete(Kind::AIPolicy, "halsa", "own").await?;
    governed.wait_for_reason(INTERNAL, "Serving").await?;
    governed.objects().delete(Kind::ModelDeployment, "teknik", "open").await?;
    wait_for_tally(&governed, "hemvist-system/region", [1, 3, 1]).await?;
    governed.end(vec![operator], 4).await
}

async fn what_would_loosen_is_named_and_opens_nothing(governed: &Governed) -> Result<()> {
    let loose = json!({
        "residency": {"dataCentres": ["jkpg-a", "jkpg-b", "oslo"]},
        "informationClasses": [
            {"class": "Open"},
            {"class": "Internal"},
            {"class": "Sensitive", "dataCentres": ["jkpg-a", "jkpg-b"]},
            {"class": "Secret"},
        ],
        "models": {"licences": ["Apache-2.0", "LicenseRef-Own"], "requireDigest": false},
        "images": {"registries": ["registry.region.example", "registry.foreign.example"]},
        "namespaces": ["teknik"],
    });
    governed.objects().create(&local_policy("halsa", "own", &loose)).await?;
    let loosens = |policy: &Value| condition(policy, "Accepted")["reason"] == "LoosensRegion";
    let policy = governed.wait_for_policy("halsa/own", "say LoosensRegion", loosens).await?;
    ensure!(condition(&policy, "Accepted")["status"] == "False", "{}", policy["status"]);
    let fields = policy["status"]["withoutEffect"].as_array().cloned().unwrap_or_default();
    for field in [
        "spec.residency.dataCentres",
        "spec.informationClasses",
        "spec.models.licences",
        "spec.models.requireDigest",
        "spec.images.registries",
        "spec.namespaces",
    ] {
        let reported = fields.iter().find(|reported| text(&reported["field"]) == field);
        ensure!(
            reported.is_some_and(|reported| !text(&reported["message"]).is_empty()),
            "{field} is not told: {fields:#?}"
        );
    }
    // Nothing is opened, and what was right before still is.
    let mut foreign = model("halsa", "foreign");
    foreign["spec"]["engine"]["image"] =
        json!(format!("registry.foreign.example/vllm@sha256:{}", "c".repeat(64)));
    governed.objects().create(&foreign).await?;
    governed.wait_for_reason("halsa/foreign", "RegistryNotAllowed").await?;
    governed.wait_for_reason("halsa/secret", "InformationClassNotAllowed").await?;
    governed.wait_for_reason(SENSITIVE, "Serving").await?;
    ensure!(governed.nodes_of(SENSITIVE).await? == ["a".to_owned()].into(), "{SENSITIVE} has moved");
    for key in ["halsa/foreign", "halsa/secret"] {
        ensure!(governed.children(key).await?.is_empty(), "{key} was opened by a local policy");
    }
    governed.objects().delete(Kind::ModelDeployment, "halsa", "foreign").await
}

/// Namespaces and models that a policy binds, and models that it refuses.
async fn wait_for_tally(governed: &Governed, key: &str, tally: [i64; 3]) -> Result<()> {
    let fields = ["boundNamespaces", "boundModelDeployments", "refused"];
    let counts = move |policy: &Value| {
        fields.iter().zip(tally).all(|(field, count)| policy["status"][*field] == count)
    };
    governed.wait_for_policy(key, &format!("count {tally:?}"), counts).await.map(|_| ())
}
