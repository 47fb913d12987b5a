//! What the chart brings where there is no AIPolicy is what `hemvist policy compile` prints with the same settings.
//!
//! The chart fills its values into a text (`charts/hemvist/files/admission/closed.yaml`) by replacing places in it, and the
//! operator compiles. Where the two differ, a cluster is closed otherwise before the operator's first start than after it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use hemvist_e2e::command_line::Hemvist;
use hemvist_e2e::helm::Helm;
use hemvist_e2e::installation::workspace;
use hemvist_e2e::operator::{Operator, OperatorOptions};
use hemvist_e2e::ports::free_port;
use hemvist_e2e::{Component, ControlPlane, Options, Progress, manifests, wait_until};
use serde_json::{Value, json};

const KINDS: [&str; 2] = ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];

/// The one annotation that the chart adds: an upgrade that brings the objects no more leaves them.
const KEPT: (&str, &str) = ("helm.sh/resource-policy", "keep");

/// A label by which all of it is found, and which Helm leaves alone.
const FOUND_BY: &str = "app.kubernetes.io/part-of=hemvist";

/// A label that Helm sets on everything that it installs, whatever the chart says, until the operator sets it again.
const BROUGHT_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "Helm");

/// What the chart says in the place of a hash of the whole policy, which it cannot know. The operator writes the hash.
const NO_VERSION: &str = "version of the chart";

/// Settings of an installation, as the chart takes them and as the command line does.
struct Case {
    release: &'static str,
    namespace: &'static str,
    values: &'static [&'static str],
    flags: &'static [&'static str],
    /// The labels that the values add to every object.
    labels: &'static [(&'static str, &'static str)],
}

/// No value is the default of both sides, so that the defaults are compared too.
const DEFAULT: Case =
    Case { release: "hemvist", namespace: "hemvist-system", values: &[], flags: &[], labels: &[] };

const CASES: [Case; 7] = [
    DEFAULT,
    Case {
        release: "ai",
        namespace: "ai-platform",
        flags: &[
            "--root-namespace=ai-platform",
            "--operator-user=system:serviceaccount:ai-platform:ai-hemvist-operator",
        ],
        ..DEFAULT
    },
    Case {
        values: &["policy.rootNamespace=styrning", "serviceAccount.name=compiler", "fullnameOverride=region"],
        flags: &[
            "--root-namespace=styrning",
            "--operator-user=system:serviceaccount:hemvist-system:compiler",
        ],
        ..DEFAULT
    },
    Case {
        values: &["policy.ungovernedNamespaces={network,kube-system,argocd}"],
        flags: &["--ungoverned-namespaces=kube-system,argocd,network"],
        ..DEFAULT
    },
    Case {
        values: &["admission.clearanceGroups={oidc:informationssakerhet,it:gpu-drift@region.example}"],
        flags: &["--clearance-groups=it:gpu-drift@region.example,oidc:informationssakerhet"],
        ..DEFAULT
    },
    // Every list, in no order, with capital letters, signs of regular expressions, and more names than a sentence tells.
    Case {
        values: &[
            "admission.schedulers={system:kube-scheduler,Volcano}",
            "admission.schedulerNames={b,a,default-scheduler,i,h,g,f,e,d,c}",
            "admission.podMakers={x/maker,system:serviceaccount:kube-system:replicaset-controller}",
            "admission.replicaSetMakers={system:kube-controller-manager}",
            "admission.clusterControllerGroups={system:masters,Controllers}",
            "admission.clearanceGroups={z9,z8,z7,z6,z5,z4,z3,z2,z1}",
            "admission.otherResources={rdma/,network-cards.example/NIC_a.b-c}",
            "admission.otherRuntimeClasses={runc,Kata_1.2}",
            "policy.ungovernedNamespaces={n9,n8,n7,n6,n5,n4,n3,n2,n10,n1}",
        ],
        flags: &[
            "--schedulers=system:kube-scheduler,Volcano",
            "--scheduler-names=b,a,default-scheduler,i,h,g,f,e,d,c",
            "--pod-makers=x/maker,system:serviceaccount:kube-system:replicaset-controller",
            "--replica-set-makers=system:kube-controller-manager",
            "--cluster-controller-groups=system:masters,Controllers",
            "--clearance-groups=z9,z8,z7,z6,z5,z4,z3,z2,z1",
            "--other-resources=rdma/,network-cards.example/NIC_a.b-c",
            "--other-runtime-classes=runc,Kata_1.2",
            "--ungoverned-namespaces=n9,n8,n7,n6,n5,n4,n3,n2,n10,n1",
        ],
        ..DEFAULT
    },
    // What the release is called, and what is put on its objects, changes no rule.
    Case {
        values: &[
            "nameOverride=hemvist",
            "global.commonLabels.region=jkpg",
            "monitoring.namespace=monitoring",
        ],
        labels: &[("region", "jkpg")],
        ..DEFAULT
    },
];

