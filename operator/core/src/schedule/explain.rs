//! The place of one model in the schedule, with the reasons.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Schedule;
use super::fit::Fit;
use super::nodes::Class;
use crate::placement::{Candidate, Excluded, Exclusion, NAMED_NODES, Placement, Verdict, room, shared_with};
use crate::request::{Demand, ModelRequest};
use crate::snapshot::NodeUsage;

/// Which nodes are out, by why.
#[derive(Debug, Default)]
struct Groups {
    by_reasons: BTreeMap<Vec<Exclusion>, (usize, Vec<String>)>,
}

impl Groups {
    fn add<'a>(&mut self, reasons: Vec<Exclusion>, count: usize, names: impl Iterator<Item = &'a String>) {
        let (nodes, first) = self.by_reasons.entry(reasons).or_default();
        *nodes += count;
        first.extend(names.take(NAMED_NODES).cloned());
        first.sort();
        first.truncate(NAMED_NODES);
    }

    fn into_excluded(self) -> Vec<Excluded> {
        let groups = self.by_reasons.into_iter();
        groups.map(|(reasons, (nodes, names))| Excluded { reasons, nodes, names }).collect()
    }
}

impl Schedule {
    /// Where an accepted model can go, for as many replicas as are `wanted`. `placed` says whether each of them has its node:
    /// then busy nodes are left out.
    pub fn placement(&self, request: &ModelRequest, wanted: i32, placed: bool) -> Placement {
        let demand = request.demand();
        let fit = self.fit(&demand);
        let known = self.fits.get_key_value(&demand).map(|(known, _)| known.clone());
        let demand = known.unwrap_or_else(|| Arc::new(demand));
        let total = fit.total_for(&demand, &self.nodes, &request.uid);
        let wanted = i64::from(wanted);
        let mut placement = Placement {
            wanted,
            slots: total.slots,
            candidates: usize::try_from(total.candidates).unwrap_or_default(),
            excluded: self.excluded(&demand, &fit, &request.uid, placed && total.slots >= wanted),
            holders: Vec::new(),
            ahead: 0,
            demand,
        };
        if placement.verdict() == Verdict::Waiting {
            placement.holders = self.holders(&placement.demand, &fit, &request.uid);
            placement.ahead = self.ahead(request, &fit);
        }
        placement
    }

    /// Every node with what it has for a model, or every reason why it is out, by name.
    pub fn nodes(&self, request: &ModelRequest) -> BTreeMap<String, Result<Candidate, Vec<Exclusion>>> {
        let demand = request.demand();
        let fit = self.fit(&demand);
        let mut all = BTreeMap::new();
        for (id, Class { class, members }) in self.nodes.classes() {
            let Some(suits) = fit.suits.get(&id) else { continue };
            for (name, usage) in members {
                let usage = usage.as_deref();
                let found = match suits {
                    Ok(offer) => room(&demand, offer, usage, &request.uid)
                        .map(|room| Candidate::new(class, offer, room))
                        .map_err(|reason| vec![reason]),
                    Err(reasons) => Err(reasons
                        .iter()
                        .cloned()
                        .chain(shared_with(&demand, usage, &request.uid))
                        .collect()),
                };
                all.insert(name.clone(), found);
            }
        }
        all
    }

    /// Why nodes are out. Those that are only busy are left out where `briefly`.
    fn excluded(&self, demand: &Demand, fit: &Fit, uid: &str, briefly: bool) -> Vec<Excluded> {
        let mut groups = Groups::default();
        for (id, Class { members, .. }) in self.nodes.classes() {
            match fit.suits.get(&id) {
                Some(Ok(_)) if briefly => {}
                Some(Ok(offer)) => {
                    for (name, usage) in members {
                        if let Err(reason) = room(demand, offer, usage.as_deref(), uid) {
                            groups.add(vec![reason], 1, std::iter::once(name));
                        }
                    }
                }
                Some(Err(reasons)) => add_unsuitable(&mut groups, reasons, members, |usage| {
                    shared_with(demand, usage, uid).filter(|_| !briefly)
                }),
                None => {}
            }
        }
        groups.into_excluded()
    }

    /// Who else holds accelerators on the nodes that would suit, the greatest first.
    fn holders(&self, demand: &Demand, fit: &Fit, uid: &str) -> Vec<(String, i64)> {
        let classes = self.nodes.classes().filter(|(id, _)| fit.may_suit(*id));
        let usages = classes.flat_map(|(_, class)| class.members.values().flatten());
        let mut held: BTreeMap<String, i64> = BTreeMap::new();
        for (pod, holder) in usages.flat_map(|usage| usage.others(uid)) {
            let Some(count) = holder.accelerators.get(&demand.accelerator.resource) else { continue };
            let name = match &holder.model_name {
                Some(name) => format!("{}/{name}", pod.namespace),
                None => format!("pod {pod}"),
            };
            *held.entry(name).or_default() += count;
        }
        let mut held: Vec<_> = held.into_iter().filter(|(_, count)| *count > 0).collect();
        held.sort_by(|(name, count), (other, most)| most.cmp(count).then_with(|| name.cmp(other)));
        held
    }

    /// How many models wait for nodes that would suit this one, and are older.
    fn ahead(&self, request: &ModelRequest, fit: &Fit) -> usize {
        let Some(created) = fit.models.get(&request.key).and_then(|model| model.created) else { return 0 };
        let here = (Some(created), request.key.clone());
        let rivals = self.fits.values().filter(|other| !other.waiting.is_empty() && fit.overlaps(other));
        rivals
            .map(|other| other.waiting.range((None, crate::snapshot::Key::default())..here.clone()).count())
            .sum()
    }
}

/// Adds nodes that do not suit; those of which others hold something may have one more reason.
fn add_unsuitable(
    groups: &mut Groups,
    reasons: &[Exclusion],
    members: &BTreeMap<String, Option<Arc<NodeUsage>>>,
    further: impl Fn(Option<&NodeUsage>) -> Option<Exclusion>,
) {
    let (mut alike, mut names) = (0, Vec::new());
    for (name, usage) in members {
        if let Some(reason) = usage.as_deref().and_then(|usage| further(Some(usage))) {
            let reasons = reasons.iter().cloned().chain([reason]).collect();
            groups.add(reasons, 1, std::iter::once(name));
        } else {
            alike += 1;
            if names.len() < NAMED_NODES {
                names.push(name);
            }
        }
    }
    if alike > 0 {
        groups.add(reasons.to_vec(), alike, names.into_iter());
    }
}
