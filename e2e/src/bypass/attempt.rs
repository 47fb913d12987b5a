//! Attempts: who tries what, and what is known of it beforehand.

use serde_json::Value;

use super::actor::Actor;
use super::call::Call;

/// A reason for which Kubernetes, or the schema of Hemvist's own kinds, refuses something without any policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// The NodeRestriction plug-in: what kubelets may not do.
    NodeRestriction(&'static str),
    /// Validation of Kubernetes' own kinds.
    Validation(&'static str),
    /// The schema of a kind of Hemvist's.
    Schema(&'static str),
}

impl Standing {
    /// What the refusal says.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NodeRestriction(message) | Self::Validation(message) | Self::Schema(message) => message,
        }
    }
}

/// Someone tries something.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Line of the catalogue, actor, way, and what: readable, and there only once.
    pub id: String,
    /// The line of the catalogue, such as `B07`.
    pub line: &'static str,
    /// Who tries.
    pub actor: Actor,
    /// What is done for real before it, and by whom. A `409 already exists` is no hindrance.
    pub before: Vec<(Actor, Call)>,
    /// The request.
    pub call: Call,
    /// What refuses it without any policy.
    pub standing: Option<Standing>,
    /// What the object must hold where the request was let through: an answer of 200 that changes nothing shows nothing.
    pub effect: Option<(String, Value)>,
    /// Whether its only fault is who made it. Where the policies ask only for residency, it is no fault.
    pub by_identity: bool,
}

impl Attempt {
    /// Whether it writes a template of pods and no pod. Where the policies ask only for residency, it is the pods that are
    /// asked.
    pub fn is_of_a_template(&self) -> bool {
        let about = ["B01", "B02", "B03", "B14", "B15", "B21", "B22", "B31"].contains(&self.line);
        about && !self.call.line().contains("/pods") && !self.call.line().contains("/modeldeployments")
    }
}

/// A list of attempts in the making.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    list: Vec<Attempt>,
}

impl Attempts {
    /// Adds one and gives it, for what is special about it.
    pub fn add(
        &mut self,
        line: &'static str,
        actor: Actor,
        way: &str,
        what: &str,
        call: Call,
    ) -> &mut Attempt {
        let attempt = Attempt {
            id: format!("{line}/{}/{way}/{what}", actor.name()),
            line,
            actor,
            before: Vec::new(),
            call,
            standing: None,
            effect: None,
            by_identity: false,
        };
        let place = self.list.len();
        self.list.push(attempt);
        &mut self.list[place]
    }

    /// Adds one for each way.
    pub fn add_ways(
        &mut self,
        line: &'static str,
        actor: Actor,
        what: &str,
        ways: Vec<(&'static str, Call)>,
    ) -> &mut [Attempt] {
        let start = self.list.len();
        for (way, call) in ways {
            self.add(line, actor, way, what, call);
        }
        &mut self.list[start..]
    }

    /// Adds all of another list.
    pub fn extend(&mut self, other: Self) {
        self.list.extend(other.list);
    }

    pub fn into_list(self) -> Vec<Attempt> {
        self.list
    }
}
