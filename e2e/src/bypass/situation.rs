//! A cluster with everything that attempts need: departments, people, nodes, models that run, and tenants' own workloads.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::Client;
use serde_json::{Value, json};

use super::actor::{Actor, CLEARANCE_ADMINS, rights};
use super::by_hand;
use super::call::Call;
use super::kinds;
use super::shapes::{container, plain_spec, pod, spec_with, workload};
use crate::installation::workspace;
use crate::models::scaled;
use crate::objects::text;
use crate::optional_crds::OptionalCrd;
use crate::{ControlPlane, Progress, manifests, region, wait_until};

/// How long anything may take; on a machine with nothing else to do it is seconds.
const PATIENCE: Duration = Duration::from_mins(2);

/// The departments, the last of them without a policy and models of its own, and a namespace whose labels are changed.
pub const NAMESPACES: [&str; 6] = ["halsa", "kommunikation", "teknik", "forskning", LOOSENERS, LABELLED];

/// The namespace whose admin writes policies that would loosen.
pub const LOOSENERS: &str = "losare";

/// The namespace whose labels are changed.
pub const LABELLED: &str = "etiketter";

/// The namespace of the tenants' own workloads, which has no policy of its own.
pub const TENANTS: &str = "kommunikation";

/// Models whose objects are tried: the name in ids, namespace, name.
const MODELS: [(&str, &str, &str); 3] = [
    ("sensitive", "halsa", "journal-sammanfattning"),
    ("internal", "teknik", "kodassistent"),
    ("open", "kommunikation", "webbassistent"),
];

/// The model whose weights are fetched, in [`TENANTS`]. Its Job is tried with the objects of the open model there.
const FETCHED: &str = "hamtad";

/// The model that an autoscaler scales, and that a gateway leads to.
const SCALED_AND_LED: &str = "kodassistent";

/// What that model has beside the objects of every model.
const OF_SCALED_AND_LED: [&str; 3] = ["HorizontalPodAutoscaler", "HTTPRoute", "InferencePool"];

/// A model with what became of it.
#[derive(Clone, Debug)]
pub struct ModelObjects {
    /// The ModelDeployment.
    pub model: Value,
    /// Its objects, by kind.
    pub children: BTreeMap<&'static str, Value>,
    /// The ReplicaSet of its Deployment.
    pub replica_set: Value,
    /// A pod of it that runs.
    pub pod: Value,
}

/// What attempts need to know of a cluster.
#[derive(Clone, Debug)]
pub struct Situation {
    /// The models, by the name that they have in ids.
    pub models: BTreeMap<&'static str, ModelObjects>,
    /// A pod of a model that waits for a node.
    pub waiting_pod: Value,
    /// The tenants' own objects in [`TENANTS`], by kind.
    pub own: BTreeMap<String, Value>,
    /// A pod of the tenants' that waits for a node.
    pub own_waiting_pod: Value,
    /// The policies, as namespace and object.
    pub policies: Vec<Value>,
    /// All nodes, the first of them the one that the sensitive model runs on.
    pub nodes: Vec<Value>,
    /// The ResourceQuota that Hemvist keeps, where there is one.
    pub quota: Option<Value>,
    /// Whether the kind UsageStatement is served.
    pub usage_statements: bool,
}

