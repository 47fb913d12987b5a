//! What a cluster administrator takes from the compiled policies is restored in time and reported; and evictions work.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hemvist_e2e::audit::Position;
use hemvist_e2e::command::Output;
use hemvist_e2e::governed::{Governed, PATIENCE};
use hemvist_e2e::models::{model, model_of_class, region_policy};
use hemvist_e2e::nodes::{Gpu, SimulatedNode};
use hemvist_e2e::objects::{Kind, condition, text};
use hemvist_e2e::operator::OperatorOptions;
use hemvist_e2e::{Options, Progress, wait_until};
use serde_json::{Value, json};

/// The longest that something compiled may be otherwise than it has to be.
const PROMISED: Duration = Duration::from_secs(10);

const REGION: &str = "hemvist-system/region";
const POLICY: &str = "validatingadmissionpolicy";
const BINDING: &str = "validatingadmissionpolicybinding";
const OF_MODELS: &str = "hemvist-models.hemvist-system.region";
const OF_PODS: &str = "hemvist-pods.hemvist-system.region";

/// What a cluster administrator does to something compiled.
#[derive(Debug)]
enum Deed {
    /// Server-side apply by another field manager, with force.
    Apply(Value),
    /// A JSON merge patch.
    Merge(Value),
    Delete,
}

/// Something compiled, and what is done to it.
struct Weakening {
    kind: &'static str,
    name: &'static str,
    deed: Deed,
}

impl Weakening {
    const fn of(kind: &'static str, name: &'static str, deed: Deed) -> Self {
        Self { kind, name, deed }
    }
}

/// One of each way to weaken: what is judged, where, with what consequence, and whether at all.
fn weakenings() -> Vec<Weakening> {
    let always = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": OF_PODS},
        "spec": {"validations": [{"expression": "true"}]},
    });
    let nowhere = json!({"matchLabels": {"example.org/nowhere": "true"}});
    let narrow = json!({"spec": {"matchConstraints": {"namespaceSelector": nowhere}}});
    let audit = json!({"spec": {"validationActions": ["Audit"]}});
    let nobodys = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}});
    vec![
        Weakening::of(POLICY, OF_PODS, Deed::Apply(always)),
        Weakening::of(POLICY, OF_MODELS, Deed::Delete),
        Weakening::of(BINDING, OF_MODELS, Deed::Delete),
        Weakening::of(BINDING, OF_PODS, Deed::Merge(audit.clone())),
        Weakening::of(POLICY, OF_MODELS, Deed::Merge(narrow.clone())),
        // Of those that carry out no AIPolicy.
        Weakening::of(POLICY, "hemvist-workloads", Deed::Merge(narrow)),
        Weakening::of(BINDING, "hemvist-pods", Deed::Merge(audit)),
        Weakening::of(BINDING, "hemvist-nodes", Deed::Delete),
        Weakening::of(POLICY, "hemvist-bindings", Deed::Delete),
        Weakening::of(POLICY, "hemvist-children", Deed::Merge(nobodys)),
    ]
}

/// Fails where something weakened stays weak for ten seconds, where no Event reports it, or where `Enforced` stays `True`
/// while it is not so, or comes back before the API server refuses again.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_administrator_weakens_is_restored_in_time_and_reported() -> Result<()> {
    let governed = Governed::start(Options::new("repair")).await?;
    let node = SimulatedNode::new("one").gpus(Gpu::L40S, 1).cleared("se-f", "jkpg-a", "Sensitive");
    node.create(&governed.cluster().client()).await?;
    governed.create_namespaces(&["halsa"]).await?;
    governed.objects().create(&region_policy()).await?;
    let options = governed.installation().operator("hemvist-operator")?;
    let operator = governed.installation().start(&options)?;
    governed.wait_until_enforced(REGION).await?;
    ensure!(what_lets_it_through(&governed).await?.is_none(), "open from the start");
    governed.objects().create(&model("halsa", "served")).await?;
    governed.wait_for_reason("halsa/served", "Serving").await?;
    let pods = governed.pods("halsa/served").await?;
    for weakening in weakenings() {
        is_put_back(&governed, &options, &weakening)
            .await
            .with_context(|| format!("{:?} of the {} {}", weakening.deed, weakening.kind, weakening.name))?;
    }
    what_cannot_be_put_back_is_said_not_to_be_in_force(&governed).await?;
    let after = governed.pods("halsa/served").await?;
    ensure!(after[0]["metadata"]["uid"] == pods[0]["metadata"]["uid"], "the model that runs was disturbed");
    governed.end(vec![operator], 1).await
}

async fn kubectl(governed: &Governed, arguments: &[&str]) -> Result<String> {
    governed.cluster().kubectl()?.run(arguments).await?.success()
}

