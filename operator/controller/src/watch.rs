//! One watch per kind, each feeding its own cache. A watch that breaks stops no other.

mod optional;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use hemvist_api::labels::{APP_MANAGED_BY, HEMVIST};
use hemvist_api::{AIPolicy, ModelDeployment};
use hemvist_core::accelerator::{DeviceClass, DeviceClassObject, ResourceSliceObject, SliceFacts};
use hemvist_core::render::{Child, RESOURCE_QUOTA};
use hemvist_core::snapshot::{ChildKind, Key, NodeFacts, NodeObject, PodFacts, PodObject};
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::cache::{Cache, Change, Shared, Stamp};
use crate::call::{CallError, Deadline};
use crate::client::WATCH_TIMEOUT;
use crate::jitter::Jitter;
use crate::metrics::Metrics;
use crate::objects::compiled::{CompiledObject, CompiledType, SeenCompiled};
use crate::objects::quota::{QuotaObject, SeenQuota};
use crate::objects::{ChildObject, Lenient, SeenChild, SeenModel, SeenPolicy, child_type};
use crate::triggers::{Event, Triggers};
use crate::view::View;

/// Small pages keep the memory of a list small: only one page is held at a time.
const PAGE_SIZE: u32 = 50;

/// What every watch needs.
#[derive(Clone, Debug)]
pub struct Watches {
    /// What is seen.
    pub view: Arc<View>,
    /// Where changes are published.
    pub triggers: Triggers,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How long one request may take, watches apart.
    pub deadline: Deadline,
    /// How often each kind is listed again, give or take a fifth.
    pub relist: Duration,
}

/// A kind that is watched: how its objects become facts, and where these go.
trait Watched: Send + 'static {
    type Object: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send;
    type Facts: PartialEq + Send + Sync;

    /// Its name in metrics and in the log.
    const KIND: &'static str;

    /// Only objects with this label are watched.
    const LABELS: Option<(&'static str, &'static str)> = None;

    /// What is kept of an object; `None` where it is of no interest.
    fn facts(object: Self::Object) -> Option<Self::Facts>;

    /// Where facts are kept.
    fn cache(view: &View) -> &Shared<Cache<Self::Facts>>;

    fn event<'a>(key: &'a Key, change: &'a Change<Self::Facts>) -> Event<'a>;
}

struct Models;

impl Watched for Models {
    const KIND: &'static str = "ModelDeployment";

    type Object = Lenient<ModelDeployment>;
    type Facts = SeenModel;

    fn facts(object: Self::Object) -> Option<SeenModel> {
        Some(object.into())
    }

    fn cache(view: &View) -> &Shared<Cache<SeenModel>> {
        &view.models
    }

    fn event<'a>(key: &'a Key, change: &'a Change<SeenModel>) -> Event<'a> {
        Event::Model { key, change }
    }
}

struct Policies;

impl Watched for Policies {
    const KIND: &'static str = "AIPolicy";

    type Object = Lenient<AIPolicy>;
    type Facts = SeenPolicy;

    fn facts(object: Self::Object) -> Option<SeenPolicy> {
        Some(object.into())
    }

    fn cache(view: &View) -> &Shared<Cache<SeenPolicy>> {
        &view.policies
    }

    fn event<'a>(key: &'a Key, change: &'a Change<SeenPolicy>) -> Event<'a> {
        Event::Policy { key, change }
    }
}

struct Nodes;

impl Watched for Nodes {
    const KIND: &'static str = "Node";

    type Object = NodeObject;
    type Facts = NodeFacts;

    fn facts(object: NodeObject) -> Option<NodeFacts> {
        Some(object.into())
    }

    fn cache(view: &View) -> &Shared<Cache<NodeFacts>> {
        &view.nodes
    }

    fn event<'a>(_key: &'a Key, change: &'a Change<NodeFacts>) -> Event<'a> {
        Event::Node(change)
    }
}

struct Slices;

impl Watched for Slices {
    const KIND: &'static str = "ResourceSlice";

    type Object = ResourceSliceObject;
    type Facts = SliceFacts;

    fn facts(object: ResourceSliceObject) -> Option<SliceFacts> {
        object.facts()
    }

    fn cache(view: &View) -> &Shared<Cache<SliceFacts>> {
        &view.slices
    }