/// Fails where a value of the chart is not put where the compiler puts it, or the defaults of the two are not the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_chart_brings_what_the_command_line_prints() -> Result<()> {
    let mut seen = Vec::new();
    for case in CASES {
        let of_case = format!("{} in {} with {:?}", case.release, case.namespace, case.values);
        let chart = workspace().join("charts/hemvist");
        let text = Helm::new()?.template(case.release, &chart, case.namespace, case.values).await?;
        let all = manifests::objects(&text).with_context(|| of_case.clone())?;
        let printed = compiled(case.flags).await?;
        ensure!(printed.len() == 18, "{of_case}: {:?} are compiled", printed.keys());
        let wanted = as_of_the_chart(&printed, case.labels);
        ensure_equal(&by_name(&all)?, &wanted).with_context(|| of_case.clone())?;

        // The operator is told the same as its chart was.
        let by_arguments = as_of_the_chart(&compiled(&arguments_of_the_operator(&all)?).await?, case.labels);
        ensure_equal(&by_arguments, &wanted)
            .with_context(|| format!("the operator's arguments, {of_case}"))?;
        seen.push(printed);
    }
    let different: Vec<_> = (1..seen.len()).filter(|&case| seen[case] != seen[0]).collect();
    ensure!(different == [1, 2, 3, 4, 5], "these cases differ from the default: {different:?}");
    Ok(())
}

/// Fails where the chart puts a value into CEL that has a meaning there, or brings a rule with an empty list in it.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_chart_cannot_fill_in_it_refuses() -> Result<()> {
    let chart = workspace().join("charts/hemvist");
    let template =
        async |value: &str| Helm::new()?.template(DEFAULT.release, &chart, DEFAULT.namespace, &[value]).await;
    for (value, word) in [
        ("policy.ungovernedNamespaces=null", "policy.ungovernedNamespaces"),
        ("policy.ungovernedNamespaces={Not A Name}", "/policy/ungovernedNamespaces"),
        ("admission.clearanceGroups={o'brien}", "/admission/clearanceGroups"),
        ("admission.clearanceGroups={~schedulers~}", "/admission/clearanceGroups"),
        ("admission.podMakers=null", "podMakers"),
        ("admission.schedulers={twice,twice}", "/admission/schedulers"),
        ("admission.otherResources={.*/}", "/admission/otherResources"),
    ] {
        let Err(refused) = template(value).await else { bail!("rendered with {value}") };
        ensure!(
            format!("{refused:#}").replace('.', "/").contains(&word.replace('.', "/")),
            "{value}: {refused:#}"
        );
    }
    let without = manifests::objects(&template("admission.enabled=false").await?)?;
    ensure!(by_name(&without)?.is_empty(), "something is brought that is not to be");
    Ok(())
}

/// Fails where a cluster holds other policies than were printed, where the operator writes others, or where an upgrade or
/// an uninstall takes them away.
#[tokio::test(flavor = "multi_thread")]
async fn an_installed_release_closes_the_cluster_as_printed_and_leaves_it_closed() -> Result<()> {
    let options = Options::new("chart-admission")
        .without(Component::ControllerManager)
        .without(Component::Scheduler)
        .without(Component::Kwok);
    let cluster = ControlPlane::start(options).await?;
    let printed = compiled(DEFAULT.flags).await?;
    let brought = as_of_the_chart(&printed, &[BROUGHT_BY]);
    let chart = workspace().join("charts/hemvist");
    let chart = chart.to_str().context("a path that is no text")?;
    let helm = async |arguments: &[&str]| {
        let arguments = [arguments, &["--namespace", DEFAULT.namespace]].concat();
        cluster.helm()?.run(&arguments).await?.success()
    };
    helm(&["install", DEFAULT.release, chart, "--create-namespace"]).await?;
    ensure_equal(&held(&cluster).await?, &brought).context("after helm install")?;
    helm(&["upgrade", DEFAULT.release, chart]).await?;
    ensure_equal(&held(&cluster).await?, &brought).context("after helm upgrade")?;

    // The operator knows the versions, and sets the label that Helm has set.
    let upkept = with_annotation(&printed);
    let operator = start_operator(&cluster).await?;
    wait_until("the operator to take over", Duration::from_mins(1), async || {
        let difference = ensure_equal(&held(&cluster).await?, &upkept).err();
        Ok(Progress::when(difference.is_none(), format!("{difference:?}")))
    })
    .await?;
    operator.stop().await?;

    helm(&["upgrade", DEFAULT.release, chart, "--set=admission.clearanceGroups={others}"]).await?;
    ensure_equal(&held(&cluster).await?, &upkept).context("after another helm upgrade")?;
    helm(&["uninstall", DEFAULT.release]).await?;
    ensure_equal(&held(&cluster).await?, &upkept).context("after helm uninstall")?;
    cluster.stop().await
}

