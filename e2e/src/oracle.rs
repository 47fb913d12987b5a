//! The oracle of residency: watches a cluster and judges every binding by its own naive reading of the rules.
//!
//! It sees model deployments, policies, nodes and pods as plain JSON and keeps every version of each. Watches of
//! different kinds are not ordered among each other, but resource versions are, since all come from one store. So
//! nothing is judged on arrival: [`Oracle::report`] first waits until every watch has caught up, and then judges each
//! binding by the versions that were current at its resource version. Objects deleted since are still known.

mod history;
mod rules;
mod watch;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use kube::Client;
use serde_json::Value;

use self::history::{History, Key};
use self::rules::World;
use self::watch::Kind;

/// The label that ties a pod to its model deployment.
const MODEL_DEPLOYMENT: &str = "hemvist.dev/model-deployment";

type Histories = Arc<Mutex<BTreeMap<Kind, History>>>;

/// A running oracle. It stops watching when the value is dropped.
pub struct Oracle {
    client: Client,
    root_namespace: String,
    histories: Histories,
    watches: Vec<tokio::task::JoinHandle<()>>,
}

/// A pod that was bound to a node.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of its model deployment, by its label; empty where it has none and only uses an accelerator.
    pub model_deployment: String,
    pub node: String,
    /// The resource version of the pod with which the node came.
    pub resource_version: u64,
}

/// A binding that the rules do not allow.
#[derive(Clone, Debug)]
pub struct Violation {
    /// What was bound.
    pub binding: Binding,
    /// The rules that it breaks, each in words.
    pub broken: Vec<String>,
    /// How long before the binding the youngest of the objects that it was judged by had changed, as this oracle saw
    /// them. A scheduler cannot know of a change of the same instant; a test decides what it accepts.
    pub settled_for: Duration,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Binding { namespace, pod, model_deployment, node, resource_version } = &self.binding;
        write!(
            formatter,
            "pod {namespace}/{pod} of {model_deployment} on {node} at {resource_version}, {:?} after the last change: {}",
            self.settled_for,
            self.broken.join("; ")
        )
    }
}

/// What the oracle has seen and found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Bindings of pods of model deployments.
    pub bindings: Vec<Binding>,
    /// Those among them that are not allowed.
    pub violations: Vec<Violation>,
    /// Bindings of pods that use an accelerator and name no model deployment. Not judged.
    pub unmanaged: Vec<Binding>,
}

impl Report {
    /// Demands that nothing was violated, and that there was something to judge: an oracle that saw nothing proves
    /// nothing.
    ///
    /// # Errors
    /// Lists the violations, or says how few bindings there were.
    pub fn ensure_clean(&self, at_least: usize) -> Result<()> {
        if !self.violations.is_empty() {
            let list: Vec<String> = self.violations.iter().map(ToString::to_string).collect();
            bail!(
                "{} of {} bindings violate the rules:\n{}",
                list.len(),
                self.bindings.len(),
                list.join("\n")
            );
        }
        if self.bindings.len() < at_least {
            bail!(
                "the oracle saw {} bindings, where at least {at_least} were to be judged",
                self.bindings.len()
            );
        }
        Ok(())
    }
}

impl Oracle {
    /// Starts to watch. What was bound before counts as well, judged by the versions that are there now.
    pub fn start(client: Client, root_namespace: impl Into<String>) -> Self {
        let histories: Histories = Arc::default();
        let watches = Kind::ALL.map(|kind| {
            let (client, histories) = (client.clone(), Arc::clone(&histories));
            tokio::spawn(async move {
                watch::follow(&client, kind, |event| {
                    locked(&histories).entry(kind).or_default().record(event);
                })
                .await;
            })
        });
        Self { client, root_namespace: root_namespace.into(), histories, watches: watches.into() }
    }

    /// Waits until everything that is there now has been seen, and judges all bindings up to here.
    ///
    /// # Errors
    /// Where the watches do not catch up.
    pub async fn report(&self) -> Result<Report> {
        for kind in Kind::ALL {
            watch::wait_until_caught_up(&self.client, kind, || {
                locked(&self.histories).get(&kind).map(History::newest_versions).unwrap_or_default()
            })
            .await?;
        }
        Ok(self.judge())
    }

    fn judge(&self) -> Report {
        let histories = locked(&self.histories);
        let empty = History::default();
        let of = |kind| histories.get(&kind).unwrap_or(&empty);
        let mut report = Report::default();
        for (key, version, pod) in of(Kind::Pod).first_versions(|pod| pod.pointer("/spec/nodeName").is_some())
        {
            let binding = binding(key, version, pod);
            if binding.model_deployment.is_empty() {
                if rules::uses_accelerator(pod) {
                    report.unmanaged.push(binding);
                }
                continue;
            }
            let world = World {
                nodes: of(Kind::Node),
                policies: of(Kind::AIPolicy),
                model_deployments: of(Kind::ModelDeployment),
                root_namespace: &self.root_namespace,
            };
            let (broken, changed) = world.judge(&binding);
            if !broken.is_empty() {
                let bound = of(Kind::Pod).seen_at(key, version);
                let settled_for =
                    bound.zip(changed).map(|(bound, changed)| bound.saturating_duration_since(changed));
                let settled_for = settled_for.unwrap_or_default();
                report.violations.push(Violation { binding: binding.clone(), broken, settled_for });
            }
            report.bindings.push(binding);
        }
        report
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        for watch in &self.watches {
            watch.abort();
        }
    }
}

fn binding((namespace, pod, _): &Key, resource_version: u64, object: &Value) -> Binding {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    Binding {
        namespace: namespace.clone(),
        pod: pod.clone(),
        model_deployment: text(
            object.pointer("/metadata/labels").and_then(|labels| labels.get(MODEL_DEPLOYMENT)),
        ),
        node: text(object.pointer("/spec/nodeName")),
        resource_version,
    }
}

fn locked(histories: &Histories) -> MutexGuard<'_, BTreeMap<Kind, History>> {
    // A judge that panicked has changed nothing.
    histories.lock().unwrap_or_else(PoisonError::into_inner)
}
