//! Arguments of an engine: how they are written, and which may be added.

use std::fmt::Display;

/// One argument of an engine, before it is written the engine's way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Argument {
    /// A value without a name.
    Positional(String),
    /// A name without its dashes, with a value or as a switch.
    Named(String, Option<String>),
    /// A name without its dashes, with several values behind it. None of them begins with a dash.
    Several(String, Vec<String>),
}

/// How an engine wants named values written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ArgumentSyntax {
    /// `--name=value`: a value is never taken for a name, whatever it begins with.
    Joined,
    /// `--name value`, where the engine knows no other way.
    Separate,
}

/// An argument that a `ModelDeployment` may add.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ArgumentRule {
    /// Its name without dashes.
    pub name: &'static str,
    /// What it takes.
    pub value: ArgumentValue,
}

/// What an argument takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ArgumentValue {
    /// Nothing.
    Switch,
    /// A whole number.
    Integer {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A decimal number with at most three decimals.
    Thousandths {
        /// The least, in thousandths.
        min: u64,
        /// The greatest, in thousandths.
        max: u64,
    },
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A name that the engine looks up in a list of its own: letters, digits, `_` and `-`, so no path and no address.
    Identifier,
}

/// What to do instead of giving an engine a reserved argument.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Instead {
    /// Set this field of the ModelDeployment, of which Hemvist makes the argument.
    Field(&'static str),
    /// Do what this sentence says.
    Advice(&'static str),
}

impl Instead {
    /// As a sentence.
    pub fn sentence(self) -> String {
        match self {
            Self::Field(field) => format!("Set {field} instead."),
            Self::Advice(sentence) => sentence.to_owned(),
        }
    }
}

/// What the allow-list of an engine says of an argument.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ArgumentVerdict {
    /// It may be given.
    Allowed,
    /// It is not in the list; a policy may add it.
    Unknown,
    /// A typed field sets it, or it must never be set; no policy can add it.
    Reserved,
    /// It is in the list, but not with this value.
    BadValue {
        /// Why, as the end of a sentence that begins with the argument, such as `takes no value`.
        why: String,
    },
}

/// What is said of a switch that was given a value.
pub const TAKES_NO_VALUE: &str = "takes no value";

/// The longest identifier.
const MAX_IDENTIFIER: usize = 63;

impl Argument {
    /// An argument with a value.
    pub fn value(name: &str, value: impl Display) -> Self {
        Self::Named(name.to_owned(), Some(format!("{value}")))
    }

    /// An argument without a value.
    pub fn switch(name: &str) -> Self {
        Self::Named(name.to_owned(), None)
    }

    /// An argument with several values.
    pub fn several(name: &str, values: impl IntoIterator<Item = String>) -> Self {
        Self::Several(name.to_owned(), values.into_iter().collect())
    }

    /// The words that the program gets.
    pub(super) fn spelled(self, syntax: ArgumentSyntax) -> Vec<String> {
        match (self, syntax) {
            (Self::Positional(value), _) => vec![value],
            (Self::Named(name, None), _) => vec![format!("--{name}")],
            (Self::Several(name, values), _) => std::iter::once(format!("--{name}")).chain(values).collect(),
            (Self::Named(name, Some(value)), ArgumentSyntax::Joined) => vec![format!("--{name}={value}")],
            (Self::Named(name, Some(value)), ArgumentSyntax::Separate) => vec![format!("--{name}"), value],
        }
    }
}

impl ArgumentValue {
    /// Judges a value.
    pub(super) fn verdict(self, value: Option<&str>) -> ArgumentVerdict {
        let fits = match (self, value) {
            (Self::Switch, value) => value.is_none(),
            (Self::Integer { min, max }, Some(value)) => {
                integer(value).is_some_and(|number| (min..=max).contains(&number))
            }
            (Self::Thousandths { min, max }, Some(value)) => {
                thousandths(value).is_some_and(|number| (min..=max).contains(&number))
            }
            (Self::OneOf(values), Some(value)) => values.contains(&value),
            (Self::Identifier, Some(value)) => identifier(value),
            (_, None) => false,
        };
        if fits { ArgumentVerdict::Allowed } else { ArgumentVerdict::BadValue { why: self.expectation() } }
    }

    /// What would fit, in words.
    fn expectation(self) -> String {
        match self {
            Self::Switch => TAKES_NO_VALUE.to_owned(),
            Self::Integer { min, max } => format!("takes a whole number from {min} to {max}"),
            Self::Thousandths { min, max } => format!(
                "takes a number from {}.{:03} to {}.{:03} with at most three decimals",
                min / 1000,
                min % 1000,
                max / 1000,
                max % 1000
            ),
            Self::OneOf(values) => format!("takes one of {}", values.join(", ")),
            Self::Identifier => {
                format!("takes a name of letters, digits, _ and -, at most {MAX_IDENTIFIER} characters")
            }
        }
    }
}

/// A whole number of digits alone.
fn integer(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A decimal number in thousandths.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.len() > 3 {
        return None;
    }
    integer(whole)?.checked_mul(1000)?.checked_add(integer(&format!("{fraction:0<3}"))?)
}

/// Whether a text is a name that can only be looked up.
fn identifier(text: &str) -> bool {
    text.len() <= MAX_IDENTIFIER
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly() {
        let fraction = ArgumentValue::Thousandths { min: 100, max: 980 };
        for value in ["0.1", "0.92", "0.100", "0.980"] {
            assert_eq!(fraction.verdict(Some(value)), ArgumentVerdict::Allowed, "{value}");
        }
        for value in ["0.0999", "0.99", "1", ".5", "0.", "0.5.5", "-0.5", "1e-1", "", "99999999999999999999"]
        {
            assert_ne!(fraction.verdict(Some(value)), ArgumentVerdict::Allowed, "{value}");
        }
        let integer = ArgumentValue::Integer { min: 1, max: 64 };
        for value in ["0", "65", "+1", "1.0", "", "one", "18446744073709551616"] {
            assert_ne!(integer.verdict(Some(value)), ArgumentVerdict::Allowed, "{value}");
        }
        assert_eq!(integer.verdict(Some("64")), ArgumentVerdict::Allowed);
        assert_ne!(integer.verdict(None), ArgumentVerdict::Allowed);
    }

    #[test]
    fn an_identifier_is_no_path() {
        for value in ["../x", "/x", "a.b", "-x", "", "a b", "http://x", "å"] {
            assert_ne!(ArgumentValue::Identifier.verdict(Some(value)), ArgumentVerdict::Allowed, "{value}");
        }
    }

    #[test]
    fn a_joined_value_stays_one_word() {
        let argument = Argument::value("seed", "--port");
        assert_eq!(argument.clone().spelled(ArgumentSyntax::Joined), ["--seed=--port"]);
        assert_eq!(argument.spelled(ArgumentSyntax::Separate), ["--seed", "--port"]);
    }
}