    fn event<'a>(_key: &'a Key, change: &'a Change<SliceFacts>) -> Event<'a> {
        Event::Slice(change)
    }
}

struct DeviceClasses;

impl Watched for DeviceClasses {
    const KIND: &'static str = "DeviceClass";

    type Object = DeviceClassObject;
    type Facts = DeviceClass;

    fn facts(object: DeviceClassObject) -> Option<DeviceClass> {
        Some(object.into())
    }

    fn cache(view: &View) -> &Shared<Cache<DeviceClass>> {
        &view.device_classes
    }

    fn event<'a>(_key: &'a Key, change: &'a Change<DeviceClass>) -> Event<'a> {
        Event::DeviceClass(change)
    }
}

struct Pods;

impl Watched for Pods {
    const KIND: &'static str = "Pod";

    type Object = PodObject;
    type Facts = PodFacts;

    /// Pods of everybody are watched, because they hold accelerators too; of the rest nothing is kept.
    fn facts(object: PodObject) -> Option<PodFacts> {
        let facts = PodFacts::from(object);
        let of_a_model = facts.model_uid.is_some() || facts.weights_of.is_some();
        (of_a_model || (facts.may_use_accelerator() && !facts.ended)).then_some(facts)
    }

    fn cache(view: &View) -> &Shared<Cache<PodFacts>> {
        &view.pods
    }

    fn event<'a>(_key: &'a Key, change: &'a Change<PodFacts>) -> Event<'a> {
        Event::Pod(change)
    }
}

struct Children<K>(std::marker::PhantomData<K>);

impl<K: Child> Watched for Children<K> {
    type Object = ChildObject<K>;
    type Facts = SeenChild;

    const KIND: &'static str = K::KIND.as_str();
    const LABELS: Option<(&'static str, &'static str)> = Some((APP_MANAGED_BY, HEMVIST));

    fn facts(object: ChildObject<K>) -> Option<SeenChild> {
        object.seen
    }

    fn cache(view: &View) -> &Shared<Cache<SeenChild>> {
        view.children(K::KIND)
    }

    fn event<'a>(_key: &'a Key, change: &'a Change<SeenChild>) -> Event<'a> {
        Event::Child(change)
    }
}

struct Quotas;

impl Watched for Quotas {
    const KIND: &'static str = "ResourceQuota";
    const LABELS: Option<(&'static str, &'static str)> = Some((APP_MANAGED_BY, HEMVIST));

    type Object = QuotaObject;
    type Facts = SeenQuota;

    /// Others may use the label; one of another name is not Hemvist's.
    fn facts(object: QuotaObject) -> Option<SeenQuota> {
        (object.meta().name.as_deref() == Some(RESOURCE_QUOTA)).then_some(object.seen)
    }

    fn cache(view: &View) -> &Shared<Cache<SeenQuota>> {
        &view.quotas
    }

    fn event<'a>(key: &'a Key, change: &'a Change<SeenQuota>) -> Event<'a> {
        Event::Quota { key, change }
    }
}

struct CompiledObjects<K>(std::marker::PhantomData<K>);

impl<K: CompiledType> Watched for CompiledObjects<K> {
    type Object = CompiledObject<K>;
    type Facts = SeenCompiled;

    const KIND: &'static str = K::KIND.as_str();
    const LABELS: Option<(&'static str, &'static str)> = Some((APP_MANAGED_BY, HEMVIST));

    fn facts(object: CompiledObject<K>) -> Option<SeenCompiled> {
        Some(object.seen)
    }

    fn cache(view: &View) -> &Shared<Cache<SeenCompiled>> {
        view.compiled.seen(K::KIND)
    }

    fn event<'a>(_key: &'a Key, change: &'a Change<SeenCompiled>) -> Event<'a> {
        Event::CompiledObject(change)
    }
}

