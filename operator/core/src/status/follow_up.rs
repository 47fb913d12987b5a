//! What the operator remembers of a decision until the next one, because decisions on other models depend on it.

use std::collections::BTreeSet;

use hemvist_api::ModelDeploymentStatus;
use hemvist_api::condition::{ConditionStatus, ConditionType};

use crate::decide::Decision;
use crate::snapshot::Key;

/// What has to be remembered of a decision about a model.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FollowUp {
    /// The AIPolicies whose rules refused it; their statuses count it.
    pub refused_by: BTreeSet<Key>,
    /// Whether it waits for a node, so that it is looked at again whenever accelerators are freed or taken.
    pub waits: bool,
}

/// What has to be remembered of `decision`, which `status` reports.
pub fn follow_up(decision: &Decision, status: &ModelDeploymentStatus) -> FollowUp {
    if decision.plan().is_none() {
        let rules = decision.violations.iter().filter_map(|violation| violation.rule.as_ref());
        return FollowUp {
            refused_by: rules.map(|rule| Key::new(&rule.namespace, &rule.name)).collect(),
            waits: false,
        };
    }
    let placed = status.conditions.iter().flatten().find(|one| one.type_ == ConditionType::Placed.as_str());
    let waits = placed.is_none_or(|placed| placed.status != ConditionStatus::True.as_str());
    FollowUp { refused_by: BTreeSet::new(), waits }
}
