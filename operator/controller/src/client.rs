//! The connection to the API server.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{Request, Response};
use futures::FutureExt;
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tower::{Layer, Service};

use crate::metrics::Metrics;

/// The server closes a watch after this time, and it is resumed: a connection that died without an error is noticed soon.
pub const WATCH_TIMEOUT: Duration = Duration::from_secs(100);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Neither a kubeconfig nor a pod's credentials could be read.
    #[error("finding the API server: {0}")]
    Infer(#[from] kube::config::InferConfigError),
    /// The client could not be built.
    #[error("preparing the connection to the API server: {0}")]
    Build(#[from] kube::Error),
}

/// A client for the cluster of the kubeconfig, or for the one that this process runs in.
///
/// # Errors
/// Where there is no such cluster, or the credentials cannot be used.
pub async fn connect(patience: Duration, metrics: Arc<Metrics>) -> Result<Client, ClientError> {
    let mut config = Config::infer().await?;
    // The built-in retries hide a 429 for minutes; the queue knows better when to try again.
    config.default_retry = false;
    config.connect_timeout = Some(patience);
    config.write_timeout = Some(patience);
    // Own requests have a deadline of their own. This one is for the lists of the watchers, which have none.
    config.read_timeout = Some(WATCH_TIMEOUT + Duration::from_secs(20));
    config.reset_reader_on_write = true;
    Ok(ClientBuilder::try_from(config)?.with_layer(&CountRequests { metrics }).build())
}

/// Counts requests by method and by code of the answer.
#[derive(Clone, Debug)]
struct CountRequests {
    metrics: Arc<Metrics>,
}

/// A service whose requests are counted.
#[derive(Clone, Debug)]
struct Counted<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S> Layer<S> for CountRequests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, metrics: self.metrics.clone() }
    }
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    B: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let metrics = self.metrics.clone();
        let method = request.method().clone();
        let answer = self.inner.call(request);
        answer
            .map(move |answer| {
                let code = answer.as_ref().ok().map(Response::status);
                metrics.requested(method.as_str(), code.as_ref().map_or("<error>", |code| code.as_str()));
                answer
            })
            .boxed()
    }
}
