//! The limit that one policy sets, and the intersection of several.

use std::collections::BTreeSet;

use crate::violation::RuleSource;

/// Something that one field of one policy states.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Statement<T> {
    /// Where it stands.
    pub source: RuleSource,
    /// Whether the policy is one of the root namespace.
    pub from_root: bool,
    /// What is stated.
    pub value: T,
}

/// Lists of what is allowed, of which each has to hold.
///
/// The lists are kept apart and never intersected into one, so that the meet of two sets of limits is their union, and
/// a refusal can say which list refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Limits<T: Ord>(BTreeSet<Statement<BTreeSet<T>>>);

impl<T: Clone + Ord> Limits<T> {
    /// No opinion.
    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// Adds a list.
    pub fn add(&mut self, limit: Statement<BTreeSet<T>>) {
        self.0.insert(limit);
    }

    /// The limits of both.
    pub fn meet(&self, other: &Self) -> Self {
        Self(&self.0 | &other.0)
    }

    /// The lists, by the place where they stand.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Statement<BTreeSet<T>>> {
        self.0.iter()
    }

    /// Whether no policy sets a list.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a policy of the root namespace states a list. Where none does, nothing is allowed.
    pub fn stated_by_root(&self) -> bool {
        self.0.iter().any(|limit| limit.from_root)
    }

    /// The values that every list holds.
    pub fn intersection(&self) -> BTreeSet<T> {
        self.covered(BTreeSet::contains)
    }

    /// The stated values that every list covers, where covering is more than being equal.
    pub fn covered(&self, covers: impl Fn(&BTreeSet<T>, &T) -> bool) -> BTreeSet<T> {
        let everywhere = |value: &&T| self.0.iter().all(|limit| covers(&limit.value, value));
        self.0.iter().flat_map(|limit| &limit.value).filter(everywhere).cloned().collect()
    }

    /// The list with which nothing is left any more, counted in order; `None` where something is left or nothing is
    /// stated.
    pub fn exhausted_by(&self) -> Option<&RuleSource> {
        let mut left: Option<BTreeSet<T>> = None;
        for limit in &self.0 {
            let now = left.as_ref().map_or_else(|| limit.value.clone(), |before| before & &limit.value);
            if now.is_empty() {
                return Some(&limit.source);
            }
            left = Some(now);
        }
        None
    }
}

impl<T: Clone + Ord> FromIterator<Statement<BTreeSet<T>>> for Limits<T> {
    fn from_iter<I: IntoIterator<Item = Statement<BTreeSet<T>>>>(limits: I) -> Self {
        Self(limits.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(name: &str, from_root: bool, values: &[u8]) -> Statement<BTreeSet<u8>> {
        let source = RuleSource {
            namespace: "root".to_owned(),
            name: name.to_owned(),
            generation: 1,
            field: "spec".to_owned(),
        };
        Statement { source, from_root, value: values.iter().copied().collect() }
    }

    #[test]
    fn the_meet_allows_what_both_allow() {
        let left: Limits<u8> = [limit("a", true, &[1, 2, 3])].into_iter().collect();
        let right: Limits<u8> = [limit("b", false, &[2, 3, 4])].into_iter().collect();
        assert_eq!(left.meet(&right).intersection(), BTreeSet::from([2, 3]));
        assert!(left.stated_by_root() && !right.stated_by_root());
    }

    #[test]
    fn the_list_that_takes_the_last_value_is_named() {
        let limits: Limits<u8> =
            [limit("a", true, &[1, 2]), limit("b", true, &[2, 3]), limit("c", true, &[1, 3])]
                .into_iter()
                .collect();
        assert_eq!(limits.exhausted_by().map(|source| source.name.as_str()), Some("c"));
        assert_eq!(Limits::<u8>::none().exhausted_by(), None);
    }
}
