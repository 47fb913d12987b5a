//! Sets of namespaces, by name.

use std::collections::BTreeSet;

use super::cel::{Expr, name, texts};

/// A set of namespaces. The names of all namespaces are never known, so it is either those that are named or all others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scope {
    /// These.
    Only(BTreeSet<String>),
    /// All but these.
    AllBut(BTreeSet<String>),
}

impl Scope {
    /// No namespace.
    pub const fn nowhere() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Every namespace.
    pub const fn everywhere() -> Self {
        Self::AllBut(BTreeSet::new())
    }

    /// Whether no namespace is in it.
    pub fn is_nowhere(&self) -> bool {
        *self == Self::nowhere()
    }

    /// Whether the namespace is in it.
    pub fn contains(&self, namespace: &str) -> bool {
        match self {
            Self::Only(names) => names.contains(namespace),
            Self::AllBut(names) => !names.contains(namespace),
        }
    }

    /// The namespaces that are not in it.
    #[must_use]
    pub fn complement(self) -> Self {
        match self {
            Self::Only(names) => Self::AllBut(names),
            Self::AllBut(names) => Self::Only(names),
        }
    }

    /// The namespaces that are in one of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Only(one), Self::Only(two)) => Self::Only(one | two),
            (Self::AllBut(one), Self::AllBut(two)) => Self::AllBut(one & two),
            (Self::AllBut(but), Self::Only(names)) | (Self::Only(names), Self::AllBut(but)) => {
                Self::AllBut(but - names)
            }
        }
    }

    /// The namespaces that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.clone().complement().union(&other.clone().complement()).complement()
    }

    /// The namespaces of this that are not in the other.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.intersection(&other.clone().complement())
    }

    /// Whether the namespace of the request is in it.
    pub fn holds_request(&self) -> Expr {
        let namespace = || name("request").field("namespace");
        match self {
            Self::Only(names) if names.is_empty() => Expr::Bool(false),
            Self::AllBut(names) if names.is_empty() => Expr::Bool(true),
            Self::Only(names) => namespace().is_in(texts(names)),
            Self::AllBut(names) => !namespace().is_in(texts(names)),
        }
    }
}

impl FromIterator<Scope> for Scope {
    fn from_iter<I: IntoIterator<Item = Self>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::nowhere(), |all, scope| all.union(&scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(names: &[&str]) -> Scope {
        Scope::Only(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_algebra_agrees_with_membership() {
        let sets = [
            Scope::nowhere(),
            Scope::everywhere(),
            only(&["a"]),
            only(&["a", "b"]),
            only(&["b", "c"]).complement(),
            only(&["a"]).complement(),
        ];
        for one in &sets {
            for two in &sets {
                for name in ["a", "b", "c", "d"] {
                    let (in_one, in_two) = (one.contains(name), two.contains(name));
                    assert_eq!(one.union(two).contains(name), in_one || in_two);
                    assert_eq!(one.intersection(two).contains(name), in_one && in_two);
                    assert_eq!(one.minus(two).contains(name), in_one && !in_two);
                }
            }
        }
    }
}
