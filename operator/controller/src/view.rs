//! What this process sees of the cluster: one cache per kind, and the snapshot that decisions get.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use hemvist_api::ModelDeployment;
use hemvist_api::condition::ConditionType;
use hemvist_core::accelerator::{DeviceClass, SliceFacts};
use hemvist_core::decide::{Decision, decide};
use hemvist_core::schedule::{Schedule, schedule};
use hemvist_core::snapshot::{
    ChildFacts, ChildKind, Facts, Key, ModelFacts, NodeFacts, PerKind, PodFacts, PolicyBook, Settings,
    Snapshot, Subject, Usage,
};
use hemvist_core::status::FollowUp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::cache::{Cache, Shared};
use crate::clock;
use crate::compiled::CompiledState;
use crate::objects::quota::SeenQuota;
use crate::objects::{SeenChild, SeenModel, SeenPolicy};
use crate::probes::Probes;

/// What this process sees of the cluster.
#[derive(Debug)]
pub struct View {
    /// The settings of the installation.
    pub settings: Arc<Settings>,
    /// ModelDeployments.
    pub models: Shared<Cache<SeenModel>>,
    /// AIPolicies.
    pub policies: Shared<Cache<SeenPolicy>>,
    /// Nodes.
    pub nodes: Shared<Cache<NodeFacts>>,
    /// ResourceSlices with devices of known vendors.
    pub slices: Shared<Cache<SliceFacts>>,
    /// DeviceClasses.
    pub device_classes: Shared<Cache<DeviceClass>>,
    /// Pods that hold accelerators or belong to a model.
    pub pods: Shared<Cache<PodFacts>>,
    /// Limits to the accelerators of namespaces.
    pub quotas: Shared<Cache<SeenQuota>>,
    /// What policies are compiled to.
    pub compiled: CompiledState,
    children: PerKind<Shared<Cache<SeenChild>>>,
    /// Of the kinds that are not Kubernetes' own, whether they are served; one that was not asked for yet is not there.
    served: Shared<BTreeMap<ChildKind, bool>>,
    parts: Shared<Parts>,
    /// All models over all nodes, as of the snapshot that was asked about last.
    schedule: Shared<Option<Schedule>>,
    /// What is remembered of the last decision about each model. It can be lost: the next decision brings it back.
    decided: Shared<HashMap<Key, FollowUp>>,
    /// What was seen by asking replicas.
    pub probes: Probes,
}

/// The parts that all snapshots share. Small ones stand with the revision of the cache that they were made from; of the others
/// only what has changed is made anew.
#[derive(Debug, Default)]
struct Parts {
    policies: (u64, Arc<PolicyBook>),
    slices: (u64, Arc<BTreeMap<String, Vec<SliceFacts>>>),
    device_classes: (u64, Arc<BTreeMap<String, DeviceClass>>),
    models: Facts<Key, ModelFacts>,
    /// The models that Deployments were last seen to belong to.
    model_of: HashMap<Key, Key>,
    nodes: Facts<String, NodeFacts>,
    usage: Usage,
}

impl View {
    /// A view of nothing yet. `compiles` says whether policies are compiled into the API server.
    pub fn new(settings: Arc<Settings>, compiles: bool) -> Self {
        Self {
            settings,
            models: Shared::new(Cache::new(|_| None).recording()),
            policies: Shared::new(Cache::new(|_| None)),
            nodes: Shared::new(Cache::new(|_| None).recording()),
            slices: Shared::new(Cache::new(|_| None)),
            device_classes: Shared::new(Cache::new(|_| None)),
            pods: Shared::new(
                Cache::new(|pod: &PodFacts| pod.model_uid.as_deref().or(pod.weights_of.as_deref()))
                    .recording(),
            ),
            quotas: Shared::new(Cache::new(|_| None)),
            compiled: CompiledState::new(compiles),
            children: PerKind::new(|kind| Shared::new(children(kind))),
            served: Shared::new(BTreeMap::new()),
            parts: Shared::new(Parts::default()),
            schedule: Shared::new(None),
            decided: Shared::new(HashMap::new()),
            probes: Probes::default(),
        }
    }

    /// The children of a kind.
    pub fn children(&self, kind: ChildKind) -> &Shared<Cache<SeenChild>> {
        self.children.of(kind)
    }

    /// Notes whether a kind that is not Kubernetes' own is served; says whether that is news.
    pub fn set_served(&self, kind: ChildKind, served: bool) -> bool {
        self.served.lock().insert(kind, served) != Some(served)
    }

    /// Whether all objects of a kind are known. Those of a kind that is not Kubernetes' own are as soon as it is said
    /// whether there can be any.
    fn knows(&self, kind: ChildKind) -> bool {
        if kind.facts().optional {
            self.served.lock().contains_key(&kind)
        } else {
            self.children(kind).lock().synced()
        }
    }

