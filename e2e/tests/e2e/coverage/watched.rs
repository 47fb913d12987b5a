//! Which resources the compiled policies watch, read from what the command line prints.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::served::{Served, Target};

/// Who judges which operations of one resource.
pub type Watchers = BTreeMap<&'static str, BTreeSet<String>>;

/// A rule of a policy's `matchConstraints`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The policy; all that AIPolicies become of one kind share a name that ends in `.*`.
    pub policy: String,
    groups: Vec<String>,
    versions: Vec<String>,
    resources: Vec<String>,
    operations: Vec<String>,
}

/// The rules of every policy among these objects.
///
/// # Errors
/// Where a policy narrows its rules in a way that is not understood here: then nobody knows what it watches.
pub fn rules(objects: &[Value]) -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    for object in objects.iter().filter(|object| object["kind"] == "ValidatingAdmissionPolicy") {
        let name = object["metadata"]["name"].as_str().context("a policy without a name")?;
        ensure!(objects.iter().any(|one| denies(one, name)), "{name} is bound nowhere to deny");
        let constraints = &object["spec"]["matchConstraints"];
        ensure!(constraints["excludeResourceRules"].is_null(), "{name} leaves resources out: {constraints}");
        for rule in constraints["resourceRules"].as_array().into_iter().flatten() {
            ensure!(rule["resourceNames"].is_null(), "{name} watches some names only: {rule}");
            rules.push(Rule {
                policy: family(name),
                groups: texts(&rule["apiGroups"]),
                versions: texts(&rule["apiVersions"]),
                resources: texts(&rule["resources"]),
                operations: texts(&rule["operations"]),
            });
        }
    }
    Ok(rules)
}

/// Whether this is a binding by which the policy of this name refuses.
fn denies(object: &Value, policy: &str) -> bool {
    object["spec"]["policyName"] == policy
        && texts(&object["spec"]["validationActions"]).contains(&"Deny".to_owned())
}

/// `hemvist-pods.hemvist-system.region` is one of `hemvist-pods.*`.
fn family(name: &str) -> String {
    name.split_once('.').map_or_else(|| name.to_owned(), |(kind, _)| format!("{kind}.*"))
}

fn texts(values: &Value) -> Vec<String> {
    values.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Who judges a resource that is served. An operation counts only where every version of the resource is watched: the others would
/// be ways around.
pub fn watchers(rules: &[Rule], target: &Target, served: &Served) -> Watchers {
    let mut watchers = Watchers::new();
    for operation in &served.operations {
        let judging = |version: &String| -> BTreeSet<String> {
            let rules = rules.iter().filter(|rule| rule.matches(target, version, operation));
            rules.map(|rule| rule.policy.clone()).collect()
        };
        let everywhere = served.versions.iter().map(judging).reduce(|all, one| &all & &one);
        let policies = everywhere.unwrap_or_default();
        if !policies.is_empty() {
            watchers.insert(operation, policies);
        }
    }
    watchers
}

/// The resources that rules name, without those behind a wildcard: those are what is served.
pub fn named(rules: &[Rule]) -> BTreeSet<Target> {
    let targets = rules.iter().flat_map(|rule| {
        rule.groups
            .iter()
            .flat_map(|group| rule.resources.iter().map(move |resource| (group.clone(), resource.clone())))
    });
    targets.filter(|(group, resource)| group != "*" && !resource.contains('*')).collect()
}

impl Rule {
    /// As the API server matches rules: `*` of a resource is no sub-resource, `pods/*` is `pods` too.
    fn matches(&self, (group, resource): &Target, version: &str, operation: &str) -> bool {
        let is = |values: &[String], value: &str| values.iter().any(|one| one == "*" || one == value);
        let split = |name: &str| -> (String, String) {
            let (resource, sub_resource) = name.split_once('/').unwrap_or((name, ""));
            (resource.to_owned(), sub_resource.to_owned())
        };
        let (wanted, wanted_part) = split(resource);
        let reaches = |rule: &String| {
            let (resource, part) = split(rule);
            (resource == "*" || resource == wanted) && (part == "*" || part == wanted_part)
        };
        is(&self.groups, group)
            && is(&self.versions, version)
            && is(&self.operations, operation)
            && self.resources.iter().any(reaches)
    }
}

#[test]
fn wildcards_reach_what_the_api_server_says_they_reach() {
    let reached = |rule: &str, resource: &str| {
        let star = || vec!["*".to_owned()];
        let resources = vec![rule.to_owned()];
        let rule =
            Rule { policy: String::new(), groups: star(), versions: star(), resources, operations: star() };
        rule.matches(&(String::new(), resource.to_owned()), "v1", "UPDATE")
    };
    for (rule, resource, expected) in [
        ("pods", "pods", true),
        ("pods", "pods/status", false),
        ("pods/status", "pods", false),
        ("*", "pods", true),
        ("*", "pods/status", false),
        ("*/*", "pods/status", true),
        ("*/*", "pods", true),
        ("pods/*", "pods/exec", true),
        ("pods/*", "pods", true),
        ("pods/*", "nodes/proxy", false),
        ("*/scale", "deployments/scale", true),
        ("*/scale", "deployments/status", false),
    ] {
        assert_eq!(reached(rule, resource), expected, "{rule} and {resource}");
    }
}
