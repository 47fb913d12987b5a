//! The kinds of object that a model becomes, and what a decision knows of one of them.

use std::fmt;

use hemvist_api::labels::{AUTOSCALED, RENDERED_HASH};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Key;
use super::autoscaler::AutoscalerFacts;
use super::route::RouteFacts;
use super::words::shortened;

/// The one table of the kinds of object that a ModelDeployment becomes, in the order in which they are written: what a pod
/// needs comes before what makes pods. An entry is the kind and its [`KindFacts`].
///
/// `child_kinds!(then)` calls `then!` with all entries. [`ChildKind`], the order of writing, the caches and watches of the
/// controller, the types behind them and the chart's rights follow from it. `operator/core/src/render/` has a file for each
/// kind.
#[macro_export]
macro_rules! child_kinds {
    ($then:ident) => {
        $then! {
            /// The identity of the pods, without rights.
            ServiceAccount => KindFacts { resource: "serviceaccounts", ..KindFacts::PLAIN };
            /// The isolation of the pods.
            NetworkPolicy => KindFacts { group: "networking.k8s.io", resource: "networkpolicies", ..KindFacts::PLAIN };
            /// The address of the model.
            Service => KindFacts { resource: "services", ..KindFacts::PLAIN };
            /// The limit to voluntary disruption.
            PodDisruptionBudget => KindFacts { group: "policy", resource: "poddisruptionbudgets", ..KindFacts::PLAIN };
            /// What fetches the weights.
            Job => KindFacts {
                group: "batch",
                resource: "jobs",
                makes_pods: true,
                is_replaced: true,
                observe: |object| Observed::Job(JobFacts::of(object)),
                ..KindFacts::PLAIN
            };
            /// The replicas.
            Deployment => KindFacts {
                group: "apps",
                resource: "deployments",
                makes_pods: true,
                observe: |object| Observed::Deployment(Box::new(DeploymentFacts::of(object))),
                ..KindFacts::PLAIN
            };
            /// What scales the replicas, as Kubernetes itself does it.
            HorizontalPodAutoscaler => KindFacts {
                group: "autoscaling",
                resource: "horizontalpodautoscalers",
                observe: |object| Observed::Autoscaler(AutoscalerFacts::of_kubernetes(object)),
                ..KindFacts::PLAIN
            };
            /// What scales the replicas, as KEDA does it.
            ScaledObject => KindFacts {
                group: "keda.sh",
                resource: "scaledobjects",
                optional: true,
                observe: |object| Observed::Autoscaler(AutoscalerFacts::of_keda(object)),
                ..KindFacts::PLAIN
            };
            /// The replicas as a pool in which somebody chooses.
            InferencePool => KindFacts {
                group: "inference.networking.k8s.io",
                resource: "inferencepools",
                optional: true,
                ..KindFacts::PLAIN
            };
            /// The way from a gateway.
            HTTPRoute => KindFacts {
                group: "gateway.networking.k8s.io",
                resource: "httproutes",
                optional: true,
                observe: |object| Observed::Route(RouteFacts::of(object)),
                ..KindFacts::PLAIN
            };
        }
    };
}

pub use child_kinds;

/// What is known of a kind of child before any object of it is seen.
#[derive(Clone, Copy, Debug)]
pub struct KindFacts {
    /// Its API group; empty for the core.
    pub group: &'static str,
    /// Its resource, as `deployments`.
    pub resource: &'static str,
    /// Whether it comes from an optional CRD, which not every cluster has. It is watched and rendered only while the cluster
    /// serves it.
    pub optional: bool,
    /// Whether its objects make pods. They are deleted in the foreground, so that they are seen until their pods are gone.
    pub makes_pods: bool,
    /// Whether its objects cannot be changed, so that another takes their place.
    pub is_replaced: bool,
    /// Reads what decisions and status know of an object of it, besides what every child has.
    pub observe: fn(&Value) -> Observed,
}

impl KindFacts {
    /// A kind of Kubernetes' core of which nothing in particular is observed.
    pub const PLAIN: Self = Self {
        group: "",
        resource: "",
        optional: false,
        makes_pods: false,
        is_replaced: false,
        observe: |_| Observed::Nothing,
    };
}