    /// Whether every kind has been listed to its end. Before that nothing may be concluded from what is absent. Devices of
    /// dynamic resource allocation are not waited for: an API server can be started without that API group, and a model
    /// that they suit is only told of them later.
    pub fn synced(&self) -> bool {
        self.models.lock().synced()
            && self.policies.lock().synced()
            && self.nodes.lock().synced()
            && self.pods.lock().synced()
            && self.quotas.lock().synced()
            && self.compiled.synced()
            && ChildKind::ALL.into_iter().all(|kind| self.knows(kind))
    }

    /// What decisions of this moment may know.
    pub fn snapshot(&self) -> Snapshot {
        let mut parts = self.parts.lock();
        let Parts { policies, slices, device_classes, models: _, model_of: _, nodes, usage } = &mut *parts;
        refresh(policies, &self.policies, |policies| PolicyBook {
            entries: policies.iter().map(|(key, policy)| (key.clone(), policy.content.clone())).collect(),
        });
        refresh(slices, &self.slices, |slices| {
            let mut by_node: BTreeMap<String, Vec<SliceFacts>> = BTreeMap::new();
            for (_, slice) in slices.iter() {
                by_node.entry(slice.node.clone()).or_default().push(SliceFacts::clone(slice));
            }
            by_node
        });
        refresh(device_classes, &self.device_classes, |classes| {
            classes.iter().map(|(key, class)| (key.name.clone(), DeviceClass::clone(class))).collect()
        });
        for (key, node) in changed(&self.nodes) {
            match node {
                Some(node) => nodes.insert_mut(key.name, node),
                None => drop(nodes.remove_mut(&key.name)),
            }
        }
        for (key, pod) in changed(&self.pods) {
            match pod {
                Some(pod) => usage.set(&pod, &self.settings),
                None => usage.remove(&key),
            }
        }
        self.refresh_models(&mut parts);
        Snapshot {
            now: now(),
            settings: self.settings.clone(),
            policies: parts.policies.1.clone(),
            models: parts.models.clone(),
            nodes: parts.nodes.clone(),
            slices: parts.slices.1.clone(),
            device_classes: parts.device_classes.1.clone(),
            usage: parts.usage.clone(),
            served: self.served.lock().iter().filter(|(_, served)| **served).map(|(kind, _)| *kind).collect(),
        }
    }

    /// Takes in models that have changed, and those whose Deployments have.
    fn refresh_models(&self, parts: &mut Parts) {
        let mut due: BTreeSet<Key> = self.models.lock().take_changed();
        for (key, deployment) in changed(self.children(ChildKind::Deployment)) {
            due.extend(parts.model_of.remove(&key));
            let name = deployment.and_then(|deployment| deployment.owner_name.clone());
            if let Some(name) = name {
                let model = Key::new(&key.namespace, name);
                due.insert(model.clone());
                parts.model_of.insert(key, model);
            }
        }
        for key in due {
            let seen = self.models.lock().get(&key).filter(|seen| !seen.terminating);
            match seen.as_ref().and_then(|seen| Some((seen, seen.content.as_ref().ok()?))) {
                Some((seen, model)) => {
                    let deployments = self.children_of(ChildKind::Deployment, &key.namespace, &seen.uid);
                    let deployment = deployments.iter().min_by_key(|one| one.terminating);
                    parts.models.insert_mut(key, Arc::new(ModelFacts::new(model.clone(), deployment)));
                }
                None => drop(parts.models.remove_mut(&key)),
            }
        }
    }

    /// Decides about a model: one look at all of them first, which does again only what has changed since the last.
    pub fn decide(&self, snapshot: &Snapshot, subject: &Subject<'_>) -> Decision {
        let mut kept = self.schedule.lock();
        let schedule = match kept.take() {
            Some(mut before) => {
                before.update(snapshot);
                before
            }
            None => schedule(snapshot),
        };
        decide(snapshot, kept.insert(schedule), subject)
    }

