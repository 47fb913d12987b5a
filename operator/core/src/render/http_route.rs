//! The HTTPRoute of a model: the paths that clients may use, each by itself, and no others. Only the
//! fields that Hemvist states; the API server knows the others.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::inference_pool::INFERENCE;
use super::{Child, Step, meta};
use crate::decide::Plan;
use crate::engine::{Method, SERVING_PORT, description};
use crate::request::{ModelRequest, RouteSettings};
use crate::snapshot::{ChildKind, Settings};

/// The header with the notice of `spec.purpose.transparencyNotice`.
const NOTICE: &str = "AI-Transparency-Notice";

/// The longest value of a header that the Gateway API takes, in bytes.
const LONGEST_VALUE: usize = 4096;

/// Which requests go where.
#[derive(Clone, CustomResource, Debug, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "gateway.networking.k8s.io",
    version = "v1",
    kind = "HTTPRoute",
    namespaced,
    schema = "disabled",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct HTTPRouteSpec {
    /// The gateways that lead here.
    pub parent_refs: Vec<Reference>,
    /// The hosts that are asked.
    pub hostnames: Vec<String>,
    /// What is led, each with its way.
    pub rules: Vec<RouteRule>,
}

/// An object.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Reference {
    /// Its group; empty for the core.
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The port, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
}

/// Requests, what is done with them, and where they go.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteRule {
    /// The requests.
    pub matches: Vec<RouteMatch>,
    /// What is done with them and with their answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<RouteFilter>,
    /// Where they go.
    pub backend_refs: Vec<Reference>,
}

/// Requests of one method to one path.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RouteMatch {
    /// The path.
    pub path: PathMatch,
    /// The method.
    pub method: String,
}

/// A path.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PathMatch {
    /// How it is compared.
    #[serde(rename = "type")]
    pub type_: String,
    /// The path.
    pub value: String,
}

/// What is done with requests or their answers.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum RouteFilter {
    /// The path that clients request.
    URLRewrite {
        /// What is rewritten.
        #[serde(rename = "urlRewrite")]
        rewrite: Rewrite,
    },
    /// Headers of the answer.
    ResponseHeaderModifier {
        /// What is changed.
        #[serde(rename = "responseHeaderModifier")]
        headers: Headers,
    },
}

/// What of an address is rewritten.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Rewrite {
    /// The path.
    pub path: PathRewrite,
}

/// The path that takes the place of another.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PathRewrite {
    /// How much of it is replaced.
    #[serde(rename = "type")]
    pub type_: String,
    /// The path that takes the place of the whole.
    pub replace_full_path: String,
}

/// Headers that are set, whatever they were.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Headers {
    /// The headers.
    pub set: Vec<Header>,
}

/// A header.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Child for HTTPRoute {
    const KIND: ChildKind = ChildKind::HTTPRoute;

    fn steps(plan: &Plan, _: &Settings) -> Vec<Step> {
        Self::put_or_remove(http_route(&plan.model))
    }
}

/// The HTTPRoute of `model`, where a gateway routes to it.
fn http_route(model: &ModelRequest) -> Option<HTTPRoute> {
    let route = model.route.as_ref()?;
    // One rule for each path: what a rule rewrites is the same for all that it matches.
    let mut interface: BTreeMap<&str, Vec<Method>> = BTreeMap::new();
    for (method, path) in description(model.engine.engine).paths(&model.serving()) {
        interface.entry(path).or_default().push(method);
    }
    let spec = HTTPRouteSpec {
        parent_refs: vec![Reference {
            group: "gateway.networking.k8s.io".to_owned(),
            kind: "Gateway".to_owned(),
            namespace: Some(route.gateway.namespace.clone()),
            name: route.gateway.name.clone(),
            port: None,
        }],
        hostnames: vec![route.hostname.clone()],
        rules: interface.iter().map(|(path, methods)| rule(model, route, path, methods)).collect(),
    };
    Some(HTTPRoute { metadata: meta::metadata(model), spec })
}

fn rule(model: &ModelRequest, route: &RouteSettings, path: &str, methods: &[Method]) -> RouteRule {
    let rewrite = (!route.path.is_empty()).then(|| RouteFilter::URLRewrite {
        rewrite: Rewrite {
            path: PathRewrite { type_: "ReplaceFullPath".to_owned(), replace_full_path: path.to_owned() },
        },
    });
    let notice = route.notice.as_deref().map(|notice| RouteFilter::ResponseHeaderModifier {
        headers: Headers { set: vec![Header { name: NOTICE.to_owned(), value: byte_sequence(notice) }] },
    });
    RouteRule {
        matches: methods
            .iter()
            .map(|method| RouteMatch {
                path: PathMatch { type_: "Exact".to_owned(), value: format!("{}{path}", route.path) },
                method: method.as_str().to_owned(),
            })
            .collect(),
        filters: rewrite.into_iter().chain(notice).collect(),
        backend_refs: vec![backend(model, route)],
    }
}

/// The pool where an endpoint picker chooses the replica, and the Service otherwise.
fn backend(model: &ModelRequest, route: &RouteSettings) -> Reference {
    let (group, kind, port) = match route.picker {
        Some(_) => (INFERENCE, "InferencePool", None),
        None => ("", "Service", Some(SERVING_PORT)),
    };
    Reference {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: None,
        name: model.key.name.clone(),
        port,
    }
}

/// A text as the value of a header, which has to be ASCII: a Byte Sequence of RFC 9651 that holds its UTF-8. What is too long
/// for a header ends with an ellipsis.
///
/// RFC 9651 has a Display String for texts. It is full of `%`, which Envoy takes for the beginning of a command, as HAProxy does,
/// and NGINX reads quotes and backslashes: gateways hand on what a route says, and the Envoy of one that does takes no routes any
/// more, nobody's. In base64 no gateway finds anything to carry out.
fn byte_sequence(text: &str) -> String {
    const ELLIPSIS: &str = "…";
    // Three bytes make four letters, between two colons.
    let room = (LONGEST_VALUE - "::".len()) / 4 * 3;
    let kept = if text.len() <= room {
        text.to_owned()
    } else {
        text[..text.floor_char_boundary(room - ELLIPSIS.len())].to_owned() + ELLIPSIS
    };
    format!(":{}:", STANDARD.encode(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> String {
        let inner = value.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')).unwrap_or_default();
        String::from_utf8(STANDARD.decode(inner).unwrap_or_default()).unwrap_or_default()
    }

    #[test]
    fn a_notice_holds_nothing_that_a_gateway_could_carry_out() {
        let notice = "Förslag, 100 % \"råd\": $host {0} \\ %REQ(authorization)%\n";
        let value = byte_sequence(notice);
        assert!(value.chars().all(|one| one.is_ascii_alphanumeric() || ":+/=".contains(one)), "{value}");
        assert_eq!(read(&value), notice);
    }

    #[test]
    fn a_long_notice_fits_and_says_that_there_is_more() {
        for notice in ["ö".repeat(2048), "x".repeat(3070), format!("x{}", "ö".repeat(2048))] {
            let value = byte_sequence(&notice);
            assert!(value.len() <= LONGEST_VALUE, "{}", value.len());
            let read = read(&value);
            let kept = read.strip_suffix('…').unwrap_or_default();
            assert!(kept.len() > 3060 && notice.starts_with(kept), "{} bytes are kept", kept.len());
        }
        assert_eq!(read(&byte_sequence(&"x".repeat(3069))), "x".repeat(3069));
    }
}
