//! What both kinds of mirror have in common: the address, the credentials, and the meaning of a response.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hemvist_api::condition::Reason;
use ureq::http::{Response, StatusCode, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body};

use super::Content;
use crate::listing::Entry;
use crate::outcome::Failure;

/// How long a mirror may take to be found and to greet.
const CONNECT: Duration = Duration::from_secs(20);

/// How long a mirror may say nothing. Stores of spinning disks and tapes take their time.
const IDLE_LIMIT: Duration = Duration::from_mins(1);

/// The largest list that is read, in bytes: of [`crate::listing::MOST_FILES`] names with room to spare.
const LONGEST_LIST: u64 = 16 << 20;

/// The address of a mirror: a host with its port, over TLS. Plain text is for a server on the same machine alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    scheme: String,
    authority: String,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|_| format!("{text:?} is not an address"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(format!("{text:?} is not an address such as https://objects.region.example"));
        };
        let local = matches!(authority.host(), "127.0.0.1" | "[::1]" | "localhost");
        let whole =
            matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.as_str().contains('@');
        match scheme {
            "https" if whole => {}
            "http" if whole && local => {}
            "http" => return Err("plain HTTP is allowed only to this machine".to_owned()),
            _ => return Err(format!("{text:?} has more than a host and a port")),
        }
        // What is signed is what is sent, and the usual port is not sent.
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.as_str();
        let authority = authority.strip_suffix(usual).unwrap_or(authority).to_owned();
        Ok(Self { scheme: scheme.to_owned(), authority })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.authority)
    }
}

impl Endpoint {
    /// The host, with its port where it is not the usual one.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The address that `location` leads to from here, where it is on this very host.
    pub fn same(&self, location: &str) -> Option<String> {
        let below = format!("{self}/");
        if location.starts_with(&below) {
            return Some(location.to_owned());
        }
        (location.starts_with('/') && !location.starts_with("//")).then(|| format!("{self}{location}"))
    }
}

/// By what right a mirror is asked. Read from the files of a Secret; none of it is ever printed.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The name of a key of an object store, and the key.
    pub key: Option<(String, String)>,
    /// A token of a hub.
    pub token: Option<String>,
}

impl Credentials {
    /// What is in the folder of a Secret: `accessKey` and `secretKey`, or `token`.
    ///
    /// # Errors
    /// Where a file is there and cannot be read, or one of a pair is missing.
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let read = |name: &str| read_entry(folder, name);
        let key = match (read("accessKey")?, read("secretKey")?) {
            (Some(name), Some(key)) => Some((name, key)),
            (None, None) => None,
            _ => {
                let message = "the Secret has only one of accessKey and secretKey";
                return Err(Failure::new(Reason::MirrorDenied, message));
            }
        };
        Ok(Self { key, token: read("token")? })
    }
}

/// An entry of a Secret that is mounted at `folder`; `None` where there is none of the name.
fn read_entry(folder: &Path, name: &str) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(folder.join(name)) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(Failure::new(Reason::MirrorDenied, format!("{name} of the Secret cannot be read: {error}")))
        }
    }
}

/// The authorities that a mirror's certificate may be signed by.
pub struct Trust(RootCerts);

impl Trust {
    /// Those in `ca.crt` of the Secret that is mounted at `folder`; where it has none, those of the system.
    ///
    /// # Errors
    /// Where what is there is no list of certificates.
    pub fn read(folder: Option<&Path>) -> Result<Self, Failure> {
        let own = folder.map(|folder| read_entry(folder, "ca.crt")).transpose()?.flatten();
        let certificates: Vec<_> = match own {
            Some(text) => {
                let items: Result<Vec<_>, _> = parse_pem(text.as_bytes()).collect();
                let refused =
                    |_| Failure::new(Reason::MirrorDenied, "ca.crt of the Secret holds no certificates");
                items.map_err(refused)?.into_iter().filter_map(certificate).collect()
            }
            None => rustls_native_certs::load_native_certs()
                .certs
                .iter()
                .map(|found| Certificate::from_der(found).to_owned())
                .collect(),
        };
        Ok(Self(RootCerts::Specific(Arc::new(certificates))))
    }
}

fn certificate(item: ureq::tls::PemItem<'_>) -> Option<Certificate<'static>> {
    match item {
        ureq::tls::PemItem::Certificate(certificate) => Some(certificate.to_owned()),
        _ => None,
    }
}

/// A client that goes where it is known and nowhere else: no proxy of the environment, no redirection.
pub fn agent(trust: Trust) -> Agent {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(trust.0)
        .build();
    Agent::new_with_config(
        Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("hemvist-fetch/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(IDLE_LIMIT))
            .timeout_per_read(Some(IDLE_LIMIT))
            .build(),
    )
}

/// That a request for `what` got no answer.
pub fn unanswered(what: &str, error: &ureq::Error) -> Failure {
    Failure::new(Reason::MirrorUnreachable, format!("{what}: {error}"))
}

/// What an answer without content means.
pub fn refusal(what: &str, status: StatusCode, says: &str) -> Failure {
    let reason = match status.as_u16() {
        401 | 403 => Reason::MirrorDenied,
        408 | 429 | 500.. => Reason::MirrorUnreachable,
        _ => Reason::MirrorContentRefused,
    };
    let says = if says.is_empty() { String::new() } else { format!(": {says}") };
    Failure::new(reason, format!("{what}: the mirror answers {status}{says}"))
}

/// The text of an answer, where it is one of success.
pub fn text(what: &str, response: Response<Body>, says: fn(&str) -> String) -> Result<String, Failure> {
    let status = response.status();
    let read = response.into_body().into_with_config().limit(LONGEST_LIST).read_to_string();
    match read {
        Ok(text) if status.is_success() => Ok(text),
        Ok(text) => Err(refusal(what, status, &says(&text))),
        Err(_) if !status.is_success() => Err(refusal(what, status, "")),
        Err(error) => Err(unanswered(what, &error)),
    }
}

/// What the answer to a request for a file from byte `from` on holds.
pub fn content(entry: &Entry, from: u64, response: Response<Body>) -> Result<Content, Failure> {
    let status = response.status();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    match status {
        StatusCode::PARTIAL_CONTENT if from > 0 => {
            let begins = format!("bytes {from}-");
            let ends = format!("/{}", entry.size);
            if !header("content-range")
                .is_some_and(|range| range.starts_with(&begins) && range.ends_with(&ends))
            {
                return Ok(Content::Changed);
            }
            Ok(Content::Rest(reader(response)))
        }
        StatusCode::OK => {
            if header("content-length").and_then(|length| length.parse().ok()) != Some(entry.size) {
                return Ok(Content::Changed);
            }
            Ok(Content::Whole(reader(response)))
        }
        StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => Ok(Content::Changed),
        _ => Err(refusal(&entry.path, status, "")),
    }
}

fn reader(response: Response<Body>) -> Box<dyn Read + Send> {
    Box::new(response.into_body().into_reader())
}
