//! The cache of one kind: facts by key. A newer version is never replaced by an older one.
//!
//! Two sources feed a cache: the watch, and the answers to own writes. An answer is inserted at once, so that the next
//! step reads what the last one wrote; an event that is older than it changes nothing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hemvist_core::snapshot::Key;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Which object, in which incarnation, at which moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// Namespace and name.
    pub key: Key,
    pub uid: String,
    /// Its resource version. Kubernetes lets versions of one kind be compared as numbers.
    pub version: u64,
}

impl Stamp {
    /// The stamp of an object, or `None` where it has no name.
    pub fn of(metadata: &ObjectMeta) -> Option<Self> {
        Some(Self {
            key: Key::new(metadata.namespace.clone().unwrap_or_default(), metadata.name.clone()?),
            uid: metadata.uid.clone().unwrap_or_default(),
            version: metadata
                .resource_version
                .as_deref()
                .and_then(|text| text.parse().ok())
                .unwrap_or_default(),
        })
    }
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<T> {
    /// It carried nothing new.
    Nothing,
    /// The facts are new or other than before.
    Set {
        /// What was known before.
        old: Option<Arc<T>>,
        /// What is known now.
        new: Arc<T>,
    },
    /// The object is gone.
    Gone {
        /// What was known of it.
        old: Arc<T>,
    },
}

impl<T> Change<T> {
    /// What was known before.
    pub fn before(&self) -> Option<&T> {
        match self {
            Self::Nothing => None,
            Self::Set { old, .. } => old.as_deref(),
            Self::Gone { old } => Some(old),
        }
    }

    /// What is known now.
    pub fn after(&self) -> Option<&T> {
        match self {
            Self::Set { new, .. } => Some(new),
            Self::Nothing | Self::Gone { .. } => None,
        }
    }
}

/// What is known of the objects of one kind.
#[derive(Debug)]
pub struct Cache<T> {
    /// By key. A key is shared with the index of owners: there are thousands, and a table has about twice as many places as
    /// entries, each as large as what it holds.
    entries: HashMap<Arc<Key>, Entry<T>>,
    /// Keys by owner. Most owners have one, so that a list is the smallest that holds them.
    owners: HashMap<Arc<str>, Vec<Arc<Key>>>,
    owner_of: fn(&T) -> Option<&str>,
    /// UIDs of objects that are gone, so that a late answer to an own write does not bring one back. Emptied at every
    /// list, which knows better.
    deleted: HashSet<String>,
    /// Keys that a list under way has named, or that were written since it began.
    listed: Option<HashSet<Arc<Key>>>,
    synced: bool,
    revision: u64,
    /// Keys whose facts have changed since somebody asked, where somebody does.
    changed: Option<BTreeSet<Key>>,
}

#[derive(Debug)]
struct Entry<T> {
    uid: Box<str>,
    version: u64,
    facts: Arc<T>,
}

impl<T: PartialEq> Cache<T> {
    /// An empty cache. `owner_of` names the UID by which [`Cache::owned_by`] finds facts.
    pub fn new(owner_of: fn(&T) -> Option<&str>) -> Self {
        Self {
            entries: HashMap::new(),
            owners: HashMap::new(),
            owner_of,
            deleted: HashSet::new(),
            listed: None,
            synced: false,
            revision: 0,
            changed: None,
        }
    }

    /// The same, which also says what has changed; see [`Cache::take_changed`].
    #[must_use]
    pub fn recording(self) -> Self {
        Self { changed: Some(BTreeSet::new()), ..self }
    }