impl Situation {
    /// Makes departments, people and nodes. The nodes are cleared by someone who may.
    ///
    /// # Errors
    /// Where the API server refuses something.
    pub async fn people_and_places(cluster: &ControlPlane) -> Result<()> {
        let mut objects: Vec<Value> = NAMESPACES
            .iter()
            .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
            .collect();
        objects.extend(rights(&NAMESPACES));
        for name in ["nvidia", "nvidia-cdi", "kata-nvidia-gpu", "gvisor"] {
            let metadata = json!({"name": name});
            objects.push(json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": metadata, "handler": name}));
        }
        by_hand::apply(cluster, &objects).await?;
        for crd in OptionalCrd::ALL {
            crd.install(cluster).await?;
        }
        let clearing = cluster.client_as("e2e-clearance-admin", &[CLEARANCE_ADMINS]).await?;
        region::create_nodes(&clearing).await
    }

    /// Asks for the models of the examples that the region's policy allows.
    ///
    /// # Errors
    /// Where the API server refuses one.
    pub async fn ask_for_models(cluster: &ControlPlane) -> Result<()> {
        let models = wanted_models()?;
        by_hand::apply(cluster, &models).await
    }

    /// Waits until the models run, makes what tenants have of their own, and looks at all of it.
    ///
    /// # Errors
    /// Where it does not come to that.
    pub async fn look(cluster: &ControlPlane) -> Result<Self> {
        by_hand::apply(cluster, &own_objects()).await?;
        let client = cluster.client();
        let mut models = BTreeMap::new();
        for (id, namespace, name) in MODELS {
            let mut model = model_objects(&client, namespace, name).await?;
            model.pod = with_resources_in_use(cluster, &model.pod).await?;
            models.insert(id, model);
        }
        let job = job_that_fetches(&client).await?;
        models.get_mut("open").context("there is no open model")?.children.insert("Job", job);
        let own = own_live(&client).await?;
        let node = text(&models["sensitive"].pod["spec"]["nodeName"]).to_owned();
        let mut nodes = list(&client, "Node", "", "").await?;
        nodes.sort_by_key(|other| other["metadata"]["name"] != node.as_str());
        let mut policies = list(&client, "AIPolicy", "", "").await?;
        policies
            .retain(|policy| ["halsa", "hemvist-system"].contains(&text(&policy["metadata"]["namespace"])));
        ensure!(!policies.is_empty(), "there is no policy to try");
        let quotas = list(&client, "ResourceQuota", "", "app.kubernetes.io/managed-by=hemvist").await?;
        let statements = Call::get(&kinds::collection("UsageStatement", "")).send(&client, false).await?;
        Ok(Self {
            models,
            waiting_pod: waiting(&client, "forskning", "hemvist.dev/model-deployment=stormodell").await?,
            own,
            own_waiting_pod: waiting(&client, TENANTS, "app=vantar").await?,
            policies,
            nodes,
            quota: quotas.into_iter().next(),
            usage_statements: statements.is_success(),
        })
    }

    /// The node that the sensitive model runs on.
    pub fn node(&self) -> &str {
        text(&self.nodes[0]["metadata"]["name"])
    }

    /// A node that is cleared for open information only.
    ///
    /// # Errors
    /// Where there is none.
    pub fn open_node(&self) -> Result<&Value> {
        let clearance = |node: &&Value| {
            node["metadata"]["labels"]["hemvist.node-restriction.kubernetes.io/clearance"] == "Open"
        };
        self.nodes.iter().find(clearance).context("no node is cleared for open information only")
    }
}

/// The ModelDeployments of the examples that a region's policy allows.
pub(super) fn wanted_models() -> Result<Vec<Value>> {
    let mut wanted = Vec::new();
    for key in region::SERVED.iter().chain([&region::WAITING]) {
        let name = key.split('/').nth(1).unwrap_or_default();
        wanted.extend(example(&format!("models/{name}.yaml"))?);
    }
    wanted.push(fetched_model()?);
    // The storage of one of them comes first.
    let mut all = example("storage.yaml")?;
    for model in &mut wanted {
        if model["metadata"]["name"] == SCALED_AND_LED {
            *model = scaled(model.take(), 1, 2);
            model["spec"]["access"]["gateway"] = json!({
                "hostname": "ai.region.example", "endpointPicker": {"service": "valjare", "port": 9002},
            });
        }
    }
    all.extend(wanted);
    Ok(all)
}

/// A model whose weights are being fetched for ever, since no simulated kubelet knows how that ends.
fn fetched_model() -> Result<Value> {
    let models = example("models/webbassistent.yaml")?;
    let mut model = models.into_iter().next().context("the example has no model")?;
    model["metadata"]["name"] = json!(FETCHED);
    model["spec"]["model"]["digest"] = json!(format!("sha256:{}", "5".repeat(64)));
    let store = json!({"endpoint": "https://objects.region.example", "bucket": "models"});
    model["spec"]["model"]["source"] = json!({"mirror": {"claimName": "vikter", "objectStore": store}});
    Ok(model)
}

/// The objects of a file of the examples.
pub(super) fn example(file: &str) -> Result<Vec<Value>> {
    let path: PathBuf = workspace().join("examples/region").join(file);
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    manifests::objects(&text)
}

/// What tenants have of their own, without any accelerator.
fn own_objects() -> Vec<Value> {
    let own = |kind: &str, name: &str, spec: &Value| {
        let metadata = json!({"namespace": TENANTS, "name": name, "labels": {"app": name}});
        let mut object = json!({"apiVersion": kinds::api_version(kind), "kind": kind, "metadata": metadata});
        if !spec.is_null() {
            object["spec"] = spec.clone();
        }
        object
    };
    let mut objects: Vec<Value> = kinds::WORKLOADS
        .iter()
        .map(|kind| {
            let spec = spec_with(&json!({"containers": [container("app"), container("sidovagn")]}));
            let mut object = workload(kind, TENANTS, &format!("egen-{}", kind.to_lowercase()), &spec);
            if *kind == "Job" {
                // Simulated kubelets end a Job's pod at once, and a Job that waits can be tried as well.
                object["spec"]["suspend"] = json!(true);
            }
            object
        })
        .collect();
    let nowhere = spec_with(&json!({"nodeSelector": {"example.org/nowhere": "true"}}));
    let selector = json!({"matchLabels": {"app": "webb"}});
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "finns-inte"});
    let trigger = json!({"type": "cpu", "metadata": {"value": "50"}});
    objects.extend([
        pod(TENANTS, "egen-pod", &plain_spec()),
        pod(TENANTS, "vantar", &nowhere),
        own("Service", "egen-service", &json!({"ports": [{"port": 80}], "selector": {"app": "webb"}})),
        own("ServiceAccount", "egen-serviceaccount", &Value::Null),
        own("NetworkPolicy", "egen-networkpolicy", &json!({"podSelector": selector})),
        own(
            "PodDisruptionBudget",
            "egen-poddisruptionbudget",
            &json!({"maxUnavailable": 1, "selector": selector}),
        ),
        own(
            "HorizontalPodAutoscaler",
            "egen-horizontalpodautoscaler",
            &json!({"scaleTargetRef": target, "maxReplicas": 2}),
        ),
        own("ScaledObject", "egen-scaledobject", &json!({"scaleTargetRef": target, "triggers": [trigger]})),
        own("HTTPRoute", "egen-httproute", &json!({"hostnames": ["webb.region.example"]})),
        own(
            "InferencePool",
            "egen-inferencepool",
            &json!({
                "selector": selector, "targetPorts": [{"number": 80}],
                "endpointPickerRef": {"name": "valjare", "port": {"number": 9002}},
            }),
        ),
        own("ConfigMap", "egen-configmap", &Value::Null),
        own("ResourceQuota", "egen-resourcequota", &json!({"hard": {"count/secrets": "500"}})),
    ]);
    objects
}

