//! Compiled policies without a living operator: a cluster starts and works with them, and a page says how to open it.
//!
//! The commands are read out of the page, so that what people type is what is tried.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hemvist_e2e::command::Output;
use hemvist_e2e::command_line::Hemvist;
use hemvist_e2e::governed::{Governed, PATIENCE};
use hemvist_e2e::installation::{ROOT_NAMESPACE, workspace};
use hemvist_e2e::models::{model, region_policy};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{Kind, Objects, text};
use hemvist_e2e::operator::Operator;
use hemvist_e2e::{Component, ControlPlane, Options, Progress, manifests, wait_until};
use serde_json::{Value, json};

/// The page says "within a second or so"; this is what a busy machine is given.
const SHORTLY: Duration = Duration::from_secs(10);

const REGION: &str = "hemvist-system/region";

/// What Hemvist has compiled.
const COMPILED: &str = "validatingadmissionpolicies,validatingadmissionpolicybindings";

/// The page on recovering.
struct Page(String);

impl Page {
    fn read() -> Result<Self> {
        let path = workspace().join("docs/src/tasks/recover-admission.md");
        Ok(Self(std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?))
    }

    /// The shell commands below a heading, block by block.
    fn commands(&self, heading: &str) -> Result<Vec<String>> {
        let (_, section) =
            self.0.split_once(&format!("\n## {heading}\n")).with_context(|| format!("no {heading:?}"))?;
        let section = section.split("\n## ").next().unwrap_or_default();
        let blocks = section.split("```sh\n").skip(1);
        let blocks: Vec<String> =
            blocks.map(|rest| rest.split("```").next().unwrap_or_default().trim().to_owned()).collect();
        ensure!(!blocks.is_empty(), "below {heading:?} there is no command");
        Ok(blocks)
    }

    /// The one line.
    fn one_line(&self) -> Result<String> {
        let blocks = self.commands("One line")?;
        let [line] = blocks.as_slice() else { bail!("not one command: {blocks:?}") };
        ensure!(line.lines().count() == 1, "not one line: {line}");
        Ok(line.clone())
    }
}

/// A cluster, and what is typed there.
struct Terminal<'a> {
    cluster: &'a ControlPlane,
    objects: Objects,
}

impl<'a> Terminal<'a> {
    fn of(cluster: &'a ControlPlane) -> Self {
        Self { cluster, objects: Objects::new(cluster.client()) }
    }

    /// Types lines into a shell in the folder of the cluster.
    async fn run(&self, lines: &str) -> Result<Output> {
        self.cluster.kubectl()?.shell(lines, self.cluster.folder()).await
    }

    /// The same, shown, of lines that have to succeed.
    async fn succeeds(&self, lines: &str) -> Result<String> {
        println!("$ {lines}");
        self.run(lines).await?.success()
    }

    /// What of it there is in the cluster, by kind and name.
    async fn compiled(&self) -> Result<BTreeSet<String>> {
        let get = format!("kubectl get {COMPILED} -l app.kubernetes.io/part-of=hemvist -o name");
        let names = self.run(&get).await?.success()?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    async fn bindings(&self) -> Result<BTreeSet<String>> {
        let mut compiled = self.compiled().await?;
        compiled.retain(|name| is_binding(name));
        Ok(compiled)
    }

    /// A pod with an accelerator and a ModelDeployment are refused, by policies of Hemvist's.
    async fn is_closed(&self) -> Result<()> {
        for object in forbidden() {
            let refusal = self.objects.refusal(&object).await?.unwrap_or_default();
            let by_hemvist = refusal.contains("ValidatingAdmissionPolicy 'hemvist-");
            ensure!(by_hemvist, "a {} is not refused by Hemvist: {refusal:?}", object["kind"]);
        }
        Ok(())
    }

    /// Waits until it is so.
    async fn closes(&self) -> Result<()> {
        wait_until("the cluster to be closed", SHORTLY, async || {
            self.is_closed().await.map(|()| Progress::Done(()))
        })
        .await
    }

    /// Waits until both are taken; gives how long that was.
    async fn opens(&self) -> Result<Duration> {
        let since = Instant::now();
        wait_until("the cluster to be open", SHORTLY, async || {
            for object in forbidden() {
                if let Some(refusal) = self.objects.refusal(&object).await? {
                    return Ok(Progress::not_yet(refusal));
                }
            }
            Ok(Progress::Done(()))
        })
        .await?;
        Ok(since.elapsed())
    }

    /// Waits until there are this many pods of a label, all of them running; gives their UIDs.
    async fn running(&self, namespace: &str, app: &str, count: usize) -> Result<BTreeSet<String>> {
        wait_until(&format!("{count} pods of {app} to run"), PATIENCE, async || {
            let mut pods = self.objects.list(Kind::Pod, namespace, &format!("app={app}")).await?;
            pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
            let phases: Vec<&str> = pods.iter().map(|pod| text(&pod["status"]["phase"])).collect();
            if phases.len() != count || phases.iter().any(|phase| *phase != "Running") {
                return Ok(Progress::not_yet(format!("{phases:?}")));
            }
            Ok(Progress::Done(pods.iter().map(|pod| text(&pod["metadata"]["uid"]).to_owned()).collect()))
        })
        .await
    }

    async fn create(&self, objects: &[Value]) -> Result<()> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        self.cluster.kubectl()?.run_with_input(&["create", "-f", "-"], &list).await?.success().map(|_| ())
    }
}

