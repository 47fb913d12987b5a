//! What happens to a running model when a duty is no longer met.
//!
//! A duty has lapsed where it was met, waived or not yet binding before: an assessment has expired or grown too old, the
//! duty's first day has come, or the exception from it has ended. A model that runs on that day and was made before it can
//! be kept, as `onExpiry` of its information class says. A model that does not run yet is never kept, and neither is one
//! that breaks any other rule.
//!
//! The strictest statement wins: `Stop` before `Warn`, and of two `Stop` the one with fewer days of grace. Where no policy
//! of the root namespace states it, a lapsed duty stops the model at once; a policy elsewhere cannot allow what the
//! region does not.

use std::fmt;

use hemvist_api::ModelDeployment;
use hemvist_api::ai_policy::OnExpiry;
use hemvist_api::values::{Enforcement, ExpiryAction, InformationClass};
use k8s_openapi::jiff::civil::Date;

use super::EffectivePolicy;
use super::calendar::turning_days;
use super::limit::Statement;
use super::unmet::unmet;
use crate::date;
use crate::violation::{RuleSource, Violation};

/// How many days ahead the end of something is reported.
pub const WARNING_DAYS: i64 = 30;

/// What a lapsed duty does. Ordered: the stricter is the lesser.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Expiry {
    /// The model is stopped after some days of grace, counted from the first day on which the duty is not met.
    Stop {
        /// The days; 0 for at once.
        grace_days: i32,
    },
    /// The model is kept, and its status says so.
    Warn,
}

/// How the duties of a model stand on a day.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DutyStanding {
    /// Whether a duty is not met that does not let the model run on.
    pub refuses: bool,
    /// The duties that have lapsed and let a running model run on.
    pub lapses: Vec<Lapse>,
    /// What is going to lapse next, where every duty is met and it comes within 30 days.
    pub next: Option<Lapse>,
    /// The rule that lets a running model run on.
    pub rule: Option<RuleSource>,
}

/// A duty that has lapsed, or is going to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lapse {
    /// What is said of it.
    pub violation: Violation,
    /// The first day on which it is not met.
    pub day: Date,
    /// The last day that the model runs on; `None` where no end is set, and for what is going to lapse.
    pub until: Option<Date>,
}

impl From<&OnExpiry> for Expiry {
    fn from(stated: &OnExpiry) -> Self {
        match stated.action {
            ExpiryAction::Warn => Self::Warn,
            ExpiryAction::Stop => Self::Stop { grace_days: stated.grace_days.unwrap_or(0).max(0) },
        }
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Warn => formatter.write_str("a lapsed duty keeps what runs"),
            Self::Stop { grace_days: 0 } => formatter.write_str("a lapsed duty stops what runs at once"),
            Self::Stop { grace_days } => {
                write!(formatter, "a lapsed duty stops what runs after {grace_days} days of grace")
            }
        }
    }
}

impl Expiry {
    /// The strictest: what holds where no policy sets anything.
    pub const AT_ONCE: Self = Self::Stop { grace_days: 0 };

    /// The last day that a model runs on whose duty lapsed on `day`; `None` where no end is set.
    fn last_day(self, day: Date) -> Option<Date> {
        match self {
            Self::Warn => None,
            Self::Stop { grace_days } => Some(date::days_after(day, i64::from(grace_days) - 1)),
        }
    }
}

/// The statement that decides for `class`, if a policy of the root namespace states one.
pub(super) fn decisive(
    policy: &EffectivePolicy,
    class: InformationClass,
) -> Option<&Statement<(InformationClass, Expiry)>> {
    let of_class = || policy.on_expiry.iter().filter(|statement| statement.value.0 == class);
    let stated_by_root = policy.is_bound() && of_class().any(|statement| statement.from_root);
    of_class().filter(|_| stated_by_root).min_by_key(|statement| (statement.value.1, &statement.source))
}

/// How the duties of `model` stand today; `running` says that its replicas have been made.
pub(super) fn standing(
    policy: &EffectivePolicy,
    model: &ModelDeployment,
    running: bool,
    today: Date,
) -> DutyStanding {
    let name = model.metadata.name.as_deref().unwrap_or_default();
    let purpose = &model.spec.purpose;
    let missing = unmet(policy, name, purpose, today);
    if missing.is_empty() {
        return DutyStanding { next: next_lapse(policy, model, today), ..DutyStanding::default() };
    }
    let decisive = decisive(policy, purpose.information_class);
    let expiry = decisive.map_or(Expiry::AT_ONCE, |statement| statement.value.1);
    // A model that was made after a duty had lapsed has never met it, and was not introduced by that duty's leave.
    let made = model.metadata.creation_timestamp.as_ref().map(date::today);
    let keepable = running && policy.enforcement() == Enforcement::Deny;
    let lapses: Vec<Lapse> = missing
        .iter()
        .filter(|_| keepable)
        .filter_map(|unmet| {
            let day = unmet.lapsed_on.filter(|day| made.is_some_and(|made| made < *day))?;
            let until = expiry.last_day(day);
            let lapse = Lapse { violation: unmet.violation.clone(), day, until };
            until.is_none_or(|last| today <= last).then_some(lapse)
        })
        .collect();
    DutyStanding {
        refuses: lapses.len() < missing.len(),
        rule: decisive.filter(|_| !lapses.is_empty()).map(|statement| statement.source.clone()),
        lapses,
        next: None,
    }
}

/// What is the first to lapse within the days that are warned of, where nothing has.
fn next_lapse(policy: &EffectivePolicy, model: &ModelDeployment, today: Date) -> Option<Lapse> {
    let name = model.metadata.name.as_deref().unwrap_or_default();
    let purpose = &model.spec.purpose;
    let horizon = date::days_after(today, WARNING_DAYS + 1);
    let days = turning_days(policy, name, purpose);
    let coming = days.into_iter().filter(|day| *day > today && *day <= horizon);
    coming
        .filter_map(|day| unmet(policy, name, purpose, day).into_iter().next().map(|unmet| (day, unmet)))
        .map(|(day, unmet)| Lapse { violation: unmet.violation, day, until: None })
        .next()
}
