//! Every known way to an accelerator, and everyone who might try it.
//!
//! Three lists, run against a live cluster. [`Suite::attempts`] are ways around Hemvist: each must be possible without
//! its policies, or refused by a rule of Kubernetes' own that the attempt names, and each must be refused with them.
//! [`Suite::legitimate`] is what a cluster does all day, none of which may be refused. [`Suite::beyond`] is what no rule
//! covers yet. [`NOT_TRIED`] are lines of the catalogue that no request can try, or that others do.
//!
//! Two controls keep the lists honest: without any policy the attempts get through, so that it is a policy that refuses
//! them later; and behind a [`wall`] none does, so that a policy can refuse each and the judge knows a refusal.

pub mod actor;
pub mod attempt;
pub mod by_hand;
pub mod call;
pub mod change;
pub mod kinds;
pub mod legitimate;
pub mod lines;
mod not_tried;
pub mod run;
pub mod shapes;
pub mod signs;
pub mod situation;
pub mod wall;

use self::attempt::{Attempt, Attempts};
pub use self::legitimate::{Models, workloads_become_pods};
pub use self::not_tried::NOT_TRIED;
pub use self::run::{Earnest, Report, Verdict, run_attempts};
use self::situation::Situation;

/// Makes the lists for a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Suite<'a> {
    situation: &'a Situation,
}

impl<'a> Suite<'a> {
    /// For the objects of a cluster.
    pub const fn new(situation: &'a Situation) -> Self {
        Self { situation }
    }

    /// Everything that must be refused. `round` names the namespaces that are made, and is another one each time.
    pub fn attempts(&self, round: &str) -> Vec<Attempt> {
        let mut all = Attempts::default();
        all.extend(lines::workloads::attempts(self.situation));
        all.extend(lines::content::attempts(self.situation));
        all.extend(lines::bindings::attempts(self.situation));
        all.extend(lines::pods::attempts(self.situation));
        all.extend(lines::connections::attempts(self.situation));
        all.extend(lines::status::attempts(self.situation));
        all.extend(lines::children::attempts(self.situation));
        all.extend(lines::autoscalers::attempts(self.situation));
        all.extend(lines::namespaces::attempts(round));
        all.extend(lines::nodes::attempts(self.situation));
        all.extend(lines::models::attempts(self.situation));
        let mut all = all.into_list();
        all.retain(|attempt| !takes_nothing_away(attempt));
        all
    }

    /// What comes near a model or an accelerator by a way that no rule of Hemvist covers yet. Nothing demands that it
    /// is refused; it is here so that it is known, and shown to be possible.
    pub fn beyond(&self) -> Vec<Attempt> {
        lines::beyond::attempts(self.situation).into_list()
    }

    /// Everything that must not be refused.
    pub fn legitimate(&self, models: Models) -> Vec<Attempt> {
        legitimate::requests(self.situation, models)
    }

    /// As [`Suite::attempts`], where the policies ask unmanaged accelerators only for residency: without those whose only
    /// fault is who makes them, and those that make no pod themselves.
    pub fn attempts_where_residency_is_enough(&self, round: &str) -> Vec<Attempt> {
        let mut attempts = self.attempts(round);
        attempts.retain(|attempt| !attempt.by_identity && !attempt.is_of_a_template());
        attempts
    }
}

/// Whether the request asks for less in a way that takes nothing away: an apply leaves what others have written, and a
/// strategic patch merges lists by their keys, so that an empty list changes nothing.
fn takes_nothing_away(attempt: &Attempt) -> bool {
    let way = attempt.id.split('/').nth(2).unwrap_or_default();
    let what = attempt.id.split('/').nth(3).unwrap_or_default();
    match way {
        "apply" => {
            let less = ["no-owner-of-", "changed-no-assessments-", "changed-no-dpia-"];
            less.iter().any(|begin| what.starts_with(begin))
        }
        "strategic-patch" => what.starts_with("no-owner-of-"),
        _ => false,
    }
}
