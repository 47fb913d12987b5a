//! The messages of compiled rules: those of the catalogue, with expressions for the facts of the object.

use super::cel::{Expr, text};
use crate::rules::{Piece, Rule, one_line};
use crate::violation::Violation;

/// The longest text of an object that is quoted in a message, in characters. The API server takes messages of 5 KiB.
const LONGEST_VALUE: i64 = 300;

/// A sentence with values of the object in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Words(String),
    Value(Expr),
}

/// A fact of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A text that is the same for every object.
    Text(String),
    /// A text of the object, in one line.
    Value(Expr),
    /// A text of the object that can be long and have several lines: its beginning, in one line.
    LongValue(Expr),
}

impl Message {
    /// The message of `violation`, which stands for all objects that break the rule as it does: where they differ, `values`
    /// has an expression for the fact.
    pub fn about<const N: usize>(violation: &Violation, values: [(&'static str, Expr); N]) -> Self {
        let values = values.map(|(name, value)| (name, Fact::Value(value)));
        let stated = violation.facts().into_iter().map(|(name, stated)| (name, Fact::Text(stated)));
        Self::filled(violation.finding.rule(), &values.into_iter().chain(stated).collect::<Vec<_>>())
    }

    /// The same with one fact that can be long: `before` and the beginning of `value`, in one line.
    pub fn about_long(violation: &Violation, name: &'static str, before: &'static str, value: Expr) -> Self {
        let long = Self::default().words(before).fact(Fact::LongValue(value));
        Self::about(violation, [(name, long.expression())])
    }

    /// The message of a rule with these facts. Its field, where it has just one, need not be among them.
    pub fn of_rule<const N: usize>(rule: &Rule, facts: [(&'static str, Fact); N]) -> Self {
        let field = rule.fields.first().map(|field| ("field", Fact::text(*field)));
        Self::filled(rule, &facts.into_iter().chain(field).collect::<Vec<_>>())
    }

    /// The rule's message, each of its facts taken from the first of `facts` with its name.
    fn filled(rule: &Rule, facts: &[(&'static str, Fact)]) -> Self {
        rule.message().into_iter().fold(Self::default(), |message, piece| match piece {
            Piece::Words(words) => message.words(words),
            Piece::Fact(name) => match facts.iter().find(|(fact, _)| *fact == name) {
                Some((_, fact)) => message.fact(fact.clone()),
                None => message.words(format!("{{{name}}}")),
            },
        })
    }

    /// A message that is the same for every object.
    pub fn new(words: impl AsRef<str>) -> Self {
        Self::default().words(words)
    }

    /// One message or the other.
    pub fn choose(condition: Expr, then: &Self, otherwise: &Self) -> Self {
        Self::default().value(condition.choose(then.expression(), otherwise.expression()))
    }

    /// The message with `variable` standing for `value`, which is looked at once.
    pub fn with(variable: &'static str, value: Expr, message: &Self) -> Self {
        let only = Expr::List(vec![value]).mapped(variable, message.expression());
        Self::default().value(only.item(Expr::Int(0)))
    }

    fn fact(self, fact: Fact) -> Self {
        match fact {
            Fact::Text(words) => self.words(words),
            Fact::Value(value) => self.value(value),
            Fact::LongValue(value) => self.long_value(value),
        }
    }

    fn words(mut self, words: impl AsRef<str>) -> Self {
        let words = one_line(words.as_ref());
        match self.0.last_mut() {
            Some(Part::Words(before)) => before.push_str(&words),
            _ => self.0.push(Part::Words(words)),
        }
        self
    }

    fn value(mut self, value: Expr) -> Self {
        self.0.push(Part::Value(value));
        self
    }

    fn long_value(self, value: Expr) -> Self {
        let one_line =
            ["\n", "\r"].into_iter().fold(value, |value, end| value.call("replace", [text(end), text(" ")]));
        let beginning = one_line.clone().call("substring", [Expr::Int(0), Expr::Int(LONGEST_VALUE)]);
        let is_long = one_line.clone().call("size", []).exceeds(Expr::Int(LONGEST_VALUE));
        self.value(is_long.choose(beginning, one_line))
    }

    /// The message as an expression.
    pub fn expression(&self) -> Expr {
        let parts =
            self.0.iter().filter(|part| **part != Part::Words(String::new())).map(|part| match part {
                Part::Words(words) => text(words),
                Part::Value(value) => value.clone(),
            });
        parts.reduce(Expr::plus).unwrap_or_else(|| text(""))
    }
}

impl Fact {
    /// A text that is the same for every object.
    pub fn text(text: &(impl ToString + ?Sized)) -> Self {
        Self::Text(text.to_string())
    }
}
