//! Many requests at once, over a fixed number of connections.

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};

/// Connections of every client that makes load. One request is under way on each.
pub(super) const CONNECTIONS: usize = 64;

/// Does `work` with every item, as many at once as there are connections.
pub(super) async fn each<T, R, W>(items: Vec<T>, work: impl FnMut(T) -> W) -> Result<Vec<R>>
where
    W: Future<Output = Result<R>> + Send + 'static,
    R: Send + 'static,
{
    each_over(CONNECTIONS, items, work).await
}

/// Does `work` with every item, so many at once, each in a task of its own.
pub(super) async fn each_over<T, R, W>(
    connections: usize,
    items: Vec<T>,
    mut work: impl FnMut(T) -> W,
) -> Result<Vec<R>>
where
    W: Future<Output = Result<R>> + Send + 'static,
    R: Send + 'static,
{
    stream::iter(items)
        .map(|item| {
            let task = tokio::spawn(work(item));
            async move { task.await.context("a task of the load")? }
        })
        .buffer_unordered(connections)
        .try_collect()
        .await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn no_more_than_one_request_is_under_way_on_each_connection() {
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let results = each((0..500).collect(), |item: u32| {
            let (running, most) = (running.clone(), most.clone());
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(1)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(item)
            }
        });
        assert_eq!(results.await.unwrap().len(), 500);
        assert!(most.load(Ordering::SeqCst) <= CONNECTIONS);
    }
}
