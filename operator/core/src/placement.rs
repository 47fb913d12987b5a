//! Where a model can go: every node is a candidate or has its reason.

pub mod vendor;

/// Where a model can go.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Placement {}
