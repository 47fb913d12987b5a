//! The cluster around the model: the region of the examples with one real node.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hemvist_e2e::governed::{Governed, split};
use hemvist_e2e::installation::workspace;
use hemvist_e2e::nodes::{CLEARANCE_PREFIX, Gpu, SimulatedNode};
use hemvist_e2e::objects::{condition, text};
use hemvist_e2e::operator::Operator;
use hemvist_e2e::{Options, Progress, region, wait_until};
use hemvist_e2e_real::engine::Images;
use hemvist_e2e_real::image::Image;
use hemvist_e2e_real::{RealNode, node};
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// How long anything may take; most of it is seconds. A kubelet clears dead containers away once a minute, and the garbage
/// collector of a new cluster learns of new kinds every half minute.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// A replica sets 11 GiB aside and a machine has few processors: the tests take turns.
pub static ONE_NODE: Mutex<()> = Mutex::const_new(());

/// The model of the examples that is served: internal information, llama.cpp, one small card.
pub const MODEL: &str = "kommunikation/oversattning";

/// The namespace that the example names as the model's consumer.
pub const CONSUMER: &str = "intranat";

/// What the device plug-in hands out.
pub const RESOURCE: &str = "nvidia.com/gpu";

/// Where KEDA would learn of the load of models. Nobody is there.
const PROMETHEUS: &str = "load.prometheusAddress=http://prometheus.overvakning.svc:9090";

/// A namespace that the model knows nothing of.
pub const STRANGER: &str = "gast";

/// A cluster with a policy that is enforced, an operator, and images for the model.
pub struct Surroundings {
    pub governed: Governed,
    pub node: RealNode,
    pub images: Images,
    pub model: Value,
    operator: Operator,
}

impl Surroundings {
    /// Starts all of it.
    pub async fn start() -> Result<Self> {
        Self::start_with("real", &[], &[PROMETHEUS]).await
    }

    /// Starts all of it under a name of its own, with further images on the node and these values of the chart.
    pub async fn start_with(name: &str, further: &[&Image], values: &[&str]) -> Result<Self> {
        let mut model = example()?;
        let images = images(&model)?;
        adapt(&mut model, &images);
        let proxy = format!("proxy.image.digest={}", images.proxy.digest());
        let options = RealNode::expected_by(Options::new(name));
        let values = [[&*proxy, "inspection.enabled=true"].as_slice(), values].concat();
        let governed = Governed::start_with(options, &values).await?;
        let cluster = governed.cluster();
        for node in simulated_nodes() {
            node.create(&cluster.client()).await?;
        }
        let mut node = RealNode::start(cluster, &[&images.all(), further].concat()).await?;
        let labels = [
            format!("{CLEARANCE_PREFIX}/region=se-f"),
            format!("{CLEARANCE_PREFIX}/data-centre=jkpg-a"),
            format!("{CLEARANCE_PREFIX}/clearance=Internal"),
            "nvidia.com/gpu.present=true".to_owned(),
            format!("nvidia.com/gpu.product={}", Gpu::A10.product),
            format!("nvidia.com/gpu.family={}", Gpu::A10.family),
            format!("nvidia.com/gpu.memory={}", Gpu::A10.memory),
            "nvidia.com/gpu.count=2".to_owned(),
        ];
        let mut command = vec!["label", "node", node::NAME];
        command.extend(labels.iter().map(String::as_str));
        cluster.kubectl()?.run(&command).await?.success()?;
        node.hand_out(cluster, RESOURCE, 2).await?;
        let operator = governed.operator("hemvist-operator")?;
        region::apply_policies(cluster).await?;
        region::wait_until_enforced(cluster).await?;
        governed.create_namespaces(&[CONSUMER, STRANGER]).await?;
        Ok(Self { governed, node, images, model, operator })
    }

    /// Has the engine compute by one thread. Its threads do not rest while it computes: on a small machine they would leave the
    /// proxy, which asks for a thirtieth of what the engine asks for, too little to pass on a crowd, and who waits would wait
    /// there and not be measured.
    pub fn leave_a_processor_to_others(&mut self) {
        self.model["spec"]["engine"]["args"] = json!([{"name": "threads", "value": "1"}]);
    }

    /// What the model says of what scales it, once it says this.
    pub async fn autoscaled(&self, status: &str, reason: &str) -> Result<String> {
        self.says("Autoscaled", status, reason).await
    }

