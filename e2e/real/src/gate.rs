//! A gate in front of a server, which counts what the server sends and can hold it up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is sent at once, in bytes.
const CHUNK: usize = 16 << 10;

/// A gate. Nobody passes it once it is dropped.
#[derive(Debug)]
pub struct Gate {
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    server: SocketAddr,
    sent: AtomicU64,
    holds_at: AtomicU64,
}

impl Gate {
    /// Lets everybody who comes to this listener through to the server.
    ///
    /// # Errors
    /// Where the listener cannot be waited for.
    pub fn open(listener: std::net::TcpListener, server: SocketAddr) -> Result<Self> {
        listener.set_nonblocking(true).context("waiting at the gate")?;
        let listener = TcpListener::from_std(listener).context("waiting at the gate")?;
        let state = Arc::new(State { server, sent: AtomicU64::new(0), holds_at: AtomicU64::new(u64::MAX) });
        let accepting = tokio::spawn(accept(listener, state.clone()));
        Ok(Self { state, accepting })
    }

    /// What the server has sent, in bytes.
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// Holds up what the server sends once it has sent this much more. Connections stay open.
    pub fn hold_after(&self, bytes: u64) {
        self.state.holds_at.store(self.sent() + bytes, Ordering::SeqCst);
    }

    /// Lets everything through again.
    pub fn release(&self) {
        self.state.holds_at.store(u64::MAX, Ordering::SeqCst);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let state = state.clone();
        tokio::spawn(async move {
            // Either side may break off; the other then sees the end of its connection.
            let _ = state.carry(client).await;
        });
    }
}

impl State {
    async fn carry(&self, client: TcpStream) -> std::io::Result<()> {
        let (mut from_server, mut to_server) = TcpStream::connect(self.server).await?.into_split();
        let (mut from_client, mut to_client) = client.into_split();
        let requests = async {
            tokio::io::copy(&mut from_client, &mut to_server).await?;
            to_server.shutdown().await
        };
        let answers = async {
            let mut chunk = vec![0; CHUNK];
            loop {
                let length = from_server.read(&mut chunk).await?;
                if length == 0 {
                    return to_client.shutdown().await;
                }
                self.pass(length as u64).await;
                to_client.write_all(&chunk[..length]).await?;
            }
        };
        tokio::try_join!(requests, answers).map(|_| ())
    }

    async fn pass(&self, length: u64) {
        let before = self.sent.fetch_add(length, Ordering::SeqCst);
        while before >= self.holds_at.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
