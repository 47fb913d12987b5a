//! A mirror of a model hub: the HTTP API of Hugging Face, as its mirrors and proxies serve it.

use hemvist_api::condition::Reason;
use serde::Deserialize;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::http::{self, Credentials, Endpoint, Trust};
use super::signature::escaped_path;
use super::{Content, Mirror};
use crate::listing::{Entry, MOST_FILES, Surplus};
use crate::outcome::Failure;

/// How often a mirror may send on to another place of its own, such as from a name to a content.
const MOST_REDIRECTIONS: usize = 5;

/// A commit of a repository of a hub.
pub struct Hub {
    agent: Agent,
    endpoint: Endpoint,
    repository: String,
    revision: String,
    token: Option<String>,
}

/// One line of the list of a repository.
#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    oid: Option<String>,
    lfs: Option<Lfs>,
}

/// What stands for a large file in the repository; its size is that of the file itself.
#[derive(Deserialize)]
struct Lfs {
    oid: Option<String>,
    size: u64,
}

impl Hub {
    /// The files of `repository` at the commit `revision`.
    pub fn new(
        endpoint: Endpoint,
        trust: Trust,
        credentials: Credentials,
        repository: String,
        revision: String,
    ) -> Self {
        Self { agent: http::agent(trust), endpoint, repository, revision, token: credentials.token }
    }

    /// Asks the mirror, and follows where it sends on to itself. It is never followed elsewhere: who is asked stands in the
    /// ModelDeployment, and the token is meant for nobody else.
    fn get(&self, what: &str, address: String, more: &[(&str, String)]) -> Result<Response<Body>, Failure> {
        let mut address = address;
        for _ in 0..=MOST_REDIRECTIONS {
            let mut request = self.agent.get(&address);
            if let Some(token) = &self.token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let request =
                more.iter().fold(request, |request, (header, value)| request.header(*header, value));
            let response = request.call().map_err(|error| http::unanswered(what, &error))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location = response.headers().get("location").and_then(|value| value.to_str().ok());
            address = location.and_then(|location| self.endpoint.same(location)).ok_or_else(|| {
                let message = format!("{what}: the mirror redirects to another host, which is not followed");
                Failure::new(Reason::MirrorContentRefused, message)
            })?;
        }
        Err(Failure::new(Reason::MirrorContentRefused, format!("{what}: the mirror redirects in a loop")))
    }
}

impl Mirror for Hub {
    fn list(&self) -> Result<Vec<Entry>, Failure> {
        let what = format!("the list of {}/{} at {}", self.endpoint, self.repository, self.revision);
        let path = escaped_path(&format!("/api/models/{}/tree/{}", self.repository, self.revision));
        let mut address = Some(format!("{}{path}?recursive=true", self.endpoint));
        let mut entries = Vec::new();
        while let Some(page) = address.take() {
            let response = self.get(&what, page, &[])?;
            let next = response.headers().get("link").and_then(|value| value.to_str().ok()).and_then(next);
            address = next.and_then(|next| self.endpoint.same(next));
            let text = http::text(&what, response, |_| String::new())?;
            let items: Vec<Item> = serde_json::from_str(&text).map_err(|error| {
                Failure::new(Reason::MirrorContentRefused, format!("{what} is not a list of files: {error}"))
            })?;
            entries.extend(items.into_iter().filter(|item| item.kind != "directory").map(Item::entry));
            if entries.len() > MOST_FILES {
                break;
            }
        }
        Ok(entries)
    }

    fn open(&self, entry: &Entry, from: u64) -> Result<Content, Failure> {
        let path = escaped_path(&format!("/{}/resolve/{}/{}", self.repository, self.revision, entry.path));
        let range = (from > 0).then(|| ("range", format!("bytes={from}-")));
        let response = self.get(&entry.path, format!("{}{path}", self.endpoint), range.as_slice())?;
        http::content(entry, from, response)
    }

    fn surplus(&self) -> Surplus {
        Surplus::LeftOut
    }
}

impl Item {
    fn entry(self) -> Entry {
        let (size, version) = match self.lfs {
            Some(lfs) => (lfs.size, lfs.oid),
            None => (self.size, self.oid),
        };
        Entry { path: self.path, size, version }
    }
}

/// The address of the next page, from a `Link` header.
fn next(links: &str) -> Option<&str> {
    let link = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    link.split_once('<')?.1.split_once('>').map(|(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_followed_to_itself_alone() {
        let endpoint: Endpoint = "https://hub.region.example".parse().unwrap();
        assert_eq!(endpoint.same("/x").as_deref(), Some("https://hub.region.example/x"));
        assert!(endpoint.same("https://hub.region.example/x").is_some());
        for elsewhere in [
            "https://hub.region.example.evil.example/x",
            "//evil.example/x",
            "http://hub.region.example/x",
            "x",
        ] {
            assert_eq!(endpoint.same(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn an_endpoint_is_a_host_over_tls() {
        for good in ["https://hub.region.example:8443", "http://127.0.0.1:80", "https://10.0.0.1/"] {
            assert!(good.parse::<Endpoint>().is_ok(), "{good}");
        }
        assert_eq!("https://hub.example:443".parse::<Endpoint>().unwrap().to_string(), "https://hub.example");
        for bad in [
            "http://hub.region.example",
            "hub",
            "https://u:p@hub.example",
            "https://hub.example/x",
            "ftp://h",
            "https://h/?q",
        ] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }

    #[test]
    fn large_files_count_as_what_they_stand_for() {
        let item = r#"{"type":"file","path":"m.safetensors","size":135,"oid":"a","lfs":{"oid":"b","size":9,"pointerSize":135}}"#;
        let entry = serde_json::from_str::<Item>(item).unwrap().entry();
        assert_eq!(entry, Entry { path: "m.safetensors".to_owned(), size: 9, version: Some("b".to_owned()) });
        assert_eq!(next("<https://h/a?cursor=x>; rel=\"next\""), Some("https://h/a?cursor=x"));
    }
}