/// The operator with the arguments of the release, and its ServiceAccount.
async fn start_operator(cluster: &ControlPlane) -> Result<Operator> {
    let get = ["get", "deployments", "-n", DEFAULT.namespace, "-o", "json"];
    let deployments: Value = serde_json::from_str(&cluster.kubectl()?.run(&get).await?.success()?)?;
    let arguments =
        arguments_of_the_operator(&serde_json::from_value::<Vec<Value>>(deployments["items"].clone())?)?;
    let kubeconfig = cluster.service_account_kubeconfig(DEFAULT.namespace, "hemvist-operator").await?;
    let mut options = OperatorOptions::new(kubeconfig)
        .env("HEMVIST_IDENTITY", "hemvist-operator")
        .argument(format!("--health-address=127.0.0.1:{}", free_port()?))
        .argument(format!("--metrics-address=127.0.0.1:{}", free_port()?));
    for argument in arguments {
        options = options.argument(argument);
    }
    Operator::start(cluster.folder(), &options)
}

/// What the API server holds, without what it notes down itself and by which release Helm says that it was brought.
async fn held(cluster: &ControlPlane) -> Result<BTreeMap<String, Value>> {
    let get = ["get", &KINDS.join(","), "-l", FOUND_BY, "-o", "json"];
    let list = cluster.kubectl()?.run(&get).await?.success()?;
    let mut list: Value = serde_json::from_str(&list)?;
    let objects: Vec<Value> = serde_json::from_value(list["items"].take())?;
    let mut objects = by_name(&objects)?;
    for object in objects.values_mut() {
        let fields = object.as_object_mut().context("no object")?;
        fields.remove("status");
        let metadata = fields["metadata"].as_object_mut().context("no metadata")?;
        for noted in ["creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"] {
            metadata.remove(noted);
        }
        let annotations = metadata["annotations"].as_object_mut().context("no annotations")?;
        for noted in ["meta.helm.sh/release-name", "meta.helm.sh/release-namespace"] {
            annotations.remove(noted).with_context(|| format!("Helm has not noted {noted}"))?;
        }
    }
    Ok(objects)
}

/// What the command line prints, by kind and name.
async fn compiled<S: AsRef<str>>(flags: &[S]) -> Result<BTreeMap<String, Value>> {
    let mut arguments = vec!["policy", "compile"];
    arguments.extend(flags.iter().map(AsRef::as_ref));
    let text = Hemvist::new()?.run(&arguments).await?.success()?;
    by_name(&manifests::objects(&text)?)
}

/// The arguments of the operator that are about what is compiled.
fn arguments_of_the_operator(objects: &[Value]) -> Result<Vec<String>> {
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment").context("no Deployment")?;
    let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array();
    let arguments = arguments.context("no arguments")?.iter().filter_map(Value::as_str);
    // How the operator runs, whether it asks replicas, and that it compiles at all.
    let own =
        ["--admission=", "--concurrency", "--inspect=", "--log-", "--health-", "--metrics-", "--lease-"];
    Ok(arguments
        .filter(|argument| !own.iter().any(|own| argument.starts_with(own)))
        .map(str::to_owned)
        .collect())
}

fn by_name(objects: &[Value]) -> Result<BTreeMap<String, Value>> {
    let ours = objects.iter().filter(|object| KINDS.iter().any(|kind| object["kind"] == *kind));
    let named = ours.map(|object| {
        let name = object["metadata"]["name"].as_str().context("an object without a name")?;
        Ok((format!("{} {name}", object["kind"]), object.clone()))
    });
    named.collect()
}

/// The same with what the chart adds, one by one: an annotation, the labels of its values, and no version.
fn as_of_the_chart(printed: &BTreeMap<String, Value>, labels: &[(&str, &str)]) -> BTreeMap<String, Value> {
    let mut all = with_annotation(printed);
    for object in all.values_mut() {
        for (label, value) in labels {
            object["metadata"]["labels"][*label] = json!(value);
        }
        let message = object.pointer_mut("/spec/validations/0/messageExpression");
        if let Some(Value::String(message)) = message {
            *message = without_version(message);
        }
    }
    all
}

fn with_annotation(printed: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut all = printed.clone();
    for object in all.values_mut() {
        object["metadata"]["annotations"] = json!({(KEPT.0): KEPT.1});
    }
    all
}

fn without_version(message: &str) -> String {
    let Some((before, after)) = message.split_once("version ") else { return message.to_owned() };
    let rest = after.trim_start_matches(|letter: char| letter.is_ascii_hexdigit());
    format!("{before}{NO_VERSION}{rest}")
}

fn ensure_equal(found: &BTreeMap<String, Value>, wanted: &BTreeMap<String, Value>) -> Result<()> {
    let names = |all: &BTreeMap<String, Value>| all.keys().cloned().collect::<Vec<_>>();
    ensure!(names(found) == names(wanted), "there are {:?}, and not {:?}", names(found), names(wanted));
    for (name, wanted) in wanted {
        let found = &found[name];
        ensure!(found == wanted, "{name} differs:\n{found:#}\nand wanted:\n{wanted:#}");
    }
    Ok(())
}
