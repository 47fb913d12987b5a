//! Prints a tree. One function writes all literals.

use std::fmt;

use super::{Expr, Operator, Quantifier};

impl Operator {
    const fn text(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::In => "in",
            Self::Greater => ">",
            Self::Plus => "+",
        }
    }

    const fn binding(self) -> Binding {
        match self {
            Self::Plus => Binding::Sum,
            _ => Binding::Relation,
        }
    }
}

impl Quantifier {
    const fn text(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Exists => "exists",
            Self::Filter => "filter",
            Self::Map => "map",
        }
    }
}

/// How strongly an operator binds, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Binding {
    Choice,
    Any,
    All,
    Relation,
    Sum,
    Unary,
    Member,
}

impl fmt::Display for Expr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(out)
    }
}

impl Expr {
    const fn binding(&self) -> Binding {
        match self {
            Self::Choice { .. } => Binding::Choice,
            Self::Any(_) => Binding::Any,
            Self::All(_) => Binding::All,
            Self::Compare { operator, .. } => operator.binding(),
            Self::Not(_) => Binding::Unary,
            _ => Binding::Member,
        }
    }

    fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(out, "{value}"),
            Self::Int(value) => write!(out, "{value}"),
            Self::Text(value) => out.write_str(&literal(value)),
            Self::List(items) => bracketed(out, "[", items, "]"),
            Self::Map(entries) => write_map(out, entries),
            Self::Name(name) => out.write_str(name),
            Self::Field { of, name, optional } => {
                of.write_within(out, Binding::Member)?;
                write!(out, "{}{name}", if *optional { ".?" } else { "." })
            }
            Self::Item { of, key, optional } => {
                of.write_within(out, Binding::Member)?;
                write!(out, "{}{key}]", if *optional { "[?" } else { "[" })
            }
            Self::Call { on, function, arguments } => {
                if let Some(on) = on {
                    on.write_within(out, Binding::Member)?;
                    out.write_str(".")?;
                }
                out.write_str(function)?;
                bracketed(out, "(", arguments, ")")
            }
            Self::Each { of, quantifier, variable, body } => {
                of.write_within(out, Binding::Member)?;
                write!(out, ".{}({variable}, {body})", quantifier.text())
            }
            Self::Not(inner) => {
                out.write_str("!")?;
                inner.write_within(out, Binding::Member)
            }
            Self::All(parts) => chained(out, parts, " && ", Binding::Relation, "true"),
            Self::Any(parts) => chained(out, parts, " || ", Binding::All, "false"),
            Self::Compare { left, operator, right } => {
                left.write_within(out, operator.binding())?;
                write!(out, " {} ", operator.text())?;
                // Comparisons do not follow each other, and sums are read from the left.
                right.write_within(out, stronger(operator.binding()))
            }
            Self::Choice { condition, then, otherwise } => {
                condition.write_within(out, Binding::Any)?;
                out.write_str(" ? ")?;
                then.write_within(out, Binding::Any)?;
                out.write_str(" : ")?;
                otherwise.write_within(out, Binding::Choice)
            }
        }
    }

    /// In parentheses where it would otherwise be read as something else.
    fn write_within(&self, out: &mut fmt::Formatter<'_>, least: Binding) -> fmt::Result {
        if self.binding() >= least {
            return self.write(out);
        }
        out.write_str("(")?;
        self.write(out)?;
        out.write_str(")")
    }
}

const fn stronger(binding: Binding) -> Binding {
    match binding {
        Binding::Relation => Binding::Sum,
        _ => Binding::Unary,
    }
}

fn bracketed(out: &mut fmt::Formatter<'_>, open: &str, items: &[Expr], close: &str) -> fmt::Result {
    out.write_str(open)?;
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.write_str(", ")?;
        }
        item.write(out)?;
    }
    out.write_str(close)
}

fn write_map(out: &mut fmt::Formatter<'_>, entries: &[(&'static str, Expr)]) -> fmt::Result {
    out.write_str("{")?;
    for (position, (key, value)) in entries.iter().enumerate() {
        if position > 0 {
            out.write_str(", ")?;
        }
        write!(out, "{}: {value}", literal(key))?;
    }
    out.write_str("}")
}

fn chained(
    out: &mut fmt::Formatter<'_>,
    parts: &[Expr],
    between: &str,
    least: Binding,
    of_none: &str,
) -> fmt::Result {
    if parts.is_empty() {
        return out.write_str(of_none);
    }
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            out.write_str(between)?;
        }
        part.write_within(out, least)?;
    }
    Ok(())
}

/// A text as a literal of the language. Letters and digits of every script stand as they are, so that people can read what
/// they wrote; what could end the literal, is not seen, or changes the direction of writing is escaped.
pub fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for letter in text.chars() {
        match letter {
            '\'' => literal.push_str("\\'"),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            ' '..='~' => literal.push(letter),
            _ if letter.is_alphanumeric() => literal.push(letter),
            _ => literal.push_str(&code_point(letter)),
        }
    }
    literal.push('\'');
    literal
}

fn code_point(letter: char) -> String {
    match u32::from(letter) {
        code @ 0..=0xFFFF => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::cel::{all, any, name, text, texts};

    #[test]
    fn what_binds_weaker_is_put_in_parentheses() {
        let a = || name("a");
        let b = || name("b");
        for (expr, written) in [
            (all([any([a(), b()]), a()]), "(a || b) && a"),
            (any([all([a(), b()]), a()]), "a && b || a"),
            (!a().equals(b()), "!(a == b)"),
            (!a().field("x"), "!a.x"),
            (a().equals(b()).equals(a()), "a == b == a"),
            (a().equals(b().equals(a())), "a == (b == a)"),
            (a().plus(b().plus(a())), "a + (b + a)"),
            (a().plus(b()).equals(a()), "a + b == a"),
            (a().choose(b(), a()).call("size", []), "(a ? b : a).size()"),
            (a().choose(b().choose(a(), b()), a()), "a ? (b ? a : b) : a"),
            (a().maybe("x").maybe_item(text("k/y")).or_empty(), "a.?x[?'k/y'].orValue('')"),
            (a().every("e", name("e").is_in(texts(["x"]))), "a.all(e, e in ['x'])"),
            (all([]), "true"),
            (any([]), "false"),
        ] {
            assert_eq!(expr.to_string(), written);
        }
    }

    #[test]
    fn a_text_cannot_end_its_literal() {
        for (text, written) in [
            ("it's", r"'it\'s'"),
            (r"\", r"'\\'"),
            ("x' || true || '", r"'x\' || true || \''"),
            ("a\nb\0c", r"'a\nb\u0000c'"),
            ("Jönköping 医", "'Jönköping 医'"),
            ("\u{202e}\u{feff}", r"'\u202e\ufeff'"),
            ("😀", r"'\U0001f600'"),
            ("'''\"\"\"r'", r#"'\'\'\'"""r\''"#),
        ] {
            assert_eq!(literal(text), written);
        }
    }
}
