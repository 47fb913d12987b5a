//! The region of the examples, as people see it through `kubectl`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use hemvist_e2e::demo::Refused;
use hemvist_e2e::governed::{Governed, PATIENCE, split};
use hemvist_e2e::installation::workspace;
use hemvist_e2e::models::child_name;
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::region::{self, REFUSED, Refusal, SERVED, WAITING, WORDS_OF_REFUSAL};
use hemvist_e2e::{Options, Progress, demo, wait_until};
use serde_json::{Value, json};

const COLUMNS_OF_POLICIES: [&str; 9] =
    ["NAMESPACE", "NAME", "ACCEPTED", "REASON", "NAMESPACES", "MODELS", "REFUSED", "REVIEW-BY", "AGE"];

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_give_the_results_that_their_comments_name() -> Result<()> {
    let region = Governed::start_without_admission(Options::new("region")).await?;
    region::create_nodes(&region.cluster().client()).await?;
    let operator = region.operator("hemvist-operator")?;
    region::apply_policies(region.cluster()).await?;
    region::apply_models(region.cluster()).await?;
    demo::wait_until_settled(region.cluster()).await?;

    waiting_with_kubectl_works(&region).await?;
    what_is_refused_says_who_says_so_and_what_would_help(&region).await?;
    tables_are_worth_reading(&region).await?;
    descriptions_are_worth_reading(&region).await?;
    every_object_says_whose_it_is(&region).await?;
    a_second_apply_changes_nothing(&region).await?;
    models_can_be_selected_by_class(&region).await?;
    a_model_can_be_scaled(&region).await?;
    // Five models with a replica each, one of them with a second, and two of three replicas of the one that waits.
    region.end(vec![operator], 8).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_policy_forbids_is_rejected_when_it_is_applied_and_says_why() -> Result<()> {
    let region = Governed::start(Options::new("region-admission")).await?;
    region::create_nodes(&region.cluster().client()).await?;
    let operator = region.operator("hemvist-operator")?;
    without_a_policy_there_is_no_model(&region).await?;
    region::apply_policies(region.cluster()).await?;
    region::wait_until_enforced(region.cluster()).await?;
    let (_, refusals) = region::apply_models_to_the_api(region.cluster()).await?;
    for ((key, _), refusal) in REFUSED.iter().zip(&refusals) {
        show(key, refusal);
    }
    demo::wait_until_settled_with(region.cluster(), Refused::ByTheApiServer).await?;

    the_table_of_policies_says_that_they_are_enforced(&region).await?;
    a_second_apply_refuses_the_same_and_changes_nothing(&region, &refusals).await?;
    ways_around_are_refused_and_say_what_to_do(&region).await?;
    a_model_is_not_moved_to_what_is_forbidden(&region).await?;
    what_is_refused_now_can_still_be_scaled_and_suspended(&region).await?;
    // As above: two of the one that waits, and six others.
    region.end(vec![operator], 8).await
}

/// Printed, so that the documentation can show them.
fn show(what: &str, refusal: &Refusal) {
    println!("REFUSED {what} by {}\n  {}", refusal.by, refusal.message);
}

/// Runs what one of Hemvist's policies has to refuse, with these words.
async fn refused(
    region: &Governed,
    what: &str,
    arguments: &[&str],
    input: &str,
    words: &[&str],
) -> Result<()> {
    let answer = region.cluster().kubectl()?.run_with_input(arguments, input).await?;
    ensure!(answer.code != 0, "{what} was let through: {answer:?}");
    let found = region::refusals(&answer);
    let [refusal] = found.as_slice() else { bail!("{what} was not refused by Hemvist: {answer:?}") };
    show(what, refusal);
    for word in words {
        ensure!(refusal.message.contains(word), "{what} does not say {word:?}: {}", refusal.message);
    }
    Ok(())
}

fn example(name: &str) -> Result<String> {
    let path = workspace().join("examples/region").join(name);
    Ok(path.to_str().context("the path of the examples is no text")?.to_owned())
}

async fn without_a_policy_there_is_no_model(region: &Governed) -> Result<()> {
    kubectl(region, &["apply", "-f", &example("namespaces.yaml")?]).await?;
    let model = example("models/webbassistent.yaml")?;
    let words =
        ["no AIPolicy in hemvist-system applies to this namespace", "Create an AIPolicy in hemvist-system"];
    refused(region, "a model without a policy", &["apply", "-f", &model], "", &words).await
}

async fn the_table_of_policies_says_that_they_are_enforced(region: &Governed) -> Result<()> {
    wait_until("the policies to have counted", PATIENCE, async || {
        let policies = kubectl(region, &["get", "aip", "-A", "-o", "wide"]).await?;
        assert_columns(&policies, &[&COLUMNS_OF_POLICIES[..], &["ENFORCED", "MESSAGE"]].concat());
        let are_reported = [
            (["halsa", "halsa", "True", "InForce", "1", "2", "0"], "in force in halsa"),
            (["hemvist-system", "region", "True", "InForce", "4", "6", "0"], "every governed namespace"),
        ]
        .into_iter()
        .all(|(cells, place)| {
            policies.lines().any(|line| {
                line.split_whitespace().take(7).eq(cells)
                    && line.contains(" Enforced ")
                    && line.contains(place)
            })
        });
        Ok(Progress::when(are_reported, &policies))
    })
    .await?;
    let description = kubectl(region, &["describe", "aip", "-n", "hemvist-system", "region"]).await?;
    for word in ["The API server enforces the policy", "hemvist-models.hemvist-system.region"] {
        ensure!(description.contains(word), "the description does not say {word:?}:\n{description}");
    }
    Ok(())
}

async fn a_second_apply_refuses_the_same_and_changes_nothing(
    region: &Governed,
    refusals: &[Refusal],
) -> Result<()> {
    let before = versions(region).await?;
    region::apply_policies(region.cluster()).await?;
    let (let_in, again) = region::apply_models_to_the_api(region.cluster()).await?;
    ensure!(again == refusals, "first {refusals:?}, then {again:?}");
    for line in let_in.lines() {
        ensure!(line.ends_with(" unchanged"), "a second apply has changed something: {line}");
    }
    ensure!(let_in.lines().count() == SERVED.len() + 1, "{let_in}");
    assert_eq!(before, versions(region).await?);
    Ok(())
}

/// All of it asked by an administrator, who has every right.
async fn ways_around_are_refused_and_say_what_to_do(region: &Governed) -> Result<()> {
    let limits = json!({"limits": {"nvidia.com/gpu": "1"}});
    let container = json!({"name": "gpu", "image": "registry.region.example/gpu", "resources": limits});
    let spec = json!({"containers": [container]});
    let labels = json!({"app": "gpu"});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "gpu"}, "spec": spec});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "gpu"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    });
    // Two policies refuse the pod, of which the API server tells one: that nobody has made it, or where it would have to be.
    for (what, object, rule) in [
        ("a pod with a GPU", &pod, "an accelerator"),
        ("a Deployment with a GPU", &deployment, "unmanagedAccelerators"),
    ] {
        let create = ["create", "--namespace=teknik", "-f", "-"];
        refused(region, what, &create, &object.to_string(), &[rule, "se a ModelDeployment"]).await?;
    }

    let pods =
        region.objects().list(Kind::Pod, "forskning", "hemvist.dev/model-deployment=stormodell").await?;
    let waiting = pods.iter().find(|pod| pod["spec"]["nodeName"].is_null()).context("no pod waits")?;
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": waiting_identity(waiting),
        "target": {"apiVersion": "v1", "kind": "Node", "name": "jkpg-b-a10-1"},
    });
    let path = format!("/api/v1/namespaces/forskning/pods/{}/binding", text(&waiting["metadata"]["name"]));
    let create = ["create", "--raw", &path, "-f", "-"];
    refused(
        region,
        "a binding",
        &create,
        &binding.to_string(),
        &["only the scheduler may bind", "node affinity"],
    )
    .await?;

    changes_by_hand_are_refused(region).await
}

