//! What is rendered, allowed and reserved, held against what the engines' own argument parsers take. `parsers/README.md`
//! says where the lists come from.

#![allow(
    clippy::panic,
    clippy::disallowed_types,
    reason = "a test fails where a list cannot be read, and one of them starts the engines' own parsers"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use hemvist_api::values::EngineType;
use hemvist_core::engine::{ArgumentValue, EngineDescription, description};

use crate::fixtures::{Case, every_case};

/// An option of an engine.
#[derive(Debug)]
struct Choice {
    /// Its long names without dashes.
    names: Vec<String>,
    /// How many values it takes: `0`, `1`, `?`, `*` or `+`.
    takes: String,
    /// `switch`, `int`, `float` or `text`.
    kind: String,
    /// The values that it knows; empty where it does not say.
    values: Vec<String>,
}

const PARSERS: [(EngineType, &str); 3] =
    [(EngineType::VLLM, "vllm"), (EngineType::SGLang, "sglang"), (EngineType::LlamaCpp, "llama-cpp")];

/// Reserved names that the versions that were looked at do not have: earlier ones had them, or are said to.
const OF_EARLIER_VERSIONS: [&str; 6] =
    ["hf-file-v", "hf-repo-v", "logits-processor-pattern", "mlock", "mmap", "model-vocoder"];

/// Parts of a name that stand for code, files, addresses, secrets, or requests that are written somewhere.
const DANGEROUS: [&str; 35] = [
    "addr",
    "api",
    "cls",
    "code",
    "config",
    "dir",
    "dump",
    "endpoint",
    "endpoints",
    "file",
    "folder",
    "grpc",
    "hf",
    "hook",
    "hooks",
    "host",
    "ip",
    "key",
    "middleware",
    "password",
    "path",
    "paths",
    "plugin",
    "port",
    "ports",
    "remote",
    "revision",
    "sidecar",
    "socket",
    "ssl",
    "template",
    "trace",
    "trust",
    "url",
    "urls",
];

/// Names with such a part that stand for something else: a threshold, the memory of the host, a built-in template.
const HARMLESS: [&str; 10] = [
    "chat-template",
    "chat-template-kwargs",
    "cls-separator",
    "disaggregation-decode-host-receive-threshold",
    "grpc-response-timeout-secs",
    "hicache-host-memory-fraction",
    "hicache-host-memory-mode",
    "mamba-max-states-per-path",
    "max-lora-cls-labels",
    "media-url-max-file-size-mb",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rendering/parsers")
}

fn choices(file: &str) -> Vec<Choice> {
    let text = std::fs::read_to_string(folder().join(file).with_extension("txt")).unwrap();
    let words = |text: &str, between: char| {
        text.split(between).filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let [names, takes, kind, values] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{file}: {line}")
            };
            Choice {
                names: words(names, ' '),
                takes: takes.to_owned(),
                kind: kind.to_owned(),
                values: words(values, ','),
            }
        })
        .collect()
}

fn parsers() -> impl Iterator<Item = (&'static EngineDescription, Vec<Choice>)> {
    PARSERS.iter().map(|(engine, file)| (description(*engine), choices(file)))
}

fn named<'a>(choices: &'a [Choice], name: &str) -> Option<&'a Choice> {
    choices.iter().find(|choice| choice.names.iter().any(|one| one == name))
}

#[test]
fn every_argument_that_may_be_added_is_one_of_the_engines() {
    let mut held = 0;
    for (engine, choices) in parsers() {
        for rule in engine.rules {
            let what = format!("{} --{}", engine.engine, rule.name);
            let choice = named(&choices, rule.name).unwrap_or_else(|| panic!("{what} does not exist"));
            match rule.value {
                ArgumentValue::Switch => assert_eq!(choice.takes, "0", "{what}"),
                _ => assert_eq!(choice.takes, "1", "{what}"),
            }
            match rule.value {
                ArgumentValue::Thousandths { .. } => assert_ne!(choice.kind, "int", "{what}"),
                ArgumentValue::OneOf(values) if !choice.values.is_empty() => {
                    for value in values {
                        assert!(choice.values.iter().any(|one| one == value), "{what}={value}");
                    }
                }
                _ => {}
            }
            held += 1;
        }
    }
    assert!(held > 90, "only {held} arguments were held against a parser");
}