async fn kubectl_with(governed: &Governed, arguments: &[&str], input: &Value) -> Result<String> {
    governed.cluster().kubectl()?.run_with_input(arguments, &input.to_string()).await?.success()
}

/// What of an object counts; null where it is not there.
async fn state(governed: &Governed, kind: &str, name: &str) -> Result<Value> {
    let get = ["get", kind, name, "--ignore-not-found", "--output=json"];
    let found = kubectl(governed, &get).await?;
    if found.is_empty() {
        return Ok(Value::Null);
    }
    let object: Value = serde_json::from_str(&found)?;
    Ok(json!([object["spec"], object["metadata"]["labels"]]))
}

/// Does it, and gives what the API server has made of it, which must be something else than before.
async fn weaken(governed: &Governed, weakening: &Weakening, before: &Value) -> Result<()> {
    let Weakening { kind, name, deed } = weakening;
    let output = match deed {
        Deed::Apply(object) => {
            let apply = [
                "apply",
                "--server-side",
                "--force-conflicts",
                "--field-manager=somebody",
                "-f",
                "-",
                "-o=json",
            ];
            kubectl_with(governed, &apply, object).await?
        }
        Deed::Merge(change) => {
            let patch = ["patch", kind, name, "--type=merge", "--patch-file=/dev/stdin", "-o=json"];
            kubectl_with(governed, &patch, change).await?
        }
        Deed::Delete => {
            kubectl(governed, &["delete", kind, name, "--wait=false"]).await?;
            return Ok(());
        }
    };
    let answered: Value = serde_json::from_str(&output)?;
    let after = json!([answered["spec"], answered["metadata"]["labels"]]);
    ensure!(after != *before, "the deed has changed nothing");
    Ok(())
}

async fn is_put_back(governed: &Governed, options: &OperatorOptions, weakening: &Weakening) -> Result<()> {
    let Weakening { kind, name, .. } = weakening;
    let before = state(governed, kind, name).await?;
    ensure!(!before.is_null(), "there is none");
    let region = governed.wait_until_enforced(REGION).await?;
    let news = News::of(governed, options, name).await?;
    weaken(governed, weakening, &before).await?;
    let answered = Instant::now();
    let mut let_through = 0;
    wait_until("it to be as it was", PROMISED, async || {
        let_through += usize::from(what_lets_it_through(governed).await?.is_some());
        let now = state(governed, kind, name).await?;
        Ok(Progress::when(now == before, "it is otherwise"))
    })
    .await?;
    let took = answered.elapsed();
    ensure!(took <= PROMISED, "later than {PROMISED:?}: {took:?}");
    wait_until("an Event and the counter to report it", PATIENCE, async || {
        let_through += usize::from(what_lets_it_through(governed).await?.is_some());
        let now = News::of(governed, options, name).await?;
        Ok(Progress::when(now.both_since(&news), format!("{news:?} before, and {now:?} now")))
    })
    .await?;
    println!("{kind} {name} was as it was after {:.1} s; {let_through} let through", took.as_secs_f64());
    if let_through > 0 {
        enforced_was_taken_back(governed, &region).await?;
    }
    governed.wait_until_enforced(REGION).await?;
    // No patience: who has read `Enforced` relies on it.
    ensure!(
        what_lets_it_through(governed).await?.is_none(),
        "Enforced, and {:?} is open",
        what_lets_it_through(governed).await?
    );
    Ok(())
}

/// How often a repair was reported.
#[derive(Debug)]
struct News {
    events: u64,
    counted: u64,
}

impl News {
    /// What events and metrics say of something compiled.
    async fn of(governed: &Governed, options: &OperatorOptions, name: &str) -> Result<Self> {
        let events = governed.objects().list(Kind::Event, "", "").await?;
        let reported = events.iter().filter(|event| {
            let note = text(&event["note"]);
            event["reason"] == "AdmissionRepaired"
                && event["type"] == "Warning"
                && note.contains(&format!(" {name} was "))
                && note.contains("by someone else; Hemvist restored it.")
        });
        // An event that repeats is one event with a count.
        let events = reported.map(|event| event["series"]["count"].as_u64().unwrap_or(1)).sum();
        let series = format!("hemvist_admission_repairs_total{{policy=\"{name}\"}} ");
        let metrics = options.metrics().await?;
        let counts = metrics.lines().filter_map(|line| line.strip_prefix(&series)?.parse::<u64>().ok());
        Ok(Self { events, counted: counts.sum() })
    }

    const fn both_since(&self, before: &Self) -> bool {
        self.events > before.events && self.counted > before.counted
    }
}

