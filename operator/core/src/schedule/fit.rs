//! Which classes of nodes suit a demand, and how much room they have together.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::Timestamp;

use super::nodes::{ClassId, Nodes, Place};
use crate::accelerator::{DeviceClass, Offer};
use crate::placement::{Exclusion, NodeClass, room, suits};
use crate::request::Demand;
use crate::snapshot::{Key, NodeUsage};

/// Where the models of one demand can go.
#[derive(Clone, Debug, Default)]
pub(super) struct Fit {
    /// What nodes of each class offer them, or why none of these suits.
    pub(super) suits: BTreeMap<ClassId, Result<Offer, Vec<Exclusion>>>,
    /// The room on all nodes together, for a model that has no replica yet.
    pub(super) total: Total,
    /// The models with this demand.
    pub(super) models: BTreeMap<Key, Member>,
    /// Those of them that wait for accelerators, the oldest first.
    pub(super) waiting: BTreeSet<(Option<Timestamp>, Key)>,
}

/// An accepted model.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Its UID.
    pub(super) uid: String,
    /// When it was created, where that is known.
    pub(super) created: Option<Timestamp>,
    /// Replicas that are wanted.
    pub(super) wanted: i64,
    /// Whether it waits for accelerators.
    pub(super) waits: bool,
}

/// The room on some nodes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Total {
    /// Replicas that there is room for.
    pub(super) slots: i64,
    /// Nodes with room for at least one.
    pub(super) candidates: i64,
}

impl Total {
    /// That of one node.
    fn of(demand: &Demand, offer: &Offer, usage: Option<&NodeUsage>, uid: &str) -> Self {
        let slots = room(demand, offer, usage, uid).map_or(0, |room| room.slots);
        Self { slots, candidates: i64::from(slots > 0) }
    }

    fn plus(self, other: Self, sign: i64) -> Self {
        Self { slots: self.slots + sign * other.slots, candidates: self.candidates + sign * other.candidates }
    }
}

impl Fit {
    /// Looks at every class.
    pub(super) fn new(
        demand: &Demand,
        nodes: &Nodes,
        device_classes: &BTreeMap<String, DeviceClass>,
    ) -> Self {
        let mut fit = Self::default();
        for (id, class) in nodes.classes() {
            fit.add_class(demand, id, &class.class, device_classes);
            for usage in class.members.values() {
                fit.count(demand, &Place { id, usage: usage.clone() }, 1);
            }
        }
        fit
    }

    /// Looks at a class of which no node is counted yet.
    pub(super) fn add_class(
        &mut self,
        demand: &Demand,
        id: ClassId,
        class: &NodeClass,
        device_classes: &BTreeMap<String, DeviceClass>,
    ) {
        self.suits.insert(id, suits(demand, class, device_classes));
    }

    /// Counts a node in, or out where `sign` is -1. Says whether that can change anything for a model of this demand.
    pub(super) fn count(&mut self, demand: &Demand, place: &Place, sign: i64) -> bool {
        match self.suits.get(&place.id) {
            Some(Ok(offer)) => {
                let of_node = Total::of(demand, offer, place.usage.as_deref(), "");
                self.total = self.total.plus(of_node, sign);
                true
            }
            _ => self.may_suit(place.id),
        }
    }

    /// The room for a model that holds some of it already.
    pub(super) fn total_for(&self, demand: &Demand, nodes: &Nodes, uid: &str) -> Total {
        let own = nodes.of_model(uid).filter_map(|place| match self.suits.get(&place.id)? {
            Ok(offer) => Some((offer, place.usage)),
            Err(_) => None,
        });
        own.fold(self.total, |total, (offer, usage)| {
            let with_its_own = Total::of(demand, offer, usage.as_deref(), "");
            let without = Total::of(demand, offer, usage.as_deref(), uid);
            total.plus(with_its_own, -1).plus(without, 1)
        })
    }

    /// Takes a model in that does not wait, as far as is known.
    pub(super) fn add(&mut self, key: Key, model: Member) {
        self.models.insert(key, model);
    }

    /// Takes a model out.
    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(model) = self.models.remove(key) {
            self.waiting.remove(&(model.created, key.clone()));
        }
    }

    /// Finds out which models wait now.
    pub(super) fn update_queue(&mut self, demand: &Demand, nodes: &Nodes) {
        let suitable = self.is_suitable();
        let waits = |model: &Member| {
            // What a model holds itself only adds to its room.
            suitable
                && self.total.slots < model.wanted
                && self.total_for(demand, nodes, &model.uid).slots < model.wanted
        };
        let changed = self.models.iter().filter(|(_, model)| waits(model) != model.waits);
        let changed: Vec<Key> = changed.map(|(key, _)| key.clone()).collect();
        for key in changed {
            let Some(model) = self.models.get_mut(&key) else { continue };
            model.waits = !model.waits;
            let place = (model.created, key);
            if model.waits {
                self.waiting.insert(place);
            } else {
                self.waiting.remove(&place);
            }
        }
    }

    /// Whether a class suits, now or as soon as its nodes are ready.
    pub(super) fn is_suitable(&self) -> bool {
        self.suits.keys().any(|id| self.may_suit(*id))
    }

    /// Whether nodes of a class suit, now or as soon as they are ready.
    pub(super) fn may_suit(&self, id: ClassId) -> bool {
        match self.suits.get(&id) {
            Some(Ok(_)) => true,
            Some(Err(reasons)) => reasons.iter().all(Exclusion::is_passing),
            None => false,
        }
    }

    /// Whether some nodes suit both, now or as soon as they are ready.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.suits.keys().any(|id| self.may_suit(*id) && other.may_suit(*id))
    }
}
