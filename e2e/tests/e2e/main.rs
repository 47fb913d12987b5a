//! End-to-end tests on real control planes. They need `make controlplane` and fail without it.

#![allow(clippy::print_stdout, reason = "what a test has measured is shown with --show-output")]

mod bypass;
mod bypass_control;
mod children;
mod clearance;
mod control_plane;
mod leadership;
mod policies;
mod quiet;
mod region;
mod rendered;
mod restarts;
mod rights;
mod trouble;
mod unreadable;
