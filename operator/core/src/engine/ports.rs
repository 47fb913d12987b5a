//! The ports of a pod that serves.

/// The port of every model, whatever engine serves it: a client does not notice a change of engine.
pub const SERVING_PORT: i32 = 8000;

/// The name of [`SERVING_PORT`] in pods and Services.
pub const SERVING_PORT_NAME: &str = "http";

/// The port on which a replica says how it is: to the kubelet, to the monitoring and to the operator.
pub const STATUS_PORT: i32 = 8001;

/// The name of [`STATUS_PORT`] in pods.
pub const STATUS_PORT_NAME: &str = "status";

/// The port on which an engine listens that does not say its own. Nothing outside the pod reaches it.
pub const ENGINE_PORT: i32 = 8080;