/// What Hemvist has made, and what it says, is its own.
async fn changes_by_hand_are_refused(region: &Governed) -> Result<()> {
    let child = ["scale", "deployment", "diktering--sensitive", "--namespace=halsa", "--replicas=3"];
    refused(region, "scaling what was made for a model", &child, "", &["Change the ModelDeployment"]).await?;
    let child = [
        "label",
        "service",
        "diktering",
        "--namespace=halsa",
        "hemvist.dev/information-class=Open",
        "--overwrite",
    ];
    refused(region, "an edit of what was made for a model", &child, "", &["Change the ModelDeployment"])
        .await?;
    let exec = ["exec", "--namespace=halsa", "service/diktering", "--", "sh"];
    refused(region, "exec into a pod with sensitive information", &exec, "", &["requests to its Service"])
        .await?;
    let status = json!({"status": {"observedGeneration": 99}}).to_string();
    let edit = [
        "patch",
        "mdep",
        "diktering",
        "--namespace=halsa",
        "--subresource=status",
        "--type=merge",
        "-p",
        &status,
    ];
    refused(region, "a status by hand", &edit, "", &["change the spec instead"]).await
}

fn waiting_identity(pod: &Value) -> Value {
    json!({"namespace": pod["metadata"]["namespace"], "name": pod["metadata"]["name"]})
}

