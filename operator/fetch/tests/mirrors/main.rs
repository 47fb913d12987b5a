//! The program against real servers: an S3 server on the loopback, with a relay in between that can stall and break off,
//! and a server with the few answers of a hub.

mod hub;
mod object_store;
mod program;
mod relay;
mod server;
mod storage;
