//! What the reason of a condition means, and what to do about it.

mod model;
mod policy;
mod running;

use hemvist_api::condition::Reason;

/// What a reason means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// The reason.
    pub reason: Reason,
    /// The conditions in which it stands, in Markdown.
    pub seen: &'static str,
    /// What it means, in whole sentences.
    pub meaning: &'static str,
    /// What to do, in whole sentences; empty where nothing has to be done.
    pub advice: &'static str,
}

/// Reasons that belong together, in the order of the reference page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Section {
    /// The model is accepted.
    Accepted,
    /// The model is refused.
    Refused,
    /// Whether its duties are met.
    Duties,
    /// Where it is placed.
    Placement,
    /// Whether it runs.
    Running,
    /// `AIPolicy` objects.
    Policies,
}

impl Section {
    /// Every section.
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Refused, Self::Duties, Self::Placement, Self::Running, Self::Policies];

    /// Its reasons, in the order of the reference page.
    pub const fn reasons(self) -> &'static [Explanation] {
        match self {
            Self::Accepted => model::ACCEPTED,
            Self::Refused => model::REFUSED,
            Self::Duties => model::DUTIES,
            Self::Placement => running::PLACEMENT,
            Self::Running => running::RUNNING,
            Self::Policies => policy::POLICIES,
        }
    }
}

/// What `reason` means; a test holds that there is an explanation of every reason.
pub fn explanation(reason: Reason) -> Option<&'static Explanation> {
    Section::ALL.into_iter().flat_map(Section::reasons).find(|explanation| explanation.reason == reason)
}

const fn explained(
    reason: Reason,
    seen: &'static str,
    meaning: &'static str,
    advice: &'static str,
) -> Explanation {
    Explanation { reason, seen, meaning, advice }
}
