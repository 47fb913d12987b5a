//! The catalogue of rules and reasons is whole, and the reference pages are made of it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test may read and write files, and fails where that does"
)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use hemvist_api::condition::Reason;
use hemvist_api::{AIPolicy, AIPolicySpec};
use hemvist_core::admission::compile;
use hemvist_core::rules::{self, Explanation, Found, ObjectRule, Piece, Rule, Section, explanation, pieces};
use hemvist_core::snapshot::{Key, PolicyBook, PolicyEntry, Settings};
use k8s_openapi::jiff::civil::date;
use serde_json::{Value, json};

/// Facts that every violation has, and those that it has by its kind.
const OF_EVERY_VIOLATION: [&str; 4] = ["field", "rule", "together", "way"];

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/reference").join(name)
}

#[test]
fn every_rule_is_whole() {
    let mut codes = BTreeSet::new();
    for rule in rules::all() {
        let Rule { code, fault, help, purpose, .. } = rule;
        assert!(codes.insert(*code), "{code} stands twice");
        assert!(code.starts_with(|first: char| first.is_ascii_uppercase()), "{code}");
        assert!(!fault.is_empty() && !fault.ends_with('.'), "{code}: {fault}");
        assert!(help.is_empty() || help.ends_with('.') || help.ends_with('}'), "{code}: {help}");
        assert!(purpose.ends_with('.'), "{code}: {purpose}");
        assert_eq!(rule.reasons.is_empty(), rule.found == Found::ServerAlone, "{code}");
        if rule.found != Found::ServerAlone {
            assert!(!rule.fields.is_empty(), "{code} names no field");
            let known = |fact: &&str| rule.stated.contains(fact) || OF_EVERY_VIOLATION.contains(fact);
            assert!(rule.facts().iter().all(known), "{code}: {:?}", rule.facts());
        }
    }
    assert!(codes.len() > 70, "only {} rules", codes.len());
}

#[test]
fn every_reason_is_explained_once() {
    let explained: Vec<Reason> =
        Section::ALL.into_iter().flat_map(Section::reasons).map(|one| one.reason).collect();
    let once: BTreeSet<Reason> = explained.iter().copied().collect();
    assert_eq!(once.len(), explained.len(), "a reason is explained twice");
    for reason in Reason::ALL {
        let Explanation { seen, meaning, advice, .. } = explanation(*reason).unwrap();
        assert!(meaning.ends_with('.') && seen.starts_with('`'), "{reason}");
        assert!(advice.is_empty() || advice.ends_with('.'), "{reason}");
    }
}

/// Policies that have every rule of the API server among them.
fn everything() -> PolicyBook {
    let all = json!({
        "enforcement": "Deny", "unmanagedAccelerators": "Deny",
        "informationClasses": [
            {"class": "Open", "dataCentres": []},
            {"class": "Sensitive", "dataCentres": ["a"], "isolation": "WholeNode",
             "requires": {"assessments": ["DPIA"], "humanOversight": true, "recordReference": true,
                          "transparencyNotice": true}},
        ],
        "riskClasses": [{"class": "Limited"}],
        "residency": {"regions": ["se-f"], "dataCentres": ["a", "b"]},
        "models": {"licences": ["MIT"], "formats": ["GGUF"], "requireDigest": true},
        "images": {"registries": ["r.example"], "requireDigest": true},
        "engines": {"types": ["VLLM"], "allowedArgs": ["seed"]},
    });
    let readable = |name: &str, spec: &Value| {
        let spec: AIPolicySpec = serde_json::from_value(spec.clone()).unwrap();
        let mut policy = AIPolicy::new(name, spec);
        policy.metadata.namespace = Some("hemvist-system".to_owned());
        (Key::new("hemvist-system", name), PolicyEntry::Readable(Box::new(policy)))
    };
    let broken = PolicyEntry::Unreadable { error: "no such field".to_owned() };
    let entries = [readable("all", &all), (Key::new("hemvist-system", "broken"), broken)];
    PolicyBook { entries: entries.into() }
}

