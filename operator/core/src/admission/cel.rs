//! Expressions of the Common Expression Language, as a tree.
//!
//! Nothing of a policy is ever pasted into the text of an expression: a value becomes a leaf of the tree, and one place,
//! [`literal`], writes leaves. Names of variables, fields and functions are `&'static str`, so that none of them can come
//! from an object. The language: <https://github.com/google/cel-spec/blob/master/doc/langdef.md>; what Kubernetes adds:
//! <https://kubernetes.io/docs/reference/using-api/cel/>. Only what 1.34 to 1.37 read alike is used.

use std::fmt;

/// An expression.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Expr {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text, whatever stands in it.
    Text(String),
    /// A list.
    List(Vec<Expr>),
    /// A map with texts for keys.
    Map(Vec<(&'static str, Expr)>),
    /// A variable.
    Name(&'static str),
    /// A field; an optional one is absent where it, or what it belongs to, is not there.
    Field {
        /// What it belongs to.
        of: Box<Expr>,
        /// Its name.
        name: &'static str,
        /// Whether it may be absent.
        optional: bool,
    },
    /// An entry of a map or list.
    Item {
        /// The map or list.
        of: Box<Expr>,
        /// Its key or position.
        key: Box<Expr>,
        /// Whether it may be absent.
        optional: bool,
    },
    /// A call of a function, or of a method where it is called on something.
    Call {
        /// What it is called on.
        on: Option<Box<Expr>>,
        /// The function.
        function: &'static str,
        /// What it is given.
        arguments: Vec<Expr>,
    },
    /// A macro over a list or the keys of a map.
    Each {
        /// The list or map.
        of: Box<Expr>,
        /// The macro.
        quantifier: Quantifier,
        /// The variable that stands for each.
        variable: &'static str,
        /// What is asked of each.
        body: Box<Expr>,
    },
    /// The contrary.
    Not(Box<Expr>),
    /// All of them hold; of none, `true`.
    All(Vec<Expr>),
    /// One of them holds; of none, `false`.
    Any(Vec<Expr>),
    /// Two values and an operator between them.
    Compare {
        /// The value on the left.
        left: Box<Expr>,
        /// The operator.
        operator: Operator,
        /// The value on the right.
        right: Box<Expr>,
    },
    /// One or the other.
    Choice {
        /// Which.
        condition: Box<Expr>,
        /// Where it holds.
        then: Box<Expr>,
        /// Where it does not.
        otherwise: Box<Expr>,
    },
}

/// A macro over a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Quantifier {
    /// It holds for each.
    All,
    /// It holds for one at least.
    Exists,
    /// Those for which it holds.
    Filter,
    /// What it becomes.
    Map,
}

/// An operator between two values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `in`
    In,
    /// `>`
    Greater,
    /// `+`
    Plus,
}

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

/// A variable.
pub const fn name(name: &'static str) -> Expr {
    Expr::Name(name)
}

/// A text.
pub fn text(text: impl Into<String>) -> Expr {
    Expr::Text(text.into())
}

/// A list of texts.
pub fn texts(texts: impl IntoIterator<Item = impl ToString>) -> Expr {
    Expr::List(texts.into_iter().map(|one| Expr::Text(one.to_string())).collect())
}

/// Every one of them holds.
pub fn all(parts: impl IntoIterator<Item = Expr>) -> Expr {
    let mut parts: Vec<_> = parts.into_iter().filter(|part| *part != Expr::Bool(true)).collect();
    match parts.len() {
        0 => Expr::Bool(true),
        1 => parts.remove(0),
        _ => Expr::All(parts),
    }
}

/// One of them holds at least.
pub fn any(parts: impl IntoIterator<Item = Expr>) -> Expr {
    let mut parts: Vec<_> = parts.into_iter().filter(|part| *part != Expr::Bool(false)).collect();
    match parts.len() {
        0 => Expr::Bool(false),
        1 => parts.remove(0),
        _ => Expr::Any(parts),
    }
}

/// A function that is called on nothing.
pub fn call(function: &'static str, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Call { on: None, function, arguments: arguments.into_iter().collect() }
}

/// Whether the field is there. Asking for a field of something that is absent is an error, so only the last one may be.
pub fn has(field: Expr) -> Expr {
    call("has", [field])
}

impl Expr {
    /// The field of this name, which is always there.
    #[must_use]
    pub fn field(self, name: &'static str) -> Self {
        Self::Field { of: Box::new(self), name, optional: false }
    }