macro_rules! enumerate {
    ($($(#[$doc:meta])* $kind:ident => $facts:expr;)+) => {
        /// The kinds of object that a ModelDeployment becomes, in the order in which they are written.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum ChildKind {
            $($(#[$doc])* $kind,)+
        }

        impl ChildKind {
            /// Every kind, in the order in which they are written.
            pub const ALL: [Self; [$(stringify!($kind)),+].len()] = [$(Self::$kind),+];

            /// The kind as Kubernetes writes it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)+
                }
            }

            /// What the table says of it.
            pub const fn facts(self) -> &'static KindFacts {
                match self {
                    $(Self::$kind => const { &$facts },)+
                }
            }
        }
    };
}

child_kinds!(enumerate);

impl ChildKind {
    /// The kinds that come from an optional CRD.
    pub fn optional() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|kind| kind.facts().optional)
    }

    /// The name of the CustomResourceDefinition of a kind that comes from one.
    pub fn definition(self) -> Option<String> {
        let KindFacts { group, resource, optional, .. } = self.facts();
        optional.then(|| format!("{resource}.{group}"))
    }

    /// Whether its objects make pods.
    pub const fn makes_pods(self) -> bool {
        self.facts().makes_pods
    }
}

impl fmt::Display for ChildKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Something for each kind of child.
#[derive(Debug)]
pub struct PerKind<T>([T; ChildKind::ALL.len()]);

impl<T> PerKind<T> {
    /// What `make` gives for each kind.
    pub fn new(make: impl FnMut(ChildKind) -> T) -> Self {
        Self(ChildKind::ALL.map(make))
    }

    /// That of a kind.
    pub const fn of(&self, kind: ChildKind) -> &T {
        &self.0[kind as usize]
    }
}

/// What a decision knows of an object that was made for a model.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChildFacts {
    /// The kind.
    pub kind: ChildKind,
    /// Namespace and name.
    pub key: Key,
    /// Its UID.
    pub uid: String,
    /// UID of the controlling owner.
    pub owner_uid: Option<String>,
    /// The hash of what was rendered when it was last written.
    pub rendered_hash: Option<String>,
    /// Hash of all that it says, whoever wrote it; see [`content_hash`].
    pub content: String,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// What is known of objects of its kind alone.
    pub observed: Observed,
}

/// What is observed of an object, besides what every child has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Observed {
    /// Nothing: nobody looks into objects of its kind.
    Nothing,
    /// How far the Job is.
    Job(JobFacts),
    /// The replicas. On the heap, because most children are of other kinds and would be as large.
    Deployment(Box<DeploymentFacts>),
    /// Whether the autoscaler works.
    Autoscaler(AutoscalerFacts),
    /// What gateways say of the route.
    Route(RouteFacts),
}

/// What is observed of a Job.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct JobFacts {
    /// Whether it has done what it was made for.
    pub complete: bool,
    /// Since when it is given up, in the API server's words for a moment, and why.
    pub failed: Option<(String, String)>,
}

/// What is observed of a Deployment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DeploymentFacts {
    /// Its generation.
    pub generation: i64,
    /// The generation that its controller has seen.
    pub observed_generation: i64,
    /// Replicas it asks for.
    pub wanted: i32,
    /// Whether an autoscaler decides that number.
    pub autoscaled: bool,
    /// Replicas that exist.
    pub replicas: i32,
    /// Replicas of the newest template.
    pub updated: i32,
    /// Replicas that are ready.
    pub ready: i32,
    /// Replicas that are available.
    pub available: i32,
    /// Why its controller cannot make pods, where it says so.
    pub replica_failure: Option<String>,
    /// Hash of where its pods may go.
    pub affinity: String,
}

impl ChildFacts {
    /// The facts of an object as the API server gives it, or `None` where it has no name.
    pub fn of(kind: ChildKind, object: &Value) -> Option<Self> {
        let metadata = &object["metadata"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let owner = metadata["ownerReferences"]
            .as_array()
            .and_then(|owners| owners.iter().find(|owner| owner["controller"] == Value::Bool(true)));
        Some(Self {
            kind,
            key: Key::new(metadata["namespace"].as_str()?, metadata["name"].as_str()?),
            uid: text(&metadata["uid"]).unwrap_or_default(),
            owner_uid: owner.and_then(|owner| text(&owner["uid"])),
            rendered_hash: text(&metadata["annotations"][RENDERED_HASH]),
            content: content_hash(object),
            terminating: !metadata["deletionTimestamp"].is_null(),
            observed: (kind.facts().observe)(object),
        })
    }
}

/// Each of these is `None` for an object of another kind.
impl ChildFacts {
    /// How far it is, of a Job.
    pub const fn job(&self) -> Option<&JobFacts> {
        if let Observed::Job(facts) = &self.observed { Some(facts) } else { None }
    }

