//! When each model was done, seen by a watch of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::StreamExt;
use kube::core::object::Object;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::scene::{ModelName, own_kind};
use crate::{Progress, wait_until};

/// The longest that it is waited for all models.
const PATIENCE: Duration = Duration::from_mins(10);

/// The fields of a model that are looked at; the observer must not be what is measured.
type Model = Object<Nothing, Status>;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Nothing {}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    observed_generation: Option<i64>,
}

/// Generation of a model whose status reports this generation, and when that was seen first.
type Done = HashMap<ModelName, (i64, Instant)>;

/// Watches the models. It ends with this value.
pub(super) struct Observer {
    done: Arc<Mutex<Done>>,
    task: JoinHandle<()>,
}

impl Observer {
    /// Begins to watch.
    pub(super) fn start(client: Client) -> Self {
        let done: Arc<Mutex<Done>> = Arc::default();
        let task = tokio::spawn(observe(client, done.clone()));
        Self { done, task }
    }

    /// Waits until that many models are done with at least this generation; gives for each when it was.
    pub(super) async fn all(&self, models: usize, generation: i64) -> Result<HashMap<ModelName, Instant>> {
        wait_until("the models to be done", PATIENCE, async || {
            let done: HashMap<_, _> = {
                let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
                let reached = done.iter().filter(|(_, (reached, _))| *reached >= generation);
                reached.map(|(name, (_, when))| (name.clone(), *when)).collect()
            };
            Ok(if done.len() == models {
                Progress::Done(done)
            } else {
                Progress::not_yet(format!("{} of {models}", done.len()))
            })
        })
        .await
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn observe(client: Client, done: Arc<Mutex<Done>>) {
    let models: Api<Model> = Api::all_with(client, &own_kind("ModelDeployment"));
    let events = watcher(models, watcher::Config::default()).default_backoff().applied_objects();
    tokio::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(model) => note(&done, &model),
            Err(error) => tracing::warn!("watching the models: {error}"),
        }
    }
}

fn note(done: &Mutex<Done>, model: &Model) {
    let observed = model.status.as_ref().and_then(|status| status.observed_generation);
    let Some(generation) = model.metadata.generation.filter(|generation| observed == Some(*generation))
    else {
        return;
    };
    let name = ModelName {
        namespace: model.metadata.namespace.clone().unwrap_or_default(),
        name: model.metadata.name.clone().unwrap_or_default(),
    };
    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = done.entry(name).or_insert_with(|| (generation, Instant::now()));
    if entry.0 < generation {
        *entry = (generation, Instant::now());
    }
}