    /// The field of this name, if it is there.
    #[must_use]
    pub fn maybe(self, name: &'static str) -> Self {
        Self::Field { of: Box::new(self), name, optional: true }
    }

    /// Fields below each other, all of which are there.
    #[must_use]
    pub fn path<const N: usize>(self, names: [&'static str; N]) -> Self {
        names.into_iter().fold(self, Self::field)
    }

    /// Fields below each other, each of which may be absent.
    #[must_use]
    pub fn maybe_path<const N: usize>(self, names: [&'static str; N]) -> Self {
        names.into_iter().fold(self, Self::maybe)
    }

    /// The entry with this key.
    #[must_use]
    pub fn item(self, key: Self) -> Self {
        Self::Item { of: Box::new(self), key: Box::new(key), optional: false }
    }

    /// The entry with this key, if it is there.
    #[must_use]
    pub fn maybe_item(self, key: Self) -> Self {
        Self::Item { of: Box::new(self), key: Box::new(key), optional: true }
    }

    /// What stands for an optional that is absent.
    #[must_use]
    pub fn or_value(self, value: Self) -> Self {
        self.call("orValue", [value])
    }

    /// An optional text, empty where it is absent.
    #[must_use]
    pub fn or_empty(self) -> Self {
        self.or_value(text(""))
    }

    /// An optional list, empty where it is absent.
    #[must_use]
    pub fn or_none(self) -> Self {
        self.or_value(Self::List(Vec::new()))
    }

    /// An optional map, empty where it is absent.
    #[must_use]
    pub fn or_no_entries(self) -> Self {
        self.or_value(Self::Map(Vec::new()))
    }

    /// A method of this.
    #[must_use]
    pub fn call(self, function: &'static str, arguments: impl IntoIterator<Item = Self>) -> Self {
        Self::Call { on: Some(Box::new(self)), function, arguments: arguments.into_iter().collect() }
    }

    /// Whether the text has a part that the regular expression (RE2) describes.
    #[must_use]
    pub fn matches(self, pattern: impl Into<String>) -> Self {
        self.call("matches", [text(pattern)])
    }

    /// Whether `body` holds for each.
    #[must_use]
    pub fn every(self, variable: &'static str, body: Self) -> Self {
        self.each(Quantifier::All, variable, body)
    }

    /// Whether `body` holds for one at least.
    #[must_use]
    pub fn some(self, variable: &'static str, body: Self) -> Self {
        self.each(Quantifier::Exists, variable, body)
    }

    /// Those for which `body` holds.
    #[must_use]
    pub fn those(self, variable: &'static str, body: Self) -> Self {
        self.each(Quantifier::Filter, variable, body)
    }

    /// What each becomes.
    #[must_use]
    pub fn mapped(self, variable: &'static str, body: Self) -> Self {
        self.each(Quantifier::Map, variable, body)
    }

    fn each(self, quantifier: Quantifier, variable: &'static str, body: Self) -> Self {
        Self::Each { of: Box::new(self), quantifier, variable, body: Box::new(body) }
    }

    /// Whether both are the same.
    #[must_use]
    pub fn equals(self, right: Self) -> Self {
        self.compared(Operator::Equal, right)
    }

    /// Whether they differ.
    #[must_use]
    pub fn differs(self, right: Self) -> Self {
        self.compared(Operator::Unequal, right)
    }

    /// Whether the list has it, or the map has it as a key.
    #[must_use]
    pub fn is_in(self, list: Self) -> Self {
        self.compared(Operator::In, list)
    }

    /// Whether it is greater.
    #[must_use]
    pub fn exceeds(self, right: Self) -> Self {
        self.compared(Operator::Greater, right)
    }

    /// One text or list after the other.
    #[must_use]
    pub fn plus(self, right: Self) -> Self {
        self.compared(Operator::Plus, right)
    }

    fn compared(self, operator: Operator, right: Self) -> Self {
        Self::Compare { left: Box::new(self), operator, right: Box::new(right) }
    }

    /// One or the other.
    #[must_use]
    pub fn choose(self, then: Self, otherwise: Self) -> Self {
        Self::Choice { condition: Box::new(self), then: Box::new(then), otherwise: Box::new(otherwise) }
    }

    /// Where this holds, that has to hold too.
    #[must_use]
    pub fn implies(self, consequence: Self) -> Self {
        any([!self, consequence])
    }
}

impl std::ops::Not for Expr {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            Self::Bool(holds) => Self::Bool(!holds),
            other => Self::Not(Box::new(other)),
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
