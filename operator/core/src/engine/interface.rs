//! The paths of an engine's HTTP interface that clients may use, and the request that checks that the model answers.
//!
//! Every engine serves more paths than those that a client needs: some change or stop the model, some show what others asked.
//! None of them asks who knocks. So what may be asked is listed here, and nothing else is let through.

use super::Serving;
use serde_json::{Value, json};

/// A path of the interface, exactly as it is requested, with its method.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Path {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: &'static str,
}

/// A method of HTTP.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Method {
    /// Reads.
    Get,
    /// Asks the model.
    Post,
}

impl Method {
    /// The method as it stands in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// The part of OpenAI's interface that keeps nothing on the server. Left out on purpose is what does: responses, files and
/// batches are kept by the engine and given to whoever knows their number.
pub const OPENAI: &[Path] = &[
    get("/v1/models"),
    post("/v1/chat/completions"),
    post("/v1/completions"),
    post("/v1/embeddings"),
    post("/v1/rerank"),
];

/// The same with speech, for the engines that serve such models.
pub const OPENAI_WITH_SPEECH: &[Path] = &[
    get("/v1/models"),
    post("/v1/audio/transcriptions"),
    post("/v1/audio/translations"),
    post("/v1/chat/completions"),
    post("/v1/completions"),
    post("/v1/embeddings"),
    post("/v1/rerank"),
];

const fn get(path: &'static str) -> Path {
    Path { method: Method::Get, path }
}

const fn post(path: &'static str) -> Path {
    Path { method: Method::Post, path }
}

/// What an engine is asked to show that the model answers: it does when the answer has status 200.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The body; `None` for none.
    pub body: Option<Value>,
}

impl Question {
    /// One token of text. An engine that does not know the model by its name refuses it.
    pub fn token(model: &Serving<'_>) -> Self {
        let body = json!({"model": model.model_name, "prompt": "1", "max_tokens": 1, "temperature": 0});
        Self::post("/v1/completions", body)
    }

    /// The embedding of one word, of a model that makes no text.
    pub fn embedding(model: &Serving<'_>) -> Self {
        Self::post("/v1/embeddings", json!({"model": model.model_name, "input": "1"}))
    }

    /// The order of one document, of a model that does nothing else.
    pub fn ranking(model: &Serving<'_>) -> Self {
        Self::post("/v1/rerank", json!({"model": model.model_name, "query": "1", "documents": ["1"]}))
    }

    /// Whether a path can be read.
    pub fn health(path: &str) -> Self {
        Self { method: Method::Get, path: path.to_owned(), body: None }
    }

    fn post(path: &str, body: Value) -> Self {
        Self { method: Method::Post, path: path.to_owned(), body: Some(body) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_order_and_one_holds_the_other() {
        assert!(OPENAI.is_sorted() && OPENAI_WITH_SPEECH.is_sorted());
        assert!(OPENAI.iter().all(|path| OPENAI_WITH_SPEECH.contains(path)));
    }
}
