//! What nobody may ask an engine, asked at the pod's own address by somebody who is no consumer: on this node no
//! NetworkPolicy is carried out, so whatever is refused here is refused without one.

use anyhow::{Result, ensure};
use hemvist_e2e::objects::text;
use serde_json::Value;

use crate::client::Client;
use crate::surroundings::{PATIENCE, STRANGER, Surroundings};

/// Paths of llama.cpp, vLLM and SGLang that change or stop a model, or show what others asked.
const PATHS: [&str; 30] = [
    "/",
    "/abort_request",
    "/api/show",
    "/apply-template",
    "/collective_rpc",
    "/completion",
    "/completions",
    "/detokenize",
    "/docs",
    "/embedding",
    "/flush_cache",
    "/get_server_info",
    "/health",
    "/infill",
    "/invocations",
    "/lora-adapters",
    "/metrics",
    "/models/load",
    "/openapi.json",
    "/pause",
    "/props",
    "/scale_elastic_ep",
    "/sleep",
    "/slots",
    "/slots/0?action=save",
    "/tokenize",
    "/update_weights_from_disk",
    "/v1/load_lora_adapter",
    "/v1/messages",
    "/v1/responses",
];

/// The same in disguise, and listed paths in forms that an engine could understand as others.
const DISGUISED: [&str; 8] = [
    "//props",
    "/v1/../props",
    "/v1/%2e%2e/props",
    "/v1/models%2f..%2f..%2fprops",
    "/v1/models/../../props",
    "/v1/models;/../../props",
    "/props?x=/v1/models",
    "/v1/models/",
];

/// Fails where any of them is answered, or where a listed path is not, which would show nothing.
pub async fn are_not_answered(surroundings: &Surroundings, pod: &Value) -> Result<()> {
    let address = text(&pod["status"]["podIP"]);
    let asked = PATHS.iter().chain(&DISGUISED);
    let urls = asked.map(|path| format!("http://{address}:8000{path}"));
    let engines_own = ["/health", "/v1/models"].map(|path| format!("http://{address}:8080{path}"));
    let listed = format!("http://{address}:8000/v1/models");
    let arguments: Vec<_> =
        ["try".to_owned(), listed.clone()].into_iter().chain(urls).chain(engines_own).collect();
    let said = Client::start(surroundings, [STRANGER, "stranger"], &arguments).await?.end(PATIENCE).await?;
    let answered: Vec<_> = said.lines().filter(|line| line.starts_with('2')).collect();
    let tried = said.lines().count();
    ensure!(answered == [format!("200 GET {listed}")], "answered: {answered:#?} of\n{said}");
    // Each by GET and by POST.
    ensure!(tried == 2 * (PATHS.len() + DISGUISED.len() + 3), "only {tried} were tried:\n{said}");
    println!("{} control paths tried in {tried} ways at the pod's own address: 0 answered", PATHS.len());
    Ok(())
}
