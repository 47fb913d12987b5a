//! The compiled policies on the API server's own disk: `hemvist policy compile --static`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hemvist_e2e::command_line::Hemvist;
use hemvist_e2e::governed::Governed;
use hemvist_e2e::installation::{ROOT_NAMESPACE, workspace};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{Kind, Objects, text};
use hemvist_e2e::{Component, ControlPlane, Options, Progress, manifests, region, wait_until};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_mins(1);

/// What the names end with that only the disk may give.
const SUFFIX: &str = ".static.k8s.io";

/// What Hemvist has in the API.
const IN_THE_API: &str = "validatingadmissionpolicies,validatingadmissionpolicybindings";

/// Namespaces that Kubernetes itself works in.
const SYSTEM: &str = "kube-system,kube-public,kube-node-lease";

/// What the command line prints for the disk, of the four policies of a region.
async fn policies_for_the_disk(arguments: &[&str]) -> Result<String> {
    let folder = workspace().join("examples/policies/region");
    let mut all = vec!["policy".as_ref(), "compile".as_ref(), "--static".as_ref(), folder.as_os_str()];
    all.extend(arguments.iter().map(std::ffi::OsStr::new));
    Hemvist::new()?.run(&all).await?.success()
}

/// Fails where the API server does not take what is printed, where what it has taken refuses too much for a cluster to
/// start or too little to be worth it, or where the API can weaken it.
#[tokio::test(flavor = "multi_thread")]
async fn policies_on_the_disk_hold_where_hemvist_never_was() -> Result<()> {
    let policies = policies_for_the_disk(&[]).await?;
    names_are_for_the_disk_alone(&policies)?;
    let mut cluster = ControlPlane::start(Options::new("static").policies_on_disk(&policies)).await?;
    SimulatedNode::new("gpu-1").gpus(Gpu::L40S, 8).create(&cluster.client()).await?;
    ensure!(definitions(&cluster).await?.is_empty(), "Hemvist is installed, and was not to be");
    accelerators_are_refused(&cluster).await?;
    the_system_and_others_work(&cluster).await?;
    nobody_can_weaken_it_through_the_api(&cluster, &policies).await?;
    accelerators_are_refused(&cluster).await?;
    files_are_read_whole_or_not_at_all(&mut cluster, &policies).await?;
    cluster.stop().await
}

/// Every policy and binding has a name of the disk, and each binding is of a policy beside it.
fn names_are_for_the_disk_alone(policies: &str) -> Result<()> {
    let objects = manifests::objects(policies)?;
    let of_kind = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
    let names: Vec<&str> =
        of_kind("ValidatingAdmissionPolicy").map(|one| text(&one["metadata"]["name"])).collect();
    ensure!(names.len() >= 17, "only {names:?}");
    for binding in of_kind("ValidatingAdmissionPolicyBinding") {
        let (name, policy) = (text(&binding["metadata"]["name"]), text(&binding["spec"]["policyName"]));
        ensure!(name.ends_with(SUFFIX) && names.contains(&policy), "{name} binds {policy}");
    }
    let wrong: Vec<_> = names.iter().filter(|name| !name.ends_with(SUFFIX)).collect();
    ensure!(wrong.is_empty(), "not for the disk: {wrong:?}");
    Ok(())
}

async fn definitions(cluster: &ControlPlane) -> Result<String> {
    cluster.kubectl()?.run(&["get", "crd,deployments", "--all-namespaces", "-o", "name"]).await?.success()
}

fn pod(namespace: &str, name: &str, resources: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [{"name": "c", "image": "c", "resources": resources}]},
    })
}

fn with_accelerator() -> Value {
    json!({"limits": {"nvidia.com/gpu": "1"}})
}

/// Refused with a sentence of Hemvist's, by a policy that only the disk can have.
async fn accelerators_are_refused(cluster: &ControlPlane) -> Result<()> {
    let pod = pod("default", "accelerated", &with_accelerator());
    let said = refusal(cluster, &pod).await?;
    for word in [
        "ValidatingAdmissionPolicy 'hemvist-pods",
        SUFFIX,
        "denied request: ",
        "use a ModelDeployment, which sets this for you",
    ] {
        ensure!(said.contains(word), "the refusal of a pod does not say {word:?}: {said}");
    }
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "accelerated", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": "x"}},
            "template": {"metadata": {"labels": {"app": "x"}}, "spec": pod["spec"]},
        },
    });
    let said = refusal(cluster, &deployment).await?;
    for word in ["'hemvist-workloads.static.k8s.io'", "Use a ModelDeployment"] {
        ensure!(said.contains(word), "the refusal of a Deployment does not say {word:?}: {said}");
    }
    Ok(())
}

async fn refusal(cluster: &ControlPlane, object: &Value) -> Result<String> {
    let made = Objects::new(cluster.client()).create(object).await;
    let error = made.err().with_context(|| format!("let in: {object}"))?;
    Ok(format!("{error:#}"))
}