async fn a_model_is_not_moved_to_what_is_forbidden(region: &Governed) -> Result<()> {
    let foreign = format!("registry.foreign.example/vllm/vllm-openai@sha256:{}", "0".repeat(64));
    let change = json!({"spec": {"engine": {"image": foreign}}}).to_string();
    let patch = ["patch", "mdep", "diktering", "--namespace=halsa", "--type=merge", "-p", &change];
    let words = ["spec.engine.image", "spec.images.registries", "Copy the image"];
    refused(region, "an image of a foreign registry", &patch, "", &words).await
}

/// A policy that gets tighter takes models down, but does not take them out of the hands of those who have to see to it.
async fn what_is_refused_now_can_still_be_scaled_and_suspended(region: &Governed) -> Result<()> {
    let key = "kommunikation/webbassistent";
    let tighter = json!({"spec": {"models": {"licences": ["MIT"]}}});
    region.objects().merge(Kind::AIPolicy, "hemvist-system", "region", &tighter).await?;
    region.wait_until_enforced("hemvist-system/region").await?;
    let reported = region.wait_for_reason(key, "LicenceNotAllowed").await?;
    ensure!(reported.contains("spec.models.licences"), "{reported}");
    let model = ["mdep/webbassistent", "--namespace=kommunikation"];
    kubectl(region, &[&["scale", "--replicas=1"], &model[..]].concat()).await?;
    let suspend = |suspend: bool| json!({"spec": {"suspend": suspend}}).to_string();
    for suspend in [suspend(true), suspend(false)] {
        kubectl(region, &[&["patch", "--type=merge", "-p", &suspend], &model[..]].concat()).await?;
    }
    kubectl(region, &[&["label"], &model[..], &["example.org/seen=true"]].concat()).await?;
    let longer = json!({"spec": {"engine": {"contextLength": 8192}}}).to_string();
    let patch = [&["patch", "--type=merge", "-p", &longer], &model[..]].concat();
    let words = ["spec.model.licence", "AIPolicy hemvist-system/region (spec.models.licences)"];
    refused(region, "an edit of what a policy has come to refuse", &patch, "", &words).await?;
    kubectl(region, &[&["delete", "--wait=false"], &model[..]].concat()).await.map(|_| ())
}

async fn kubectl(region: &Governed, arguments: &[&str]) -> Result<String> {
    region.cluster().kubectl()?.run(arguments).await?.success()
}

async fn waiting_with_kubectl_works(region: &Governed) -> Result<()> {
    let wait = ["wait", "--for=condition=Ready", "mdep/diktering", "-n", "halsa", "--timeout=30s"];
    let answer = kubectl(region, &wait).await?;
    ensure!(answer.contains("condition met"), "{answer}");
    let wait = ["wait", "--for=condition=Ready", "mdep/patientpilot", "-n", "halsa", "--timeout=1s"];
    let answer = region.cluster().kubectl()?.run(&wait).await?;
    ensure!(answer.code != 0, "a refused model was waited for with success: {answer:?}");
    Ok(())
}

async fn what_is_refused_says_who_says_so_and_what_would_help(region: &Governed) -> Result<()> {
    ensure!(WORDS_OF_REFUSAL.len() == REFUSED.len(), "a refused model of the examples is not looked at");
    for (key, words) in WORDS_OF_REFUSAL {
        let model = region.model(key).await?;
        let message = text(&condition(&model, "Ready")["message"]);
        for word in words {
            ensure!(message.contains(word), "{key} does not say {word:?}: {message}");
        }
        ensure!(
            condition(&model, "Stalled")["status"] == "True",
            "{key} is not stalled: {}",
            model["status"]
        );
        ensure!(region.children(key).await?.is_empty(), "something was made for {key}, which is refused");
        ensure!(region.pods(key).await?.is_empty(), "{key} is refused and has pods");
    }
    let waiting = region.model(WAITING).await?;
    let message = text(&condition(&waiting, "Ready")["message"]);
    for word in ["4 × nvidia.com/gpu", "NVIDIA-H100-80GB-HBM3", "jkpg-b", "3 replicas"] {
        ensure!(message.contains(word), "{WAITING} does not say {word:?}: {message}");
    }
    ensure!(waiting["status"]["replicaSummary"] == "2/3", "{}", waiting["status"]);
    Ok(())
}

