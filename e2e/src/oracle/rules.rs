//! The rules of residency, read naively from JSON.

use std::time::Instant;

use serde_json::Value;

use super::Binding;
use super::history::History;
use crate::nodes::CLEARANCE_PREFIX;

/// From the least strict to the strictest.
const INFORMATION_CLASSES: [&str; 4] = ["Open", "Internal", "Sensitive", "Secret"];

/// Everything that a judgement may know.
pub(super) struct World<'a> {
    pub(super) nodes: &'a History,
    pub(super) policies: &'a History,
    pub(super) model_deployments: &'a History,
    pub(super) root_namespace: &'a str,
}

/// What a pod is about to run for, and where.
struct Case<'a> {
    namespace: &'a str,
    class: &'a str,
    region: &'a str,
    data_centre: &'a str,
    clearance: &'a str,
}

impl World<'_> {
    /// The rules that a binding breaks, in words, and when the youngest object that it was judged by had changed.
    pub(super) fn judge(&self, binding: &Binding) -> (Vec<String>, Option<Instant>) {
        let Binding { namespace, model_deployment, node, resource_version, .. } = binding;
        let version = *resource_version;
        let Some((node, node_seen)) = self.nodes.named_at(version, "", node) else {
            return (vec![format!("nobody has seen the node {node}")], None);
        };
        let Some((model, model_seen)) = self.model_deployments.named_at(version, namespace, model_deployment)
        else {
            return (vec![format!("nobody has seen the ModelDeployment {model_deployment}")], None);
        };
        let case = Case {
            namespace,
            class: model["spec"]["purpose"]["informationClass"].as_str().unwrap_or_default(),
            region: clearance_label(node, "region"),
            data_centre: clearance_label(node, "data-centre"),
            clearance: clearance_label(node, "clearance"),
        };
        let root = self.policies.at(version, self.root_namespace);
        let binding_root: Vec<_> = root.into_iter().filter(|(policy, _)| binds(policy, namespace)).collect();
        let mut broken = case.broken_by_node();
        if binding_root.is_empty() {
            broken.push(format!("no policy of {} binds {namespace}", self.root_namespace));
        }
        let mut policies = binding_root;
        if namespace != self.root_namespace {
            policies.extend(self.policies.at(version, namespace));
        }
        broken.extend(policies.iter().flat_map(|(policy, _)| case.broken_by_policy(policy)));
        let changed = policies.iter().map(|(_, seen)| *seen).chain([node_seen, model_seen]).max();
        (broken, changed)
    }
}

impl Case<'_> {
    fn broken_by_node(&self) -> Vec<String> {
        let labels =
            [("region", self.region), ("data-centre", self.data_centre), ("clearance", self.clearance)];
        let missing = labels.iter().filter(|(_, value)| value.is_empty());
        let mut broken: Vec<String> = missing.map(|(name, _)| format!("the node has no {name}")).collect();
        match (level(self.class), level(self.clearance)) {
            (None, _) => broken.push(format!("{:?} is no information class", self.class)),
            (_, None) => broken.push(format!("{:?} is no clearance", self.clearance)),
            (Some(class), Some(clearance)) if clearance < class => {
                broken.push(format!("a clearance of {} for information of {}", self.clearance, self.class));
            }
            _ => (),
        }
        broken
    }

    fn broken_by_policy(&self, policy: &Value) -> Vec<String> {
        let spec = &policy["spec"];
        let mut broken = Vec::new();
        if excludes(&spec["residency"]["regions"], self.region) {
            broken.push(format!("region {}", self.region));
        }
        if excludes(&spec["residency"]["dataCentres"], self.data_centre) {
            broken.push(format!("data centre {}", self.data_centre));
        }
        if let Some(classes) = spec["informationClasses"].as_array() {
            match classes.iter().find(|entry| entry["class"] == self.class) {
                None => broken.push(format!("class {}", self.class)),
                Some(entry) if excludes(&entry["dataCentres"], self.data_centre) => {
                    broken.push(format!("class {} in data centre {}", self.class, self.data_centre));
                }
                Some(_) => (),
            }
        }
        let metadata = &policy["metadata"];
        let by = format!("{}/{}", text(&metadata["namespace"]), text(&metadata["name"]));
        broken.iter().map(|what| format!("{by} does not allow {what} for {}", self.namespace)).collect()
    }
}

/// Whether a root policy binds a namespace.
fn binds(policy: &Value, namespace: &str) -> bool {
    match policy["spec"]["namespaces"].as_array() {
        None => true,
        Some(names) => names.iter().any(|name| name == namespace),
    }
}

/// Whether a list is stated and does not hold the value.
fn excludes(list: &Value, value: &str) -> bool {
    list.as_array().is_some_and(|allowed| allowed.iter().all(|other| other != value))
}

fn level(class: &str) -> Option<usize> {
    INFORMATION_CLASSES.iter().position(|other| *other == class)
}

fn clearance_label<'a>(node: &'a Value, name: &str) -> &'a str {
    text(&node["metadata"]["labels"][format!("{CLEARANCE_PREFIX}/{name}")])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether a pod asks for an accelerator.