async fn own_live(client: &Client) -> Result<BTreeMap<String, Value>> {
    let mut own = BTreeMap::new();
    for object in own_objects() {
        let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
        if !name.starts_with("egen-") {
            continue;
        }
        let running = |object: &Value| kind != "Pod" || object["status"]["phase"] == "Running";
        let live = wait_until(&format!("{kind} {name}"), PATIENCE, async || {
            let live = Call::get(&kinds::item_of(&object)).send(client, false).await?.object();
            Ok(if running(&live) { Progress::Done(live) } else { Progress::not_yet(&live["status"]) })
        })
        .await?;
        own.insert(kind.to_owned(), live);
    }
    Ok(own)
}

async fn job_that_fetches(client: &Client) -> Result<Value> {
    let selector = format!("hemvist.dev/model-deployment={FETCHED}");
    wait_until("the Job that fetches", PATIENCE, async || {
        let jobs = list(client, "Job", TENANTS, &selector).await?;
        Ok(jobs.into_iter().next().map_or_else(|| Progress::not_yet("none"), Progress::Done))
    })
    .await
}

async fn model_objects(client: &Client, namespace: &str, name: &str) -> Result<ModelObjects> {
    let selector = format!("hemvist.dev/model-deployment={name}");
    let mut children = BTreeMap::new();
    let kinds = ["ServiceAccount", "NetworkPolicy", "Service", "PodDisruptionBudget", "Deployment"];
    let further = OF_SCALED_AND_LED.into_iter().filter(|_| name == SCALED_AND_LED);
    for kind in kinds.into_iter().chain(further) {
        let child = wait_until(&format!("the {kind} of {namespace}/{name}"), PATIENCE, async || {
            let found = list(client, kind, namespace, &selector).await?.into_iter().next();
            Ok(found.map_or_else(|| Progress::not_yet("none"), Progress::Done))
        })
        .await?;
        children.insert(kind, child);
    }
    let pod = wait_until(&format!("a pod of {namespace}/{name}"), PATIENCE, async || {
        let pods = list(client, "Pod", namespace, &selector).await?;
        let seen = pods.iter().map(|pod| pod["status"].to_string()).collect::<String>();
        let running = pods.into_iter().find(|pod| pod["status"]["phase"] == "Running");
        Ok(running.map_or_else(|| Progress::not_yet(seen), Progress::Done))
    })
    .await?;
    let replica_set = list(client, "ReplicaSet", namespace, &selector).await?.into_iter().next();
    let model = Call::get(&kinds::item("ModelDeployment", namespace, name)).send(client, false).await?;
    Ok(ModelObjects {
        model: model.object(),
        children,
        replica_set: replica_set.context("a Deployment without a ReplicaSet has a pod")?,
        pod,
    })
}

