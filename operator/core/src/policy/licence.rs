//! SPDX licence expressions, judged against lists of licences.
//!
//! Expressions are flat, so that a rule in the API server can judge them in the same way: alternatives are joined by
//! ` OR `, in each of them the licences that apply together by ` AND `, and a licence can have an exception behind
//! ` WITH `. A nested expression is written out. Whatever is not written so is not allowed, also where a part of it would be.
//!
//! Identifiers are compared letter by letter: a spelling that the list does not have is not allowed, because nobody has
//! judged it.

use std::collections::BTreeSet;

use spdx::identifiers::{EXCEPTIONS, LICENSES};

/// A licence expression: alternatives, each of which is a list of licences that apply together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Expression<'a>(Vec<Vec<&'a str>>);

impl<'a> Expression<'a> {
    /// The expression in `text`, or `None` where it is not one.
    pub fn parse(text: &'a str) -> Option<Self> {
        let alternative = |text: &'a str| text.split(" AND ").map(part).collect();
        text.split(" OR ").map(alternative).collect::<Option<_>>().map(Self)
    }

    /// Whether the licences for which `allowed` holds suffice.
    pub fn is_allowed(&self, allowed: &impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|together| together.iter().all(|licence| allowed(licence)))
    }
}

/// A licence, alone or with an exception.
fn part(text: &str) -> Option<&str> {
    let well_formed = match text.split_once(" WITH ") {
        None => is_identifier(text),
        Some((licence, exception)) => is_identifier(licence) && is_identifier(exception),
    };
    well_formed.then_some(text)
}

fn is_identifier(token: &str) -> bool {
    !token.is_empty()
        && !matches!(token, "AND" | "OR" | "WITH")
        && token
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '+' | ':'))
}

/// Whether `list` holds `licence`. An exception only gives more rights, so the licence without it suffices.
pub(super) fn listed(list: &BTreeSet<String>, licence: &str) -> bool {
    let without_exception = licence.split_once(" WITH ").map(|(base, _)| base);
    list.contains(licence) || without_exception.is_some_and(|base| list.contains(base))
}

/// What the author of a list should know of `entry`, where SPDX does not know it. Such an entry is compared like any
/// other; it is only unlikely that a model has it.
pub(super) fn advice(entry: &str) -> Option<String> {
    let (licence, exception) = match entry.split_once(" WITH ") {
        Some((licence, exception)) => (licence, Some(exception)),
        None => (entry, None),
    };
    if [licence, exception.unwrap_or_default()].iter().any(|part| part.contains(' ')) {
        return Some(format!("{entry} is not one licence; list each licence by itself"));
    }
    let known_licence = |name: &str| LICENSES.iter().any(|known| known.name == name);
    let (identifier, later) = licence.strip_suffix('+').map_or((licence, ""), |before| (before, "+"));
    if !known_licence(identifier) && !is_reference(identifier) {
        let similar = LICENSES.iter().find(|known| known.name.eq_ignore_ascii_case(identifier));
        let meant = similar.map(|known| format!("{}{later}", known.name));
        return Some(unknown(licence, "licence", meant.as_deref()));
    }
    let exception = exception.filter(|name| !EXCEPTIONS.iter().any(|known| known.name == *name))?;
    let similar = EXCEPTIONS.iter().find(|known| known.name.eq_ignore_ascii_case(exception));
    Some(unknown(exception, "exception", similar.map(|known| known.name)))
}

/// Whether a name is one that an organisation gives to a licence that SPDX does not list.
fn is_reference(name: &str) -> bool {
    name.strip_prefix("LicenseRef-").is_some_and(|rest| !rest.is_empty())
        || (name.starts_with("DocumentRef-") && name.contains(":LicenseRef-"))
}

fn unknown(name: &str, noun: &str, meant: Option<&str>) -> String {
    let help = meant.map_or_else(
        || format!("a {noun} that SPDX does not list is written as LicenseRef- and a name"),
        |meant| format!("SPDX writes {meant}"),
    );
    format!("SPDX knows no {noun} {name}; {help}")
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
            (&["BSD-3-Clause", "MIT"], "MIT AND BSD-3-Clause OR Apache-2.0 AND BSD-3-Clause", true),
            (&["BSD-3-Clause"], "MIT AND BSD-3-Clause OR Apache-2.0 AND BSD-3-Clause", false),
            (
                &["GPL-2.0-only WITH Classpath-exception-2.0"],
                "GPL-2.0-only WITH Classpath-exception-2.0",
                true,
            ),
            (&["GPL-2.0-only WITH Classpath-exception-2.0"], "GPL-2.0-only", false),
            (&["GPL-2.0-only"], "GPL-2.0-only WITH Classpath-exception-2.0", true),
            (&["GPL-2.0-only"], "MIT AND GPL-2.0-only WITH Classpath-exception-2.0 OR GPL-2.0-only", true),
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
            "",
            " ",
            "MIT ",
            " MIT",
            "MIT OR",
            "MIT OR ",
            "OR MIT",
            " OR MIT",
            "MIT MIT",
            "MIT  OR MIT",
            "MIT OR  MIT",
            "MIT OR OR MIT",
            "MIT OR OR OR MIT",
            "MIT AND OR MIT",
            "MIT or MIT",
            "MIT\tOR MIT",
            "(MIT",
            "MIT)",
            "(MIT)",
            "(MIT OR ISC) AND MIT",
            "()",
            "MIT WITH",
            "WITH MIT",
            "MIT WITH MIT WITH MIT",
            "MIT OR WITH MIT",
            "MIT/X11",
            &deep,
        ];
        for text in broken {
            assert!(
                !allowed(&["MIT", "OR", "AND", ""], text),
                "{}",
                text.chars().take(40).collect::<String>()
            );
            assert_eq!(Expression::parse(text), None, "{}", text.chars().take(40).collect::<String>());
        }
    }

    #[test]
    fn status_reports_entries_that_spdx_does_not_know() {
        for known in [
            "Apache-2.0",
            "GPL-2.0+",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "LicenseRef-Llama-3.3",
            "LicenseRef-Own WITH LLVM-exception",
        ] {
            assert_eq!(advice(known), None, "{known}");
        }
        for (entry, expected) in [
            ("apache-2.0", "SPDX knows no licence apache-2.0; SPDX writes Apache-2.0"),
            ("lgpl-2.1+", "SPDX knows no licence lgpl-2.1+; SPDX writes LGPL-2.1+"),
            (
                "Llama-3.3",
                "SPDX knows no licence Llama-3.3; a licence that SPDX does not list is written as LicenseRef- and a name",
            ),
            ("MIT WITH llvm-exception", "SPDX knows no exception llvm-exception; SPDX writes LLVM-exception"),
            ("MIT OR ISC", "MIT OR ISC is not one licence; list each licence by itself"),
        ] {
            assert_eq!(advice(entry).as_deref(), Some(expected));
        }
    }
}
