//! What the model's weights come from and go to: a store with two files, a claim of the node's own disk, and one with little room.

use std::path::PathBuf;

use anyhow::{Context, Result};
use hemvist_e2e::governed::split;
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::{Progress, wait_until};
use hemvist_e2e_real::image::digest;
use hemvist_e2e_real::object_store::{BUCKET, ObjectStore, endpoint, settings};
use hemvist_e2e_real::{node, programs, tools};
use serde_json::{Value, json};

use crate::surroundings::{MODEL, PATIENCE, Surroundings};

/// The claim that the model fetches to first, and the name of its folder on the node.
pub const CLAIM: &str = "weights";

/// The claim with little room.
pub const SMALL_CLAIM: &str = "small";

/// Room in it, in mebibytes.
const LITTLE: u32 = 32;

/// The Secret with which the store is read.
const SECRET: &str = "object-store-reader";

/// What the keys of the model begin with.
const PREFIX: &str = "eurollm";

/// A file of weights as it is in the store.
pub struct Weights {
    /// Its name.
    pub file: &'static str,
    /// What is in it.
    pub content: Vec<u8>,
    /// What that is known by.
    pub digest: String,
}

impl Weights {
    fn new(file: &'static str, content: Vec<u8>) -> Self {
        let digest = digest(&content);
        Self { file, content, digest }
    }

    /// The folder of a claim in which they are when they were verified.
    pub fn folder(&self) -> String {
        self.digest.replace(':', "-")
    }
}

/// The cluster with a store beside it.
pub struct Stage {
    pub surroundings: Surroundings,
    pub store: ObjectStore,
    /// The model, as small as it is.
    pub small: Weights,
    /// The same with so much behind it, which no engine reads, that its way takes time.
    pub large: Weights,
}

impl Stage {
    /// Sets it.
    pub async fn set() -> Result<Self> {
        let tools = tools::image().await?;
        let mut values = vec![format!("tools.image.digest={}", tools.digest())];
        values.extend(settings());
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let mut surroundings = Surroundings::start_with("weights", &[&tools], &values).await?;
        let store = ObjectStore::start(&surroundings.node).await?;
        let path = programs::model()?;
        let content = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let mut padded = content.clone();
        padded.extend(noise(48 << 20));
        let (small, large) = (Weights::new("q8.gguf", content), Weights::new("q8-padded.gguf", padded));
        for weights in [&small, &large] {
            store.put(&format!("{PREFIX}/{}", weights.file), &weights.content).await?;
        }
        surroundings.model["spec"]["model"]["digest"] = json!(small.digest);
        surroundings.model["spec"]["model"]["source"] = json!({"mirror": {
            "claimName": CLAIM,
            "path": small.file,
            "objectStore": {"endpoint": endpoint(), "bucket": BUCKET, "prefix": PREFIX, "secretName": SECRET},
        }});
        let stage = Self { surroundings, store, small, large };
        stage.provide_storage().await?;
        Ok(stage)
    }

    /// A volume of each kind that the node's disk gives: a folder, and a file system of its own with little room. And the
    /// Secret.
    async fn provide_storage(&self) -> Result<()> {
        let (namespace, _) = split(MODEL)?;
        for claim in [CLAIM, SMALL_CLAIM] {
            let folder = self.volume(claim);
            std::fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
        }
        let folder = self.volume(SMALL_CLAIM).display().to_string();
        let size = format!("size={LITTLE}m");
        let mount = ["mount", "-t", "tmpfs", "-o", &size, "tmpfs", &folder];
        self.surroundings.node.run(&mount).await?;
        let mut items = vec![self.store.secret(namespace, SECRET)?];
        items.extend([CLAIM, SMALL_CLAIM].into_iter().flat_map(|claim| self.claim(namespace, claim)));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let kubectl = self.surroundings.governed.cluster().kubectl()?;
        kubectl.run_with_input(&["apply", "-f", "-"], &list.to_string()).await?.success()?;
        Ok(())
    }

