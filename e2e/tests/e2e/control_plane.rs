//! The test bed itself: what every other test here takes for granted.

use std::time::{Duration, Instant};

use anyhow::Result;
use hemvist_e2e::audit::{self, Position};
use hemvist_e2e::nodes::{Gpu, SimulatedNode, is_ready};
use hemvist_e2e::oracle::Oracle;
use hemvist_e2e::{Component, ControlPlane, Options, Progress, ports, process, wait_until};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn two_clusters_run_at_once_and_leave_nothing_behind() -> Result<()> {
    let started = Instant::now();
    let (first, second) = tokio::join!(
        ControlPlane::start(Options::new("two-first")),
        ControlPlane::start(Options::new("two-second")),
    );
    let (first, second) = (first?, second?);
    println!("two clusters serve after {:?}", started.elapsed());
    SimulatedNode::new("only-in-first").create(&first.client()).await?;
    let nodes: Api<Node> = Api::all(second.client());
    assert!(nodes.get_opt("only-in-first").await?.is_none(), "the clusters share their state");

    for cluster in [first, second] {
        let (folder, ports) = (cluster.folder().to_owned(), cluster.ports());
        let ids: Vec<u32> =
            Component::ALL.iter().filter_map(|&part| Some(cluster.component(part)?.id())).collect();
        assert_eq!(ids.len(), Component::ALL.len());
        let stopping = Instant::now();
        cluster.stop().await?;
        println!("stopped after {:?}", stopping.elapsed());
        assert!(!ids.iter().any(|&id| process::exists(id)), "a process is left of {ids:?}");
        assert!(ports.iter().all(|&port| ports::is_free(port)), "a port of {ports:?} is still used");
        assert!(!folder.exists(), "{} is left", folder.display());
    }
    let started = Instant::now();
    let third = ControlPlane::start(Options::new("two-third")).await?;
    println!("one more cluster serves after {:?}", started.elapsed());
    third.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_run_on_simulated_gpu_nodes() -> Result<()> {
    let cluster = ControlPlane::start(Options::new("pods")).await?;
    let client = cluster.client();
    let oracle = Oracle::start(client.clone(), "hemvist-system");
    SimulatedNode::new("gpu-1")
        .gpus(Gpu::H100, 8)
        .cleared("se-f", "jkpg-a", "Sensitive")
        .create(&client)
        .await?;
    wait_until_ready(&client, "gpu-1").await?;
    for name in ["plain", "crash-loop", "image-pull", "out-of-memory", "loading"] {
        deploy(&client, name).await?;
    }
    let pod = wait_for_pod(&client, "plain", "Ready").await?;
    assert_eq!(pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()), Some("gpu-1"));
    wait_for_pod(&client, "crash-loop", "CrashLoopBackOff").await?;
    wait_for_pod(&client, "image-pull", "ImagePullBackOff").await?;
    wait_for_pod(&client, "out-of-memory", "OOMKilled").await?;
    wait_for_pod(&client, "loading", "ContainersNotReady").await?;
    deletion_works(&client, "plain").await?;

    // Nobody has a policy here, so that every binding is a violation: an oracle that sees none is blind.
    let report = oracle.report().await?;
    assert_eq!(report.bindings.len(), 5);
    assert_eq!(report.violations.len(), 5);
    assert!(report.ensure_clean(1).is_err());

    let counts = audit::count(&cluster.audit_log().records(Position::default())?);
    let binding = ("system:kube-scheduler".to_owned(), "create".to_owned(), "pods/binding".to_owned());
    assert_eq!(counts.get(&binding), Some(&5), "{counts:#?}");
    let controller = "system:serviceaccount:kube-system:replicaset-controller".to_owned();
    assert_eq!(counts.get(&(controller, "create".to_owned(), "pods".to_owned())), Some(&5), "{counts:#?}");
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_can_be_killed_and_come_back() -> Result<()> {
    let mut cluster = ControlPlane::start(Options::new("restart").without(Component::Kwok)).await?;
    SimulatedNode::new("survivor").create(&cluster.client()).await?;
    cluster.kill_component(Component::ApiServer)?;
    let nodes: Api<Node> = Api::all(cluster.client());
    assert!(nodes.list(&ListParams::default()).await.is_err(), "the API server still answers");
    let started = Instant::now();
    cluster.start_component(Component::ApiServer).await?;
    println!("the API server is back after {:?}", started.elapsed());
    assert!(nodes.get_opt("survivor").await?.is_some());
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_has_its_own_rights_and_no_more() -> Result<()> {
    let cluster = ControlPlane::start(Options::new("rights")).await?;
    let path = cluster.service_account_kubeconfig("default", "default").await?;
    let kubectl = hemvist_e2e::kubectl::Kubectl::new(&path)?;
    let who =
        kubectl.run(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]).await?.success()?;
    assert_eq!(who, "system:serviceaccount:default:default");
    let nodes = kubectl.run(&["get", "nodes"]).await?;
    assert!(nodes.code != 0 && nodes.stderr.contains("Forbidden"), "{nodes:?}");
    let eva = cluster.client_as("eva", &["system:authenticated"]).await?;
    let refused = Api::<Node>::all(eva).list(&ListParams::default()).await.unwrap_err();
    assert!(refused.to_string().contains("eva"), "{refused}");
    let version = cluster.helm()?.run(&["version", "--short"]).await?.success()?;
    assert!(version.starts_with("v4."), "{version}");
    cluster.stop().await
}

async fn wait_until_ready(client: &Client, name: &str) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    wait_until(&format!("node {name} to be ready and untainted"), PATIENCE, || async {
        let node = nodes.get(name).await?;
        let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref()).map_or(0, Vec::len);
        Ok(Progress::when(is_ready(&node) && taints == 0, format!("{:?} {:?}", node.spec, node.status)))
    })
    .await
}

async fn deploy(client: &Client, name: &str) -> Result<()> {
    let labels = json!({"hemvist.dev/model-deployment": name});
    let deployment = serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{
                "name": "engine", "image": "engine", "resources": {"limits": {"nvidia.com/gpu": "1"}},
            }]},
        }},
    }))?;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "default");
    deployments.create(&PostParams::default(), &deployment).await?;
    Ok(())
}

/// Waits for a pod whose status says a word and which is bound.
async fn wait_for_pod(client: &Client, name: &str, word: &str) -> Result<Pod> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let of_name = ListParams::default().labels(&format!("hemvist.dev/model-deployment={name}"));
    wait_until(&format!("{word} in the status of the pod {name}"), PATIENCE, || async {
        let Some(pod) = pods.list(&of_name).await?.items.pop() else {
            return Ok(Progress::not_yet("no pod"));
        };
        let status = serde_json::to_value(&pod.status)?;
        let ready = status["conditions"].as_array().into_iter().flatten();
        let ready =
            ready.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
        let found = if word == "Ready" { ready } else { !ready && status.to_string().contains(word) };
        Ok(if found { Progress::Done(pod) } else { Progress::not_yet(status) })
    })
    .await
}

async fn deletion_works(client: &Client, name: &str) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "default");
    deployments.delete(name, &DeleteParams::background()).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let of_name = ListParams::default().labels(&format!("hemvist.dev/model-deployment={name}"));
    wait_until("the pods to be gone", PATIENCE, || async {
        let left = pods.list(&of_name).await?.items.len();
        Ok(Progress::when(left == 0, left))
    })
    .await
}
