//! The catalogue of rules and reasons: every rule once, with its code, its field, its sentence, its way out and its purpose.
//!
//! Whatever says that a rule is broken takes the words from here: a [`Violation`](crate::violation::Violation) in a status or
//! in `hemvist check`, the messages of the compiled policies, `hemvist explain`, and the reference pages. A sentence is a
//! template with named facts, such as `{rule}`. In the core a fact is a text. In the API server it is a text or an
//! expression over the object.
//!
//! A new rule is an entry in one of the files below, the check that finds it, and, where the API server can judge it too, its
//! expression in [`crate::admission`].

mod finding;
mod list;
pub(crate) mod object;
mod reason;
mod request;
mod template;

pub use finding::Finding;
pub use list::{AllowList, Listed};
pub use object::ObjectRule;
pub use reason::{Explanation, Section, explanation};
pub use request::RequestFinding;
pub use template::{Piece, pieces};

pub(crate) use template::{listing, one_line, shortened};

use hemvist_api::condition::Reason;

/// A rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rule {
    /// The stable name of the rule, such as `HumanOversightMissing`. One that is gone is never used again.
    pub code: &'static str,
    /// The reason in a condition; of rules for several lists one of these; none for objects that have no such status.
    pub reasons: &'static [Reason],
    /// The fields that can break the rule; empty where the object as a whole does.
    pub fields: &'static [&'static str],
    /// What is wrong: the template of a sentence without its full stop.
    pub fault: &'static str,
    /// The way out: the template of one or more whole sentences.
    pub help: &'static str,
    /// The facts that a finding of it has; none of rules without findings.
    pub stated: &'static [&'static str],
    /// Why the rule exists, in one sentence.
    pub purpose: &'static str,
    /// Who finds that it is broken.
    pub found: Found,
    /// Whether nothing can allow it, so that it refuses even where every policy only warns.
    pub absolute: bool,
}

/// Who finds that a rule is broken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Found {
    /// The core and the API server, in the same words.
    Everywhere,
    /// The core alone, and why the API server cannot: a sentence.
    CoreAlone(&'static str),
    /// The API server alone: the core judges no such object.
    ServerAlone,
}

impl Rule {
    /// A rule of a ModelDeployment, which the core and the API server find alike.
    pub(crate) const fn new(
        reasons: &'static [Reason],
        fields: &'static [&'static str],
        fault: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            code: "",
            reasons,
            fields,
            fault,
            help,
            stated: &[],
            purpose: "",
            found: Found::Everywhere,
            absolute: false,
        }
    }

    const fn named(self, code: &'static str, stated: &'static [&'static str]) -> Self {
        Self { code, stated, ..self }
    }

    /// Why the rule exists.
    pub(crate) const fn because(self, purpose: &'static str) -> Self {
        Self { purpose, ..self }
    }

    /// It refuses even where every policy only warns.
    pub(crate) const fn absolute(self) -> Self {
        Self { absolute: true, ..self }
    }

    /// The API server cannot find it; `why` is a sentence.
    pub(crate) const fn by_core_alone(self, why: &'static str) -> Self {
        Self { found: Found::CoreAlone(why), ..self }
    }

    /// The whole message in pieces: `{field}: FAULT. HELP`.
    pub fn message(&self) -> Vec<Piece> {
        let field = if self.fields.is_empty() { "" } else { "{field}: " };
        let help = if self.help.is_empty() { "." } else { ". " };
        [pieces(field), pieces(self.fault), vec![Piece::Words(help)], pieces(self.help)].concat()
    }

    /// The message as a text in one line, with these facts. A fact that is not among them is empty.
    pub(crate) fn text(&self, facts: &[(&'static str, String)]) -> String {
        let stated =
            |name| facts.iter().find(|(fact, _)| *fact == name).map_or("", |(_, text)| text.as_str());
        let pieces = self.message().into_iter().map(|piece| match piece {
            Piece::Words(words) => words,
            Piece::Fact(name) => stated(name),
        });
        one_line(&pieces.collect::<String>())
    }

    /// The names of the facts in the message.
    pub fn facts(&self) -> Vec<&'static str> {
        let facts = self.message().into_iter().filter_map(|piece| match piece {
            Piece::Fact(name) => Some(name),
            Piece::Words(_) => None,
        });
        facts.collect()
    }
}

/// Every rule of ModelDeployments, in the order of the catalogue.
pub fn of_models() -> impl Iterator<Item = &'static Rule> {
    Finding::RULES.iter().chain(RequestFinding::RULES)
}

/// Every rule of the catalogue.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    of_models().chain(ObjectRule::ALL.iter().map(|one| one.rule))
}

/// Declares the findings of a kind, each with its facts and its rule, so that the one cannot stand without the other.
macro_rules! findings {
    (
        $(#[$meta:meta])* $name:ident
        $($(#[$variant_meta:meta])* $variant:ident $({ $($(#[$fact_meta:meta])* $fact:ident: $type:ty,)+ })? => $rule:expr;)+
        $(=> $inner:ident: $inner_type:ty;)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum $name {
            $($(#[$variant_meta])* $variant $({ $($(#[$fact_meta])* $fact: $type),+ })?,)+
            $(
                /// A finding of another kind.
                $inner($inner_type),
            )?
        }

        impl $name {
            /// The rules of these findings.
            pub const RULES: &'static [crate::rules::Rule] = &[
                $($rule.named(stringify!($variant), &[$($(stringify!($fact)),+)?])),+
            ];

            /// The rule that is broken.
            pub const fn rule(&self) -> &'static crate::rules::Rule {
                match self {
                    $(Self::$variant { .. } => {
                        const RULE: &crate::rules::Rule =
                            &$rule.named(stringify!($variant), &[$($(stringify!($fact)),+)?]);
                        RULE
                    })+
                    $(Self::$inner(finding) => finding.rule(),)?
                }
            }

            /// The facts as they stand in its sentence, by name.
            pub(crate) fn stated(&self) -> Vec<(&'static str, String)> {
                match self {
                    $(Self::$variant $({ $($fact),+ })? => {
                        vec![$($((stringify!($fact), crate::rules::template::Fact::text($fact))),+)?]
                    })+
                    $(Self::$inner(finding) => finding.stated(),)?
                }
            }
        }
    };
}
use findings;
