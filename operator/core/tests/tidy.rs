//! What the project has promised about its own text: files of a size that can be read, and no reason without its page.
//! Functions are held short by clippy (`too-many-lines-threshold`).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test may read files and start programs, and fails where one of them does"
)]

use std::path::{Path, PathBuf};

use hemvist_api::condition::{ConditionType, Reason};

/// The longest a source file may be, in lines. One that grows beyond it hides a concept that has no name yet.
const MAX_LINES: usize = 500;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "go") {
            found.push(path);
        }
    }
}

#[test]
fn no_source_file_is_too_long() {
    let mut files = Vec::new();
    for folder in ["crds", "operator", "e2e"] {
        sources(&workspace().join(folder), &mut files);
    }
    assert!(files.len() > 50, "only {} source files were found", files.len());
    let long: Vec<_> = files
        .iter()
        .map(|file| (std::fs::read_to_string(file).unwrap().lines().count(), file))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .collect();
    assert!(long.is_empty(), "find the missing concept in {long:?}");
}

#[test]
fn every_reason_and_condition_has_its_page() {
    let page = std::fs::read_to_string(workspace().join("docs/src/reference/conditions.md")).unwrap();
    let words = Reason::ALL.iter().map(|reason| reason.as_str());
    let missing: Vec<_> = words
        .chain(ConditionType::ALL.iter().map(|type_| type_.as_str()))
        .filter(|word| !page.contains(&format!("`{word}`")))
        .collect();
    assert!(missing.is_empty(), "docs/src/reference/conditions.md does not list {missing:?}");
}

#[test]
fn the_invariants_of_the_architecture_name_tests_that_exist() {
    let page = std::fs::read_to_string(workspace().join("docs/src/architecture.md")).unwrap();
    let mut files = Vec::new();
    for folder in ["crds", "operator", "e2e"] {
        sources(&workspace().join(folder), &mut files);
    }
    let code: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    // Names of tests are the words in code marks that have underscores; the others are scenarios, types and files.
    let rows = page.lines().filter(|line| line.starts_with("| **I-"));
    let words = rows.clone().flat_map(|row| row.split('`').skip(1).step_by(2));
    let named: Vec<_> = words.filter(|word| word.contains('_') && !word.contains(['.', '/', ':'])).collect();
    assert!(rows.clone().count() >= 20, "only {} invariants are stated", rows.count());
    assert!(!page.contains("to be named"), "an invariant has no test");
    assert!(named.len() >= 20, "only {} tests are named", named.len());
    let missing: Vec<_> = named.into_iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "docs/src/architecture.md names tests that do not exist: {missing:?}");
}

/// Doc tests are not run by `make test`: a crate of its own for each example takes longer than it is worth.
#[test]
fn no_example_in_a_doc_comment_is_code_that_nothing_runs() {
    let mut files = Vec::new();
    for folder in ["crds", "operator", "e2e"] {
        sources(&workspace().join(folder), &mut files);
    }
    let mut fences = 0;
    let mut code = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let comments = text.lines().filter_map(|line| {
            let line = line.trim_start();
            line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))
        });
        let mut opened = false;
        for comment in comments {
            // Four spaces begin a block of code as a fence does, but not within one.
            let indented = !opened && comment.starts_with("     ") && !comment.trim().is_empty();
            let fence = comment.trim_start().strip_prefix("```");
            if indented || (!opened && fence.is_some_and(|language| language != "text")) {
                code.push(format!("{}: {comment}", file.display()));
            }
            if fence.is_some() {
                opened = !opened;
                fences += 1;
            }
        }
    }
    assert!(fences > 4, "only {fences} fences are found");
    assert!(code.is_empty(), "mark as `text`, or write a test: {code:#?}");
}
