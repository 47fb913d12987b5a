//! A cluster that Hemvist governs: installed from its chart, watched by an oracle, looked at from outside.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::audit::{Position, Record};
use crate::installation::{Installation, ROOT_NAMESPACE};
use crate::objects::{Kind, Objects, condition, text};
use crate::operator::Operator;
use crate::oracle::{Oracle, Report};
use crate::{ControlPlane, Options, Progress, wait_until};

/// How long anything may take; on a machine with nothing else to do it is seconds.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A cluster with Hemvist's kinds and rights, and no operator yet.
pub struct Governed {
    cluster: ControlPlane,
    installation: Installation,
    oracle: Oracle,
    objects: Objects,
}

impl Governed {
    /// Starts a cluster and installs the chart: from the first moment the API server refuses what no policy allows.
    ///
    /// # Errors
    /// Where the cluster does not come up or the chart cannot be installed.
    pub async fn start(options: Options) -> Result<Self> {
        Self::start_with(options, &[]).await
    }

    /// The same with nothing compiled into the API server, so that the controller can be seen at its own work: it judges
    /// what the API server would not have let in.
    ///
    /// # Errors
    /// Where the cluster does not come up or the chart cannot be installed.
    pub async fn start_without_admission(options: Options) -> Result<Self> {
        Self::start_with(options, &["admission.enabled=false"]).await
    }

    /// The same as [`Governed::start`], with values of the chart as `path=value`.
    ///
    /// # Errors
    /// Where the cluster does not come up or the chart cannot be installed.
    pub async fn start_with(options: Options, values: &[&str]) -> Result<Self> {
        let cluster = ControlPlane::start(options).await?;
        let installation = Installation::install(&cluster, values).await?;
        let oracle = Oracle::start(cluster.client(), ROOT_NAMESPACE);
        let objects = Objects::new(cluster.client());
        Ok(Self { cluster, installation, oracle, objects })
    }

    pub const fn cluster(&self) -> &ControlPlane {
        &self.cluster
    }

    /// The cluster, to stop and start parts of it.
    pub const fn cluster_mut(&mut self) -> &mut ControlPlane {
        &mut self.cluster
    }

    /// The chart's installation.
    pub const fn installation(&self) -> &Installation {
        &self.installation
    }

    pub const fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Its objects, as one of the cluster's own controllers reads and writes them: nobody else may touch what Hemvist has
    /// made.
    ///
    /// # Errors
    /// Where the cluster cannot be reached.
    pub async fn objects_of_a_controller(&self) -> Result<Objects> {
        let groups = ["system:serviceaccounts:kube-system", "system:masters"];
        let user = "system:serviceaccount:kube-system:some-controller";
        Ok(Objects::new(self.cluster.client_as(user, &groups).await?))
    }

