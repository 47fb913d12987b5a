//! Who may set the labels of a node that say where it is and what it is cleared for.

use hemvist_api::labels::{NODE_CLEARANCE, NODE_DATA_CENTRE, NODE_REGION};

use super::{always, in_a_group, user};
use crate::admission::cel::{Expr, all, any, name, text};
use crate::admission::message::{Fact, Message};
use crate::admission::object::{Compiled, MatchRule, Rule};
use crate::admission::scope::Scope;
use crate::rules::{listing, object};
use crate::snapshot::Settings;

/// What all these labels begin with.
const PREFIX: &str = "hemvist.node-restriction.kubernetes.io/";

/// The labels of a node from which residency is judged are set and changed by the group that is named for it alone: not by
/// a kubelet, not by who may otherwise edit nodes.
pub(in crate::admission) fn nodes(settings: &Settings) -> Compiled {
    let match_rule =
        MatchRule { group: "", resources: &["nodes", "nodes/status"], operations: &["CREATE", "UPDATE"] };
    let is_new = name("request").field("operation").equals(text("CREATE"));
    let labels = |object| name(object).field("metadata").maybe("labels").or_no_entries();
    let ours = || name("k").call("startsWith", [text(PREFIX)]);
    // Each that one has, the other has too, and the same.
    let kept = |one, other| {
        let same = labels(one).item(name("k")).equals(labels(other).maybe_item(name("k")).or_empty());
        let is_there = name("k").is_in(labels(other));
        labels(one).every("k", any([!ours(), all([is_there, same])]))
    };
    let unchanged = all([kept("object", "oldObject"), kept("oldObject", "object")]);
    let none = !labels("object").some("k", ours());
    let same = is_new.choose(none, unchanged);
    let groups = &settings.identities.clearance_groups;
    let holds: Expr = any([in_a_group(groups), same]);
    let message = Message::of_rule(
        &object::NODE_LABEL_BY_OTHERS,
        [
            ("groups", Fact::text(&listing(groups.iter(), "no group"))),
            ("labels", Fact::text(&format!("{NODE_REGION}, {NODE_DATA_CENTRE}, {NODE_CLEARANCE}"))),
            ("prefix", Fact::text(PREFIX)),
            ("user", Fact::Value(user())),
        ],
    );
    always("hemvist-nodes", Scope::everywhere(), &[match_rule], vec![Rule::new(holds, message)])
}