    fn claim(&self, namespace: &str, name: &str) -> [Value; 2] {
        let (modes, size) = (json!(["ReadWriteOnce"]), json!({"storage": "1Gi"}));
        let here = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [node::NAME]});
        let volume = json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("{namespace}-{name}")},
            "spec": {
                "capacity": size, "accessModes": modes, "storageClassName": "",
                "claimRef": {"namespace": namespace, "name": name},
                "local": {"path": self.volume(name)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
            },
        });
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"namespace": namespace, "name": name},
            "spec": {
                "accessModes": modes, "storageClassName": "", "volumeName": format!("{namespace}-{name}"),
                "resources": {"requests": size},
            },
        });
        [volume, claim]
    }

    /// The folder of a claim's volume. That of the one with little room is seen by the node alone.
    pub fn volume(&self, claim: &str) -> PathBuf {
        self.surroundings.node.folder().join(format!("volume-{claim}"))
    }

    /// Gives the claim with little room more.
    pub async fn make_room(&self) -> Result<()> {
        let folder = self.volume(SMALL_CLAIM).display().to_string();
        self.surroundings.node.run(&["mount", "-o", "remount,size=256m", &folder]).await.map(|_| ())
    }

    /// Changes what the model says of its weights.
    pub async fn change(&self, digest: &str, file: &str, claim: &str) -> Result<()> {
        let (namespace, name) = split(MODEL)?;
        let change = json!({"spec": {"model": {
            "digest": digest, "source": {"mirror": {"path": file, "claimName": claim}},
        }}});
        let objects = self.surroundings.governed.objects();
        objects.merge(Kind::ModelDeployment, namespace, name, &change).await.map(|_| ())
    }

    /// The one Job that fetches these weights, and its pods in the order in which they were made.
    pub async fn job(&self, digest: &str) -> Result<Option<(Value, Vec<Value>)>> {
        let (namespace, name) = split(MODEL)?;
        let objects = self.surroundings.governed.objects();
        let selector = format!("hemvist.dev/model-deployment={name}");
        let jobs = objects.list(Kind::Job, namespace, &selector).await?;
        let Some(job) = jobs.into_iter().find(|job| job["spec"].to_string().contains(digest)) else {
            return Ok(None);
        };
        let selector = format!("batch.kubernetes.io/job-name={}", text(&job["metadata"]["name"]));
        let mut pods = objects.list(Kind::Pod, namespace, &selector).await?;
        pods.sort_by_key(|pod| text(&pod["metadata"]["creationTimestamp"]).to_owned());
        Ok(Some((job, pods)))
    }

    /// Waits until the model is ready, and its one pod has these weights of this claim; gives the pod.
    pub async fn serves(&self, weights: &Weights, claim: &str) -> Result<Value> {
        let folder = weights.folder();
        wait_until(&format!("{folder} of {claim} to be served"), PATIENCE, async || {
            let model = self.surroundings.governed.model(MODEL).await?;
            let pods = self.surroundings.governed.pods(MODEL).await?;
            let (ready, available) = (condition(&model, "Ready"), condition(&model, "Available"));
            let reported = model["status"]["observedGeneration"] == model["metadata"]["generation"]
                && ready["status"] == "True"
                && available["reason"] == "ReplicasAvailable";
            Ok(match pods.as_slice() {
                [pod] if reported && is_served(pod, &folder, claim) => Progress::Done(pod.clone()),
                pods => {
                    let states: Vec<_> = pods.iter().map(|pod| &pod["status"]).collect();
                    Progress::not_yet(format!("{ready}; {available}; {}", json!(states)))
                }
            })
        })
        .await
        .with_context(|| format!("see {}", self.surroundings.node.folder().display()))
    }
}

fn is_served(pod: &Value, folder: &str, claim: &str) -> bool {
    pod["status"]["containerStatuses"][0]["ready"] == true
        && pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim
        && pod["spec"]["containers"][0]["volumeMounts"][0]["subPath"] == folder
}

/// Bytes without a pattern, always the same.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fastrand::Rng::with_seed(1).fill(&mut bytes);
    bytes
}
