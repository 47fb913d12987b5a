//! End-to-end tests on real control planes. They need `make controlplane` and fail without it.

mod children;
mod clearance;
mod control_plane;
mod policies;
mod region;
mod trouble;