    /// The message of a condition of the model, once it has this status and reason.
    pub async fn says(&self, type_: &str, status: &str, reason: &str) -> Result<String> {
        let begun = Instant::now();
        let what = format!("{type_} to be {status}, {reason}");
        let reported = wait_until(&what, PATIENCE, async || {
            let model = self.governed.model(MODEL).await?;
            let found = condition(&model, type_);
            let is = found["status"] == status && found["reason"] == reason;
            let message = text(&found["message"]).to_owned();
            Ok(if is { Progress::Done(message) } else { Progress::not_yet(found.to_string()) })
        })
        .await
        .with_context(|| format!("see {}", self.node.folder().display()))?;
        println!("{:8.1?} {reason}: {reported}", begun.elapsed());
        Ok(reported)
    }

    /// Applies the model, as its department would.
    pub async fn apply_model(&self) -> Result<()> {
        self.governed.objects().apply(&self.model).await?;
        Ok(())
    }

    /// Ends everything, after the oracle has judged what was bound.
    pub async fn end(self) -> Result<()> {
        let Self { governed, node, operator, .. } = self;
        let report = governed.report().await?;
        report.ensure_clean(1)?;
        node.stop().await?;
        governed.end(vec![operator], 1).await
    }
}

/// Nodes that the model may not go to: other cards in its data centre, its own card in another one.
fn simulated_nodes() -> Vec<SimulatedNode> {
    vec![
        SimulatedNode::new("jkpg-a-l40s-1").gpus(Gpu::L40S, 4).cleared("se-f", "jkpg-a", "Sensitive"),
        SimulatedNode::new("jkpg-b-a10-1").gpus(Gpu::A10, 2).cleared("se-f", "jkpg-b", "Open"),
    ]
}

fn example() -> Result<Value> {
    let (_, name) = split(MODEL)?;
    let path = workspace().join(format!("examples/region/models/{name}.yaml"));
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    serde_saphyr::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

/// Images under the names that the example gives.
fn images(model: &Value) -> Result<Images> {
    let repository = |reference: &Value| {
        let reference = reference.as_str().and_then(|reference| reference.split_once('@'));
        reference.map(|(repository, _)| repository.to_owned()).context("an image without a digest")
    };
    let source = &model["spec"]["model"]["source"]["image"];
    let path = source["path"].as_str().context("weights without a path")?;
    Images::write(&repository(&model["spec"]["engine"]["image"])?, &repository(&source["reference"])?, path)
}

/// What is other than in the example: the digests, and the facts of a model that is much smaller.
fn adapt(model: &mut Value, images: &Images) {
    let spec = &mut model["spec"];
    spec["engine"]["image"] = json!(images.engine.reference());
    spec["model"]["source"]["image"]["reference"] = json!(images.model.reference());
    spec["model"]["facts"] = json!({
        "weights": "427Ki",
        "layers": 2,
        "attentionHeads": 4,
        "keyValueHeads": 2,
        "headDimension": 16,
        "maxContextLength": 4096,
    });
    // Nobody asks while it is deleted.
    spec["rollout"] = json!({"drainSeconds": 5});
}

/// Waits until the model is ready with a pod on the real node whose engine was restarted this often.
pub async fn serves(surroundings: &Surroundings, restarts: u64) -> Result<Value> {
    let begun = Instant::now();
    let pod = wait_until("the model to serve from the real node", PATIENCE, async || {
        let model = surroundings.governed.model(MODEL).await?;
        let pods = surroundings.governed.pods(MODEL).await?;
        let ready = condition(&model, "Ready");
        let pod = pods.into_iter().find(|pod| {
            let status = &pod["status"]["containerStatuses"][0];
            status["ready"] == true && status["restartCount"].as_u64() >= Some(restarts)
        });
        Ok(match pod {
            Some(pod) if ready["status"] == "True" => Progress::Done(pod),
            pod => Progress::not_yet(format!("{ready}; {:?}", pod.map(|pod| pod["status"].clone()))),
        })
    })
    .await
    .with_context(|| format!("see {}", surroundings.node.folder().display()))?;
    ensure!(pod["spec"]["nodeName"] == node::NAME, "the pod is on {}", pod["spec"]["nodeName"]);
    println!("{MODEL} serves from the real node after {:.1?}", begun.elapsed());
    Ok(pod)
}
