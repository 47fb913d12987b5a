//! The region of the examples, as people see it through `kubectl`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use hemvist_e2e::governed::{Governed, PATIENCE, split};
use hemvist_e2e::installation::workspace;
use hemvist_e2e::models::child_name;
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::region::{self, REFUSED, SERVED, WAITING};
use hemvist_e2e::{Options, Progress, demo, wait_until};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_come_to_what_is_said_of_them_and_are_worth_reading() -> Result<()> {
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
    // The policy, the field, and a word of what would help.
    let expected = [
        (
            "forskning/hemlig-analys",
            ["hemvist-system/region", "spec.purpose.informationClass", "Use a class"],
        ),
        ("forskning/social-poang", ["Article 5", "spec.purpose.riskClass", "No policy can allow it"]),
        ("halsa/patientpilot", ["hemvist-system/region", "spec.purpose.assessments", "type DPIA"]),
        ("teknik/nedladdad", ["hemvist-system/region", "spec.engine.image", "Mirror the image"]),
    ];
    ensure!(expected.len() == REFUSED.len(), "a refused model of the examples is not looked at");
    for (key, words) in expected {
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
        assert_columns(
            &policies,
            &[
                "NAMESPACE",
                "NAME",
                "ACCEPTED",
                "REASON",
                "NAMESPACES",
                "MODELS",
                "REFUSED",
                "REVIEW-BY",
                "AGE",
            ],
        );
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
        "Make the assessment",
        "Accepted",
        "Stalled",
        "Events:",
        "Warning",
        "hemvist.dev",
    ] {
        ensure!(description.contains(word), "the description does not say {word:?}:\n{description}");
    }
    let description = kubectl(region, &["describe", "aip", "-n", "halsa", "halsa"]).await?;
    for word in ["InForce", "tightens what hemvist-system allows", "ControllerOnly", "ReviewNotDue"] {
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