fn is_binding(name: &str) -> bool {
    name.starts_with("validatingadmissionpolicybinding.")
}

fn engine() -> Value {
    json!({"containers": [{
        "name": "engine", "image": "engine", "resources": {"limits": {"nvidia.com/gpu": "1"}},
    }]})
}

fn accelerator_pod(name: &str) -> Value {
    let metadata = json!({"name": name, "namespace": "halsa", "labels": {"app": name}});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": engine()})
}

/// What nobody may make where there is no policy, or one that forbids both.
fn forbidden() -> [Value; 2] {
    let mut model = model("halsa", "forbidden");
    model["spec"]["engine"]["image"] = json!("registry.foreign.example/engine:latest");
    [accelerator_pod("forbidden"), model]
}

fn workload(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    let labels = json!({"app": name});
    let mut workload = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    });
    if kind == "Deployment" {
        workload["spec"]["replicas"] = json!(2);
    }
    workload
}

/// Fails where the compiled policies keep a cluster from starting, from making or scheduling what it needs to work, where
/// they let an accelerator in, or where the page's line, or one of those for an uninstall, does not do what it says.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_where_no_operator_ever_ran_starts_works_and_opens_with_one_line() -> Result<()> {
    let mut cluster = ControlPlane::start(Options::new("recovery")).await?;
    SimulatedNode::new("gpu-1").gpus(Gpu::L40S, 8).create(&cluster.client()).await?;
    install(&cluster).await?;
    let terminal = Terminal::of(&cluster);
    terminal.create(&system_workloads()).await?;
    let before = system_pods(&terminal).await?;

    restart(&mut cluster).await?;
    let terminal = Terminal::of(&cluster);
    terminal.is_closed().await?;
    ensure!(system_pods(&terminal).await? == before, "a restart has changed pods that ran");
    let after = everything_is_made_again(&terminal, &before).await?;

    let page = Page::read()?;
    the_one_line_opens(&terminal, &page).await?;
    ensure!(system_pods(&terminal).await? == after, "the line has touched pods that ran");
    what_is_compiled_from_policies_closes_again(&terminal).await?;
    an_uninstall_leaves_it_closed_and_the_next_lines_open_it(&terminal, &page).await?;
    drop(terminal);
    cluster.stop().await
}

/// With real Helm and everything of the chart. The operator's pods are simulated like all others, so that it never runs.
async fn install(cluster: &ControlPlane) -> Result<()> {
    let chart = workspace().join("charts/hemvist");
    let mut arguments = vec!["install".as_ref(), "hemvist".as_ref(), chart.as_os_str()];
    let namespace = ["--namespace", ROOT_NAMESPACE, "--create-namespace"];
    arguments.extend(namespace.iter().map(std::ffi::OsStr::new));
    cluster.helm()?.run(&arguments).await?.success()?;
    let terminal = Terminal::of(cluster);
    terminal.run("kubectl wait crd --all --for=condition=Established --timeout=60s").await?.success()?;
    terminal.run("kubectl create namespace halsa").await?.success()?;
    terminal.closes().await
}