pub(super) fn uses_accelerator(pod: &Value) -> bool {
    let of = |name: &str| pod["spec"][name].as_array().into_iter().flatten();
    let mut containers = of("containers").chain(of("initContainers"));
    let by_limit = containers.any(|container| {
        let limits = container["resources"]["limits"].as_object();
        limits
            .into_iter()
            .flatten()
            .any(|(name, _)| ["nvidia.com/", "amd.com/"].iter().any(|vendor| name.starts_with(vendor)))
    });
    by_limit || of("resourceClaims").next().is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::history::Event;
    use super::*;

    struct Fixture {
        nodes: History,
        policies: History,
        model_deployments: History,
    }

    fn object(namespace: &str, name: &str, version: u64, rest: &Value) -> Value {
        let mut object = rest.clone();
        object["metadata"]["namespace"] = json!(namespace);
        object["metadata"]["name"] = json!(name);
        object["metadata"]["uid"] = json!(format!("{namespace}.{name}"));
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        object
    }

    fn node(version: u64, region: &str, data_centre: &str, clearance: &str) -> Value {
        let label = |name| format!("{CLEARANCE_PREFIX}/{name}");
        let labels = json!({label("region"): region, label("data-centre"): data_centre, label("clearance"): clearance});
        object("", "node", version, &json!({"metadata": {"labels": labels}}))
    }

    fn fixture() -> Fixture {
        let mut fixture = Fixture {
            nodes: History::default(),
            policies: History::default(),
            model_deployments: History::default(),
        };
        fixture.nodes.record(Event::Present(node(1, "se-f", "a", "Sensitive")));
        let model = json!({"spec": {"purpose": {"informationClass": "Sensitive"}}});
        fixture.model_deployments.record(Event::Present(object("halsa", "journal", 2, &model)));
        let policy = json!({"spec": {
            "residency": {"regions": ["se-f"], "dataCentres": ["a", "b"]},
            "informationClasses": [{"class": "Sensitive", "dataCentres": ["a"]}, {"class": "Open"}],
        }});
        fixture.policies.record(Event::Present(object("root", "region", 3, &policy)));
        fixture
    }

    fn broken(fixture: &Fixture, version: u64) -> String {
        let world = World {
            nodes: &fixture.nodes,
            policies: &fixture.policies,
            model_deployments: &fixture.model_deployments,
            root_namespace: "root",
        };
        let binding = Binding {
            namespace: "halsa".to_owned(),
            pod: "pod".to_owned(),
            model_deployment: "journal".to_owned(),
            node: "node".to_owned(),
            resource_version: version,
        };
        world.judge(&binding).0.join("; ")
    }

    #[test]
    fn what_everyone_allows_is_allowed() {
        assert_eq!(broken(&fixture(), 10), "");
    }

    #[test]
    fn the_version_at_the_binding_counts_and_not_a_later_one() {
        let mut fixture = fixture();
        fixture.nodes.record(Event::Present(node(20, "no-03", "c", "Open")));
        fixture.nodes.record(Event::Gone(node(30, "no-03", "c", "Open")));
        assert_eq!(broken(&fixture, 19), "");
        let all = "a clearance of Open for information of Sensitive; \
                   root/region does not allow region no-03 for halsa; \
                   root/region does not allow data centre c for halsa; \
                   root/region does not allow class Sensitive in data centre c for halsa";
        assert_eq!(broken(&fixture, 20), all);
        assert_eq!(broken(&fixture, 40), all, "a node that is gone is judged as it was last");
    }

    #[test]
    fn a_data_centre_must_be_allowed_for_the_class_too() {
        let mut fixture = fixture();
        fixture.nodes.record(Event::Present(node(5, "se-f", "b", "Secret")));
        assert_eq!(
            broken(&fixture, 10),
            "root/region does not allow class Sensitive in data centre b for halsa"
        );
    }

    #[test]
    fn without_a_root_policy_nothing_is_allowed() {
        let mut fixture = fixture();
        let gone = object("root", "region", 9, &json!({}));
        fixture.policies.record(Event::Gone(gone));
        assert_eq!(broken(&fixture, 8), "");
        assert_eq!(broken(&fixture, 10), "no policy of root binds halsa");
    }

    #[test]
    fn a_root_policy_for_other_namespaces_does_not_bind() {
        let mut fixture = fixture();
        let policy = json!({"spec": {"namespaces": ["skola"], "residency": {"regions": []}}});
        fixture.policies.record(Event::Present(object("root", "school", 4, &policy)));
        assert_eq!(broken(&fixture, 10), "");
    }

    #[test]
    fn a_local_policy_tightens() {
        let mut fixture = fixture();
        let policy = json!({"spec": {"informationClasses": [{"class": "Open"}]}});
        fixture.policies.record(Event::Present(object("halsa", "local", 4, &policy)));
        assert_eq!(broken(&fixture, 10), "halsa/local does not allow class Sensitive for halsa");
        assert_eq!(broken(&fixture, 3), "", "it was not there then");
    }

    #[test]
    fn a_node_without_clearance_holds_nothing() {
        let mut fixture = fixture();
        fixture.nodes.record(Event::Present(object("", "node", 6, &json!({}))));
        assert!(broken(&fixture, 10).contains("the node has no clearance"));
    }

    #[test]
    fn what_a_list_showed_first_was_there_before() {
        let mut fixture = fixture();
        fixture.nodes = History::default();
        fixture.nodes.record(Event::List(50, vec![node(45, "se-f", "a", "Sensitive")]));
        assert_eq!(broken(&fixture, 10), "");
    }
}
