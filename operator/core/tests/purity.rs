//! The core decides and does nothing else. That is a fact of its dependencies, and this test reads them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test may read files and start programs, and fails where one of them does"
)]

use std::collections::BTreeSet;
use std::process::Command;

/// Crates with which code could reach a network, a runtime, a cluster or randomness.
const FORBIDDEN: [&str; 18] = [
    "tokio",
    "async-std",
    "smol",
    "futures-executor",
    "mio",
    "hyper",
    "h2",
    "reqwest",
    "rustls",
    "ring",
    "aws-lc-rs",
    "openssl",
    "kube-client",
    "kube-runtime",
    "tower",
    "rand",
    "getrandom",
    "tracing",
];

fn dependencies(package: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "tree",
            "--package",
            package,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{lib}",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim().replace('_', "-")).collect()
}

#[test]
fn the_core_depends_on_nothing_that_could_act() {
    let found = dependencies("hemvist-core");
    assert!(found.len() > 20, "cargo tree named only {} crates", found.len());
    let forbidden: Vec<_> = FORBIDDEN.iter().filter(|name| found.contains(**name)).collect();
    assert!(forbidden.is_empty(), "hemvist-core depends on {forbidden:?}");
}

#[test]
fn the_judge_shares_no_code_with_the_judged() {
    let found = dependencies("hemvist-e2e");
    assert!(found.contains("hemvist-api"), "cargo tree did not name hemvist-api");
    assert!(!found.contains("hemvist-core"), "hemvist-e2e depends on hemvist-core");
}
