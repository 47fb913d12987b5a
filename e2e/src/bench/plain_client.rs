//! The baseline: a client that only writes. No watch, no cache, no decision; it knows beforehand what to send.

use anyhow::{Context, Result};
use http::Request;
use kube::Client;

use super::bodies::Write;
use super::load::each_over;

/// Makes the writes of every model, those of one model one after the other, as the operator does.
pub(super) async fn write_all(client: &Client, connections: usize, models: Vec<Vec<Write>>) -> Result<()> {
    each_over(connections, models, |writes| {
        let client = client.clone();
        async move {
            for write in writes {
                apply(&client, write).await?;
            }
            Ok(())
        }
    })
    .await?;
    Ok(())
}

async fn apply(client: &Client, write: Write) -> Result<()> {
    let request = Request::patch(&write.path)
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::CONTENT_TYPE, "application/apply-patch+yaml")
        .body(write.body.into_bytes())?;
    client.request_text(request).await.with_context(|| format!("applying {}", write.path))?;
    Ok(())
}
