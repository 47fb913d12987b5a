//! `hemvist check` refuses of an object as it is written what the API server refuses, and nothing else: the objects of
//! `crds/tests/objects`, and each of them changed in one place after the other.

mod changes;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use changes::{Change, changes};
use futures::{StreamExt, TryStreamExt, stream};
use hemvist_api::all_definitions;
use hemvist_e2e::command_line::Hemvist;
use hemvist_e2e::governed::Governed;
use hemvist_e2e::installation::workspace;
use hemvist_e2e::objects::{Kind, text};
use hemvist_e2e::{Component, Options, manifests};
use http::Request;
use kube::Client;
use serde_json::Value;

/// How many dry runs are asked at a time.
const AT_A_TIME: usize = 8;

/// How many objects `hemvist check` is given at once. It holds every model to every policy.
const AT_ONCE: usize = 50;

/// The least that has to be refused of the changed objects, so that the test compares something.
const FEWEST_REFUSED: usize = 2000;

#[tokio::test(flavor = "multi_thread")]
async fn check_refuses_what_the_api_server_refuses() -> Result<()> {
    // Nobody acts on the objects, and nothing but the kinds says anything of them.
    let options = Options::new("schema")
        .without(Component::ControllerManager)
        .without(Component::Scheduler)
        .without(Component::Kwok);
    let governed = Governed::start_without_admission(options).await?;
    governed.create_namespaces(&["teknik"]).await?;
    let client = governed.cluster().client();
    every_rule_says_the_same(&client).await?;
    every_change_is_judged_alike(&client).await?;
    governed.end(Vec::new(), 0).await
}

fn fixture(name: &str) -> Result<Vec<Value>> {
    let file = workspace().join("crds/tests/objects").join(name);
    manifests::objects(
        &std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?,
    )
}

async fn every_rule_says_the_same(client: &Client) -> Result<()> {
    let refused = fixture("refused.yaml")?;
    ensure!(!refused.is_empty(), "there is no object");
    for object in &refused {
        let says = text(&object["metadata"]["annotations"]["says"]);
        let answer = dry_run(client, object).await?.with_context(|| format!("taken, though {says}"))?;
        // The API server writes the value between the field and the rule, and names the root in its own way.
        let (field, message) = match says.split_once(": ").filter(|(field, _)| field.starts_with("spec")) {
            Some((field, message)) => (field, message),
            None => ("", says),
        };
        ensure!(
            answer.contains(message) && answer.contains(field),
            "check says: {says}\nthe API server: {answer}"
        );
    }
    Ok(())
}

async fn every_change_is_judged_alike(client: &Client) -> Result<()> {
    let mut changed = Vec::new();
    for object in fixture("accepted.yaml")? {
        ensure!(dry_run(client, &object).await?.is_none(), "refused: {object}");
        let kind = text(&object["kind"]);
        let definition = all_definitions().into_iter().find(|definition| definition.spec.names.kind == kind);
        let version = definition.and_then(|definition| definition.spec.versions.into_iter().next());
        let schema = version.and_then(|version| version.schema?.open_api_v3_schema);
        changed.extend(changes(&schema.context("no schema")?, &object));
    }
    for (number, change) in changed.iter_mut().enumerate() {
        change.object["metadata"]["name"] = format!("changed-{number}").into();
    }
    let mut by_check = BTreeMap::new();
    for few in changed.chunks(AT_ONCE) {
        by_check.extend(faulty(few).await?);
    }
    let answers: Vec<_> = stream::iter(&changed)
        .map(|change| async move { anyhow::Ok((change, dry_run(client, &change.object).await?)) })
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await?;
    let refused = answers.iter().filter(|(_, answer)| answer.is_some()).count();
    let mut differ = Vec::new();
    for (change, answer) in &answers {
        let says = by_check.get(text(&change.object["metadata"]["name"]));
        if says.is_some() != answer.is_some() {
            differ.push(format!("{}\n  check: {says:?}\n  API server: {answer:?}", change.what));
        }
    }
    println!("{refused} of {} changed objects are refused", changed.len());
    ensure!(differ.is_empty(), "{} are judged differently:\n{}", differ.len(), differ.join("\n"));
    let taken = changed.len() - refused;
    ensure!(refused >= FEWEST_REFUSED && taken > 0, "{refused} are refused and {taken} are taken");
    Ok(())
}

/// Why the API server refuses to make the object; nothing where it would.
async fn dry_run(client: &Client, object: &Value) -> Result<Option<String>> {
    let kind = Kind::named(text(&object["kind"]))?;
    let namespace = text(&object["metadata"]["namespace"]);
    let path = format!(
        "/apis/hemvist.dev/v1alpha1/namespaces/{namespace}/{}?dryRun=All&fieldValidation=Strict",
        kind.plural()
    );
    let request = Request::post(path)
        .header("content-type", "application/json")
        .body(object.to_string().into_bytes())?;
    match client.request_text(request).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) if [400, 422].contains(&status.code) => {
            Ok(Some(status.message.clone()))
        }
        Err(error) => Err(error.into()),
    }
}

/// The objects that `hemvist check` finds a fault in as they are written, with what it says.
async fn faulty(changed: &[Change]) -> Result<BTreeMap<String, String>> {
    let file = std::env::temp_dir().join(format!("hemvist-schema-{}.json", std::process::id()));
    let items: Vec<_> = changed.iter().map(|change| &change.object).collect();
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items});
    std::fs::write(&file, list.to_string())?;
    let output =
        Hemvist::new()?.run(&["check".as_ref(), file.as_os_str(), "-o".as_ref(), "json".as_ref()]).await;
    std::fs::remove_file(&file)?;
    let output = output?;
    let report: Value = serde_json::from_str(&output.stdout).with_context(|| output.stderr.clone())?;
    let objects = ["models", "policies"].into_iter().filter_map(|kind| report[kind].as_array()).flatten();
    let mut faulty = BTreeMap::new();
    let mut read = BTreeSet::new();
    for object in objects {
        read.insert(text(&object["name"]).to_owned());
        let findings = object["findings"].as_array().into_iter().flatten();
        let said = findings.filter(|finding| finding["reason"] == "Invalid" && finding["field"].is_null());
        let said: Vec<_> = said.map(|finding| text(&finding["message"])).collect();
        if !said.is_empty() {
            faulty.insert(text(&object["name"]).to_owned(), said.join("; "));
        }
    }
    // One that cannot even be read is a problem of the file.
    for problem in report["problems"].as_array().into_iter().flatten() {
        println!("{problem}");
    }
    ensure!(read.len() == changed.len(), "{} of {} objects were read", read.len(), changed.len());
    Ok(faulty)
}
