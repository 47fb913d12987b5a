//! A valid ModelDeployment with every field resolved: the only input of placement and rendering.
//!
//! What is read here is read once. With a [`ModelRequest`] no code checks again whether a field is there, whether
//! two exclude each other, or what stands in for one that was left out.

mod check;
mod demand;
mod engine;
mod route;
mod scaling;
mod toleration;
mod weights;

use std::collections::BTreeSet;

use hemvist_api::values::{
    AcceleratorVendor, InformationClass, Isolation, ModelFormat, RequestLogging, RiskClass, RolloutStrategy,
};

use crate::engine::{EngineSettings, Serving};
use crate::policy::Clearance;
use crate::snapshot::{Key, MirrorAddress, ToleratedTaint};

pub(crate) use check::partition_isolation;
pub use check::{suspension, validate};
pub use demand::Demand;
pub(crate) use engine::{refused_argument, unlisted_argument};
pub use route::{PickerSettings, RouteSettings};
pub use scaling::{Autoscaler, KedaSettings, ScalingSettings, Target, Window};
pub use toleration::tolerations;

/// A ModelDeployment that may be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRequest {
    /// Namespace and name.
    pub key: Key,
    /// UID of the ModelDeployment, the owner of everything that is rendered.
    pub uid: String,
    /// The name that clients ask for.
    pub model_name: String,
    /// Information class.
    pub information_class: InformationClass,
    /// Risk class.
    pub risk_class: RiskClass,
    /// Where the weights are.
    pub source: WeightsSource,
    /// File format of the weights.
    pub format: ModelFormat,
    /// The adapters that are served beside it, in order of their names.
    pub adapters: Vec<AdapterSettings>,
    /// The image with the program that fetches and verifies weights, where that has to be done.
    pub tools_image: Option<String>,
    /// Size of the weights in bytes, where it is known.
    pub weights_bytes: Option<u64>,
    /// The engine.
    pub engine: EngineSettings,
    /// The accelerators of one replica.
    pub accelerator: AcceleratorRequest,
    /// The resources by which they can be asked for, the preferred one first. `accelerator` has one of them.
    pub resource_names: Vec<String>,
    /// Where the model may be.
    pub clearance: Clearance,
    /// The taints of nodes that its pods tolerate.
    pub tolerations: Vec<ToleratedTaint>,
    /// How far it is kept apart from other models.
    pub isolation: Isolation,
    /// Replicas that are wanted; 0 while it is suspended. Where it is scaled, what it begins with.
    pub replicas: i32,
    /// What scales it; `None` where the number is fixed, and while it is suspended.
    pub scaling: Option<ScalingSettings>,
    /// How a new version takes over.
    pub rollout: RolloutStrategy,
    /// How long requests may go on when a replica stops, in seconds.
    pub drain_seconds: i32,
    /// Namespaces whose pods may reach the model, in order.
    pub consumers: BTreeSet<String>,
    /// The way from a gateway to it, if one leads there.
    pub route: Option<RouteSettings>,
    /// What the engine may log of requests.
    pub request_logging: RequestLogging,
}

impl ModelRequest {
    /// The facts of the model that the engine needs.
    pub fn serving(&self) -> Serving<'_> {
        Serving {
            model_name: &self.model_name,
            format: self.format,
            vendor: self.accelerator.vendor,
            accelerators: self.accelerator.count,
            drain_seconds: self.drain_seconds,
            request_logging: self.request_logging,
            engine: &self.engine,
        }
    }
}

/// Where weights are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WeightsSource {
    /// In an OCI image, mounted as a read-only volume.
    Image {
        /// The image.
        reference: String,
        /// Absolute path inside the image; `/` for its root.
        path: String,
    },
    /// In a PersistentVolumeClaim of the same namespace, mounted read-only.
    VolumeClaim {
        /// The claim.
        claim_name: String,
        /// Path inside the volume; empty for its root.
        path: String,
        /// The digest that they are held to before they are served, where one is stated.
        digest: Option<String>,
    },
    /// In a PersistentVolumeClaim of the same namespace, into which they are fetched and verified.
    Mirror(Box<FetchedWeights>),
}

/// Weights that are fetched before they are served.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FetchedWeights {
    /// The claim.
    pub claim_name: String,
    /// The file or folder of the mirror; empty for everything.
    pub path: String,
    /// Whether that is a file.
    pub is_file: bool,
    /// The digest, with its `sha256:`.
    pub digest: String,
    /// Where they are fetched from.
    pub mirror: Mirror,
    /// Where that is in the network.
    pub address: MirrorAddress,
    /// The Secret by whose right they are fetched, if one is needed.
    pub secret_name: Option<String>,
}

/// A store of the region's own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mirror {
    /// An S3-compatible object store.
    ObjectStore {
        /// Address, such as `https://objects.region.example`.
        endpoint: String,
        /// The region that requests are signed for, where it is stated.
        region: Option<String>,
        /// The bucket.
        bucket: String,
        /// The beginning of the keys; empty for all.
        prefix: String,
    },
    /// A mirror of a model hub.
    Hub {
        /// Address.
        endpoint: String,
        /// The repository.
        repository: String,
        /// The commit.
        revision: String,
    },
}

/// A LoRA adapter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AdapterSettings {
    /// The name by which it is requested.
    pub name: String,
    /// Where it is.
    pub source: WeightsSource,
    /// Its rank, where it is known.
    pub rank: Option<i32>,
}

/// The accelerators of one replica.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct AcceleratorRequest {
    /// The vendor.
    pub vendor: AcceleratorVendor,
    /// The resource, such as `nvidia.com/gpu` or `nvidia.com/mig-1g.10gb`.
    pub resource: String,
    /// How many, all on one node.
    pub count: i32,
    /// The node label that names the product, where the vendor has one.
    pub product_label: Option<&'static str>,
    /// Products that will do; empty for any.
    pub products: BTreeSet<String>,
    /// Why these.
    pub reason: String,
}
