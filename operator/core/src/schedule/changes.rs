//! What differs between two copies of the same facts.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::snapshot::Facts;

/// The keys whose facts differ, in order. Facts that both copies share are not looked into: a walk over ten thousand takes about
/// half a millisecond.
pub(super) fn changes<'a, K: Ord, T>(before: &'a Facts<K, T>, after: &'a Facts<K, T>) -> Vec<&'a K> {
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    let mut changed = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return changed,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((one, _)), Some((other, _))) => one.cmp(other),
        };
        let left = (order != Ordering::Greater).then(|| old.next()).flatten();
        let right = (order != Ordering::Less).then(|| new.next()).flatten();
        match (left, right) {
            (Some((_, before)), Some((_, after))) if Arc::ptr_eq(before, after) => {}
            (_, Some((key, _))) | (Some((key, _)), None) => changed.push(key),
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_anew_and_what_is_gone_has_changed() {
        let facts = |names: &[&str]| -> Facts<String, u8> {
            names.iter().map(|name| ((*name).to_owned(), Arc::new(0))).collect()
        };
        let before = facts(&["a", "b", "c"]);
        assert!(changes(&before, &before.clone()).is_empty());
        let after =
            before.remove("a").insert("b".to_owned(), Arc::new(0)).insert("d".to_owned(), Arc::new(0));
        assert_eq!(changes(&before, &after), ["a", "b", "d"]);
        assert_eq!(changes(&after, &before), ["a", "b", "d"]);
        assert_eq!(changes(&Facts::default(), &before), ["a", "b", "c"]);
    }
}
