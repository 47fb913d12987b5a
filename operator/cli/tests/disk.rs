//! What is printed for the API server's own disk keeps to the rules of its loader, and answers to names of the disk alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use hemvist_cli::{Exit, run};
use serde_json::Value;

const SUFFIX: &str = ".static.k8s.io";

/// Two policies of which one only warns and is therefore bound twice.
const POLICIES: &str = "
apiVersion: hemvist.dev/v1alpha1
kind: AIPolicy
metadata: {name: region, namespace: hemvist-system}
spec: {enforcement: Warn, riskClasses: [{class: Minimal}]}
---
apiVersion: hemvist.dev/v1alpha1
kind: AIPolicy
metadata: {name: own, namespace: halsa}
spec: {enforcement: Deny, riskClasses: [{class: Minimal}]}
";

fn compiled(arguments: &[&str]) -> Vec<Value> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let words = ["hemvist", "policy", "compile", "-"].iter().chain(arguments);
    let exit = run(words, &mut POLICIES.as_bytes(), &mut stdout, &mut stderr);
    assert_eq!(exit as u8, Exit::Success as u8, "{}", String::from_utf8_lossy(&stderr));
    serde_saphyr::from_multiple(&String::from_utf8(stdout).unwrap()).unwrap()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

#[test]
fn every_name_is_one_that_only_the_disk_may_give() {
    let objects = compiled(&["--static"]);
    let (bindings, policies): (Vec<_>, Vec<_>) =
        objects.iter().partition(|one| one["kind"] != "ValidatingAdmissionPolicy");
    let names: BTreeSet<&str> = policies.iter().copied().map(name).collect();
    assert!(names.len() == policies.len() && names.iter().all(|name| name.ends_with(SUFFIX)), "{names:?}");
    for binding in &bindings {
        let bound = binding["spec"]["policyName"].as_str().unwrap();
        assert!(name(binding).ends_with(SUFFIX) && names.contains(bound), "{binding}");
    }
    let warning = format!("hemvist-models.hemvist-system.region.warn{SUFFIX}");
    assert!(bindings.iter().any(|binding| name(binding) == warning), "nothing only warns");
}

/// A policy on the disk is asked first. If it answered to the name of one in the API, the operator would never hear from
/// that one, and no AIPolicy would become `Enforced`.
#[test]
fn a_policy_on_the_disk_leaves_the_probes_of_the_others_to_the_others() {
    let (on_disk, in_api) = (compiled(&["--static"]), compiled(&[]));
    let policies = on_disk.iter().zip(&in_api).filter(|(one, _)| one["kind"] == "ValidatingAdmissionPolicy");
    let mut probed = 0;
    for (on_disk, in_api) in policies {
        let (disk_name, api_name) = (format!("'{}{SUFFIX}'", name(in_api)), format!("'{}'", name(in_api)));
        assert_eq!(format!("'{}'", name(on_disk)), disk_name);
        let answers_to = |object: &Value, name: &str| object["spec"].to_string().contains(name);
        assert_eq!(answers_to(on_disk, &disk_name), answers_to(in_api, &api_name), "{on_disk}");
        assert!(!answers_to(on_disk, &api_name), "{on_disk}");
        probed += usize::from(answers_to(on_disk, &disk_name));
    }
    assert_eq!(probed, 6, "two of each AIPolicy and two of the default deny are probed");
}

/// A cluster whose own namespaces are judged too does not start well; the chart leaves them out, and so does this.
#[test]
fn the_namespaces_of_the_system_are_left_out_unless_others_are_named() {
    let out = |arguments: &[&str]| {
        let objects = compiled(arguments);
        let of_one: Vec<_> = objects.iter().filter(|one| name(one) == "hemvist-workloads").collect();
        let text = serde_json::json!(of_one).to_string();
        let names = ["kube-node-lease", "kube-public", "kube-system", "network"];
        names.into_iter().filter(|name| text.contains(&format!("\"{name}\""))).collect::<Vec<_>>()
    };
    assert_eq!(out(&[]), ["kube-node-lease", "kube-public", "kube-system"]);
    assert_eq!(out(&["--ungoverned-namespaces=network"]), ["network"]);
    assert_eq!(out(&["--ungoverned-namespaces="]), [""; 0]);
}
