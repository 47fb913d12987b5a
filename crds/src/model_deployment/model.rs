//! Which model is served, and where its weights are.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::values::{
    AbsolutePath, Bytes, Digest, ImageReference, Licence, ModelFormat, ObjectName, RelativePath,
};

/// Which model is served, and where its weights are.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// The name that clients ask for. Default: the name of the ModelDeployment. Example: `llama-3.3-70b-instruct`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$"))]
    pub name: Option<String>,

    /// Where the weights are. Exactly one source.
    pub source: ModelSource,

    /// SHA-256 of the weights, checked before they are served. An image source carries its own in the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,

    /// The file format of the weights. Formats that can carry code are not accepted. Example: `Safetensors`.
    pub format: ModelFormat,

    /// The licence of the weights as an SPDX expression; `LicenseRef-…` for one that SPDX does not list.
    /// Example: `Apache-2.0`.
    pub licence: Licence,

    /// Facts about the weights, used to calculate memory and start-up time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<ModelFacts>,

    /// LoRA adapters that are served beside the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub adapters: Option<Vec<Adapter>>,
}

/// Where weights are. Exactly one field is set.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[x_kube(validation = Rule::new("[has(self.image), has(self.persistentVolumeClaim), has(self.mirror)].filter(present, present).size() == 1")
    .message("exactly one of image, persistentVolumeClaim and mirror must be set"))]
#[serde(rename_all = "camelCase")]
pub struct ModelSource {
    /// An OCI image with the weights as files, mounted read-only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageSource>,

    /// A PersistentVolumeClaim of the same namespace, mounted read-only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<VolumeClaimSource>,

    /// A store of the region's own, from which a separate Job fetches and verifies the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<MirrorSource>,
}

impl From<&AdapterSource> for ModelSource {
    fn from(AdapterSource { image, persistent_volume_claim }: &AdapterSource) -> Self {
        Self { image: image.clone(), persistent_volume_claim: persistent_volume_claim.clone(), mirror: None }
    }
}

/// An OCI image with weights as files.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageSource {
    /// The image. Example: `registry.region.example/models/llama@sha256:…`.
    pub reference: ImageReference,

    /// Where the weights are inside the image. Default: its root. A directory of safetensors, or a GGUF file.
    /// Example: `/models`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<AbsolutePath>,
}

/// A PersistentVolumeClaim with weights as files.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeClaimSource {
    /// The claim, in the same namespace. Example: `journal-weights`.
    pub claim_name: ObjectName,

    /// Where the weights are inside the volume. Default: its root. Example: `llama/q4.gguf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<RelativePath>,
}

/// A store of the region's own. Exactly one of `objectStore` and `hub` is set.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[x_kube(validation = Rule::new("has(self.objectStore) != has(self.hub)")
    .message("exactly one of objectStore and hub must be set"))]
#[serde(rename_all = "camelCase")]
pub struct MirrorSource {
    /// The PersistentVolumeClaim of the same namespace in which the weights are kept, each version in a folder that is
    /// named after its digest. Several models can share one. Example: `weights`.
    pub claim_name: ObjectName,

    /// What of the mirror is fetched: a folder, or a GGUF file, of a split model the first part. Default: everything that
    /// is below the prefix or in the repository. Example: `q4/model-q4.gguf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<RelativePath>,

    /// An S3-compatible object store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_store: Option<ObjectStoreMirror>,

    /// A mirror of a model hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub: Option<HubMirror>,
}

/// Weights in an S3-compatible object store.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStoreMirror {
    /// Address of the store. Example: `https://objects.region.example`.
    #[schemars(length(min = 9, max = 253), regex(pattern = r"^https://[a-z0-9.-]+(:[0-9]{1,5})?$"))]
    pub endpoint: String,

    /// The bucket. Example: `models`.
    #[schemars(length(min = 3, max = 63), regex(pattern = r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$"))]
    pub bucket: String,

    /// The prefix of the keys. Example: `llama-3.3-70b`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<RelativePath>,

    /// The region that requests are signed for. Default: `us-east-1`, which stores without regions take. Example: `se-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub region: Option<String>,

    /// A Secret of the same namespace with `accessKey` and `secretKey`, and with `ca.crt` where the certificate of the
    /// store is signed by an authority of the region's own. Example: `object-store-reader`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<ObjectName>,
}

/// Weights in a mirror of a model hub.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HubMirror {
    /// Address of the mirror. Example: `https://hub.region.example`.
    #[schemars(length(min = 9, max = 253), regex(pattern = r"^https://[a-z0-9.-]+(:[0-9]{1,5})?$"))]
    pub endpoint: String,

    /// The repository. Example: `mistralai/Mistral-Small-24B`.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$")
    )]
    pub repository: String,

    /// The commit, 40 hexadecimal digits; a branch can move.
    #[schemars(length(min = 40, max = 40), regex(pattern = r"^[a-f0-9]{40}$"))]
    pub revision: String,

    /// A Secret of the same namespace with `token`, and with `ca.crt` where the certificate of the mirror is signed by an
    /// authority of the region's own. Example: `hub-reader`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<ObjectName>,
}

/// Facts about weights, as in the model's own `config.json` and the sizes of its files.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[x_kube(validation = Rule::new("!has(self.keyValueHeads) || !has(self.attentionHeads) || self.attentionHeads % self.keyValueHeads == 0")
    .message("attentionHeads must be a multiple of keyValueHeads").field_path(".keyValueHeads"))]
#[serde(rename_all = "camelCase")]
pub struct ModelFacts {
    /// Size of all weight files together. Example: `141Gi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("quantity(self).isGreaterThan(quantity('0'))").message("weights must be greater than 0"))]
    pub weights: Option<Bytes>,

    /// Number of hidden layers. Example: `80`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub layers: Option<i32>,

    /// Number of attention heads. Example: `64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub attention_heads: Option<i32>,

    /// Number of key-value heads. Example: `8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub key_value_heads: Option<i32>,

    /// Dimension of one head. Example: `128`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65536))]
    pub head_dimension: Option<i32>,

    /// The longest context that the model was made for, in tokens. Example: `131072`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_context_length: Option<i32>,
}

/// Where an adapter is. Exactly one field is set.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[x_kube(validation = Rule::new("has(self.image) != has(self.persistentVolumeClaim)")
    .message("exactly one of image and persistentVolumeClaim must be set"))]
#[serde(rename_all = "camelCase")]
pub struct AdapterSource {
    /// An OCI image with the adapter as files, mounted read-only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageSource>,

    /// A PersistentVolumeClaim of the same namespace, mounted read-only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<VolumeClaimSource>,
}

/// A LoRA adapter.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Adapter {
    /// The name by which it is asked for; unique within the list, and not the model's own. Example: `journal-sv`.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,

    /// Where the adapter is. Exactly one source.
    pub source: AdapterSource,

    /// SHA-256 of the adapter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,

    /// Its rank, `r` in its `adapter_config.json`. Set it for vLLM if it is above 16; other engines read it from the file.
    /// Example: `32`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 512))]
    pub rank: Option<i32>,
}
