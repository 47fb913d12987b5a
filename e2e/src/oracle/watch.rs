//! Watching one kind for as long as it takes.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::StreamExt;
use kube::api::{DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde_json::Value;

use super::history::{Event, Key};
use crate::wait::{Progress, wait_until};

/// The kinds that the rules speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Pod,
    Node,
    AIPolicy,
    ModelDeployment,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Pod, Self::Node, Self::AIPolicy, Self::ModelDeployment];

    fn api(self, client: &Client) -> Api<DynamicObject> {
        let (group, version, kind, plural) = match self {
            Self::Pod => ("", "v1", "Pod", "pods"),
            Self::Node => ("", "v1", "Node", "nodes"),
            Self::AIPolicy => ("hemvist.dev", "v1alpha1", "AIPolicy", "aipolicies"),
            Self::ModelDeployment => ("hemvist.dev", "v1alpha1", "ModelDeployment", "modeldeployments"),
        };
        let kind = GroupVersionKind::gvk(group, version, kind);
        Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&kind, plural))
    }
}

/// Lists and watches for ever. Begins anew after every error: servers restart, and kinds may be installed later.
pub(super) async fn follow(client: &Client, kind: Kind, mut record: impl FnMut(Event)) {
    loop {
        if let Err(error) = follow_once(client, kind, &mut record).await {
            tracing::debug!("watching {kind:?}: {error:#}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn follow_once(client: &Client, kind: Kind, record: &mut impl FnMut(Event)) -> Result<()> {
    let api = kind.api(client);
    let list = api.list(&ListParams::default()).await?;
    let mut version = list.metadata.resource_version.clone().unwrap_or_default();
    let objects = list.items.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    record(Event::List(version.parse().unwrap_or_default(), objects));
    loop {
        let parameters = WatchParams::default().timeout(20);
        let mut events = std::pin::pin!(api.watch(&parameters, &version).await?);
        while let Some(event) = events.next().await {
            match event? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    version = object.metadata.resource_version.clone().unwrap_or_default();
                    record(Event::Present(serde_json::to_value(object)?));
                }
                WatchEvent::Deleted(object) => {
                    version = object.metadata.resource_version.clone().unwrap_or_default();
                    record(Event::Gone(serde_json::to_value(object)?));
                }
                WatchEvent::Bookmark(bookmark) => version = bookmark.metadata.resource_version,
                WatchEvent::Error(status) => bail!("{status:?}"),
            }
        }
    }
}

/// Waits until all objects that exist now have been seen in the version that they have now, or a newer one.
pub(super) async fn wait_until_caught_up(
    client: &Client,
    kind: Kind,
    seen: impl Fn() -> BTreeMap<Key, u64>,
) -> Result<()> {
    let objects = match kind.api(client).list(&ListParams::default()).await {
        Ok(list) => list.items,
        // The kind is not installed: nothing is to be seen.
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let objects = objects.iter().map(serde_json::to_value).collect::<Result<Vec<Value>, _>>()?;
    wait_until(&format!("the oracle to have seen every {kind:?}"), Duration::from_secs(30), || async {
        let seen = seen();
        let is_unseen = |object: &&Value| {
            let newest = seen.get(&super::history::key(object)).copied().unwrap_or_default();
            newest < super::history::version(object)
        };
        Ok(match objects.iter().find(is_unseen) {
            Some(object) => Progress::not_yet(format!("{} is missing", object["metadata"])),
            None => Progress::Done(()),
        })
    })
    .await
}