/// Where something was let through that the policy forbids, its status has to have said so, and not `True` all the time.
async fn enforced_was_taken_back(governed: &Governed, before: &Value) -> Result<()> {
    wait_until("the status to say that the policy was not in force", PATIENCE, async || {
        let versions = governed.objects().versions_since(Kind::AIPolicy, before).await?;
        let said: Vec<&Value> =
            versions.iter().map(|policy| &condition(policy, "Enforced")["status"]).collect();
        Ok(Progress::when(said.iter().any(|status| *status == "False"), format!("{said:?}")))
    })
    .await
}

/// The part of what the region's policy is compiled to that lets through what it has to refuse; nothing where both refuse.
/// The annotation keeps the other compiled policies from refusing it first.
async fn what_lets_it_through(governed: &Governed) -> Result<Option<&'static str>> {
    let annotated = |mut object: Value, part: &str| {
        object["metadata"]["annotations"] = json!({"hemvist.dev/probe": part});
        object
    };
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "forbidden", "namespace": "halsa"},
        "spec": {"containers": [{
            "name": "engine", "image": "engine", "resources": {"limits": {"nvidia.com/gpu": "1"}},
        }]},
    });
    for (object, part) in [(pod, OF_PODS), (model_of_class("halsa", "forbidden", "Secret"), OF_MODELS)] {
        match governed.objects().refusal(&annotated(object, part)).await? {
            None => return Ok(Some(part)),
            Some(words) if words.contains(&format!("ValidatingAdmissionPolicy '{part}'")) => {}
            Some(words) => bail!("refused for something else than by {part}: {words}"),
        }
    }
    Ok(None)
}

/// Without the right to repair it, the operator must not go on saying that the policy is in force; with the right, it is.
async fn what_cannot_be_put_back_is_said_not_to_be_in_force(governed: &Governed) -> Result<()> {
    let role = roles_of_compiled_policies(governed).await?;
    let name = text(&role["metadata"]["name"]).to_owned();
    let mut less = role.clone();
    let rules = less["rules"].as_array_mut().context("a role without rules")?;
    for rule in rules.iter_mut().filter(|rule| is_about_compiled_policies(rule)) {
        rule["verbs"] = json!(["get", "list", "watch"]);
    }
    let rules = |role: &Value| json!({"rules": role["rules"]});
    let patch = ["patch", "clusterrole", &name, "--type=merge", "--patch-file=/dev/stdin"];
    kubectl_with(governed, &patch, &rules(&less)).await?;
    kubectl(governed, &["delete", BINDING, OF_MODELS]).await?;
    let refused = |policy: &Value| {
        let enforced = condition(policy, "Enforced");
        enforced["reason"] == "EnforcementFailed" && text(&enforced["message"]).contains("forbidden")
    };
    governed.wait_for_policy(REGION, "be said not to be in force", refused).await?;
    wait_until("a compiled policy to be missing", PATIENCE, async || {
        let open = what_lets_it_through(governed).await?;
        Ok(Progress::when(open == Some(OF_MODELS), format!("{open:?}")))
    })
    .await?;
    kubectl_with(governed, &patch, &rules(&role)).await?;
    let given = Instant::now();
    governed.wait_until_enforced(REGION).await?;
    println!("with the right again, enforced after {:.1} s", given.elapsed().as_secs_f64());
    ensure!(
        what_lets_it_through(governed).await?.is_none(),
        "Enforced, and a compiled policy lets it through"
    );
    Ok(())
}

fn is_about_compiled_policies(rule: &Value) -> bool {
    rule["resources"]
        .as_array()
        .is_some_and(|all| all.iter().any(|one| *one == "validatingadmissionpolicies"))
}

/// The operator's role by which it writes what is compiled.
async fn roles_of_compiled_policies(governed: &Governed) -> Result<Value> {
    let selector = "--selector=app.kubernetes.io/part-of=hemvist";
    let roles = kubectl(governed, &["get", "clusterroles", selector, "--output=json"]).await?;
    let roles: Value = serde_json::from_str(&roles)?;
    let mut roles = roles["items"].as_array().cloned().unwrap_or_default().into_iter();
    let role =
        roles.find(|role| role["rules"].as_array().into_iter().flatten().any(is_about_compiled_policies));
    role.context("no role gives the right to write what is compiled")
}

const EVICTED: &str = "halsa/evicted";

