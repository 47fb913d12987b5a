//! The HTTP endpoints of the operator: /healthz, /readyz and /metrics.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;
use crate::view::View;
use crate::workers::Pulse;

/// A worker beats every few seconds; one that has not for this long hangs.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What the health endpoint reports.
#[derive(Clone, Debug)]
pub struct Report {
    /// What is seen of the cluster.
    pub view: Arc<View>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// When each group of workers last got on.
    pub pulses: Vec<Arc<Pulse>>,
}

/// Why an address cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("listening on {address}: {source}")]
pub struct HttpError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Takes both addresses; the future serves them and does not end.
///
/// # Errors
/// Where an address is taken.
pub async fn serve(
    report: Report,
    health: SocketAddr,
    metrics: SocketAddr,
) -> Result<impl Future<Output = ()> + Send, HttpError> {
    let health_routes = Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz));
    let metrics_routes = Router::new().route("/metrics", get(show_metrics));
    let health = listen(health, "health").await?;
    let metrics = listen(metrics, "metrics").await?;
    let health = axum::serve(health, health_routes.with_state(report.clone()));
    let metrics = axum::serve(metrics, metrics_routes.with_state(report));
    Ok(async move {
        let (_, _) = tokio::join!(health.into_future(), metrics.into_future());
    })
}

async fn listen(address: SocketAddr, what: &'static str) -> Result<TcpListener, HttpError> {
    let listener = TcpListener::bind(address).await.map_err(|source| HttpError { address, source })?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, what, "serving");
    }
    Ok(listener)
}

/// The process is alive while its workers make progress; an answer over HTTP is not enough.
async fn healthz(State(report): State<Report>) -> (StatusCode, &'static str) {
    if report.pulses.iter().all(|pulse| pulse.age() < LONGEST_PAUSE) {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "the workers have stopped")
    }
}

/// Ready is who knows the cluster, whether or not it leads: one that waits for the lease is ready to take over.
async fn readyz(State(report): State<Report>) -> (StatusCode, &'static str) {
    if report.view.synced() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the caches are not synced yet")
    }
}

async fn show_metrics(State(report): State<Report>) -> Response {
    report.metrics.set_models(report.view.ready_reasons());
    match report.metrics.encode() {
        Ok(text) => {
            let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(CONTENT_TYPE, form)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
