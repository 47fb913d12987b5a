//! All models together, over all nodes: which nodes suit which demand, how much room they have, and who waits before whom.
//!
//! Work grows with kinds, not with numbers: nodes with equal facts are one class, models that ask for the same are one demand,
//! and a class is compared with a demand once. A [`Schedule`] is a function of one [`Snapshot`]: [`Schedule::update`] brings it
//! to another snapshot, and repeats only the work for what has changed.
//!
//! Nothing is bound here, and nothing is reserved: for each model the schedule counts the room that there is for it alone. The
//! scheduler of Kubernetes decides which of them is first.

mod changes;
mod explain;
mod fit;
mod nodes;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::changes::changes;
use self::fit::{Fit, Member};
use self::nodes::Nodes;
use crate::acceptance::accept;
use crate::date;
use crate::placement::{NodeClass, suits};
use crate::policy::EffectivePolicy;
use crate::request::{Demand, ModelRequest};
use crate::snapshot::{Facts, Key, ModelFacts, Snapshot};

/// All models together, over all nodes.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// What it was made from.
    seen: Snapshot,
    nodes: Nodes,
    fits: BTreeMap<Arc<Demand>, Fit>,
    /// What each accepted model asks for.
    demands: BTreeMap<Key, Arc<Demand>>,
    /// The models whose accelerators have several names: which one they ask by depends on the classes of nodes.
    of_several_names: BTreeSet<Key>,
}

/// The schedule of this moment, from nothing.
pub fn schedule(snapshot: &Snapshot) -> Schedule {
    let mut schedule = Schedule {
        seen: Snapshot { models: Facts::default(), nodes: Facts::default(), ..snapshot.clone() },
        nodes: Nodes::default(),
        fits: BTreeMap::new(),
        demands: BTreeMap::new(),
        of_several_names: BTreeSet::new(),
    };
    schedule.update(snapshot);
    schedule
}

/// What a change of nodes can change for models.
#[derive(Debug, Default)]
struct Changed {
    /// The demands to which such a node matters.
    demands: BTreeSet<Arc<Demand>>,
    /// Whether there are other classes of nodes than before.
    classes: bool,
}

impl Schedule {
    /// Brings it to another snapshot. The result is the same as from nothing.
    pub fn update(&mut self, snapshot: &Snapshot) {
        let before = std::mem::replace(&mut self.seen, snapshot.clone());
        let all = before.device_classes != snapshot.device_classes || binds_otherwise(&before, snapshot);
        if all {
            self.fits.clear();
            self.demands.clear();
            self.of_several_names.clear();
        }
        let mut changed = self.update_nodes(&before);
        let keys: BTreeSet<Key> = if all {
            snapshot.models.keys().cloned().collect()
        } else {
            let several = self.of_several_names.iter().filter(|_| changed.classes);
            changes(&before.models, &snapshot.models).into_iter().chain(several).cloned().collect()
        };
        self.update_models(&keys, &mut changed.demands);
        for demand in &changed.demands {
            if let Some(fit) = self.fits.get_mut(demand) {
                fit.update_queue(demand, &self.nodes);
            }
        }
        self.fits.retain(|_, fit| !fit.models.is_empty());
    }

    /// Sorts changed nodes into their classes.
    fn update_nodes(&mut self, before: &Snapshot) -> Changed {
        let now = self.seen.clone();
        let mut names: BTreeSet<&String> = changes(&before.nodes, &now.nodes).into_iter().collect();
        names.extend(changes(before.usage.nodes(), now.usage.nodes()));
        if !Arc::ptr_eq(&before.slices, &now.slices) {
            let differ = |name: &&String| before.slices.get(*name) != now.slices.get(*name);
            names.extend(before.slices.keys().chain(now.slices.keys()).filter(differ));
        }
        let mut changed = Changed::default();
        for name in names {
            self.update_node(name, &mut changed);
        }
        let empty = self.nodes.drop_empty();
        changed.classes |= !empty.is_empty();
        for fit in self.fits.values_mut() {
            for id in &empty {
                fit.suits.remove(id);
            }
        }
        changed
    }