    /// A model with what is observed of it.
    pub fn subject<'a>(&self, model: &'a ModelDeployment) -> Subject<'a> {
        let uid = model.metadata.uid.as_deref().unwrap_or_default();
        let namespace = model.metadata.namespace.as_deref().unwrap_or_default();
        let (children, pods) = self.observed(namespace, uid);
        let (pods, fetchers) = pods.into_iter().partition(|pod| pod.model_uid.as_deref() == Some(uid));
        Subject { model, children, pods, fetchers }
    }

    /// What was made for the model with this UID, one of each kind, and its pods, those
    /// that fetch its weights included. Where there are several of a kind, for the
    /// time in which one takes the place of another, it is one that is not on its way out.
    pub fn observed(&self, namespace: &str, uid: &str) -> (BTreeMap<ChildKind, ChildFacts>, Vec<PodFacts>) {
        let children = ChildKind::ALL
            .into_iter()
            .filter_map(|kind| {
                let child =
                    self.children_of(kind, namespace, uid).into_iter().min_by_key(|one| one.terminating)?;
                Some((kind, child))
            })
            .collect();
        let pods = self.pods.lock().owned_by(uid);
        let pods = pods
            .iter()
            .filter(|pod| pod.key.namespace == namespace)
            .map(|pod| self.probes.with(pod))
            .collect();
        (children, pods)
    }

    /// Everything of one kind that was made for the model with this UID.
    pub fn children_of(&self, kind: ChildKind, namespace: &str, uid: &str) -> Vec<ChildFacts> {
        let owned = self.children(kind).lock().owned_by(uid);
        let here = owned.iter().filter(|child| child.facts.key.namespace == namespace);
        here.map(|child| child.facts.clone()).collect()
    }

    /// Remembers a decision. Gives the one before, where it was another one; before the first, nothing was remembered.
    pub fn remember(&self, key: &Key, follow_up: &FollowUp) -> Option<FollowUp> {
        let before = self.decided.lock().insert(key.clone(), follow_up.clone());
        if before.as_ref() == Some(follow_up) { None } else { Some(before.unwrap_or_default()) }
    }

    /// Forgets the last decision about a model that is gone. Gives it.
    pub fn forget(&self, key: &Key) -> Option<FollowUp> {
        self.decided.lock().remove(key)
    }

    /// Whether every model has been decided about. Before that, counts of refusals are not known.
    pub fn all_decided(&self) -> bool {
        let keys = self.model_keys();
        let decided = self.decided.lock();
        keys.iter().all(|key| decided.contains_key(key))
    }

    /// The models that wait for a node.
    pub fn waiting(&self) -> Vec<Key> {
        self.decided.lock().iter().filter(|(_, one)| one.waits).map(|(key, _)| key.clone()).collect()
    }

    /// The models that rules of `policy` refuse.
    pub fn refused_by(&self, policy: &Key) -> HashSet<Key> {
        let decided = self.decided.lock();
        decided
            .iter()
            .filter(|(_, one)| one.refused_by.contains(policy))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Every model, by key.
    pub fn model_keys(&self) -> Vec<Key> {
        self.models.lock().iter().map(|(key, _)| key.clone()).collect()
    }

    /// The model with this UID.
    pub fn model_with(&self, uid: &str) -> Option<Key> {
        self.models.lock().iter().find(|(_, model)| model.uid == uid).map(|(key, _)| key.clone())
    }

    /// Namespaces with a model or a policy of their own, or with a limit to accelerators.
    pub fn concerned_namespaces(&self) -> BTreeSet<String> {
        let models = self.model_keys().into_iter();
        let policies = self.policy_keys().into_iter();
        let own = policies.filter(|policy| policy.namespace != self.settings.root_namespace);
        models.chain(own).map(|key| key.namespace).collect()
    }

    /// Every policy, by key.
    pub fn policy_keys(&self) -> Vec<Key> {
        self.policies.lock().iter().map(|(key, _)| key.clone()).collect()
    }

    /// How many models there are of each reason of `Ready`.
    pub fn ready_reasons(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (_, model) in self.models.lock().iter() {
            let conditions = model.status().and_then(|status| status.conditions.as_deref());
            let ready =
                conditions.unwrap_or_default().iter().find(|one| one.type_ == ConditionType::Ready.as_str());
            *counts
                .entry(ready.map_or_else(|| "Unknown".to_owned(), |ready| ready.reason.clone()))
                .or_default() += 1;
        }
        counts
    }
}

/// A cache of the children of a kind. Of Deployments the schedule wants to know when they change.
fn children(kind: ChildKind) -> Cache<SeenChild> {
    let cache = Cache::new(|child: &SeenChild| child.facts.owner_uid.as_deref());
    if kind == ChildKind::Deployment { cache.recording() } else { cache }
}

/// What has changed in a cache since the last look, with what is known now.
fn changed<T: PartialEq>(cache: &Shared<Cache<T>>) -> Vec<(Key, Option<Arc<T>>)> {
    let mut cache = cache.lock();
    cache
        .take_changed()
        .into_iter()
        .map(|key| {
            let facts = cache.get(&key);
            (key, facts)
        })
        .collect()
}

/// Makes a shared part anew if the cache has changed since it was made.
fn refresh<T: PartialEq, P>(
    part: &mut (u64, Arc<P>),
    cache: &Shared<Cache<T>>,
    make: impl FnOnce(&Cache<T>) -> P,
) {
    let cache = cache.lock();
    if part.0 != cache.revision() {
        *part = (cache.revision(), Arc::new(make(&cache)));
    }
}

/// The moment, in whole seconds, since that is all that a status can hold.
fn now() -> Time {
    let now = clock::now();
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}
