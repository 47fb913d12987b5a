//! Expressions of the Common Expression Language, as a tree.
//!
//! Nothing of a policy is ever pasted into the text of an expression: a value becomes a leaf of the tree, and one place,
//! [`literal`], writes leaves. Names of variables, fields and functions are `&'static str`, so that none of them can come
//! from an object. The language: <https://github.com/google/cel-spec/blob/master/doc/langdef.md>; what Kubernetes adds:
//! <https://kubernetes.io/docs/reference/using-api/cel/>. Only what 1.34 to 1.37 read alike is used.

mod print;

pub use print::literal;

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

/// Whether the field exists. Asking for a field of something that is absent is an error, so only the last one may be.
pub fn has(field: Expr) -> Expr {
    call("has", [field])
}

impl Expr {
    /// The field of this name, which is always there.
    #[must_use]
    pub fn field(self, name: &'static str) -> Self {
        Self::Field { of: Box::new(self), name, optional: false }
    }

    /// The field of this name, if it exists.
    #[must_use]
    pub fn maybe(self, name: &'static str) -> Self {
        Self::Field { of: Box::new(self), name, optional: true }
    }

    /// Fields below each other, all of which exist.
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

    /// The entry with this key, if it exists.
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

    /// The same expression with each of the parts that it is directly made of changed.
    #[must_use]
    pub fn with_parts(self, mut change: impl FnMut(Self) -> Self) -> Self {
        let changed = |parts: Vec<Self>, change: &mut dyn FnMut(Self) -> Self| {
            parts.into_iter().map(change).collect::<Vec<_>>()
        };
        let mut boxed = |part: Box<Self>| Box::new(change(*part));
        match self {
            Self::Field { of, name, optional } => Self::Field { of: boxed(of), name, optional },
            Self::Item { of, key, optional } => Self::Item { of: boxed(of), key: boxed(key), optional },
            Self::Each { of, quantifier, variable, body } => {
                Self::Each { of: boxed(of), quantifier, variable, body: boxed(body) }
            }
            Self::Not(of) => Self::Not(boxed(of)),
            Self::Compare { left, operator, right } => {
                Self::Compare { left: boxed(left), operator, right: boxed(right) }
            }
            Self::Choice { condition, then, otherwise } => {
                Self::Choice { condition: boxed(condition), then: boxed(then), otherwise: boxed(otherwise) }
            }
            Self::Call { on, function, arguments } => {
                let on = on.map(boxed);
                Self::Call { on, function, arguments: changed(arguments, &mut change) }
            }
            Self::List(items) => Self::List(changed(items, &mut change)),
            Self::All(parts) => Self::All(changed(parts, &mut change)),
            Self::Any(parts) => Self::Any(changed(parts, &mut change)),
            Self::Map(entries) => {
                Self::Map(entries.into_iter().map(|(key, value)| (key, change(value))).collect())
            }
            leaf @ (Self::Bool(_) | Self::Int(_) | Self::Text(_) | Self::Name(_)) => leaf,
        }
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