/// What a cluster does not work without: a network of the nodes, which has rights over them, and names.
fn system_workloads() -> [Value; 2] {
    let network = json!({
        "hostNetwork": true,
        "priorityClassName": "system-node-critical",
        "tolerations": [{"operator": "Exists"}],
        "containers": [{
            "name": "network", "image": "network", "securityContext": {"privileged": true},
            "volumeMounts": [{"name": "modules", "mountPath": "/lib/modules"}],
        }],
        "volumes": [{"name": "modules", "hostPath": {"path": "/lib/modules"}}],
    });
    let names = json!({
        "priorityClassName": "system-cluster-critical", "containers": [{"name": "names", "image": "names"}],
    });
    [
        workload("DaemonSet", "kube-system", "network", &network),
        workload("Deployment", "kube-system", "names", &names),
    ]
}

async fn system_pods(terminal: &Terminal<'_>) -> Result<BTreeSet<String>> {
    let mut all = terminal.running("kube-system", "network", 1).await?;
    all.extend(terminal.running("kube-system", "names", 2).await?);
    Ok(all)
}

/// Everything that asks the API server ends, and the API server itself; all of it comes up where the policies are already.
async fn restart(cluster: &mut ControlPlane) -> Result<()> {
    let parts = [Component::Scheduler, Component::ControllerManager, Component::ApiServer];
    for part in parts {
        cluster.stop_component(part).await?;
    }
    let started = Instant::now();
    for part in parts.into_iter().rev() {
        cluster.start_component(part).await?;
    }
    println!("the control plane is back after {:?}", started.elapsed());
    Ok(())
}

/// What stood there before the restart proves little: the pods are made and scheduled again, and a new department gets what
/// Kubernetes gives to each.
async fn everything_is_made_again(
    terminal: &Terminal<'_>,
    before: &BTreeSet<String>,
) -> Result<BTreeSet<String>> {
    terminal.run("kubectl -n kube-system delete pods -l 'app in (network, names)'").await?.success()?;
    let after = system_pods(terminal).await?;
    ensure!(after.is_disjoint(before), "a pod that was deleted is there: {before:?} {after:?}");
    terminal.run("kubectl create namespace ny-avdelning").await?.success()?;
    let account = "kubectl -n ny-avdelning wait --for=create serviceaccount/default --timeout=30s";
    terminal.run(account).await?.success()?;
    let plain = json!({"containers": [{"name": "web", "image": "web"}]});
    terminal.create(&[workload("Deployment", "ny-avdelning", "web", &plain)]).await?;
    terminal.running("ny-avdelning", "web", 2).await?;
    Ok(after)
}

async fn the_one_line_opens(terminal: &Terminal<'_>, page: &Page) -> Result<()> {
    let mut before = terminal.compiled().await?;
    let said = terminal.succeeds(&page.one_line()?).await?;
    ensure!(said.contains("deleted"), "nothing was deleted: {said}");
    println!("open after {:?}", terminal.opens().await?);
    before.retain(|name| !is_binding(name));
    ensure!(terminal.compiled().await? == before && !before.is_empty(), "not only the bindings are gone");
    // In earnest: what was refused runs.
    terminal.objects.create(&accelerator_pod("opened")).await?;
    terminal.running("halsa", "opened", 1).await.map(|_| ())
}

/// The command line compiles the policies of a region, with the chart's values where they are not Kubernetes' own.
async fn what_is_compiled_from_policies_closes_again(terminal: &Terminal<'_>) -> Result<()> {
    let folder = workspace().join("examples/policies/region");
    let ungoverned = "--ungoverned-namespaces=kube-system,kube-public,kube-node-lease";
    let compile = ["policy".as_ref(), "compile".as_ref(), ungoverned.as_ref(), folder.as_os_str()];
    let compiled = Hemvist::new()?.run(&compile).await?.success()?;
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    terminal.cluster.kubectl()?.run_with_input(&apply, &compiled).await?.success()?;
    let bound = terminal.bindings().await?;
    let of_a_policy = bound.iter().filter(|name| name.contains(".hemvist-system.")).count();
    ensure!(of_a_policy >= 8, "not everything of four policies is bound: {bound:?}");
    terminal.closes().await?;
    let restart = "kubectl -n kube-system rollout restart daemonset/network deployment/names";
    terminal.run(restart).await?.success()?;
    let wait = "kubectl -n kube-system rollout status deployment/names --timeout=60s";
    terminal.run(wait).await?.success()?;
    system_pods(terminal).await.map(|_| ())
}

