//! Probes replicas: what the engine reports about its model, and whether the network enforces the NetworkPolicy.
//!
//! Nothing rests on it but what status reports. Where no replica can be reached, models serve all the same.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hemvist_core::engine::{SERVING_PORT, STATUS_PORT};
use hemvist_core::render::MODELS_PATH;
use hemvist_core::snapshot::{Key, PodFacts, ProbeResult, ServedModel};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::cache::Change;
use crate::context::Context;
use crate::queue::Queue;
use crate::reconciler::{Concurrency, Next, Reconciler};
use crate::triggers::Event;
use crate::view::View;

/// Probes replicas, by the key of the pod. Most of the time goes into waiting for those that do not answer.
pub const RECONCILER: Reconciler = Reconciler {
    name: "replica",
    concurrency: Concurrency::Fixed(8),
    triggers,
    reconcile: |context, key, _| Box::pin(async move { Ok(reconcile(context, key).await) }),
};

/// A network plug-in sees a new pod a moment after the kubelet.
const SETTLE_REPLICA: Duration = Duration::from_secs(1);

/// How long a replica may take to answer. A network that keeps out mostly says nothing at all.
const PATIENCE: Duration = Duration::from_secs(3);

/// The longest answer that is read: a few hundred bytes for each adapter.
const LONGEST_ANSWER: usize = 256 * 1024;

/// A replica is probed as soon as it serves. Its result is dropped when the pod is deleted.
fn triggers(event: &Event<'_>, view: &View, queue: &Queue<Key>) {
    let Event::Pod(change) = event else { return };
    if let Change::Gone { old } = change {
        view.probes.forget(&old.uid);
    }
    let Some(new) = change.after().filter(|new| view.settings.inspects && is_worth_a_look(new)) else {
        return;
    };
    if !change.before().is_some_and(|old| old.uid == new.uid && is_worth_a_look(old)) {
        queue.add_after(new.key.clone(), SETTLE_REPLICA);
    }
}

/// Probes one pod. A new result makes its model due.
async fn reconcile(context: &Context, key: &Key) -> Next {
    let pod = context.view.pods.lock().get(key);
    let Some(pod) = pod.filter(|pod| is_worth_a_look(pod)) else { return Next::Gone };
    let Some(address) = pod.address.as_deref().and_then(|text| text.parse().ok()) else { return Next::Gone };
    let probe = probe(address).await;
    tracing::debug!(pod = %key, ?probe, "probed a replica");
    let reached = probe.status_port_answers;
    if context.view.probes.remember(&pod.uid, &probe)
        && let Some(name) = &pod.model_name
    {
        context.triggers.publish(&Event::Answered(&Key::new(&key.namespace, name)));
    }
    // What cannot be reached now may be in a while: a plug-in learns of a new pod a little late.
    if reached { Next::Settled } else { Next::Retry("unreachable") }
}

/// Whether the pod serves a model and can be asked.
fn is_worth_a_look(pod: &PodFacts) -> bool {
    pod.ready && !pod.terminating && pod.model_uid.is_some() && pod.address.is_some()
}

async fn probe(address: IpAddr) -> ProbeResult {
    let (status, serving) = tokio::join!(ask(address, STATUS_PORT), connect(address, SERVING_PORT));
    ProbeResult {
        status_port_answers: status.is_some(),
        serving_port_answers: serving.is_some(),
        served: status.as_deref().and_then(|answer| ServedModel::of(&serde_json::from_slice(answer).ok()?)),
    }
}

async fn connect(address: IpAddr, port: i32) -> Option<TcpStream> {
    let address = SocketAddr::new(address, u16::try_from(port).ok()?);
    timeout(PATIENCE, TcpStream::connect(address)).await.ok()?.ok()
}

/// The answer of the replica's status port, whatever it is; `None` where there is none. The replica has as long for the
/// connection as for the answer.
async fn ask(address: IpAddr, port: i32) -> Option<Bytes> {
    let address = SocketAddr::new(address, u16::try_from(port).ok()?);
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(PATIENCE));
    // One question, by a connection of its own: another look may be at another pod with the same address.
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
    let request = Request::get(format!("http://{address}{MODELS_PATH}")).header(HOST, "replica");
    let request = request.body(Empty::<Bytes>::new()).ok()?;
    let answer = async {
        let response = client.request(request).await.ok()?;
        let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await.ok()?;
        Some(body.to_bytes())
    };
    timeout(2 * PATIENCE, answer).await.ok()?
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::Router;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_read_and_no_answer_is_none() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = i32::from(listener.local_addr().unwrap().port());
        let models = r#"{"data":[{"id":"m","max_model_len":8192}]}"#;
        let server =
            axum::serve(listener, Router::new().route("/v1/models", get(move || async move { models })));
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let answer = tokio::select! {
            answer = ask(address, port) => answer.unwrap(),
            _ = server => panic!("the server ended"),
        };
        assert_eq!(answer, models.as_bytes());
        assert_eq!(ask(address, port).await, None, "nobody listens any more");
    }

    async fn served(answer: Vec<u8>) -> Option<Bytes> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = i32::from(listener.local_addr().unwrap().port());
        let router = Router::new().route("/v1/models", get(move || async move { answer }));
        tokio::select! {
            answer = ask(IpAddr::V4(Ipv4Addr::LOCALHOST), port) => answer,
            _ = axum::serve(listener, router) => panic!("the server ended"),
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_is_none() {
        let most = served(vec![b'a'; LONGEST_ANSWER]).await.unwrap();
        assert_eq!(most.len(), LONGEST_ANSWER);
        assert_eq!(served(vec![b'a'; LONGEST_ANSWER + 1]).await, None);
    }

    /// The clock goes forward whenever nothing else can happen, which is at once where nobody answers.
    #[tokio::test(start_paused = true)]
    async fn a_replica_that_takes_the_connection_and_says_nothing_is_given_up() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = i32::from(listener.local_addr().unwrap().port());
        let begun = tokio::time::Instant::now();
        assert_eq!(ask(IpAddr::V4(Ipv4Addr::LOCALHOST), port).await, None);
        assert!(begun.elapsed() <= 2 * PATIENCE + Duration::from_millis(100), "{:?}", begun.elapsed());
        drop(listener);
    }

    #[test]
    fn only_a_ready_replica_of_a_model_is_asked() {
        let pod = PodFacts {
            ready: true,
            model_uid: Some("u".to_owned()),
            address: Some("10.0.0.1".to_owned()),
            ..PodFacts::default()
        };
        assert!(is_worth_a_look(&pod));
        for other in [
            PodFacts { ready: false, ..pod.clone() },
            PodFacts { terminating: true, ..pod.clone() },
            PodFacts { model_uid: None, ..pod.clone() },
            PodFacts { address: None, ..pod.clone() },
        ] {
            assert!(!is_worth_a_look(&other), "{other:?}");
        }
    }
}