/// Fails where the compiled policies refuse what an eviction consists of, which includes that the API server itself counts
/// it in the model's budget, or where the budget is not held.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_drained_as_far_as_the_budget_of_a_model_lets_them() -> Result<()> {
    let governed = Governed::start(Options::new("evictions")).await?;
    for name in ["one", "two"] {
        // Room for one replica each, so that there is one on each and none can move to the other.
        let node = SimulatedNode::new(name).gpus(Gpu::L40S, 1).cleared("se-f", "jkpg-a", "Sensitive");
        node.create(&governed.cluster().client()).await?;
    }
    governed.create_namespaces(&["halsa"]).await?;
    governed.objects().create(&region_policy()).await?;
    let operator = governed.operator("hemvist-operator")?;
    governed.wait_until_enforced(REGION).await?;
    let mut evicted = model("halsa", "evicted");
    evicted["spec"]["replicas"] = json!(2);
    governed.objects().create(&evicted).await?;
    governed.wait_for_reason(EVICTED, "Serving").await?;
    budget_counts(&governed, 2, 1).await?;

    let since = governed.cluster().audit_log().position()?;
    let answer = drain(&governed, "one", "--timeout=30s").await?;
    ensure!(answer.code == 0 && answer.stdout.contains("evicting pod halsa/evicted--open"), "{answer:?}");
    counted_by_the_server(&governed, since)?;
    // The replica that has left finds no node, so that the budget is used up.
    budget_counts(&governed, 1, 0).await?;
    stays_where_there_is_no_room(&governed).await?;

    kubectl(&governed, &["uncordon", "one"]).await?;
    budget_counts(&governed, 2, 1).await?;
    let answer = drain(&governed, "two", "--timeout=30s").await?;
    ensure!(answer.code == 0, "{answer:?}");
    ensure!(governed.nodes_of(EVICTED).await? == ["one".to_owned()].into(), "a pod is left on the node");
    kubectl(&governed, &["uncordon", "two"]).await?;
    budget_counts(&governed, 2, 1).await?;
    governed.wait_for_reason(EVICTED, "Serving").await?;
    governed.end(vec![operator], 4).await
}

async fn drain(governed: &Governed, node: &str, time: &str) -> Result<Output> {
    let drain = ["drain", node, "--ignore-daemonsets", "--delete-emptydir-data", time];
    governed.cluster().kubectl()?.run(&drain).await
}

/// Waits until the model's own budget says how many pods are well, and how many of them may go.
async fn budget_counts(governed: &Governed, healthy: u64, may_go: u64) -> Result<()> {
    wait_until(&format!("the budget to count {healthy} pods, {may_go} to go"), PATIENCE, async || {
        let budget = governed.objects().get(Kind::PodDisruptionBudget, "halsa", "evicted").await?;
        let status = &budget["status"];
        let counted = status["currentHealthy"] == healthy && status["disruptionsAllowed"] == may_go;
        Ok(Progress::when(counted && status["expectedPods"] == 2, status))
    })
    .await
}

fn counted_by_the_server(governed: &Governed, since: Position) -> Result<()> {
    let records = governed.cluster().audit_log().records(since)?;
    let mut of_budgets =
        records.iter().filter(|record| record.what() == "poddisruptionbudgets/status" && record.is_write());
    let refused = of_budgets.clone().find(|record| record.code == 403);
    ensure!(refused.is_none(), "counting was refused: {refused:?}");
    let counted = of_budgets.any(|record| record.user == "system:apiserver" && record.is_success());
    ensure!(counted, "the API server has counted no eviction in a budget");
    Ok(())
}

async fn stays_where_there_is_no_room(governed: &Governed) -> Result<()> {
    let pods = governed.pods(EVICTED).await?;
    let pod = pods.iter().find(|pod| pod["spec"]["nodeName"] == "two").context("no pod on the node")?;
    let name = text(&pod["metadata"]["name"]);
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"namespace": "halsa", "name": name},
    });
    let path = format!("/api/v1/namespaces/halsa/pods/{name}/eviction");
    let since = governed.cluster().audit_log().position()?;
    let create = ["create", "--raw", &path, "-f", "-"];
    let answer = governed.cluster().kubectl()?.run_with_input(&create, &eviction.to_string()).await?;
    ensure!(answer.code == 1 && answer.stderr.contains("disruption budget"), "{answer:?}");
    let answer = drain(governed, "two", "--timeout=3s").await?;
    ensure!(answer.code == 1 && answer.stderr.contains("disruption budget"), "{answer:?}");
    let records = governed.cluster().audit_log().records(since)?;
    let codes: Vec<u16> = records
        .iter()
        .filter(|record| record.what() == "pods/eviction" && !record.dry_run)
        .map(|record| record.code)
        .collect();
    ensure!(codes.len() >= 2 && codes.iter().all(|code| *code == 429), "evictions were answered {codes:?}");
    let now = governed.objects().get(Kind::Pod, "halsa", name).await?;
    let same = now["metadata"]["uid"] == pod["metadata"]["uid"];
    ensure!(same && now["metadata"]["deletionTimestamp"].is_null(), "the pod had to go: {}", now["metadata"]);
    Ok(())
}
