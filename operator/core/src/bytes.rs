//! Numbers of bytes as Kubernetes writes them.