async fn tables_are_worth_reading(region: &Governed) -> Result<()> {
    let models = kubectl(region, &["get", "mdep", "-A"]).await?;
    let expected = ["NAMESPACE", "NAME", "MODEL", "CLASS", "READY", "REASON", "REPLICAS", "GPUS", "AGE"];
    assert_columns(&models, &expected);
    let of = |name: &str| models.lines().find(|line| line.contains(name)).unwrap_or_default().to_owned();
    let line = of("journal-sammanfattning");
    let cells: Vec<&str> = line.split_whitespace().take(8).collect();
    let journal = [
        "halsa",
        "journal-sammanfattning",
        "llama-3.3-70b-instruct",
        "Sensitive",
        "True",
        "Serving",
        "1/1",
        "4",
    ];
    ensure!(cells == journal, "{line}");
    let line = of("patientpilot");
    let cells: Vec<&str> = line.split_whitespace().skip(3).take(5).collect();
    ensure!(cells == ["Sensitive", "False", "AssessmentMissing", "0/1", "0"], "{line}");

    let wide = kubectl(region, &["get", "mdep", "-A", "-o", "wide"]).await?;
    assert_columns(&wide, &[&expected[..], &["DATA-CENTRE", "ENDPOINT", "MESSAGE"]].concat());
    let endpoint = "http://diktering.halsa.svc:8000/v1";
    ensure!(wide.contains(endpoint), "no line has {endpoint}:\n{wide}");

    wait_until("the policies to have counted", PATIENCE, async || {
        let policies = kubectl(region, &["get", "aip", "-A"]).await?;
        assert_columns(&policies, &COLUMNS_OF_POLICIES);
        let line = policies.lines().find(|line| line.starts_with("hemvist-system")).unwrap_or_default();
        let cells: Vec<&str> = line.split_whitespace().take(6).collect();
        Ok(Progress::when(cells == ["hemvist-system", "region", "True", "InForce", "4", "10"], &policies))
    })
    .await?;
    for short in [["get", "hemvist", "-A"], ["get", "modeldeployments", "-A"], ["get", "aipolicies", "-A"]] {
        ensure!(kubectl(region, &short).await?.contains("AGE"), "{short:?} gives no table");
    }
    Ok(())
}

fn assert_columns(table: &str, expected: &[&str]) {
    let header: Vec<&str> = table.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(header, expected);
}

async fn descriptions_are_worth_reading(region: &Governed) -> Result<()> {
    let description = kubectl(region, &["describe", "mdep", "-n", "halsa", "patientpilot"]).await?;
    for word in [
        "AssessmentMissing",
        "Carry out the assessment",
        "Accepted",
        "Stalled",
        "Events:",
        "Warning",
        "hemvist.dev",
    ] {
        ensure!(description.contains(word), "the description does not say {word:?}:\n{description}");
    }
    let description = kubectl(region, &["describe", "aip", "-n", "halsa", "halsa"]).await?;
    for word in ["InForce", "restricts what hemvist-system allows", "ControllerOnly", "ReviewNotDue"] {
        ensure!(description.contains(word), "the description does not say {word:?}:\n{description}");
    }
    let explanation = kubectl(region, &["explain", "mdep.spec", "--recursive"]).await?;
    for field in
        ["purpose", "informationClass", "keyValueHeads", "contextLength", "dataCentres", "idleSeconds"]
    {
        ensure!(explanation.contains(field), "no field {field} is explained:\n{explanation}");
    }
    let explanation = kubectl(region, &["explain", "mdep.spec.purpose.informationClass"]).await?;
    for word in
        ["ENUM:", "Open", "Internal", "Sensitive", "Secret", "DESCRIPTION:", "highest class of information"]
    {
        ensure!(explanation.contains(word), "the explanation does not say {word:?}:\n{explanation}");
    }
    Ok(())
}

