//! SPDX licence expressions, judged against lists of licences.
//!
//! `OR` binds less than `AND`, and `AND` less than `WITH`, as in SPDX. Identifiers are compared letter by letter: a
//! spelling that the list does not have is not allowed, because nobody has judged it.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::vec::IntoIter;

/// How deep parentheses may be nested. Real expressions need two; the limit keeps the parser's stack small.
const MAX_DEPTH: u8 = 16;

/// A licence expression.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Expression {
    /// A licence as it is written, such as `Apache-2.0` or `GPL-2.0-only WITH Classpath-exception-2.0`.
    Licence(String),
    /// All of them apply.
    All(Vec<Expression>),
    /// One of them can be chosen.
    Any(Vec<Expression>),
}

impl Expression {
    /// The expression in `text`, or `None` where it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut tokens = tokens(text).into_iter().peekable();
        let expression = any(&mut tokens, MAX_DEPTH)?;
        tokens.next().is_none().then_some(expression)
    }

    /// Whether the licences for which `allowed` holds suffice.
    pub fn is_allowed(&self, allowed: &impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Licence(licence) => allowed(licence),
            Self::All(parts) => parts.iter().all(|part| part.is_allowed(allowed)),
            Self::Any(parts) => parts.iter().any(|part| part.is_allowed(allowed)),
        }
    }
}

/// Whether `list` holds `licence`. An exception only gives more rights, so the licence without it suffices.
pub(super) fn listed(list: &BTreeSet<String>, licence: &str) -> bool {
    let without_exception = licence.split_once(" WITH ").map(|(base, _)| base);
    list.contains(licence) || without_exception.is_some_and(|base| list.contains(base))
}

fn tokens(text: &str) -> Vec<String> {
    text.replace('(', " ( ").replace(')', " ) ").split_ascii_whitespace().map(str::to_owned).collect()
}

fn any(tokens: &mut Peekable<IntoIter<String>>, depth: u8) -> Option<Expression> {
    let mut parts = vec![all(tokens, depth)?];
    while tokens.next_if(|token| token == "OR").is_some() {
        parts.push(all(tokens, depth)?);
    }
    if parts.len() == 1 { parts.pop() } else { Some(Expression::Any(parts)) }
}

fn all(tokens: &mut Peekable<IntoIter<String>>, depth: u8) -> Option<Expression> {
    let mut parts = vec![part(tokens, depth)?];
    while tokens.next_if(|token| token == "AND").is_some() {
        parts.push(part(tokens, depth)?);
    }
    if parts.len() == 1 { parts.pop() } else { Some(Expression::All(parts)) }
}

fn part(tokens: &mut Peekable<IntoIter<String>>, depth: u8) -> Option<Expression> {
    if tokens.next_if(|token| token == "(").is_some() {
        let inner = any(tokens, depth.checked_sub(1)?)?;
        tokens.next_if(|token| token == ")")?;
        return Some(inner);
    }
    let licence = tokens.next_if(|token| is_identifier(token))?;
    if tokens.next_if(|token| token == "WITH").is_none() {
        return Some(Expression::Licence(licence));
    }
    let exception = tokens.next_if(|token| is_identifier(token))?;
    Some(Expression::Licence(format!("{licence} WITH {exception}")))
}

fn is_identifier(token: &str) -> bool {
    !matches!(token, "AND" | "OR" | "WITH")
        && token
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '+' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(list: &[&str], expression: &str) -> bool {
        let list: BTreeSet<String> = list.iter().map(ToString::to_string).collect();
        Expression::parse(expression)
            .is_some_and(|parsed| parsed.is_allowed(&|licence| listed(&list, licence)))
    }

    #[test]
    fn expressions_are_judged_by_their_parts() {
        for (list, expression, expected) in [
            (&["MIT"][..], "MIT", true),
            (&["MIT"], "mit", false),
            (&["MIT"], "Apache-2.0", false),
            (&["MIT"], "MIT OR Apache-2.0", true),
            (&["MIT"], "MIT AND Apache-2.0", false),
            (&["MIT", "Apache-2.0"], "MIT AND Apache-2.0", true),
            (&["MIT"], "MIT OR Apache-2.0 AND BSD-3-Clause", true),
            (&["BSD-3-Clause"], "MIT OR Apache-2.0 AND BSD-3-Clause", false),
            (&["BSD-3-Clause", "MIT"], "(MIT OR Apache-2.0) AND BSD-3-Clause", true),
            (&["BSD-3-Clause"], "(MIT OR Apache-2.0) AND BSD-3-Clause", false),
            (
                &["GPL-2.0-only WITH Classpath-exception-2.0"],
                "GPL-2.0-only WITH Classpath-exception-2.0",
                true,
            ),
            (&["GPL-2.0-only WITH Classpath-exception-2.0"], "GPL-2.0-only", false),
            (&["GPL-2.0-only"], "GPL-2.0-only WITH Classpath-exception-2.0", true),
            (&["LicenseRef-Llama-3.3"], "LicenseRef-Llama-3.3", true),
            (&["GPL-2.0"], "GPL-2.0+", false),
            (&[], "MIT", false),
        ] {
            assert_eq!(allowed(list, expression), expected, "{expression} by {list:?}");
        }
    }

    #[test]
    fn what_is_no_expression_is_not_allowed() {
        let deep = format!("{}MIT{}", "(".repeat(100_000), ")".repeat(100_000));
        let broken = [
            "", " ", "MIT OR", "OR MIT", "MIT MIT", "(MIT", "MIT)", "()", "MIT WITH", "WITH MIT", "MIT/X11",
            &deep,
        ];
        for text in broken {
            assert_eq!(Expression::parse(text), None, "{}", text.chars().take(40).collect::<String>());
        }
    }
}
