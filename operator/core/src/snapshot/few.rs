//! A map of few entries, as large as what it holds.

use std::borrow::Borrow;
use std::collections::BTreeMap;

/// A map of few entries, in the order of its keys. There are thousands of nodes, and most of their maps have one entry: a
/// [`BTreeMap`] keeps room for eleven.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Few<K, V>(Box<[(K, V)]>);

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<K, V> Few<K, V> {
    /// The value of a key.
    pub fn get<Q: Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.iter().find(|(known, _)| (*known).borrow() == key).map(|(_, value)| value)
    }

    /// Every entry, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Few<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        // It sorts, and keeps the last of equal keys.
        let sorted: BTreeMap<K, V> = entries.into_iter().collect();
        Self(sorted.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_and_in_the_order_of_their_keys() {
        let few: Few<String, i32> =
            [("b", 1), ("a", 2), ("b", 3)].map(|(key, n)| (key.to_owned(), n)).into_iter().collect();
        assert_eq!(few.iter().map(|(key, n)| (key.as_str(), *n)).collect::<Vec<_>>(), [("a", 2), ("b", 3)]);
        assert_eq!(few.get("b"), Some(&3));
        assert_eq!(few.get("c"), None);
    }
}