async fn an_uninstall_leaves_it_closed_and_the_next_lines_open_it(
    terminal: &Terminal<'_>,
    page: &Page,
) -> Result<()> {
    let blocks = page.commands("Uninstall")?;
    let [uninstall, open] = blocks.as_slice() else { bail!("not two blocks: {blocks:?}") };
    let before = terminal.compiled().await?;
    terminal.succeeds(uninstall).await?;
    let gone = terminal.run("kubectl -n hemvist-system get deployment/hemvist-operator").await?;
    ensure!(gone.code == 1 && gone.stderr.contains("NotFound"), "nothing was uninstalled: {gone:?}");
    ensure!(terminal.compiled().await? == before, "an uninstall has deleted compiled policies");
    terminal.is_closed().await?;
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"pods": "100"}},
        "metadata": {
            "name": "hemvist-accelerators", "namespace": "halsa",
            "labels": {"app.kubernetes.io/managed-by": "hemvist"},
        },
    });
    let create = ["create", "-f", "-"];
    let mine = terminal.cluster.kubectl()?.run_with_input(&create, &quota.to_string()).await?;
    ensure!(mine.stderr.contains("hemvist-children"), "quotas are not protected: {mine:?}");
    terminal.succeeds(open).await?;
    terminal.opens().await?;
    ensure!(terminal.compiled().await?.is_empty(), "something compiled is left");
    // Once more, with something to find for the last line.
    terminal.create(&[quota]).await?;
    terminal.succeeds(open).await?;
    let left = terminal.run("kubectl get resourcequotas -A -o name").await?.success()?;
    ensure!(left.is_empty(), "a quota is left: {left}");
    Ok(())
}

/// Fails where the line lasts though the operator runs, or does not though it is stopped; where what follows on the page
/// does not close the cluster again; or where what it tells to type shows nothing of what came in meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn the_one_line_lasts_as_long_as_the_operator_is_stopped() -> Result<()> {
    let governed = Governed::start(Options::new("recovery-stopped")).await?;
    let node = SimulatedNode::new("one").gpus(Gpu::L40S, 8).cleared("se-f", "jkpg-a", "Sensitive");
    node.create(&governed.cluster().client()).await?;
    governed.create_namespaces(&["halsa"]).await?;
    let terminal = Terminal::of(governed.cluster());
    create_the_operators_deployment(&terminal).await?;
    governed.objects().create(&region_policy()).await?;
    let operator = governed.operator("hemvist-operator")?;
    governed.wait_until_enforced(REGION).await?;
    governed.objects().create(&model("halsa", "served")).await?;
    governed.wait_for_reason("halsa/served", "Serving").await?;
    let page = Page::read()?;

    a_running_operator_binds_again(&governed, &terminal, &page).await?;
    let served = governed.pods("halsa/served").await?;
    a_stopped_operator_leaves_it_open(&terminal, &page, operator).await?;
    ensure!(governed.pods("halsa/served").await? == served, "the model that runs was touched");
    let operator = afterwards_it_is_closed_again(&governed, &terminal, &page).await?;
    what_was_refused_is_found(&terminal, &page).await?;
    drop(terminal);
    governed.end(vec![operator], 1).await
}

/// Beside the process that is started here, so that the page's commands find what they speak of. Its pods are simulated.
async fn create_the_operators_deployment(terminal: &Terminal<'_>) -> Result<()> {
    let chart = workspace().join("charts/hemvist");
    let chart = terminal.cluster.helm()?.template("hemvist", &chart, ROOT_NAMESPACE, &[]).await?;
    let mut deployments = manifests::objects(&chart)?;
    deployments.retain(|object| object["kind"] == "Deployment");
    for deployment in &mut deployments {
        deployment["metadata"]["namespace"] = json!(ROOT_NAMESPACE);
    }
    terminal.create(&deployments).await
}

async fn operators_wanted(terminal: &Terminal<'_>) -> Result<Value> {
    let deployment = terminal.objects.get(Kind::Deployment, ROOT_NAMESPACE, "hemvist-operator").await?;
    Ok(deployment["spec"]["replicas"].clone())
}

