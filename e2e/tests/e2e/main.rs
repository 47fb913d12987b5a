//! End-to-end tests on real control planes. They need `make controlplane` and fail without it.

mod control_plane;
