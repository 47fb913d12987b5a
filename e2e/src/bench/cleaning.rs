//! Taking away what a phase has made. Nobody collects garbage on a control plane without its controllers.

use std::time::Duration;

use anyhow::{Result, ensure};
use kube::api::{DeleteParams, DynamicObject, ListParams};
use kube::{Api, Client};

use super::bodies::{CHILDREN, MADE_BY_HEMVIST};
use super::load::each;
use super::scene::{NAMESPACES, Scene, own_kind};
use crate::{Progress, wait_until};

/// Deletes every model and everything that was made for one, and waits until nothing of it is left.
pub(super) async fn clean(scene: &Scene) -> Result<()> {
    let mut targets: Vec<(Api<DynamicObject>, ListParams)> = Vec::new();
    for index in 0..NAMESPACES {
        let namespace = format!("bench-{index}");
        targets.push((scene.models(&namespace), ListParams::default()));
        for kind in CHILDREN {
            targets.push((
                kind.api(&scene.administrator, &namespace),
                ListParams::default().labels(MADE_BY_HEMVIST),
            ));
        }
    }
    each(targets, |(api, which)| async move {
        api.delete_collection(&DeleteParams::background(), &which).await?;
        Ok(())
    })
    .await?;
    wait_until("everything to be deleted", Duration::from_mins(2), async || {
        let left =
            models(&scene.administrator).await? + children(&scene.administrator).await?.iter().sum::<usize>();
        Ok(Progress::when(left == 0, format!("{left} objects")))
    })
    .await
}

/// Makes sure that every model has one object of every kind.
pub(super) async fn ensure_complete(scene: &Scene, models: u32) -> Result<()> {
    let found = children(&scene.administrator).await?;
    let wanted = usize::try_from(models)?;
    ensure!(found.iter().all(|count| *count == wanted), "{found:?} objects of each kind instead of {wanted}");
    Ok(())
}

async fn models(client: &Client) -> Result<usize> {
    let all: Api<DynamicObject> = Api::all_with(client.clone(), &own_kind("ModelDeployment"));
    Ok(all.list_metadata(&ListParams::default()).await?.items.len())
}

async fn children(client: &Client) -> Result<Vec<usize>> {
    let mut counts = Vec::new();
    for kind in CHILDREN {
        let all: Api<DynamicObject> = Api::all_with(client.clone(), &kind.resource());
        counts.push(all.list_metadata(&ListParams::default().labels(MADE_BY_HEMVIST)).await?.items.len());
    }
    Ok(counts)
}