/// Controllers, scheduler and nodes do their work, and so does a program of the platform in a namespace of the system.
async fn the_system_and_others_work(cluster: &ControlPlane) -> Result<()> {
    let labels = json!({"app": "plain"});
    let template =
        json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "c"}]}});
    let mut agent = template.clone();
    agent["spec"]["hostNetwork"] = json!(true);
    agent["spec"]["containers"][0]["securityContext"] = json!({"privileged": true});
    for (kind, namespace, template) in
        [("Deployment", "default", template), ("DaemonSet", "kube-system", agent)]
    {
        let object = json!({
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": "plain", "namespace": namespace},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        });
        let kubectl = cluster.kubectl()?;
        kubectl.run_with_input(&["create", "-f", "-"], &object.to_string()).await?.success()?;
    }
    let objects = Objects::new(cluster.client());
    for namespace in ["default", "kube-system"] {
        wait_until(&format!("the pod in {namespace} to run"), PATIENCE, async || {
            let pods = objects.list(Kind::Pod, namespace, "app=plain").await?;
            let running = pods.iter().any(|pod| pod["status"]["phase"] == "Running");
            Ok(Progress::when(running, json!(pods)))
        })
        .await?;
    }
    Ok(())
}

/// An administrator who may do everything finds nothing to take away, and cannot put anything in its place.
async fn nobody_can_weaken_it_through_the_api(cluster: &ControlPlane, policies: &str) -> Result<()> {
    let kubectl = cluster.kubectl()?;
    let listed = kubectl.run(&["get", IN_THE_API, "-o", "name"]).await?.success()?;
    ensure!(listed.is_empty(), "the API shows what is on the disk: {listed}");
    for kind in IN_THE_API.split(',') {
        kubectl.run(&["delete", kind, "--all"]).await?.success()?;
        let name = format!("hemvist-pods{SUFFIX}");
        for arguments in [&["delete", kind, &name][..], &["patch", kind, &name, "--type=merge", "-p", "{}"]] {
            let answer = kubectl.run(arguments).await?;
            ensure!(answer.code != 0 && answer.stderr.contains("NotFound"), "{answer:?}");
        }
    }
    let answer = kubectl.run_with_input(&["create", "-f", "-"], policies).await?;
    let reserved = answer.stderr.matches("reserved for static manifest-based configurations").count();
    let objects = manifests::objects(policies)?.len();
    ensure!(answer.stdout.is_empty() && reserved == objects, "{objects} were tried: {answer:?}");
    Ok(())
}

/// What cannot be read leaves what is in force where it is, and keeps an API server from starting; what can be read takes
/// its place.
async fn files_are_read_whole_or_not_at_all(cluster: &mut ControlPlane, policies: &str) -> Result<()> {
    cluster.replace_policies_on_disk("kind: [")?;
    let log = cluster.component(Component::ApiServer).context("no API server")?.log().to_owned();
    wait_until("the API server to read the file again", 2 * PATIENCE, async || {
        let lines = std::fs::read_to_string(&log)?;
        Ok(Progress::when(lines.contains("reloading manifest config"), "not read"))
    })
    .await?;
    accelerators_are_refused(cluster).await?;
    cluster.stop_component(Component::ApiServer).await?;
    let refused = cluster.start_component(Component::ApiServer).await;
    let why = format!("{:#}", refused.err().context("the API server has started without its policies")?);
    ensure!(why.contains("manifest"), "it does not say why: {why}");

    cluster.replace_policies_on_disk(policies)?;
    cluster.start_component(Component::ApiServer).await?;
    accelerators_are_refused(cluster).await?;

    let opened = policies_for_the_disk(&["--ungoverned-namespaces", &format!("default,{SYSTEM}")]).await?;
    cluster.replace_policies_on_disk(&opened)?;
    wait_until("a pod to be let in where nothing is governed", 2 * PATIENCE, async || {
        let pod = pod("default", "accelerated", &with_accelerator());
        let made = Objects::new(cluster.client()).create(&pod).await;
        Ok(Progress::when(made.is_ok(), format!("{made:?}")))
    })
    .await
}

/// Fails where the policies on the disk answer the probes of those in the API, so that the operator never knows that its
/// own are in force.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_verifies_its_own_policies_beside_those_on_disk() -> Result<()> {
    let policies = policies_for_the_disk(&[]).await?;
    let governed = Governed::start(Options::new("static-operator").policies_on_disk(policies)).await?;
    let node = SimulatedNode::new("a").gpus(Gpu::L40S, 8).cleared("se-f", "jkpg-a", "Sensitive");
    node.create(&governed.cluster().client()).await?;
    governed.create_namespaces(&["kommunikation", "teknik"]).await?;
    let kubectl = governed.cluster().kubectl()?;
    let folder = workspace().join("examples/policies/region");
    kubectl.run(&["apply".as_ref(), "-f".as_ref(), folder.as_os_str()]).await?.success()?;
    let operator = governed.operator("hemvist-operator")?;
    region::wait_until_enforced(governed.cluster()).await?;
    for name in ["ai-forordningen", "ai-policy", "hallbarhet-och-inkop", "informationssakerhet"] {
        governed.wait_until_enforced(&format!("{ROOT_NAMESPACE}/{name}")).await?;
    }

    let model = |name: &str| folder.join("models").join(format!("{name}.yaml"));
    let apply = async |name: &str| {
        let file = model(name);
        kubectl.run(&["apply".as_ref(), "-f".as_ref(), file.as_os_str()]).await
    };
    apply("remissvar").await?.success()?;
    governed.wait_for_reason("kommunikation/remissvar", "Serving").await?;
    let refused = apply("motorprov").await?;
    ensure!(refused.code != 0 && refused.stderr.contains(SUFFIX), "{refused:?}");

    // Who takes Hemvist away and everything that it has in the API still meets the disk.
    operator.stop().await?;
    kubectl.run(&["delete", IN_THE_API, "--all"]).await?.success()?;
    let refused = apply("motorprov").await?;
    ensure!(refused.code != 0 && refused.stderr.contains(SUFFIX), "{refused:?}");
    accelerators_are_refused(governed.cluster()).await?;
    governed.end(Vec::new(), 1).await
}
