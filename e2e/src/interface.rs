//! What clients ask of a model, and what nobody but those who run an engine may.

/// What clients ask.
pub const ASKED: [(&str, &str); 4] = [
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/embeddings"),
    ("GET", "/v1/models"),
];

/// What engines serve beside that: what controls them, tells of them, or reads requests in another form.
pub const CONTROL: [&str; 22] = [
    "/pause",
    "/resume",
    "/update_weights",
    "/invocations",
    "/tokenize",
    "/detokenize",
    "/metrics",
    "/health",
    "/lora-adapters",
    "/props",
    "/slots",
    "/completion",
    "/sleep",
    "/wake_up",
    "/load_lora_adapter",
    "/v1/load_lora_adapter",
    "/collective_rpc",
    "/scale_elastic_ep",
    "/server_info",
    "/flush_cache",
    "/generate",
    "/",
];

/// Methods by which a path is tried.
pub const METHODS: [&str; 6] = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT"];

/// The ways to write a path that controls, so that a gateway could take it for one that clients ask below `below`, or an engine
/// could take one that clients ask for it. Those that only repeat what clients ask are left out.
pub fn disguises(control: &str, below: &str) -> Vec<String> {
    let paths = [
        control.to_owned(),
        format!("{below}{control}"),
        format!("{below}/v1{control}"),
        format!("{below}/v1/models{control}"),
        format!("{below}/v1/chat/completions{control}"),
        format!("{below}/v1/chat/completions/..{control}"),
        format!("{below}/{control}"),
        format!("{control}/v1/models"),
    ];
    let asked = |path: &String| {
        let rest = path.strip_prefix(below);
        rest.is_some_and(|rest| ASKED.iter().any(|(_, one)| one == &rest))
    };
    paths.into_iter().filter(|path| !asked(path)).collect()
}
