//! Gives every scenario folder of the core to `hemvist check`: exit code, verdicts, findings and places follow from its
//! `expect.yaml`.
//!
//! What files cannot tell is left out by rule: the command line is given a day and no moment, which is all that a judgement
//! looks at; and it knows nothing of conditions, which are what comes of writing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may read files, and fails where it cannot go on"
)]

#[path = "../../core/tests/folders/mod.rs"]
mod folders;

use std::collections::BTreeMap;
use std::path::Path;

use folders::{ExpectedModel, Folder};
use hemvist_cli::{Exit, run};
use hemvist_core::snapshot::PolicyEntry;
use serde_json::Value;

/// The least number of folders in which a model was judged, and of each verdict.
const LEAST_FOLDERS: usize = 80;
const LEAST_REFUSED: usize = 40;
const LEAST_ACCEPTED: usize = 60;
const LEAST_PLACED: usize = 60;
const LEAST_WAITING: usize = 3;

/// The most models of which the schema speaks before the judgement does.
const MOST_INVALID: usize = 5;

/// What was looked at.
#[derive(Debug, Default)]
struct Count {
    folders: usize,
    refused: usize,
    invalid: usize,
    accepted: usize,
    placed: usize,
    waiting: usize,
}

/// The arguments that say what the folder says.
fn arguments(folder: &Folder) -> Vec<String> {
    let expectation = &folder.expectation;
    let mut arguments = vec!["check".to_owned()];
    arguments.extend(folder.files.iter().map(|file| file.to_string_lossy().into_owned()));
    // All dates of a judgement are days.
    arguments.extend(["--now".to_owned(), expectation.now.split('T').next().unwrap_or_default().to_owned()]);
    arguments.extend(["--ungoverned-namespaces".to_owned(), expectation.ungoverned_namespaces.join(",")]);
    let mirrors = Some(expectation.mirrors.join(",")).filter(|mirrors| !mirrors.is_empty());
    for (option, value) in [
        ("--tools-image", &expectation.tools_image),
        ("--mirrors", &mirrors),
        ("--gateway", &expectation.gateway),
        ("--prometheus-address", &expectation.prometheus),
    ] {
        arguments.extend(value.iter().flat_map(|value| [option.to_owned(), value.clone()]));
    }
    arguments
}

fn hemvist(arguments: &[String]) -> (Exit, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let words = std::iter::once("hemvist").chain(arguments.iter().map(String::as_str));
    let exit = run(words, &mut std::io::empty(), &mut stdout, &mut stderr);
    assert!(stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    (exit, String::from_utf8(stdout).unwrap())
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Findings that no field is at fault for are about nodes or about the text, and no violations.
fn check_findings(what: &str, report: &Value, human: &str, expected: &ExpectedModel) {
    let judged: Vec<_> = list(report, "findings").filter(|finding| finding["field"].is_string()).collect();
    let found: Vec<_> =
        judged.iter().map(|one| format!("{} {}", text(one, "reason"), text(one, "field"))).collect();
    assert_eq!(found, expected.violations, "{what}: findings");
    let level = if expected.accepted { "Warning" } else { "Error" };
    for finding in judged {
        assert_eq!(text(finding, "level"), level, "{what}: {finding}");
        let message = text(finding, "message");
        assert!(message.contains(text(finding, "field")), "{what}: {message} does not name the field");
        assert!(
            without_breaks(human).contains(&without_breaks(message)),
            "{what}: people are not shown {message}"
        );
    }
}

/// The text for people has lines of a width.
fn without_breaks(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn check_placement(what: &str, report: &Value, expected: &ExpectedModel, count: &mut Count) {
    let placement = &report["placement"];
    let candidates: Vec<_> = list(placement, "candidates").map(|one| text(one, "node")).collect();
    assert_eq!(candidates, expected.candidates, "{what}: candidates");
    let reasons = |one: &Value| list(one, "reasons").filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    let exclusion = |one: &Value| (text(one, "node").to_owned(), reasons(one));
    let exclusions: BTreeMap<_, _> = list(placement, "exclusions").map(exclusion).collect();
    assert_eq!(exclusions, expected.exclusions, "{what}: exclusions");
    count.placed += usize::from(placement.is_object());
    if !expected.waiting_for.is_empty() {
        assert_eq!(text(placement, "verdict"), "Waiting", "{what}");
        count.waiting += 1;
    }
    for piece in &expected.waiting_for {
        let message = text(placement, "message");
        assert!(message.contains(piece), "{what}: does not say {piece:?} but {message:?}");
    }
}

fn check_model(what: &str, report: &Value, human: &str, expected: &ExpectedModel, count: &mut Count) {
    // Some of what cannot be carried out is a rule of the schema too, and then the object is not valid.
    let may_be_invalid = expected.violations.iter().any(|violation| violation.starts_with("Invalid "));
    let verdict = match (expected.accepted, expected.violations.is_empty()) {
        (true, true) => "Accepted",
        (true, false) => "AcceptedWithFindings",
        (false, _) if may_be_invalid && text(report, "verdict") == "Invalid" => "Invalid",
        (false, _) => "Refused",
    };
    count.invalid += usize::from(verdict == "Invalid");
    assert_eq!(text(report, "verdict"), verdict, "{what}: {report}");
    *if expected.accepted { &mut count.accepted } else { &mut count.refused } += 1;
    check_findings(what, report, human, expected);
    check_placement(what, report, expected, count);
}

fn check_folder(folder: &Folder, count: &mut Count) {
    let name = &folder.name;
    let mut arguments = arguments(folder);
    let (exit, human) = hemvist(&arguments);
    arguments.extend(["-o".to_owned(), "json".to_owned()]);
    let (exit_of_json, json) = hemvist(&arguments);
    assert_eq!(exit, exit_of_json, "{name}: the exit code depends on the format");
    let report: Value = serde_json::from_str(&json).unwrap();
    let models: Vec<_> = list(&report, "models").collect();
    let named: Vec<_> =
        models.iter().map(|model| format!("{}/{}", text(model, "namespace"), text(model, "name"))).collect();
    assert_eq!(named, folder.expectation.models.keys().cloned().collect::<Vec<_>>(), "{name}: models");
    for (report, (key, expected)) in models.into_iter().zip(&folder.expectation.models) {
        check_model(&format!("{name}: {key}"), report, &human, expected, count);
    }
    // A refused model is a finding, and a policy that cannot be read is one too.
    let is_unreadable = |entry: &PolicyEntry| matches!(entry, PolicyEntry::Unreadable { .. });
    let found = folder.expectation.models.values().any(|model| !model.accepted)
        || folder.given().policies.entries.values().any(is_unreadable);
    assert_eq!(exit, if found { Exit::Findings } else { Exit::Success }, "{name}:\n{human}");
    count.folders += usize::from(!named.is_empty());
}

#[test]
fn every_scenario_is_judged_alike_on_the_command_line() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/scenarios");
    let folders = folders::all(&scenarios);
    let mut count = Count::default();
    folders::for_each(&folders, |folder| check_folder(folder, &mut count));
    println!("of {} scenarios: {count:?}", folders.len());
    assert_eq!(count.folders, folders.len());
    assert!(count.folders >= LEAST_FOLDERS, "{count:?}");
    assert!(count.refused >= LEAST_REFUSED && count.accepted >= LEAST_ACCEPTED, "{count:?}");
    assert!(count.invalid <= MOST_INVALID, "{count:?}");
    assert!(count.placed >= LEAST_PLACED && count.waiting >= LEAST_WAITING, "{count:?}");
}
