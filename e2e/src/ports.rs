//! Loopback ports for servers that have to be told their port.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

/// Below the range that Linux gives to outgoing connections, so that no client takes a port between its choice and
/// its use.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A port that is free now and is not handed out twice by this process.
///
/// # Errors
/// Where no port is free.
pub fn free_port() -> Result<u16> {
    // Processes begin at different places, so that clusters of two test runs do not race for the same port.
    let begin = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let Ok(port) = u16::try_from(FIRST + begin.wrapping_add(step) % COUNT) else { continue };
        if is_free(port) {
            return Ok(port);
        }
    }
    bail!("no loopback port from {FIRST} on is free")
}

/// Whether nobody listens on the loopback port.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
