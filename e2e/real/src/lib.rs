//! A real node beside the cluster of the end-to-end tests: what is rendered runs on a real kubelet.
//!
//! [`RealNode`] is kubelet, kube-proxy, containerd, runc and CNI in namespaces of their own, so that nothing of it is seen
//! outside and all of it ends at once. [`engine`] holds what runs on it: llama.cpp, a model of random weights and a client,
//! as images by digest that [`image`] writes; [`tools`] holds what fetches weights, and [`object_store`] a store to
//! fetch them from. [`inside`] reads what a pod can do from where the pod is. [`autoscalers`] are KEDA and what it goes by;
//! [`envoy_gateway`] is a gateway that carries out routes, and [`http`] asks it.

#![allow(
    missing_docs,
    reason = "no other project uses this library: a comment that repeats a name helps nobody"
)]

pub mod autoscalers;
pub mod broken;
pub mod containerd;
pub mod engine;
pub mod envoy_gateway;
mod gate;
pub mod http;
pub mod image;
pub mod inside;
pub mod machine;
pub mod node;
pub mod object_store;
pub mod programs;
pub mod tools;

pub use node::RealNode;