async fn every_object_says_whose_it_is(region: &Governed) -> Result<()> {
    for key in SERVED {
        let (_, name) = split(key)?;
        let model = region.model(key).await?;
        let children = region.children(key).await?;
        let kinds: Vec<&str> = children.iter().map(|child| text(&child["kind"])).collect();
        ensure!(kinds == Kind::CHILDREN.map(Kind::name), "{key} became {kinds:?}");
        for child in &children {
            let metadata = &child["metadata"];
            let owner = &metadata["ownerReferences"][0];
            let class = text(&model["spec"]["purpose"]["informationClass"]);
            let expected = child_name(Kind::named(text(&child["kind"]))?, name, class);
            ensure!(metadata["name"] == expected, "{key} has a {} named {}", child["kind"], metadata["name"]);
            ensure!(owner["uid"] == model["metadata"]["uid"] && owner["controller"] == true, "{metadata}");
            let purpose = &model["spec"]["purpose"];
            let labels = [
                ("app.kubernetes.io/managed-by", "hemvist"),
                ("app.kubernetes.io/part-of", "hemvist"),
                ("hemvist.dev/model-deployment", name),
                ("hemvist.dev/model-deployment-uid", text(&model["metadata"]["uid"])),
                ("hemvist.dev/information-class", text(&purpose["informationClass"])),
                ("hemvist.dev/risk-class", text(&purpose["riskClass"])),
            ];
            for (label, value) in labels {
                ensure!(metadata["labels"][label] == value, "{label} of {key} is not {value}: {metadata}");
            }
            let hash = text(&metadata["annotations"]["hemvist.dev/rendered-hash"]);
            ensure!(hash.len() == 16, "{key} has a {} with the hash {hash:?}", child["kind"]);
        }
    }
    Ok(())
}

/// What a second apply must leave alone: every object that a user or the operator has written.
async fn versions(region: &Governed) -> Result<BTreeMap<String, String>> {
    let mut versions = BTreeMap::new();
    for kind in [Kind::ModelDeployment, Kind::AIPolicy].into_iter().chain(Kind::CHILDREN) {
        let selector =
            if Kind::CHILDREN.contains(&kind) { "app.kubernetes.io/managed-by=hemvist" } else { "" };
        for object in region.objects().list(kind, "", selector).await? {
            let metadata = &object["metadata"];
            let key = format!("{} {}/{}", kind.name(), text(&metadata["namespace"]), text(&metadata["name"]));
            versions.insert(key, text(&metadata["resourceVersion"]).to_owned());
        }
    }
    Ok(versions)
}

async fn a_second_apply_changes_nothing(region: &Governed) -> Result<()> {
    let before = versions(region).await?;
    ensure!(before.len() >= 12 + SERVED.len() * Kind::CHILDREN.len(), "too few objects to judge: {before:?}");
    region::apply_policies(region.cluster()).await?;
    region::apply_models(region.cluster()).await?;
    for folder in ["examples/region", "examples/region/models"] {
        let path: PathBuf = workspace().join(folder);
        let path = path.to_str().context("the path of the examples is no text")?;
        let answer = kubectl(region, &["apply", "--dry-run=server", "-f", path]).await?;
        // What is bound to a claim is changed by the cluster itself, and then by its next apply.
        for line in answer.lines().filter(|line| !line.starts_with("persistentvolume")) {
            ensure!(line.contains("unchanged"), "a second apply would change something: {line}");
        }
    }
    let after = versions(region).await?;
    assert_eq!(before, after);
    Ok(())
}

async fn models_can_be_selected_by_class(region: &Governed) -> Result<()> {
    for (selector, expected) in [
        (
            "spec.purpose.informationClass=Sensitive",
            vec!["diktering", "journal-sammanfattning", "patientpilot"],
        ),
        ("spec.purpose.riskClass=High", vec!["journal-sammanfattning"]),
        ("spec.engine.type=LlamaCpp", vec!["oversattning"]),
    ] {
        let columns = "custom-columns=NAME:.metadata.name";
        let answer = kubectl(
            region,
            &["get", "mdep", "-A", "--no-headers", "-o", columns, "--field-selector", selector],
        )
        .await?;
        let mut names: Vec<&str> = answer.lines().map(str::trim).collect();
        names.sort_unstable();
        // Every one that is expected and none of another value; the examples may grow.
        for name in expected {
            ensure!(names.contains(&name), "{selector} does not select {name}: {names:?}");
        }
        ensure!(names.len() < SERVED.len() + REFUSED.len() + 1, "{selector} selects everything: {names:?}");
    }
    Ok(())
}

async fn a_model_can_be_scaled(region: &Governed) -> Result<()> {
    let key = "kommunikation/webbassistent";
    for (replicas, summary) in [("--replicas=1", "1/1"), ("--replicas=2", "2/2")] {
        kubectl(region, &["scale", "mdep/webbassistent", "-n", "kommunikation", replicas]).await?;
        let scaled = |model: &Value| {
            model["status"]["replicaSummary"] == summary && condition(model, "Ready")["reason"] == "Serving"
        };
        region.wait_for_model(key, &format!("serve with {summary}"), scaled).await?;
    }
    Ok(())
}
