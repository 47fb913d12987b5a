//! What this process sees of the cluster: one cache per kind, and the snapshot that decisions get.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use hemvist_api::ModelDeployment;
use hemvist_api::condition::ConditionType;
use hemvist_core::accelerator::{DeviceClass, SliceFacts};
use hemvist_core::snapshot::PolicyBook;
use hemvist_core::snapshot::{
    ChildFacts, ChildKind, Key, NodeFacts, PodFacts, Settings, Snapshot, Subject, Usage,
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
    /// What the installation was told.
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
    children: [Shared<Cache<SeenChild>>; ChildKind::ALL.len()],
    /// Of the kinds that are not Kubernetes' own, whether they are served; one that was not asked for yet is not there.
    served: Shared<BTreeMap<ChildKind, bool>>,
    shared: Shared<SharedParts>,
    /// What is remembered of the last decision about each model. It can be lost: the next decision brings it back.
    decided: Shared<HashMap<Key, FollowUp>>,
    /// What was seen by asking replicas.
    pub probes: Probes,
}

/// The parts that all snapshots share, each with the revision of the cache that it was made from.
#[derive(Debug, Default)]
struct SharedParts {
    policies: (u64, Arc<PolicyBook>),
    nodes: (u64, Arc<BTreeMap<String, NodeFacts>>),
    slices: (u64, Arc<BTreeMap<String, Vec<SliceFacts>>>),
    device_classes: (u64, Arc<BTreeMap<String, DeviceClass>>),
    usage: (u64, Arc<Usage>),
}

impl View {
    /// A view of nothing yet. `compiles` says whether policies are compiled into the API server.
    pub fn new(settings: Arc<Settings>, compiles: bool) -> Self {
        Self {
            settings,
            models: Shared::new(Cache::new(|_| None)),
            policies: Shared::new(Cache::new(|_| None)),
            nodes: Shared::new(Cache::new(|_| None)),
            slices: Shared::new(Cache::new(|_| None)),
            device_classes: Shared::new(Cache::new(|_| None)),
            pods: Shared::new(Cache::new(|pod| pod.model_uid.as_deref().or(pod.weights_of.as_deref()))),
            quotas: Shared::new(Cache::new(|_| None)),
            compiled: CompiledState::new(compiles),
            children: ChildKind::ALL
                .map(|_| Shared::new(Cache::new(|child: &SeenChild| child.facts.owner_uid.as_deref()))),
            served: Shared::new(BTreeMap::new()),
            shared: Shared::new(SharedParts::default()),
            decided: Shared::new(HashMap::new()),
            probes: Probes::default(),
        }
    }

    /// The children of a kind.
    pub fn children(&self, kind: ChildKind) -> &Shared<Cache<SeenChild>> {
        let [
            service_accounts,
            network_policies,
            services,
            budgets,
            jobs,
            deployments,
            autoscalers,
            scaled_objects,
            pools,
            routes,
        ] = &self.children;
        match kind {
            ChildKind::ServiceAccount => service_accounts,
            ChildKind::NetworkPolicy => network_policies,
            ChildKind::Service => services,
            ChildKind::PodDisruptionBudget => budgets,
            ChildKind::Job => jobs,
            ChildKind::Deployment => deployments,
            ChildKind::HorizontalPodAutoscaler => autoscalers,
            ChildKind::ScaledObject => scaled_objects,
            ChildKind::InferencePool => pools,
            ChildKind::HTTPRoute => routes,
        }
    }

    /// Notes whether a kind that is not Kubernetes' own is served; says whether that is news.
    pub fn set_served(&self, kind: ChildKind, served: bool) -> bool {
        self.served.lock().insert(kind, served) != Some(served)
    }

    /// Whether all objects of a kind are known. Those of a kind that is not Kubernetes' own are as soon as it is said
    /// whether there can be any.
    fn knows(&self, kind: ChildKind) -> bool {
        match kind.definition() {
            None => self.children(kind).lock().synced(),
            Some(_) => self.served.lock().contains_key(&kind),
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
        let mut shared = self.shared.lock();
        refresh(&mut shared.policies, &self.policies, |policies| PolicyBook {
            entries: policies.iter().map(|(key, policy)| (key.clone(), policy.content.clone())).collect(),
        });
        refresh(&mut shared.nodes, &self.nodes, |nodes| {
            nodes.iter().map(|(key, node)| (key.name.clone(), NodeFacts::clone(node))).collect()
        });
        refresh(&mut shared.slices, &self.slices, |slices| {
            let mut by_node: BTreeMap<String, Vec<SliceFacts>> = BTreeMap::new();
            for (_, slice) in slices.iter() {
                by_node.entry(slice.node.clone()).or_default().push(SliceFacts::clone(slice));
            }
            by_node
        });
        refresh(&mut shared.device_classes, &self.device_classes, |classes| {
            classes.iter().map(|(key, class)| (key.name.clone(), DeviceClass::clone(class))).collect()
        });
        refresh(&mut shared.usage, &self.pods, |pods| {
            Usage::of(pods.iter().map(|(_, pod)| &**pod), &self.settings)
        });
        Snapshot {
            now: now(),
            settings: self.settings.clone(),
            policies: shared.policies.1.clone(),
            nodes: shared.nodes.1.clone(),
            slices: shared.slices.1.clone(),
            device_classes: shared.device_classes.1.clone(),
            usage: shared.usage.1.clone(),
            served: self.served.lock().iter().filter(|(_, served)| **served).map(|(kind, _)| *kind).collect(),
        }
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

    /// Remembers a decision; says whether it is another one than before.
    pub fn remember(&self, key: &Key, follow_up: &FollowUp) -> bool {
        self.decided.lock().insert(key.clone(), follow_up.clone()).as_ref() != Some(follow_up)
    }

    /// Forgets the decisions about a model that is gone.
    pub fn forget(&self, key: &Key) {
        self.decided.lock().remove(key);
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