#[test]
fn every_reserved_name_is_one_of_the_engines_or_was() {
    let mut held = 0;
    for (engine, choices) in parsers() {
        for name in engine.reserved {
            let known = named(&choices, name).is_some() || OF_EARLIER_VERSIONS.contains(name);
            assert!(known, "{} --{name} does not exist", engine.engine);
            held += 1;
        }
    }
    assert!(held > 350, "only {held} names were held against a parser");
}

#[test]
fn names_of_one_option_are_reserved_together_or_not_at_all() {
    for (engine, choices) in parsers() {
        for choice in choices {
            let reserved: Vec<_> = choice.names.iter().filter(|name| engine.reserves(name)).collect();
            assert!(
                reserved.is_empty() || reserved.len() == choice.names.len(),
                "{}: of {:?} only {reserved:?} are reserved",
                engine.engine,
                choice.names
            );
        }
    }
}

#[test]
fn what_sounds_dangerous_is_reserved() {
    let mut open = Vec::new();
    for (engine, choices) in parsers() {
        let names = choices.iter().flat_map(|choice| &choice.names);
        let dangerous = names.filter(|name| name.split('-').any(|part| DANGEROUS.contains(&part)));
        let typed = |name: &str| engine.rules.iter().any(|rule| rule.name == name);
        let left = dangerous
            .filter(|name| !engine.reserves(name) && !typed(name) && !HARMLESS.contains(&name.as_str()));
        open.extend(left.map(|name| format!("{} --{name}", engine.engine)));
    }
    assert!(open.is_empty(), "reserve these, or say why they are harmless: {open:?}");
}

/// Reads arguments as the engine would, and panics where it would not.
fn read(engine: EngineType, choices: &[Choice], arguments: &[String]) {
    let mut words = arguments.iter().peekable();
    let mut seen = BTreeSet::new();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("--") else {
            assert!(engine == EngineType::VLLM && seen.is_empty(), "{engine}: {word} belongs to nothing");
            continue;
        };
        let (name, joined) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (option, None),
        };
        let choice = named(choices, name).unwrap_or_else(|| panic!("{engine} knows no {word}"));
        let mut values: Vec<String> = joined.into_iter().collect();
        while values.is_empty() || "*+".contains(&choice.takes) {
            match words.next_if(|next| !next.starts_with("--") && choice.takes != "0") {
                Some(value) => values.push(value.clone()),
                None => break,
            }
        }
        match choice.takes.as_str() {
            "0" => assert!(values.is_empty(), "{engine}: {word} takes nothing"),
            "1" => assert_eq!(values.len(), 1, "{engine}: {word}"),
            _ => assert!(!values.is_empty(), "{engine}: {word}"),
        }
        for value in &values {
            let number = choice.kind != "int" || value.parse::<i64>().is_ok();
            assert!(number, "{engine}: {word} {value} is no number");
            let known = choice.values.is_empty() || choice.values.contains(value);
            assert!(known, "{engine}: {word} {value} is none of {:?}", choice.values);
        }
        let again = name == "lora" && engine == EngineType::LlamaCpp;
        assert!(seen.insert(name.to_owned()) || again, "{engine}: {word} is given twice");
    }
    assert!(seen.len() > 5, "{engine}: only {} arguments", seen.len());
}

fn arguments(case: &Case) -> Vec<String> {
    let args = case.container()["args"].as_array().unwrap();
    args.iter().map(|arg| arg.as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_rendered_is_taken() {
    let cases = every_case();
    for (engine, choices) in parsers() {
        let own: Vec<_> =
            cases.iter().filter(|case| case.model.engine.engine == engine.engine).map(arguments).collect();
        assert!(!own.is_empty(), "{} is never rendered", engine.engine);
        for arguments in own {
            read(engine.engine, &choices, &arguments);
        }
    }
}

#[test]
#[ignore = "needs the engines' Python packages; parsers/README.md says where they would be"]
fn the_real_parsers_read_what_is_rendered() {
    let engines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/engines");
    for (engine, package) in [(EngineType::VLLM, "vllm"), (EngineType::SGLang, "sglang")] {
        let cases = every_case().into_iter().filter(|case| case.model.engine.engine == engine);
        let distinct: BTreeSet<_> = cases.map(|case| arguments(&case)).collect();
        for arguments in distinct {
            let output = Command::new(engines.join("venv/bin/python"))
                .env("PYTHONPATH", engines.join(package))
                .arg(folder().join("record.py"))
                .args([package, "--read"])
                .args(&arguments)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{engine} {arguments:?}: {said}");
            println!("{engine} read {}", String::from_utf8_lossy(&output.stdout).trim());
        }
    }
}