async fn a_running_operator_binds_again(
    governed: &Governed,
    terminal: &Terminal<'_>,
    page: &Page,
) -> Result<()> {
    let before = terminal.bindings().await?;
    terminal.succeeds(&page.one_line()?).await?;
    let deleted = Instant::now();
    wait_until("the bindings to be there again", SHORTLY, async || {
        let now = terminal.bindings().await?;
        Ok(Progress::when(now == before, format!("{now:?}")))
    })
    .await?;
    println!("bound again {:?} after the line", deleted.elapsed());
    wait_until("an Event to report it", PATIENCE, async || {
        let events = terminal.run("kubectl get events -A").await?.success()?;
        Ok(Progress::when(events.contains("AdmissionRepaired"), events))
    })
    .await?;
    governed.wait_until_enforced(REGION).await?;
    terminal.closes().await
}

/// Gives no operator back: nobody has to wait for one that was asked to stop.
async fn a_stopped_operator_leaves_it_open(
    terminal: &Terminal<'_>,
    page: &Page,
    operator: Operator,
) -> Result<()> {
    let blocks = page.commands("What follows")?;
    let Some((stop, line)) = blocks[0].split_once('\n') else { bail!("not two lines: {blocks:?}") };
    ensure!(line == page.one_line()?, "the second line is not the one line: {line}");
    terminal.succeeds(stop).await?;
    ensure!(operators_wanted(terminal).await? == 0, "the operator was not asked to stop");
    // What the kubelet does then.
    operator.stop().await?;
    terminal.succeeds(line).await?;
    terminal.opens().await?;
    let smuggled = workload("Deployment", "halsa", "smuggled", &engine());
    terminal.create(&[smuggled]).await?;
    terminal.running("halsa", "smuggled", 2).await?;
    let bindings = terminal.bindings().await?;
    ensure!(bindings.is_empty(), "somebody has bound again: {bindings:?}");
    Ok(())
}

async fn afterwards_it_is_closed_again(
    governed: &Governed,
    terminal: &Terminal<'_>,
    page: &Page,
) -> Result<Operator> {
    let blocks = page.commands("Afterwards")?;
    let [again, look] = blocks.as_slice() else { bail!("not two blocks: {blocks:?}") };
    let Some((start, table)) = again.split_once('\n') else { bail!("not two lines: {again}") };
    let pods = terminal.succeeds(look).await?;
    let latest: Vec<&str> = pods.lines().rev().take(2).collect();
    ensure!(latest.iter().all(|line| line.contains("smuggled")), "what came in is not last:\n{pods}");
    // Nobody was there to say otherwise. That it is old can be seen by its time.
    let stopped = since_when(&terminal.succeeds(table).await?)?;
    terminal.succeeds(start).await?;
    ensure!(operators_wanted(terminal).await? == 2, "the operator was not asked to start");
    let operator = governed.operator("hemvist-operator-again")?;
    wait_until("every policy to come back to True", PATIENCE, async || {
        let table = terminal.run(table).await?.success()?;
        Ok(Progress::when(since_when(&table)? != stopped, &table))
    })
    .await?;
    // No patience: who has read the table relies on it.
    terminal.is_closed().await?;
    Ok(operator)
}

/// Since when the one policy is said to be in force.
fn since_when(table: &str) -> Result<String> {
    let cells: Vec<&str> = table.split_whitespace().collect();
    let expected = ["NAMESPACE", "NAME", "ENFORCED", "SINCE", "hemvist-system", "region", "True"];
    let Some((&since, before)) = cells.split_last() else { bail!("an empty table") };
    ensure!(before == expected, "not in force:\n{table}");
    Ok(since.to_owned())
}

/// What came in does not say its class and is evicted; its controller is refused when it makes it again, out of sight.
async fn what_was_refused_is_found(terminal: &Terminal<'_>, page: &Page) -> Result<()> {
    let blocks = page.commands("First find out which one it is")?;
    let [events, probe] = blocks.as_slice() else { bail!("not two blocks: {blocks:?}") };
    println!("$ {events}");
    wait_until("the Events to report a refusal", PATIENCE, async || {
        // Nothing found is the status 1 of grep.
        let found = terminal.run(events).await?;
        let reported = found.stdout.contains("smuggled") && found.stdout.contains("hemvist-");
        Ok(Progress::when(reported, format!("{found:?}")))
    })
    .await?;
    std::fs::write(terminal.cluster.folder().join("pod.yaml"), accelerator_pod("tried").to_string())?;
    let answer = terminal.run(probe).await?;
    let refused = answer.stderr.contains("ValidatingAdmissionPolicy 'hemvist-");
    ensure!(answer.code == 1 && refused, "{probe}: {answer:?}");
    Ok(())
}
