//! A relay between the program and a server, which counts what the server sends and can hold it up.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A relay. Its connections end with the process.
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    server: SocketAddr,
    sent: AtomicU64,
    stalls_at: AtomicU64,
    breaks: AtomicBool,
}

impl Relay {
    /// A relay to `server`, which lets through so many bytes and then stalls.
    pub fn stalling(server: SocketAddr, bytes: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            server,
            sent: AtomicU64::new(0),
            stalls_at: AtomicU64::new(bytes),
            breaks: AtomicBool::new(false),
        };
        let state = Arc::new(state);
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = shared.clone();
                std::thread::spawn(move || state.relay(&client));
            }
        });
        Self { address, state }
    }

    /// A relay that lets everything through.
    pub fn new(server: SocketAddr) -> Self {
        Self::stalling(server, u64::MAX)
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the server has sent, in bytes.
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// Lets everything through from now on.
    pub fn release(&self) {
        self.state.stalls_at.store(u64::MAX, Ordering::SeqCst);
    }

    /// Breaks off the connections that stall, and lets later ones through.
    pub fn break_off(&self) {
        self.state.breaks.store(true, Ordering::SeqCst);
        self.release();
    }
}

impl State {
    fn relay(&self, client: &TcpStream) {
        let Ok(server) = TcpStream::connect(self.server) else { return };
        let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        self.answers(server, client);
        let _ = client.shutdown(Shutdown::Both);
    }

    fn answers(&self, mut server: TcpStream, mut client: &TcpStream) {
        let mut chunk = vec![0; 16 << 10];
        while let Ok(length @ 1..) = server.read(&mut chunk) {
            let sent = self.sent.fetch_add(length as u64, Ordering::SeqCst);
            let mut stalled = false;
            while sent >= self.stalls_at.load(Ordering::SeqCst) {
                stalled = true;
                std::thread::sleep(Duration::from_millis(5));
            }
            if (stalled && self.breaks.load(Ordering::SeqCst)) || client.write_all(&chunk[..length]).is_err()
            {
                return;
            }
        }
    }
}
