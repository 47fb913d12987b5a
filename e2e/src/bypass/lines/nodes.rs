//! B16, B17, B18: clearances that nobody gave.

use serde_json::{Value, json};

use crate::bypass::actor::{Actor, NEW_NODE};
use crate::bypass::attempt::{Attempts, Standing};
use crate::bypass::call::Call;
use crate::bypass::change::every_way;
use crate::bypass::kinds;
use crate::bypass::situation::Situation;
use crate::nodes::{CLEARANCE_PREFIX, SimulatedNode};

/// Changes of the labels: name, label, value.
const CHANGES: [(&str, &str, Option<&str>); 7] = [
    ("clearance-secret", "clearance", Some("Secret")),
    ("clearance-lower", "clearance", Some("Internal")),
    ("no-clearance", "clearance", None),
    ("other-data-centre", "data-centre", Some("jkpg-x")),
    ("no-data-centre", "data-centre", None),
    ("other-region", "region", Some("no-03")),
    ("no-region", "region", None),
];

/// All of them.
pub fn attempts(situation: &Situation) -> Attempts {
    let mut attempts = Attempts::default();
    let own = &situation.nodes[0];
    let other = &situation.nodes[1];
    for (subresource, where_) in [("", "node"), ("/status", "status")] {
        for (name, label, value) in CHANGES {
            let change = json!({"metadata": {"labels": {format!("{CLEARANCE_PREFIX}/{label}"): value}}});
            let effect =
                value.map(|value| (format!("/metadata/labels/{CLEARANCE_PREFIX}~1{label}"), json!(value)));
            for actor in [Actor::NodeAdmin, Actor::ForeignOperator, Actor::Admin] {
                let ways = every_way(own, subresource, &change);
                for attempt in attempts.add_ways("B18", actor, &format!("{name}-by-{where_}"), ways) {
                    attempt.effect.clone_from(&effect);
                }
            }
            let ways = every_way(own, subresource, &change);
            for attempt in attempts.add_ways("B16", Actor::Kubelet, &format!("{name}-by-{where_}"), ways) {
                attempt.standing = Some(Standing::NodeRestriction("is not allowed to modify labels"));
            }
            let ways = every_way(other, subresource, &change);
            let what = format!("{name}-by-{where_}-of-another-node");
            for attempt in attempts.add_ways("B16", Actor::Kubelet, &what, ways) {
                attempt.standing = Some(Standing::NodeRestriction("is not allowed to modify node"));
            }
        }
    }
    new_nodes(&mut attempts, own);
    attempts
}

/// Nodes that come with clearances, one of them as a copy of one that is cleared.
fn new_nodes(attempts: &mut Attempts, cleared: &Value) {
    let label = |name: &str| format!("{CLEARANCE_PREFIX}/{name}");
    for (what, labels) in [
        (
            "with-all-labels",
            json!({label("region"): "se-f", label("data-centre"): "jkpg-a", label("clearance"): "Secret"}),
        ),
        ("with-a-clearance", json!({label("clearance"): "Secret"})),
        ("with-a-region", json!({label("region"): "se-f"})),
        ("with-a-data-centre", json!({label("data-centre"): "jkpg-a"})),
        ("with-an-empty-clearance", json!({label("clearance"): ""})),
        ("with-another-label-of-the-prefix", json!({label("clearance-2"): "Secret"})),
        ("with-the-labels-of-a-cleared-one", cleared["metadata"]["labels"].clone()),
    ] {
        let node = SimulatedNode::new(NEW_NODE).build();
        let mut node = serde_json::to_value(node).unwrap_or_default();
        node["apiVersion"] = json!("v1");
        node["kind"] = json!("Node");
        node["metadata"]["labels"] = labels;
        for actor in [Actor::NodeAdmin, Actor::ForeignOperator, Actor::Admin] {
            attempts.add("B18", actor, "create", &format!("node-{what}"), Call::create(&node));
            let call = Call::apply(&kinds::item_of(&node), &node);
            attempts.add("B18", actor, "apply", &format!("node-{what}"), call);
        }
        // Its own name is taken, and NodeRestriction looks before that shows.
        node["metadata"]["name"] = cleared["metadata"]["name"].clone();
        let attempt = attempts.add(
            "B17",
            Actor::Kubelet,
            "create",
            &format!("its-own-node-{what}"),
            Call::create(&node),
        );
        attempt.standing = Some(Standing::NodeRestriction("is not allowed to set the following labels"));
    }
}
