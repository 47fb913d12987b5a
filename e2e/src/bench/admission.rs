//! What the compiled policies cost the API server: dry runs of a pod with an accelerator and of a ModelDeployment, without
//! any of Hemvist's policies, with three AIPolicies that bind the namespace, with ten, and with three of two hundred.
//!
//! The cases are measured in turn, several times, and compared within one run. A dry run goes through all of admission and
//! is not stored.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde::Serialize;
use serde_json::{Value, json};

use super::load::each_over;
use super::scene::{ModelName, model, own_kind};
use super::usage::seconds;
use super::{number, rounded};
use crate::binaries::workspace_program;
use crate::installation::{ROOT_NAMESPACE, workspace};
use crate::narrator::Narrator;
use crate::{Component, ControlPlane, Options, Progress, manifests, wait_until};

/// Dry runs of one measurement.
const REQUESTS: usize = 3000;

/// Connections that send them.
const CONNECTIONS: usize = 16;

/// The user whose pods are measured: the one that makes the pods of models.
const POD_MAKER: &str = "system:serviceaccount:kube-system:replicaset-controller";

/// The API server looks for changed policies about once a second.
const REFRESH: Duration = Duration::from_secs(3);

/// An API server that uses less of [`REFRESH`] has nothing left to do.
const IDLE_SECONDS: f64 = 0.25;

/// How many AIPolicies there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Case {
    /// Those that bind the namespace of the requests.
    pub matching: u32,
    /// Those that bind others.
    pub elsewhere: u32,
}

/// The cases, of which the first is the measure of the others.
const CASES: [Case; 4] = [
    Case { matching: 0, elsewhere: 0 },
    Case { matching: 3, elsewhere: 0 },
    Case { matching: 10, elsewhere: 0 },
    Case { matching: 3, elsewhere: 197 },
];

/// What one kind of object costs in one case.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// The kind.
    pub object: &'static str,
    pub case: Case,
    /// Requests per second, the middle of all rounds.
    pub requests_per_second: f64,
    /// CPU milliseconds of the API server for one request, the middle of all rounds.
    pub cpu_milliseconds: f64,
    /// Requests per second as a part of those without policies, the middle of all rounds.
    pub ratio: f64,
    /// The same by CPU time, which others on the machine do not disturb.
    pub cpu_ratio: f64,
}

struct Sample {
    object: &'static str,
    case: Case,
    rate: f64,
    cpu: f64,
}

impl Case {
    /// As it stands in a table.
    pub(super) fn named(self) -> String {
        match (self.matching, self.elsewhere) {
            (0, _) => "no policy".to_owned(),
            (matching, 0) => format!("{matching} policies"),
            (matching, elsewhere) => format!("{matching} of {} policies", matching + elsewhere),
        }
    }
}

/// Measures all cases, `rounds` times in turn.
///
/// # Errors
/// Where the control plane does not come up, or refuses what it should admit.
pub async fn run(rounds: u32, narrator: &Narrator) -> Result<Vec<Cost>> {
    narrator.heading("admission: dry runs with and without policies")?;
    let options = Options::new("bench-admission")
        .without(Component::ControllerManager)
        .without(Component::Scheduler)
        .without(Component::Kwok)
        .without_audit();
    let cluster = ControlPlane::start(options).await?;
    let bench = Bench::prepare(&cluster).await?;
    let mut samples = Vec::new();
    for round in 0..rounds {
        for case in CASES {
            bench.put_into_force(case).await.with_context(|| format!("putting {case:?} into force"))?;
            for object in ["Pod", "ModelDeployment"] {
                let sample = bench.measure(object, case).await?;
                let Sample { rate, cpu, .. } = &sample;
                narrator.text(&format!("round {round}: {object} {case:?}: {rate:.0}/s, {cpu:.3} ms"))?;
                samples.push(sample);
            }
        }
    }
    drop(bench);
    cluster.stop().await?;
    Ok(costs(&samples))
}

struct Bench<'a> {
    cluster: &'a ControlPlane,
    pods: Api<DynamicObject>,
    models: Api<DynamicObject>,
    pod: Arc<DynamicObject>,
    model: Arc<DynamicObject>,
}

impl<'a> Bench<'a> {
    async fn prepare(cluster: &'a ControlPlane) -> Result<Self> {
        let chart = workspace().join("charts/hemvist/files/crds");
        cluster
            .kubectl()?
            .run(&["apply".as_ref(), "--server-side".as_ref(), "-f".as_ref(), chart.as_os_str()])
            .await?
            .success()?;
        let name = ModelName::of(0);
        for namespace in [ROOT_NAMESPACE, &name.namespace] {
            cluster.kubectl()?.run(&["create", "namespace", namespace]).await?.success()?;
        }
        let account = json!({"metadata": {"name": "default", "namespace": name.namespace}});
        let accounts: Api<DynamicObject> =
            Api::namespaced_with(cluster.client(), &name.namespace, &core("ServiceAccount"));
        accounts.create(&PostParams::default(), &serde_json::from_value(account)?).await?;
        let mut model = model(&name)?;
        let pod = pod_of(&model)?;
        model.metadata.name = Some("probe".to_owned());
        let maker =
            cluster.client_as(POD_MAKER, &["system:serviceaccounts:kube-system", "system:masters"]).await?;
        let models: Api<DynamicObject> =
            Api::namespaced_with(cluster.client(), &name.namespace, &own_kind("ModelDeployment"));
        wait_until("the kinds to be served", Duration::from_mins(1), async || {
            let served = models.list(&ListParams::default()).await;
            Ok(Progress::when(served.is_ok(), "not yet"))
        })
        .await?;
        Ok(Self {
            cluster,
            pods: Api::namespaced_with(maker, &name.namespace, &core("Pod")),
            models,
            pod: Arc::new(pod),
            model: Arc::new(model),
        })
    }