    /// The keys whose facts have changed since the last call, in order. Empty where changes are not recorded.
    pub fn take_changed(&mut self) -> BTreeSet<Key> {
        self.changed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub fn list_begins(&mut self) {
        self.listed = Some(HashSet::new());
    }

    /// A list names an object; `facts` is `None` where it is of no interest. The list is taken at its word even where it
    /// is older than what was known, since that is what a restored backup looks like; only an own write that was answered
    /// after it began is newer.
    pub fn list_names(&mut self, stamp: Stamp, facts: Option<T>) -> Change<T> {
        let Some(facts) = facts else { return Change::Nothing };
        let named_before = self.note_listed(&stamp.key);
        if named_before && self.is_older(&stamp) {
            return Change::Nothing;
        }
        self.set(stamp, facts).0
    }

    /// A list ends: what it did not name is gone.
    pub fn list_ends(&mut self) -> Vec<(Key, Change<T>)> {
        let listed = self.listed.take().unwrap_or_default();
        let vanished: Vec<_> = self.entries.keys().filter(|key| !listed.contains(*key)).cloned().collect();
        let changes = vanished
            .into_iter()
            .filter_map(|key| Some((Key::clone(&key), Change::Gone { old: self.take_out(&key)? })))
            .collect();
        self.deleted.clear();
        self.synced = true;
        changes
    }

    /// The watch shows an object; `facts` is `None` where it is of no interest any more.
    pub fn observe(&mut self, stamp: Stamp, facts: Option<T>) -> Change<T> {
        if self.is_older(&stamp) {
            return Change::Nothing;
        }
        match facts {
            Some(facts) => self.set(stamp, facts).0,
            None => self.take_out(&stamp.key).map_or(Change::Nothing, |old| Change::Gone { old }),
        }
    }

    /// An object was deleted. Another incarnation of the same name is not meant.
    pub fn forget(&mut self, stamp: &Stamp) -> Change<T> {
        if self.entries.get(&stamp.key).is_none_or(|entry| *entry.uid != stamp.uid) {
            return Change::Nothing;
        }
        self.deleted.insert(stamp.uid.clone());
        self.take_out(&stamp.key).map_or(Change::Nothing, |old| Change::Gone { old })
    }

    /// The API server answered an own write with this object. Gives what is now known of it, which is newer where the
    /// watch was faster, together with what was known before.
    pub fn written(&mut self, stamp: Stamp, facts: T) -> (Arc<T>, Change<T>) {
        if self.deleted.contains(&stamp.uid) {
            return (Arc::new(facts), Change::Nothing);
        }
        self.note_listed(&stamp.key);
        match self.entries.get(&stamp.key) {
            Some(entry) if self.is_older(&stamp) => (entry.facts.clone(), Change::Nothing),
            _ => {
                let (change, facts) = self.set(stamp, facts);
                (facts, change)
            }
        }
    }

    /// What is known of an object.
    pub fn get(&self, key: &Key) -> Option<Arc<T>> {
        self.entries.get(key).map(|entry| entry.facts.clone())
    }

    /// What is known of the objects that belong to `owner`, in the order of their keys.
    pub fn owned_by(&self, owner: &str) -> Vec<Arc<T>> {
        let mut keys: Vec<&Arc<Key>> = self.owners.get(owner).into_iter().flatten().collect();
        keys.sort();
        keys.into_iter().filter_map(|key| self.get(key)).collect()
    }

    /// Everything, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Arc<T>)> {
        self.entries.iter().map(|(key, entry)| (&**key, &entry.facts))
    }

    /// Whether a list has been seen to its end.
    pub const fn synced(&self) -> bool {
        self.synced
    }

    /// A number that grows whenever facts change.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    fn is_older(&self, stamp: &Stamp) -> bool {
        self.entries.get(&stamp.key).is_some_and(|entry| {
            if stamp.uid == *entry.uid {
                stamp.version <= entry.version
            } else {
                stamp.version < entry.version
            }
        })
    }

    fn set(&mut self, stamp: Stamp, facts: T) -> (Change<T>, Arc<T>) {
        if let Some(entry) = self.entries.get_mut(&stamp.key)
            && *entry.uid == stamp.uid
            && *entry.facts == facts
        {
            entry.version = stamp.version;
            return (Change::Nothing, entry.facts.clone());
        }
        let old = self.take_out(&stamp.key);
        self.record(&stamp.key);
        let (key, new) = (Arc::new(stamp.key), Arc::new(facts));
        if let Some(owner) = (self.owner_of)(&new) {
            match self.owners.get_mut(owner) {
                Some(owned) => owned.push(key.clone()),
                None => drop(self.owners.insert(owner.into(), vec![key.clone()])),
            }
        }
        let entry = Entry { uid: stamp.uid.into(), version: stamp.version, facts: new.clone() };
        self.entries.insert(key, entry);
        self.revision += 1;
        (Change::Set { old, new: new.clone() }, new)
    }

    /// Notes that a list under way need not name this key any more. Says whether that was known.
    fn note_listed(&mut self, key: &Key) -> bool {
        let Some(listed) = self.listed.as_mut() else { return false };
        if listed.contains(key) {
            return true;
        }
        listed.insert(
            self.entries.get_key_value(key).map_or_else(|| Arc::new(key.clone()), |(known, _)| known.clone()),
        );
        false
    }

    fn record(&mut self, key: &Key) {
        if let Some(changed) = &mut self.changed {
            changed.insert(key.clone());
        }
    }

    fn take_out(&mut self, key: &Key) -> Option<Arc<T>> {
        let facts = self.entries.remove(key)?.facts;
        self.record(key);
        if let Some(owner) = (self.owner_of)(&facts)
            && let Some(owned) = self.owners.get_mut(owner)
        {
            owned.retain(|one| **one != *key);
            if owned.is_empty() {
                self.owners.remove(owner);
            }
        }
        self.revision += 1;
        Some(facts)
    }
}

/// A cache that several tasks use. A lock is held for the length of one call and never across a wait.
#[derive(Debug)]
pub struct Shared<T>(Mutex<T>);

impl<T> Shared<T> {
    /// Shares `value`.
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Takes the lock. A task that panicked while it held it left whole values behind, so its poison is ignored.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