/// A kubelet that can resize says what a container uses, and the simulated ones do not; it is said here in their name.
async fn with_resources_in_use(cluster: &ControlPlane, pod: &Value) -> Result<Value> {
    let node = format!("system:node:{}", text(&pod["spec"]["nodeName"]));
    let kubelet = cluster.client_as(&node, &["system:nodes"]).await?;
    let mut statuses = pod["status"]["containerStatuses"].clone();
    for (status, container) in statuses
        .as_array_mut()
        .into_iter()
        .flatten()
        .zip(pod["spec"]["containers"].as_array().into_iter().flatten())
    {
        status["resources"] = container["resources"].clone();
    }
    let change = json!({"status": {"containerStatuses": statuses}});
    let path = format!("{}/status", kinds::item_of(pod));
    let answer = Call::merge_patch(&path, &change).send(&kubelet, false).await?;
    ensure!(answer.is_success(), "{path}: {} {}", answer.code, answer.message());
    Ok(answer.object())
}

async fn waiting(client: &Client, namespace: &str, selector: &str) -> Result<Value> {
    wait_until(&format!("a pod that waits, of {selector}"), PATIENCE, async || {
        let pods = list(client, "Pod", namespace, selector).await?;
        let unbound = |pod: &Value| pod["spec"]["nodeName"].is_null();
        let unschedulable = |pod: &Value| pod["status"]["conditions"].to_string().contains("Unschedulable");
        let count = pods.len();
        let found = pods.into_iter().find(|pod| unbound(pod) && unschedulable(pod));
        Ok(found.map_or_else(|| Progress::not_yet(format!("{count} pods")), Progress::Done))
    })
    .await
}

/// The objects of a kind that a selector selects, each with its kind, which lists leave out.
pub(super) async fn list(client: &Client, kind: &str, namespace: &str, selector: &str) -> Result<Vec<Value>> {
    let path = format!("{}?labelSelector={selector}", kinds::collection(kind, namespace));
    let answer = Call::get(&path).send(client, false).await?;
    ensure!(answer.is_success(), "listing {kind}: {} {}", answer.code, answer.message());
    let mut items = answer.object()["items"].as_array().cloned().unwrap_or_default();
    for item in &mut items {
        item["apiVersion"] = json!(kinds::api_version(kind));
        item["kind"] = json!(kind);
    }
    Ok(items)
}

/// The clients of everyone, with the kubelet of the node that the sensitive model runs on.
///
/// # Errors
/// Where a credential cannot be made.
pub async fn callers(cluster: &ControlPlane, situation: &Situation) -> Result<super::actor::Callers> {
    let callers = super::actor::Callers::new(cluster, situation.node()).await?;
    callers.client(Actor::Kubelet)?;
    Ok(callers)
}