    /// Takes all policies away, and puts those of the case in their place.
    async fn put_into_force(&self, case: Case) -> Result<()> {
        let client = self.cluster.client();
        for kind in ["ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"] {
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &registration(kind));
            api.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
        }
        if case.matching > 0 {
            for object in compiled(case)? {
                let kind = object["kind"].as_str().context("an object without a kind")?.to_owned();
                let api: Api<DynamicObject> = Api::all_with(client.clone(), &registration(&kind));
                api.create(&PostParams::default(), &serde_json::from_value(object)?).await?;
            }
        }
        self.wait_until_in_force(case).await
    }

    /// A pod that may go anywhere is refused exactly where there are policies.
    async fn wait_until_in_force(&self, case: Case) -> Result<()> {
        let mut stray = DynamicObject::clone(&self.pod);
        stray.data["spec"]["affinity"] = Value::Null;
        wait_until("the policies to be as wanted", Duration::from_mins(1), async || {
            let refused = self.pods.create(&dry_run(), &stray).await.is_err();
            Ok(Progress::when(refused == (case.matching > 0), format!("refused: {refused}")))
        })
        .await?;
        // Two hundred policies are compiled for some seconds, beside whatever is measured.
        let server = self.server()?;
        wait_until("the API server to be idle", Duration::from_mins(2), async || {
            let before = seconds(server)?;
            tokio::time::sleep(REFRESH).await;
            let used = seconds(server)? - before;
            Ok(Progress::when(used < IDLE_SECONDS, format!("{used} CPU seconds")))
        })
        .await
    }

    fn server(&self) -> Result<u32> {
        Ok(self.cluster.component(Component::ApiServer).context("the API server does not run")?.id())
    }

    async fn measure(&self, object: &'static str, case: Case) -> Result<Sample> {
        let (api, sent) = match object {
            "Pod" => (&self.pods, &self.pod),
            _ => (&self.models, &self.model),
        };
        let server =
            self.cluster.component(Component::ApiServer).context("the API server does not run")?.id();
        let (begin, cpu) = (Instant::now(), seconds(server)?);
        each_over(CONNECTIONS, (0..REQUESTS).collect(), |_: usize| {
            let (api, sent) = (api.clone(), sent.clone());
            async move {
                let answer = api.create(&dry_run(), &sent).await;
                answer.map(drop).context("what is measured is refused")
            }
        })
        .await?;
        let count = number(REQUESTS);
        let cpu = (seconds(server)? - cpu) * 1000.0 / count;
        Ok(Sample { object, case, rate: count / begin.elapsed().as_secs_f64(), cpu })
    }
}

fn costs(samples: &[Sample]) -> Vec<Cost> {
    let of = |object: &'static str, case: Case| {
        samples.iter().filter(move |sample| sample.object == object && sample.case == case)
    };
    let mut costs = Vec::new();
    for object in ["Pod", "ModelDeployment"] {
        for case in CASES {
            let pairs = || of(object, case).zip(of(object, CASES[0]));
            costs.push(Cost {
                object,
                case,
                requests_per_second: middle(of(object, case).map(|sample| sample.rate)),
                cpu_milliseconds: middle(of(object, case).map(|sample| sample.cpu)),
                ratio: middle(pairs().map(|(with, without)| with.rate / without.rate)),
                cpu_ratio: middle(pairs().map(|(with, without)| without.cpu / with.cpu)),
            });
        }
    }
    costs
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    rounded(values.get(values.len() / 2).copied().unwrap_or_default())
}

fn dry_run() -> PostParams {
    PostParams { dry_run: true, ..PostParams::default() }
}

fn core(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", kind))
}

fn registration(kind: &str) -> ApiResource {
    let mut resource =
        ApiResource::from_gvk(&GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind));
    if kind == "ValidatingAdmissionPolicy" {
        "validatingadmissionpolicies".clone_into(&mut resource.plural);
    }
    resource
}

/// What the AIPolicies of a case are compiled to.
fn compiled(case: Case) -> Result<Vec<Value>> {
    let mut text = String::new();
    let policy: Value = serde_saphyr::from_str(include_str!("policy.yaml"))?;
    for number in 0..case.matching + case.elsewhere {
        let mut policy = policy.clone();
        policy["metadata"]["name"] = json!(format!("policy-{number:03}"));
        if number >= case.matching {
            policy["spec"]["namespaces"] = json!([format!("elsewhere-{number:03}")]);
        }
        writeln!(text, "---\n{policy}")?;
    }
    let output = hemvist(&["policy", "compile", "-"], &text)?;
    manifests::objects(&output)
}

/// The pod that the model becomes.
fn pod_of(model: &DynamicObject) -> Result<DynamicObject> {
    let policy: Value = serde_saphyr::from_str(include_str!("policy.yaml"))?;
    let input = format!("---\n{policy}\n---\n{}\n", serde_json::to_value(model)?);
    let objects = manifests::objects(&hemvist(&["render", "-"], &input)?)?;
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment").context("no Deployment")?;
    let template = &deployment["spec"]["template"];
    let name = deployment["metadata"]["name"].as_str().context("a Deployment without a name")?;
    let mut spec = template["spec"].clone();
    spec["serviceAccountName"] = json!("default");
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": format!("{name}-0"), "labels": template["metadata"]["labels"]},
        "spec": spec,
    });
    Ok(serde_json::from_value(pod)?)
}

/// What the command line prints.
fn hemvist(arguments: &[&str], input: &str) -> Result<String> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut child = Command::new(workspace_program("hemvist")?)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("hemvist {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