/// The longest words of a template, which tell its rule from others.
fn longest(template: &'static str) -> &'static str {
    let words = pieces(template).into_iter().filter_map(|piece| match piece {
        Piece::Words(words) => Some(words),
        Piece::Fact(_) => None,
    });
    words.max_by_key(|words| words.len()).unwrap_or_default()
}

#[test]
fn a_compiled_rule_has_the_message_of_the_catalogue() {
    let compiled = compile(&everything(), &Settings::default(), date(2026, 11, 1));
    let mut texts = String::new();
    for one in compiled.all() {
        for validation in one.policy().spec.unwrap().validations.unwrap_or_default() {
            texts += &validation.message_expression.unwrap_or_default();
        }
    }
    let texts = texts.replace("\\'", "'");
    for rule in rules::all() {
        let is_there = texts.contains(longest(rule.fault));
        if let Found::CoreAlone(_) = rule.found {
            // A word or two can stand in any message.
            assert!(!is_there || longest(rule.fault).len() < 12, "{} is compiled", rule.code);
        } else {
            assert!(is_there, "{} is not compiled: {}", rule.code, longest(rule.fault));
        }
        for fact in rule.facts() {
            assert!(!texts.contains(&format!("{{{fact}}}")), "the fact {fact} of {} is missing", rule.code);
        }
    }
}

/// Compares a page, or a part of it, with what the catalogue says, or writes it where `UPDATE=1` is set.
fn compare(name: &str, wanted: &str) {
    let file = page(name);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&file, wanted).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == wanted,
        "{name} differs from the catalogue: run `UPDATE=1 cargo test --package hemvist-core --test rules` and commit"
    );
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('{', "<i>").replace('}', "</i>")
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn of_models(found: impl Fn(Found) -> bool) -> String {
    let mut table = "| rule | reason | fields | message | why |\n|---|---|---|---|---|\n".to_owned();
    for rule in rules::of_models().filter(|rule| found(rule.found)) {
        let reasons: Vec<_> = rule.reasons.iter().map(|reason| code(reason.as_str())).collect();
        let reasons = if reasons.len() > 2 { "that of the list".to_owned() } else { reasons.join(", ") };
        let fields: Vec<_> = rule.fields.iter().map(|field| code(field)).collect();
        let purpose = match rule.found {
            Found::CoreAlone(why) => format!("{} {why}", rule.purpose),
            _ => rule.purpose.to_owned(),
        };
        let message = format!("{}. {}", rule.fault, rule.help);
        table += &row(&[code(rule.code), reasons, fields.join("<br>"), cell(&message), cell(&purpose)]);
    }
    table
}

fn of_objects() -> String {
    let mut table = "| rule | objects | field | message | why |\n|---|---|---|---|---|\n".to_owned();
    for ObjectRule { objects, rule } in ObjectRule::ALL {
        let fields: Vec<_> = rule.fields.iter().map(|field| code(field)).collect();
        let message = format!("{}. {}", rule.fault, rule.help);
        table += &row(&[
            code(rule.code),
            (*objects).to_owned(),
            fields.join("<br>"),
            cell(message.trim_end()),
            cell(rule.purpose),
        ]);
    }
    table
}

#[test]
fn the_page_of_rules_is_that_of_the_catalogue() {
    let mut text = "# Rules\n\n<!-- Made from operator/core/src/rules by `UPDATE=1 cargo test --package hemvist-core --test \
                    rules`. Do not edit. -->\n\nEvery rule, with its message. A message begins with the field and a colon. \
                    Words in *italics* are facts: *rule* is the AIPolicy with its field. `hemvist explain RULE` says the \
                    same on a terminal; the [reasons](conditions.md) are those of conditions.\n\n"
        .to_owned();
    let sections = [
        (
            "ModelDeployments: everywhere",
            "The API server, the controller and `hemvist check` say these in the same words.",
        ),
        ("ModelDeployments: by the controller and `hemvist check`", "The API server cannot judge these."),
        (
            "Other objects: by the API server",
            "In governed namespaces; see [Compiled policies](compiled-policies.md).",
        ),
    ];
    let tables = [
        of_models(|found| found == Found::Everywhere),
        of_models(|found| matches!(found, Found::CoreAlone(_))),
        of_objects(),
    ];
    for ((title, introduction), table) in sections.into_iter().zip(tables) {
        write!(text, "## {title}\n\n{introduction}\n\n{table}\n").unwrap();
    }
    compare("rules.md", &(text.trim_end().to_owned() + "\n"));
}

/// The name by which a section is marked on the page.
fn mark(section: Section) -> &'static str {
    match section {
        Section::Accepted => "accepted",
        Section::Refused => "refused",
        Section::Duties => "duties",
        Section::Placement => "placement",
        Section::Running => "running",
        Section::Policies => "policies",
    }
}

#[test]
fn the_tables_of_reasons_are_those_of_the_catalogue() {
    let mut text = std::fs::read_to_string(page("conditions.md")).unwrap();
    for section in Section::ALL {
        let mut table = "| reason | condition | meaning | what to do |\n|---|---|---|---|\n".to_owned();
        for Explanation { reason, seen, meaning, advice } in section.reasons() {
            table += &row(&[code(reason.as_str()), (*seen).to_owned(), cell(meaning), cell(advice)])
                .replace("|  |", "| |");
        }
        let begin = format!("<!-- begin {}: made from operator/core/src/rules/reason -->\n", mark(section));
        let end = format!("<!-- end {} -->\n", mark(section));
        let (before, rest) = text.split_once(&begin).unwrap();
        let (_, after) = rest.split_once(&end).unwrap();
        text = format!("{before}{begin}{table}{end}{after}");
    }
    compare("conditions.md", &text);
}
