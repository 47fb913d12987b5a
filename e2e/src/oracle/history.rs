//! Every version of every object of one kind, in the order of resource versions.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

/// Namespace, name and UID: a namesake made later is another object.
pub(super) type Key = (String, String, String);

/// Something that a watch has shown.
#[derive(Debug)]
pub(super) enum Event {
    /// An object as it is from its resource version on.
    Present(Value),
    /// An object that is gone from its resource version on.
    Gone(Value),
    /// A whole list at a resource version: what is not in it is gone.
    List(u64, Vec<Value>),
}

#[derive(Debug)]
struct Version {
    /// Nothing once it is gone.
    object: Option<Value>,
    seen: Instant,
    /// Whether it was first seen in a list, and so may be older than what was seen.
    listed: bool,
}

/// Every version of every object of one kind.
#[derive(Debug, Default)]
pub(super) struct History {
    objects: BTreeMap<Key, BTreeMap<u64, Version>>,
}

impl History {
    pub(super) fn record(&mut self, event: Event) {
        match event {
            Event::Present(object) => self.insert(key(&object), version(&object), Some(object), false),
            Event::Gone(object) => self.insert(key(&object), version(&object), None, false),
            Event::List(at, objects) => {
                let listed: Vec<Key> = objects.iter().map(key).collect();
                for object in objects {
                    self.insert(key(&object), version(&object), Some(object), true);
                }
                let missing: Vec<Key> =
                    self.objects.keys().filter(|key| !listed.contains(key)).cloned().collect();
                for key in missing {
                    self.insert(key, at, None, true);
                }
            }
        }
    }

    fn insert(&mut self, key: Key, version: u64, object: Option<Value>, listed: bool) {
        let versions = self.objects.entry(key).or_default();
        // The time of the first sight counts.
        versions.entry(version).or_insert_with(|| Version { object, seen: Instant::now(), listed });
    }

    /// The newest version seen of each object.
    pub(super) fn newest_versions(&self) -> BTreeMap<Key, u64> {
        let newest = |versions: &BTreeMap<u64, Version>| versions.keys().next_back().copied();
        self.objects.iter().filter_map(|(key, versions)| Some((key.clone(), newest(versions)?))).collect()
    }

    /// Of each object the first version with a property.
    pub(super) fn first_versions(
        &self,
        wanted: impl Fn(&Value) -> bool + Copy,
    ) -> impl Iterator<Item = (&Key, u64, &Value)> {
        self.objects.iter().filter_map(move |(key, versions)| {
            versions.iter().find_map(|(version, state)| {
                let object = state.object.as_ref().filter(|object| wanted(object))?;
                Some((key, *version, object))
            })
        })
    }

    /// When a version was seen first.
    pub(super) fn seen_at(&self, key: &Key, version: u64) -> Option<Instant> {
        Some(self.objects.get(key)?.get(&version)?.seen)
    }

    /// The objects of a namespace (empty for none) as they were at a resource version, and when each was seen to
    /// become so.
    pub(super) fn at(&self, version: u64, namespace: &str) -> Vec<(&Value, Instant)> {
        let in_namespace = self.objects.iter().filter(|((of, ..), _)| of == namespace);
        in_namespace.filter_map(|(_, versions)| state_at(versions, version)).collect()
    }

    /// The object of a name as it was at a resource version; where it was gone by then, as it was last.
    pub(super) fn named_at(&self, version: u64, namespace: &str, name: &str) -> Option<(&Value, Instant)> {
        let namesakes = self.objects.iter().filter(|((of, own, _), _)| of == namespace && own == name);
        let mut last: Option<(u64, &Value, Instant)> = None;
        for (_, versions) in namesakes {
            if let Some((object, seen)) = state_at(versions, version) {
                return Some((object, seen));
            }
            let mut before = versions.range(..=version).rev();
            let known = before.find_map(|(at, state)| Some((*at, state.object.as_ref()?, state.seen)));
            if known.map(|known| known.0) > last.map(|last| last.0) {
                last = known;
            }
        }
        last.map(|(_, object, seen)| (object, seen))
    }
}

fn state_at(versions: &BTreeMap<u64, Version>, version: u64) -> Option<(&Value, Instant)> {
    let state = match versions.range(..=version).next_back() {
        Some((_, state)) => state,
        // What a list showed first was there before, in a version that nobody saw.
        None => versions.values().next().filter(|first| first.listed)?,
    };
    Some((state.object.as_ref()?, state.seen))
}

pub(super) fn key(object: &Value) -> Key {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"), text("uid"))
}

pub(super) fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}