    /// The replicas, of a Deployment.
    pub fn deployment(&self) -> Option<&DeploymentFacts> {
        if let Observed::Deployment(facts) = &self.observed { Some(facts) } else { None }
    }

    /// Whether it works, of an autoscaler.
    pub const fn autoscaler(&self) -> Option<&AutoscalerFacts> {
        if let Observed::Autoscaler(facts) = &self.observed { Some(facts) } else { None }
    }

    /// What gateways say of it, of an HTTPRoute.
    pub const fn route(&self) -> Option<&RouteFacts> {
        if let Observed::Route(facts) = &self.observed { Some(facts) } else { None }
    }
}

impl JobFacts {
    fn of(object: &Value) -> Self {
        let condition = |type_: &str| {
            let conditions = object["status"]["conditions"].as_array()?;
            conditions.iter().find(|one| one["type"] == type_ && one["status"] == "True")
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().chars().take(256).collect::<String>();
        Self {
            complete: condition("Complete").is_some(),
            failed: condition("Failed").map(|one| (text(&one["lastTransitionTime"]), text(&one["message"]))),
        }
    }
}

impl DeploymentFacts {
    fn of(object: &Value) -> Self {
        let status = &object["status"];
        let long = |value: &Value| value.as_i64().unwrap_or_default();
        let count = |value: &Value| i32::try_from(long(value)).unwrap_or(i32::MAX);
        Self {
            generation: long(&object["metadata"]["generation"]),
            observed_generation: long(&status["observedGeneration"]),
            wanted: count(&object["spec"]["replicas"]),
            autoscaled: is_autoscaled(object),
            replicas: count(&status["replicas"]),
            updated: count(&status["updatedReplicas"]),
            ready: count(&status["readyReplicas"]),
            available: count(&status["availableReplicas"]),
            affinity: short_hash(object["spec"]["template"]["spec"]["affinity"].to_string().as_bytes()),
            replica_failure: status["conditions"]
                .as_array()
                .and_then(|all| {
                    all.iter().find(|one| one["type"] == "ReplicaFailure" && one["status"] == "True")
                })
                .and_then(|condition| condition["message"].as_str())
                .map(shortened),
        }
    }
}

/// Metadata that say nothing of what was asked for. Finalizers are how others are told of a deletion in time.
const BOOKKEEPING: [&str; 6] =
    ["resourceVersion", "generation", "managedFields", "creationTimestamp", "uid", "finalizers"];

/// Annotation that the deployment controller writes; not ours and not a change of anything we asked for.
const REVISION_ANNOTATION: &str = "deployment.kubernetes.io/revision";

/// Whether an autoscaler decides the replicas of an object, as Hemvist has noted on it.
fn is_autoscaled(object: &Value) -> bool {
    object["metadata"]["annotations"][AUTOSCALED] == "true"
}

/// Hash of all that an object says: labels, annotations, owners and spec, whoever wrote them. Status, finalizers, the
/// bookkeeping of the API server and a number of replicas that an autoscaler decides are left out. Equal hashes mean that
/// nobody changed the object in between.
///
/// The first 16 hexadecimal digits of SHA-256 over the JSON text, whose keys are in order.
pub fn content_hash(object: &Value) -> String {
    let mut content = object.clone();
    if is_autoscaled(object)
        && let Some(spec) = content.get_mut("spec").and_then(Value::as_object_mut)
    {
        spec.remove("replicas");
    }
    if let Some(fields) = content.as_object_mut() {
        fields.remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            for bookkeeping in BOOKKEEPING {
                metadata.remove(bookkeeping);
            }
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove(REVISION_ANNOTATION);
            }
        }
    }
    short_hash(content.to_string().as_bytes())
}

/// The first 16 hexadecimal digits of SHA-256.
pub(crate) fn short_hash(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    format!("{:016x}", u64::from_be_bytes(first))
}
