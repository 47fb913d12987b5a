//! End-to-end tests on real control planes. They need `make controlplane` and fail without it.

#![allow(clippy::print_stdout, reason = "what a test has measured is shown with --show-output")]

mod bypass;
mod bypass_control;
mod chart_admission;
mod children;
mod clearance;
mod control_plane;
mod coverage;
mod gateway;
mod leadership;
mod policies;
mod quiet;
mod recovery;
mod region;
mod rendered;
mod repair;
mod restarts;
mod rights;
mod scaling;
mod schema;
mod static_admission;
mod tightening;
mod trouble;
mod unreadable;
mod weights;