    fn update_node(&mut self, name: &str, changed: &mut Changed) {
        let old = self.nodes.remove(name);
        let new = self.seen.nodes.get(name).map(|node| {
            let slices = self.seen.slices.get(name).map(Vec::as_slice).unwrap_or_default();
            let usage = self.seen.usage.on(name).cloned();
            self.nodes.insert(name, NodeClass::of(node, slices), usage)
        });
        changed.classes |= new.as_ref().is_some_and(|(_, is_first)| *is_first);
        for (demand, fit) in &mut self.fits {
            let mut matters = old.as_ref().is_some_and(|place| fit.count(demand, place, -1));
            if let Some((place, is_first)) = &new {
                if *is_first && let Some(class) = self.nodes.class(place.id) {
                    fit.add_class(demand, place.id, &class.class, &self.seen.device_classes);
                }
                matters |= fit.count(demand, place, 1);
            }
            if matters {
                changed.demands.insert(demand.clone());
            }
        }
    }

    /// Evaluates these models again.
    fn update_models(&mut self, keys: &BTreeSet<Key>, changed: &mut BTreeSet<Arc<Demand>>) {
        let now = self.seen.clone();
        let mut policies: BTreeMap<&str, EffectivePolicy> = BTreeMap::new();
        for key in keys {
            changed.extend(self.forget(key));
            let Some(facts) = now.models.get(key) else { continue };
            let policy = policies.entry(&key.namespace).or_insert_with(|| {
                EffectivePolicy::for_namespace(&now.policies, &now.settings, &key.namespace)
            });
            changed.extend(self.add(key, facts, policy));
        }
    }

    /// Takes a model out. Gives its demand.
    fn forget(&mut self, key: &Key) -> Option<Arc<Demand>> {
        self.of_several_names.remove(key);
        let demand = self.demands.remove(key)?;
        if let Some(fit) = self.fits.get_mut(&demand) {
            fit.remove(key);
        }
        Some(demand)
    }

    /// Takes a model in, if it is accepted. Gives its demand.
    fn add(&mut self, key: &Key, facts: &ModelFacts, policy: &EffectivePolicy) -> Option<Arc<Demand>> {
        let request = accept(&self.seen, policy, &facts.model, facts.runs).request?;
        if request.resource_names.len() > 1 {
            self.of_several_names.insert(key.clone());
        }
        let request = self.resolve(request);
        let wanted = i64::from(request.wanted(facts.replicas));
        let demand = request.demand();
        let known = self.fits.get_key_value(&demand).map(|(known, _)| known.clone());
        let demand = known.unwrap_or_else(|| Arc::new(demand));
        let (nodes, device_classes) = (&self.nodes, &self.seen.device_classes);
        let fit = self.fits.entry(demand.clone()).or_insert_with(|| Fit::new(&demand, nodes, device_classes));
        let metadata = &facts.model.metadata;
        let created = metadata.creation_timestamp.as_ref().map(|time| time.0);
        let uid = metadata.uid.clone().unwrap_or_default();
        fit.add(key.clone(), Member { uid, created, wanted, waits: false });
        self.demands.insert(key.clone(), demand.clone());
        Some(demand)
    }

    /// Where models of a demand can go, whether or not there are any.
    fn fit(&self, demand: &Demand) -> Cow<'_, Fit> {
        match self.fits.get(demand) {
            Some(fit) => Cow::Borrowed(fit),
            None => Cow::Owned(Fit::new(demand, &self.nodes, &self.seen.device_classes)),
        }
    }

    /// The model, asking for its accelerators by that of their names which nodes have that it can go to: the name before, as
    /// long as there are such; else the first. Where no node suits, by the first that any node offers.
    pub fn resolve(&self, request: ModelRequest) -> ModelRequest {
        let [_, _, ..] = request.resource_names.as_slice() else { return request };
        let settings = &self.seen.settings;
        let asking_for = |name: &String| request.clone().with_resource(name, settings);
        let suitable = |name: &&String| {
            let demand = asking_for(name).demand();
            let device_classes = &self.seen.device_classes;
            self.nodes.classes().any(|(_, one)| suits(&demand, &one.class, device_classes).is_ok())
        };
        let offered = |name: &&String| {
            let mut offers = self.nodes.classes().filter_map(|(_, one)| one.class.node.offers.get(*name));
            offers.any(|offer| offer.usable > 0)
        };
        let names = &request.resource_names;
        match names.iter().find(suitable).or_else(|| names.iter().find(offered)) {
            Some(name) => asking_for(name),
            None => request,
        }
    }
}

/// Whether something differs that every model is judged by.
fn binds_otherwise(before: &Snapshot, now: &Snapshot) -> bool {
    !Arc::ptr_eq(&before.policies, &now.policies)
        || !Arc::ptr_eq(&before.settings, &now.settings)
        || before.served != now.served
        || date::today(&before.now) != date::today(&now.now)
}
