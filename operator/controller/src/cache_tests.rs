use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Facts {
    owner: &'static str,
    says: u32,
}

fn cache() -> Cache<Facts> {
    Cache::new(|facts| Some(facts.owner))
}

fn stamp(name: &str, uid: &str, version: u64) -> Stamp {
    Stamp { key: Key::new("ns", name), uid: uid.to_owned(), version }
}

fn says(number: u32) -> Facts {
    Facts { owner: "o", says: number }
}

fn said(cache: &Cache<Facts>, name: &str) -> Option<u32> {
    cache.get(&Key::new("ns", name)).map(|facts| facts.says)
}

#[test]
fn an_older_event_does_not_undo_an_own_write() {
    let mut cache = cache();
    cache.observe(stamp("a", "1", 10), Some(says(1)));
    cache.written(stamp("a", "1", 12), says(2));
    assert_eq!(cache.observe(stamp("a", "1", 11), Some(says(9))), Change::Nothing);
    assert_eq!(cache.observe(stamp("a", "1", 12), Some(says(2))), Change::Nothing);
    assert_eq!(said(&cache, "a"), Some(2));
}

#[test]
fn a_response_later_than_the_watch_does_not_replace_the_event_of_the_watch() {
    let mut cache = cache();
    cache.observe(stamp("a", "1", 13), Some(says(3)));
    let (known, change) = cache.written(stamp("a", "1", 12), says(2));
    assert_eq!((known.says, change), (3, Change::Nothing));
}

#[test]
fn the_answer_to_a_write_does_not_bring_back_what_was_deleted_meanwhile() {
    let mut cache = cache();
    cache.observe(stamp("a", "1", 10), Some(says(1)));
    cache.forget(&stamp("a", "1", 12));
    cache.written(stamp("a", "1", 11), says(2));
    assert_eq!(said(&cache, "a"), None);
}

#[test]
fn a_list_drops_what_it_does_not_name() {
    let mut cache = cache();
    cache.observe(stamp("a", "1", 10), Some(says(1)));
    cache.observe(stamp("b", "2", 11), Some(says(2)));
    cache.list_begins();
    cache.list_names(stamp("b", "2", 11), Some(says(2)));
    let gone = cache.list_ends();
    assert_eq!(gone.len(), 1);
    assert_eq!((said(&cache, "a"), said(&cache, "b")), (None, Some(2)));
    assert!(cache.synced());
}

#[test]
fn a_list_keeps_what_was_written_while_it_was_read() {
    let mut cache = cache();
    cache.list_begins();
    cache.written(stamp("new", "1", 20), says(1));
    cache.written(stamp("changed", "2", 21), says(5));
    cache.list_names(stamp("changed", "2", 15), Some(says(4)));
    assert!(cache.list_ends().is_empty());
    assert_eq!((said(&cache, "new"), said(&cache, "changed")), (Some(1), Some(5)));
}

#[test]
fn a_list_of_a_restored_backup_is_believed() {
    let mut cache = cache();
    cache.observe(stamp("a", "1", 100), Some(says(9)));
    cache.list_begins();
    cache.list_names(stamp("a", "1", 7), Some(says(1)));
    cache.list_ends();
    assert_eq!(said(&cache, "a"), Some(1));
    assert!(matches!(cache.observe(stamp("a", "1", 8), Some(says(2))), Change::Set { .. }));
}

#[test]
fn a_heartbeat_changes_nothing() {
    let mut cache = cache();
    cache.observe(stamp("a", "1", 10), Some(says(1)));
    let revision = cache.revision();
    assert_eq!(cache.observe(stamp("a", "1", 11), Some(says(1))), Change::Nothing);
    assert_eq!(cache.revision(), revision);
}

#[test]
fn the_deletion_of_an_earlier_object_keeps_the_later_one_of_the_same_name() {
    let mut cache = cache();
    cache.observe(stamp("a", "1", 10), Some(says(1)));
    cache.observe(stamp("a", "2", 12), Some(says(2)));
    assert_eq!(cache.forget(&stamp("a", "1", 11)), Change::Nothing);
    assert_eq!(cache.observe(stamp("a", "1", 11), Some(says(1))), Change::Nothing);
    assert_eq!(said(&cache, "a"), Some(2));
}

#[test]
fn what_is_of_no_interest_any_more_is_gone() {
    let mut cache = cache();
    cache.observe(stamp("a", "1", 10), Some(says(1)));
    assert!(matches!(cache.observe(stamp("a", "1", 11), None), Change::Gone { .. }));
    assert!(cache.owned_by("o").is_empty());
}

#[test]
fn facts_are_found_by_their_owner() {
    let mut cache = cache();
    cache.observe(stamp("b", "1", 10), Some(says(1)));
    cache.observe(stamp("a", "2", 11), Some(says(2)));
    cache.observe(stamp("c", "3", 12), Some(Facts { owner: "other", says: 3 }));
    let numbers: Vec<u32> = cache.owned_by("o").iter().map(|facts| facts.says).collect();
    assert_eq!(numbers, [2, 1]);
}
