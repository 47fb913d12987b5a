//! Who may say where a node is and what it may hold.

use hemvist_api::labels::{NODE_CLEARANCE, NODE_DATA_CENTRE, NODE_REGION};

use super::{always, in_a_group, user};
use crate::admission::cel::{Expr, all, any, name, text};
use crate::admission::object::{Compiled, Door, Message, Rule};
use crate::admission::pods::label;
use crate::admission::scope::Scope;
use crate::snapshot::Settings;
use crate::violation::listing;

/// The labels of a node from which residency is judged are set and changed by the group that is named for it alone: not by
/// a kubelet, not by who may otherwise edit nodes.
pub(in crate::admission) fn nodes(settings: &Settings) -> Compiled {
    let door = Door { group: "", resources: &["nodes", "nodes/status"], operations: &["CREATE", "UPDATE"] };
    let is_new = || name("request").field("operation").equals(text("CREATE"));
    let same = [NODE_REGION, NODE_DATA_CENTRE, NODE_CLEARANCE].map(|one| {
        let new = || label(name("object"), one);
        is_new().choose(new().equals(text("")), new().equals(label(name("oldObject"), one)))
    });
    let groups = &settings.identities.clearance_groups;
    let holds: Expr = any([in_a_group(groups), all(same)]);
    let message = Message::new(format!(
        "metadata.labels: {NODE_REGION}, {NODE_DATA_CENTRE} and {NODE_CLEARANCE} say where a node is and what it may hold; \
         they are set by members of {} alone, and not by ",
        listing(groups.iter(), "no group")
    ))
    .value(user())
    .words(". Ask them to clear the node.");
    always("hemvist-nodes", Scope::everywhere(), &[door], vec![Rule::new(holds, message)])
}
