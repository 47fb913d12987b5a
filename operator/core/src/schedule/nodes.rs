//! Nodes by class, with what is held of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::placement::NodeClass;
use crate::snapshot::NodeUsage;

/// Which class, for as long as a node is of it.
pub(super) type ClassId = u64;

/// Nodes by class, with what is held of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes {
    classes: BTreeMap<ClassId, Class>,
    ids: BTreeMap<Arc<NodeClass>, ClassId>,
    class_of: BTreeMap<String, ClassId>,
    /// The nodes on which a model has pods, by its UID.
    of_models: BTreeMap<String, BTreeSet<String>>,
    next: ClassId,
}

/// The nodes of one class.
#[derive(Clone, Debug)]
pub(super) struct Class {
    /// What they have in common.
    pub(super) class: Arc<NodeClass>,
    /// The nodes by name, with what is held of each.
    pub(super) members: BTreeMap<String, Option<Arc<NodeUsage>>>,
}

/// Where a node is: of which class, and with what held of it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) id: ClassId,
    pub(super) usage: Option<Arc<NodeUsage>>,
}

impl Nodes {
    /// Takes a node out. Gives where it was.
    pub(super) fn remove(&mut self, name: &str) -> Option<Place> {
        let id = self.class_of.remove(name)?;
        let class = self.classes.get_mut(&id)?;
        let usage = class.members.remove(name)?;
        for uid in models(usage.as_deref()) {
            if let Some(nodes) = self.of_models.get_mut(uid) {
                nodes.remove(name);
                if nodes.is_empty() {
                    self.of_models.remove(uid);
                }
            }
        }
        Some(Place { id, usage })
    }

    /// Puts a node where it belongs. Gives where it is, and whether it is the first of its class.
    pub(super) fn insert(
        &mut self,
        name: &str,
        class: NodeClass,
        usage: Option<Arc<NodeUsage>>,
    ) -> (Place, bool) {
        let known = self.ids.get(&class).copied();
        let id = known.unwrap_or_else(|| {
            self.next += 1;
            let class = Arc::new(class);
            self.ids.insert(class.clone(), self.next);
            self.classes.insert(self.next, Class { class, members: BTreeMap::new() });
            self.next
        });
        for uid in models(usage.as_deref()) {
            self.of_models.entry(uid.to_owned()).or_default().insert(name.to_owned());
        }
        if let Some(class) = self.classes.get_mut(&id) {
            class.members.insert(name.to_owned(), usage.clone());
        }
        self.class_of.insert(name.to_owned(), id);
        (Place { id, usage }, known.is_none())
    }

    /// Forgets classes that no node is of any more. Gives them.
    pub(super) fn drop_empty(&mut self) -> Vec<ClassId> {
        let empty: Vec<_> =
            self.classes.iter().filter(|(_, class)| class.members.is_empty()).map(|(id, _)| *id).collect();
        for id in &empty {
            if let Some(class) = self.classes.remove(id) {
                self.ids.remove(&class.class);
            }
        }
        empty
    }

    /// Every class, with its nodes.
    pub(super) fn classes(&self) -> impl Iterator<Item = (ClassId, &Class)> {
        self.classes.iter().map(|(id, class)| (*id, class))
    }

    /// A class, while there are nodes of it.
    pub(super) fn class(&self, id: ClassId) -> Option<&Class> {
        self.classes.get(&id)
    }

    /// The nodes on which the model with this UID has pods, with where they are.
    pub(super) fn of_model(&self, uid: &str) -> impl Iterator<Item = Place> {
        self.of_models.get(uid).into_iter().flatten().filter_map(|name| {
            let id = *self.class_of.get(name)?;
            Some(Place { id, usage: self.classes.get(&id)?.members.get(name)?.clone() })
        })
    }
}

/// The UIDs of the models that hold something.
fn models(usage: Option<&NodeUsage>) -> impl Iterator<Item = &str> {
    usage
        .into_iter()
        .flat_map(|usage| usage.holders.values())
        .filter_map(|holder| holder.model_uid.as_deref())
}