impl Watches {
    /// Watches every kind, until the tasks are dropped.
    pub fn start(&self, client: &Client) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(self.clone().watch::<Models>(Api::all(client.clone())));
        tasks.spawn(self.clone().watch::<Policies>(Api::all(client.clone())));
        tasks.spawn(self.clone().watch::<Nodes>(Api::all(client.clone())));
        tasks.spawn(self.clone().watch::<Slices>(Api::all(client.clone())));
        tasks.spawn(self.clone().watch::<DeviceClasses>(Api::all(client.clone())));
        tasks.spawn(self.clone().watch::<Pods>(Api::all(client.clone())));
        for kind in ChildKind::ALL {
            child_type!(kind, K => if kind.facts().optional {
                tasks.spawn(self.clone().watch_optional::<K>(client.clone()));
            } else {
                tasks.spawn(self.clone().watch::<Children<K>>(Api::all(client.clone())));
            });
        }
        tasks.spawn(self.clone().watch::<Quotas>(Api::all(client.clone())));
        if self.view.compiled.enabled() {
            tasks.spawn(
                self.clone().watch::<CompiledObjects<ValidatingAdmissionPolicy>>(Api::all(client.clone())),
            );
            tasks.spawn(
                self.clone()
                    .watch::<CompiledObjects<ValidatingAdmissionPolicyBinding>>(Api::all(client.clone())),
            );
        }
        tasks
    }

    async fn watch<W: Watched>(self, api: Api<W::Object>) {
        let jitter = Jitter::default();
        loop {
            // The library resumes a watch for ever and never lists again. An event that got lost on the way would be
            // lost for good.
            let until = Instant::now() + jitter.around(self.relist);
            self.watch_until::<W>(api.clone(), until).await;
        }
    }

    async fn watch_until<W: Watched>(&self, api: Api<W::Object>, until: Instant) {
        let kind = W::KIND;
        let events = watcher(api, config::<W>()).backoff(Patience::default());
        tokio::pin!(events);
        while let Ok(Some(event)) = timeout_at(until, events.next()).await {
            match event {
                Ok(event) => self.take::<W>(event),
                Err(error) => {
                    self.metrics.watch_failed(kind);
                    tracing::warn!("watching {kind}: {}", brief(error));
                }
            }
        }
    }

    fn take<W: Watched>(&self, event: watcher::Event<W::Object>) {
        let cache = W::cache(&self.view);
        match event {
            watcher::Event::Init => cache.lock().list_begins(),
            watcher::Event::InitApply(object) => {
                self.put::<W>(object, |stamp, facts| cache.lock().list_names(stamp, facts));
            }
            watcher::Event::InitDone => {
                let gone = cache.lock().list_ends();
                for (key, change) in &gone {
                    self.triggers.publish(&W::event(key, change));
                }
            }
            watcher::Event::Apply(object) => {
                self.put::<W>(object, |stamp, facts| cache.lock().observe(stamp, facts));
            }
            watcher::Event::Delete(object) => self.put::<W>(object, |stamp, _| cache.lock().forget(&stamp)),
        }
    }

    fn put<W: Watched>(
        &self,
        object: W::Object,
        into: impl FnOnce(Stamp, Option<W::Facts>) -> Change<W::Facts>,
    ) {
        let Some(stamp) = Stamp::of(object.meta()) else { return };
        let key = stamp.key.clone();
        let change = into(stamp, W::facts(object));
        self.triggers.publish(&W::event(&key, &change));
    }
}

/// An error in one line; the library's own text holds the whole answer twice.
fn brief(error: watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => CallError::from(error).to_string(),
        watcher::Error::WatchError(status) => CallError::Answered(status).to_string(),
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}

fn config<W: Watched>() -> watcher::Config {
    let timeout = u32::try_from(WATCH_TIMEOUT.as_secs()).unwrap_or(u32::MAX);
    let config = watcher::Config::default().page_size(PAGE_SIZE).timeout(timeout);
    match W::LABELS {
        Some((key, value)) => config.labels(&format!("{key}={value}")),
        None => config,
    }
}

/// How long to wait before a broken watch is tried again: longer each time, up to five seconds. The library's own limit of
/// half a minute would be time in which a node can lose its clearance unseen, and a restarted server refuses several
/// times before it serves.
#[derive(Debug, Default)]
struct Patience {
    failures: u32,
    jitter: Jitter,
}

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        const FIRST: Duration = Duration::from_millis(500);
        const LONGEST: Duration = Duration::from_secs(5);
        let wait = FIRST.saturating_mul(1 << self.failures.min(8)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        Some(self.jitter.around(wait))
    }
}

impl Backoff for Patience {
    fn reset(&mut self) {
        self.failures = 0;
    }
}
