//! What a probe of a replica, sent by the operator, has found.
//!
//! The NetworkPolicy lets the operator reach the port of the proxy that reports status, and not the port that serves the
//! model. So one probe shows both what the engine reports and whether the network enforces the NetworkPolicy.

use std::collections::BTreeSet;

use serde_json::Value;

/// What one probe of a replica has found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProbeResult {
    /// Whether the port of status and metrics, which is open to the operator, was reached.
    pub status_port_answers: bool,
    /// Whether the port of the model, which is closed to the operator, was reached.
    pub serving_port_answers: bool,
    /// The model as the engine reports it; `None` where it does not.
    pub served: Option<ServedModel>,
}

/// The model as the engine reports it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServedModel {
    /// The names by which it can be asked for, those of adapters included.
    pub names: BTreeSet<String>,
    /// The longest context of one request, in tokens.
    pub context_length: Option<i64>,
}

/// Whether the network enforces the NetworkPolicy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Isolation {
    /// The open port was reached, and the closed one was not.
    Enforced,
    /// The closed port was reached.
    NotEnforced,
    /// Neither port was reached.
    Unknown,
}

impl ProbeResult {
    /// What it shows about the network.
    pub const fn isolation(&self) -> Isolation {
        match (self.serving_port_answers, self.status_port_answers) {
            (true, _) => Isolation::NotEnforced,
            (false, true) => Isolation::Enforced,
            (false, false) => Isolation::Unknown,
        }
    }
}

impl ServedModel {
    /// Reads the answer to `GET /v1/models`. vLLM and SGLang report the longest context as `max_model_len`, llama.cpp in
    /// its own part of the answer.
    pub fn of(answer: &Value) -> Option<Self> {
        let models = answer["data"].as_array()?;
        let names = models.iter().filter_map(|model| Some(model["id"].as_str()?.to_owned())).collect();
        let context =
            |model: &Value| model["max_model_len"].as_i64().or_else(|| model["meta"]["n_ctx"].as_i64());
        // Adapters stand in the list beside their model and have its context, if they have any.
        Some(Self { names, context_length: models.iter().filter_map(context).min() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_engine_reports_its_context_in_its_own_field() {
        let vllm = json!({"object": "list", "data": [
            {"id": "m", "object": "model", "max_model_len": 32768},
            {"id": "adapter", "object": "model", "parent": "m", "max_model_len": null},
        ]});
        let llama_cpp =
            json!({"models": [{}], "data": [{"id": "m", "meta": {"n_ctx": 2048, "n_ctx_train": 4096}}]});
        let served = ServedModel::of(&vllm).unwrap();
        assert_eq!(served.context_length, Some(32_768));
        assert_eq!(served.names, ["adapter".to_owned(), "m".to_owned()].into());
        assert_eq!(ServedModel::of(&llama_cpp).unwrap().context_length, Some(2048));
        assert_eq!(ServedModel::of(&json!({"data": [{"id": "m"}]})).unwrap().context_length, None);
        assert_eq!(ServedModel::of(&json!("ok")), None);
    }

    #[test]
    fn only_a_difference_between_both_ports_shows_an_enforced_network_policy() {
        let seen = |status_port_answers, serving_port_answers| {
            ProbeResult { status_port_answers, serving_port_answers, served: None }.isolation()
        };
        assert_eq!(seen(true, false), Isolation::Enforced);
        assert_eq!(seen(true, true), Isolation::NotEnforced);
        assert_eq!(seen(false, true), Isolation::NotEnforced);
        assert_eq!(seen(false, false), Isolation::Unknown);
    }
}
