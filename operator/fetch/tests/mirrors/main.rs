//! The program against real servers: an S3 server on the loopback, with a relay in between that can stall and break off,
//! and a server with the few answers of a hub.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may start programs, and fails where one of them does"
)]

mod hub;
mod object_store;
mod program;
mod relay;
mod server;
mod storage;
