//! Everything that a decision may know, as an immutable value.
//!
//! The controller fills it from its caches, the command line from files, a test from a folder. Raw API objects are turned
//! into facts at this border; decisions never see more than they use.

mod amounts;
mod autoscaler;
mod child;
mod few;
mod installation;
mod manifests;
mod mirrors;
mod model;
mod node;
mod pod;
mod policies;
mod probe_result;
mod route;
mod usage;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use hemvist_api::ModelDeployment;
use hemvist_api::labels::DEFAULT_ROOT_NAMESPACE;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub use autoscaler::AutoscalerFacts;
pub(crate) use child::short_hash;
pub use child::{
    ChildFacts, ChildKind, DeploymentFacts, JobFacts, KindFacts, Observed, PerKind, child_kinds, content_hash,
};
pub use few::Few;
pub use installation::{Identities, LoadSource, OtherDevices, ToleratedTaint};
pub use manifests::{ManifestError, Manifests};
pub use mirrors::{MirrorAddress, Mirrors};
pub use model::{ModelFacts, is_running};
pub use node::{NodeFacts, NodeObject, Taint};
pub use pod::{PodFacts, PodObject, PodTrouble, TroubleKind, WeightsFailure};
pub use policies::{PolicyBook, PolicyEntry};
pub use probe_result::{Isolation, ProbeResult, ServedModel};
pub use route::{GatewayAnswer, RouteFacts};
pub use usage::{Holder, NodeUsage, Usage};

use rpds::RedBlackTreeMapSync;

use crate::accelerator::{DeviceClass, SliceFacts};

/// Namespace and name of an object.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// A key from its two parts.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// The settings of the installation, the same for every decision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The namespace whose AIPolicies bind the others.
    pub root_namespace: String,
    /// Namespaces that are not governed, by name. A ModelDeployment in one of them is refused.
    pub ungoverned_namespaces: BTreeSet<String>,
    /// The namespace whose pods may read metrics of every model, if there is one.
    pub monitoring_namespace: Option<String>,
    /// The image of the proxy beside every engine; `None` where nobody has named it, as for `hemvist check`.
    pub proxy_image: Option<String>,
    /// Whether the operator asks replicas how they are, and is let in to the port where they say it.
    pub inspects: bool,
    /// Who is who in the cluster.
    pub identities: Identities,
    /// Devices that are no accelerators.
    pub other_devices: OtherDevices,
    /// Taints that the pods of every model tolerate, besides those of their class and accelerators.
    pub tolerations: BTreeSet<ToleratedTaint>,
    /// The image with the program that fetches and verifies weights, if there is one.
    pub tools_image: Option<String>,
    /// The stores that weights may be fetched from.
    pub mirrors: Mirrors,
    /// Where KEDA learns of the load of models.
    pub load: LoadSource,
    /// The gateway that may lead requests to models, if there is one.
    pub gateway: Option<Key>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            root_namespace: DEFAULT_ROOT_NAMESPACE.to_owned(),
            ungoverned_namespaces: BTreeSet::new(),
            monitoring_namespace: None,
            proxy_image: None,
            inspects: false,
            identities: Identities::default(),
            other_devices: OtherDevices::default(),
            tolerations: BTreeSet::new(),
            tools_image: None,
            mirrors: Mirrors::default(),
            load: LoadSource::default(),
            gateway: None,
        }
    }
}

impl Settings {
    /// The namespace from which the operator asks replicas how they are; `None` where it does not.
    pub fn inspector(&self) -> Option<&str> {
        let account =
            self.identities.operator.strip_prefix("system:serviceaccount:").filter(|_| self.inspects)?;
        account.split_once(':').map(|(namespace, _)| namespace)
    }
}

/// Facts by name, in the order of names. A copy costs nothing and does not change with the original: what two copies have in
/// common is there once.
pub type Facts<K, T> = RedBlackTreeMapSync<K, Arc<T>>;

/// The whole world at one moment, as far as a decision may know it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The moment. Every rule with a date looks here.
    pub now: Time,
    /// The settings of the installation.
    pub settings: Arc<Settings>,
    /// Every AIPolicy, readable or not.
    pub policies: Arc<PolicyBook>,
    /// Every ModelDeployment that can be read and is not being deleted.
    pub models: Facts<Key, ModelFacts>,
    /// Every node, by name.
    pub nodes: Facts<String, NodeFacts>,
    /// Devices that nodes publish for dynamic resource allocation, by node.
    pub slices: Arc<BTreeMap<String, Vec<SliceFacts>>>,
    /// The device classes, by name.
    pub device_classes: Arc<BTreeMap<String, DeviceClass>>,
    /// Who holds accelerators on which node.
    pub usage: Usage,
    /// Kinds of children that not every cluster has and that this one serves.
    pub served: BTreeSet<ChildKind>,
}

impl Snapshot {
    /// A world of which nothing is there but its settings.
    pub fn empty(now: Time, settings: Settings) -> Self {
        Self {
            now,
            settings: Arc::new(settings),
            policies: Arc::default(),
            models: Facts::default(),
            nodes: Facts::default(),
            slices: Arc::default(),
            device_classes: Arc::default(),
            usage: Usage::default(),
            served: BTreeSet::new(),
        }
    }
}

/// What one decision is about: a model with what is observed of it.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The model as it was asked for, with its last status.
    pub model: &'a ModelDeployment,
    /// The objects made for it, by kind.
    pub children: BTreeMap<ChildKind, ChildFacts>,
    /// The pods that serve it, by name.
    pub pods: Vec<PodFacts>,
    /// The pods that fetch its weights, by name.
    pub fetchers: Vec<PodFacts>,
}
