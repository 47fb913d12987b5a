//! What goes wrong with pods becomes the model's reason, in the cluster's own words, and a neighbour serves meanwhile.

use anyhow::{Result, ensure};
use hemvist_e2e::Options;
use hemvist_e2e::governed::Governed;
use hemvist_e2e::models::{model, region_policy};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{condition, text};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn trouble_of_the_pods_is_the_reason_of_the_model() -> Result<()> {
    let governed = Governed::start_without_admission(Options::new("trouble")).await?;
    let client = governed.cluster().client();
    let cleared = |node: SimulatedNode| node.cleared("se-f", "jkpg-a", "Sensitive");
    cleared(SimulatedNode::new("roomy")).gpus(Gpu::L40S, 8).create(&client).await?;
    // Accelerators in plenty, and one core: the operator counts the former, the scheduler both.
    cleared(SimulatedNode::new("slow")).gpus(Gpu::A10, 8).resource("cpu", "1").create(&client).await?;
    governed.create_namespaces(&["teknik"]).await?;
    governed.objects().create(&region_policy()).await?;
    let operator = governed.operator("hemvist-operator")?;

    let expected = [
        ("crash-loop", "CrashLoop", ["container engine ended", "exit code 1"]),
        ("image-pull", "ImagePullFailed", ["the image of container engine", "Back-off pulling image"]),
        ("out-of-memory", "OutOfMemory", ["more memory than its limit", "exit code 137"]),
        ("loading", "Starting", ["0 of 1 replicas", "are loading the model"]),
        ("too-slow", "Unschedulable", ["Insufficient cpu", "scheduler"]),
        (
            "not-there",
            "NoEligibleNode",
            ["roomy has NVIDIA-L40S", "which is not in spec.accelerator.products"],
        ),
    ];
    for (name, _, _) in expected {
        let mut object = model("teknik", name);
        let product = match name {
            "too-slow" => Gpu::A10,
            "not-there" => Gpu::H100,
            _ => Gpu::L40S,
        };
        object["spec"]["accelerator"]["products"] = json!([product.product]);
        governed.objects().create(&object).await?;
    }
    let mut neighbour = model("teknik", "neighbour");
    neighbour["spec"]["accelerator"]["products"] = json!([Gpu::L40S.product]);
    governed.objects().create(&neighbour).await?;

    governed.wait_for_reason("teknik/neighbour", "Serving").await?;
    for (name, reason, words) in expected {
        let key = format!("teknik/{name}");
        let message = governed.wait_for_reason(&key, reason).await?;
        for word in words {
            ensure!(message.contains(word), "{key} does not say {word:?}: {message}");
        }
        let model = governed.model(&key).await?;
        let (ready, accepted) = (condition(&model, "Ready"), condition(&model, "Accepted"));
        ensure!(ready["status"] == "False" && accepted["status"] == "True", "{}", model["status"]);
        let stalled = condition(&model, "Stalled")["status"] == "True";
        ensure!(stalled == (name == "not-there"), "{key}: {}", text(&ready["message"]));
    }
    let neighbour = governed.model("teknik/neighbour").await?;
    ensure!(condition(&neighbour, "Ready")["status"] == "True", "{}", neighbour["status"]);
    governed.end(vec![operator], 5).await
}
