//! What the operator may cost, and whether it keeps to it.

use std::cmp::Ordering;

use serde::Serialize;

use super::admission::Cost;
use super::bodies::CHILDREN;
use super::report::PointReport;
use super::{number, rounded};

/// The least part of the plain client's models per second.
const RATIO: f64 = 0.5;

/// The part of the plain client's models per second that is aimed at.
const RATIO_AIM: f64 = 0.7;

/// The most memory at 1,000 models and 1,000 nodes, in MiB.
const MEMORY_MIB: f64 = 40.0;

/// The part of the dry runs without policies that is aimed at with three that match.
const FEW_POLICIES_RATIO: f64 = 0.9;

/// The same with three of two hundred.
const FEW_OF_MANY_RATIO: f64 = 0.8;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// A time or an amount of memory, which another machine or a busy one changes.
    Measure,
    /// A count of requests, which is the same on every machine.
    Count,
    /// What is aimed at beyond the budget.
    Aim,
}

/// A budget with what was found.
#[derive(Clone, Debug, Serialize)]
pub struct Judgement {
    /// What is limited, and where it was looked at.
    pub what: String,
    /// What sort of limit it is.
    pub budget: Budget,
    /// The limit as words.
    pub limit: String,
    /// What was found.
    pub found: f64,
    /// Whether it is kept.
    pub kept: bool,
}

impl Judgement {
    /// Whether a run ends badly because of it: only counts, since they mean the same everywhere.
    pub fn is_failure(&self) -> bool {
        !self.kept && self.budget == Budget::Count
    }
}

/// Judges all points. Ratio and memory are judged at the largest one that has them.
pub(super) fn judge(points: &[PointReport], admission: &[Cost]) -> Vec<Judgement> {
    let mut judgements = Vec::new();
    let largest = points.iter().filter(|point| !point.rounds.is_empty()).max_by_key(|point| point.models);
    if let Some(point) = largest
        && let Some((ratio, _)) = point.ratio()
    {
        let what = format!("models/s as a part of the plain client's, {}", at(point));
        judgements.push(at_least(&what, Budget::Measure, ratio, RATIO));
        judgements.push(at_least(&what, Budget::Aim, ratio, RATIO_AIM));
    }
    if let Some(point) = points.iter().max_by_key(|point| (point.nodes, point.models)) {
        let what = format!("peak memory of the operator in MiB, {}", at(point));
        judgements.push(at_most(&what, Budget::Measure, point.peak(), MEMORY_MIB));
    }
    for point in points {
        counts(&mut judgements, point);
    }
    judgements.extend(admission.iter().filter_map(of_admission));
    judgements
}

/// By CPU time: where the cores are busy it comes to the ratio of requests, and others on the machine do not disturb it.
fn of_admission(cost: &Cost) -> Option<Judgement> {
    let least = match (cost.case.matching, cost.case.elsewhere) {
        (3, 0) => FEW_POLICIES_RATIO,
        (3, _) => FEW_OF_MANY_RATIO,
        _ => return None,
    };
    let what =
        format!("dry runs of a {} with {}, as a part of those without", cost.object, cost.case.named());
    Some(at_least(&what, Budget::Aim, cost.cpu_ratio, least))
}

fn counts(judgements: &mut Vec<Judgement>, point: &PointReport) {
    let place = at(point);
    let writes = number(CHILDREN.len() + 1);
    let created = point.fan_out.phase.account.writes_per_model;
    let found =
        point.rounds.iter().map(|round| round.operator.account.writes_per_model).fold(created, f64::max);
    judgements.push(at_most(&format!("writes per model on creation, {place}"), Budget::Count, found, writes));
    let quiet = number(point.quiet.account.writes);
    judgements.push(at_most(&format!("writes while nothing happens, {place}"), Budget::Count, quiet, 0.0));
    let restart = number(point.restart.account.writes);
    judgements.push(at_most(&format!("writes after a restart, {place}"), Budget::Count, restart, 0.0));
}

fn at(point: &PointReport) -> String {
    format!("{} models, {} nodes", point.models, point.nodes)
}

fn at_least(what: &str, budget: Budget, found: f64, limit: f64) -> Judgement {
    let kept = found.total_cmp(&limit) != Ordering::Less;
    Judgement {
        what: what.to_owned(),
        budget,
        limit: format!("at least {limit}"),
        found: rounded(found),
        kept,
    }
}

fn at_most(what: &str, budget: Budget, found: f64, limit: f64) -> Judgement {
    let kept = found.total_cmp(&limit) != Ordering::Greater;
    Judgement {
        what: what.to_owned(),
        budget,
        limit: format!("at most {limit}"),
        found: rounded(found),
        kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_just_met_is_kept() {
        assert!(at_most("", Budget::Count, 6.0, 6.0).kept);
        assert!(at_least("", Budget::Measure, 0.5, 0.5).kept);
    }

    #[test]
    fn only_counts_end_a_run_badly() {
        assert!(!at_least("", Budget::Measure, 0.1, RATIO).is_failure());
        assert!(!at_least("", Budget::Aim, 0.1, RATIO_AIM).is_failure());
        assert!(at_most("", Budget::Count, 6.001, 6.0).is_failure());
    }
}