    /// Its objects, as a user of the cluster reads and writes them who may do everything that no policy refuses.
    ///
    /// # Errors
    /// Where the cluster cannot be reached.
    pub async fn objects_of(&self, user: &str) -> Result<Objects> {
        let namespace = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split(':').next());
        let account = namespace.map(|namespace| format!("system:serviceaccounts:{namespace}"));
        let groups: Vec<&str> = account.as_deref().into_iter().chain(["system:masters"]).collect();
        Ok(Objects::new(self.cluster.client_as(user, &groups).await?))
    }

    /// Makes namespaces.
    ///
    /// # Errors
    /// Where the API server refuses one.
    pub async fn create_namespaces(&self, names: &[&str]) -> Result<()> {
        for name in names {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            self.objects.create(&namespace).await?;
        }
        Ok(())
    }

    /// Makes a claim that is bound to a share, which nothing simulated mounts.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub async fn create_bound_claim(&self, namespace: &str, name: &str) -> Result<()> {
        let (modes, size) = (json!(["ReadWriteMany"]), json!({"storage": "1Ti"}));
        let volume = format!("{namespace}-{name}");
        let storage = json!({"apiVersion": "v1", "kind": "List", "items": [
            {
                "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume},
                "spec": {
                    "capacity": size, "accessModes": modes, "storageClassName": "",
                    "claimRef": {"namespace": namespace, "name": name},
                    "nfs": {"server": "nfs.region.example", "path": "/weights"},
                },
            },
            {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {"namespace": namespace, "name": name},
                "spec": {
                    "accessModes": modes, "storageClassName": "", "volumeName": volume,
                    "resources": {"requests": size},
                },
            },
        ]});
        let kubectl = self.cluster.kubectl()?;
        kubectl.run_with_input(&["apply", "-f", "-"], &storage.to_string()).await?.success()?;
        Ok(())
    }

    /// Starts an operator as the chart would, under a name of its own.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn operator(&self, name: &str) -> Result<Operator> {
        self.installation.start(&self.installation.operator(name)?)
    }

    /// Ends everything, after the oracle has judged what happened.
    ///
    /// # Errors
    /// Where the oracle saw a violation or fewer bindings than that, or something does not end.
    pub async fn end(self, operators: Vec<Operator>, at_least: usize) -> Result<()> {
        let report = self.oracle.report().await?;
        report.ensure_clean(at_least)?;
        self.end_judged(operators).await
    }

    /// What the oracle has seen so far.
    ///
    /// # Errors
    /// Where its watches do not catch up.
    pub async fn report(&self) -> Result<Report> {
        self.oracle.report().await
    }

    async fn end_judged(self, operators: Vec<Operator>) -> Result<()> {
        let Self { cluster, oracle, objects, .. } = self;
        for operator in operators {
            operator.stop().await.context("stopping an operator")?;
        }
        // An API server waits for the watches that are still open.
        drop((oracle, objects));
        cluster.stop().await
    }

    /// The model `namespace/name`.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn model(&self, key: &str) -> Result<Value> {
        let (namespace, name) = split(key)?;
        self.objects.get(Kind::ModelDeployment, namespace, name).await
    }

    /// Waits until a model has a property in the status of its newest generation, and gives it.
    ///
    /// # Errors
    /// Where it does not come to that.
    pub async fn wait_for_model(&self, key: &str, what: &str, has: impl Fn(&Value) -> bool) -> Result<Value> {
        wait_until(&format!("{key} to {what}"), PATIENCE, async || {
            let model = self.model(key).await?;
            let current = model["status"]["observedGeneration"] == model["metadata"]["generation"];
            Ok(if current && has(&model) {
                Progress::Done(model)
            } else {
                Progress::not_yet(&model["status"])
            })
        })
        .await
    }

    /// Waits until a model's Ready condition has a reason, and gives its message.
    ///
    /// # Errors
    /// Where it does not come to that.
    pub async fn wait_for_reason(&self, key: &str, reason: &str) -> Result<String> {
        let has = |model: &Value| condition(model, "Ready")["reason"] == reason;
        let model = self.wait_for_model(key, &format!("say {reason}"), has).await?;
        Ok(text(&condition(&model, "Ready")["message"]).to_owned())
    }

    /// Waits until a policy has a property, and gives it.
    ///
    /// # Errors
    /// Where it does not come to that.
    pub async fn wait_for_policy(
        &self,
        key: &str,
        what: &str,
        has: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let (namespace, name) = split(key)?;
        wait_until(&format!("the policy {key} to {what}"), PATIENCE, async || {
            let policy = self.objects.get(Kind::AIPolicy, namespace, name).await?;
            Ok(if has(&policy) { Progress::Done(policy) } else { Progress::not_yet(&policy["status"]) })
        })
        .await
    }

    /// Waits until the API server itself enforces a policy as it is now.
    ///
    /// # Errors
    /// Where it does not come to that.
    pub async fn wait_until_enforced(&self, key: &str) -> Result<Value> {
        self.wait_for_policy(key, "be enforced", |policy| {
            let enforced = condition(policy, "Enforced");
            enforced["status"] == "True" && enforced["observedGeneration"] == policy["metadata"]["generation"]
        })
        .await
    }

    /// A model's pods that are not on their way out.
    ///
    /// # Errors
    /// Where the cluster does not answer.
    pub async fn pods(&self, key: &str) -> Result<Vec<Value>> {
        let (namespace, name) = split(key)?;
        let selector = format!("hemvist.dev/model-deployment={name}");
        let mut pods = self.objects.list(Kind::Pod, namespace, &selector).await?;
        pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        Ok(pods)
    }

    /// The nodes of a model's pods.
    ///
    /// # Errors
    /// Where the cluster does not answer.
    pub async fn nodes_of(&self, key: &str) -> Result<BTreeSet<String>> {
        let pods = self.pods(key).await?;
        Ok(pods.iter().filter_map(|pod| pod["spec"]["nodeName"].as_str().map(str::to_owned)).collect())
    }

    /// The objects that were made for a model, by the label that names it.
    ///
    /// # Errors
    /// Where the cluster does not answer.
    pub async fn children(&self, key: &str) -> Result<Vec<Value>> {
        let (namespace, name) = split(key)?;
        let selector = format!("hemvist.dev/model-deployment={name}");
        let mut all = Vec::new();
        for kind in Kind::CHILDREN {
            for mut child in self.objects.list(kind, namespace, &selector).await? {
                // Lists leave the kind out.
                child["kind"] = json!(kind.name());
                all.push(child);
            }
        }
        Ok(all)
    }

    /// Waits until a model has this many objects.
    ///
    /// # Errors
    /// Where it does not come to that.
    pub async fn wait_for_children(&self, key: &str, count: usize) -> Result<Vec<Value>> {
        wait_until(&format!("{key} to have {count} objects"), PATIENCE, async || {
            let children = self.children(key).await?;
            let kinds: Vec<_> = children.iter().map(|child| text(&child["kind"]).to_owned()).collect();
            Ok(if children.len() == count {
                Progress::Done(children)
            } else {
                Progress::not_yet(kinds.join(", "))
            })
        })
        .await
    }

    /// The operators' writes that succeeded, but those to their Lease.
    ///
    /// # Errors
    /// Where there is no audit log.
    pub fn writes(&self, since: Position) -> Result<Vec<Record>> {
        let mut records = self.requests(since)?;
        records.retain(|record| record.is_write() && record.is_success() && record.resource != "leases");
        Ok(records)
    }

    /// The operators' requests that were answered.
    ///
    /// # Errors
    /// Where there is no audit log.
    pub fn requests(&self, since: Position) -> Result<Vec<Record>> {
        let mut records = self.cluster.audit_log().records(since)?;
        records
            .retain(|record| record.user == self.installation.user() && record.stage == "ResponseComplete");
        Ok(records)
    }

    /// Takes the clearance from nodes, or gives one.
    ///
    /// # Errors
    /// Where a node does not exist.
    pub async fn clear_nodes(
        &self,
        nodes: impl IntoIterator<Item = &String>,
        clearance: Option<&str>,
    ) -> Result<()> {
        let change =
            json!({"metadata": {"labels": {"hemvist.node-restriction.kubernetes.io/clearance": clearance}}});
        for node in nodes {
            self.objects.merge(Kind::Node, "", node, &change).await?;
        }
        Ok(())
    }
}

/// Namespace and name of `namespace/name`.
///
/// # Errors
/// Where it is not of that form.
pub fn split(key: &str) -> Result<(&str, &str)> {
    key.split_once('/').with_context(|| format!("{key:?} is not namespace/name"))
}
