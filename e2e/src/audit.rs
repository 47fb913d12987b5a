//! The audit log: every request that the API server has answered, and who asked.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context, Result};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde::Deserialize;

/// The audit log of one cluster.
#[derive(Clone, Debug)]
pub struct AuditLog {
    path: PathBuf,
}

/// A place in the log, to read on from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position(u64);

/// One request.
#[derive(Clone, Debug)]
pub struct Record {
    /// Who asked; of an impersonated request, whom it was made for.
    pub user: String,
    /// The program that asked, by its own word.
    pub user_agent: String,
    /// Kubernetes' verb, such as `patch`.
    pub verb: String,
    /// API group, empty for the core.
    pub group: String,
    /// Plural, such as `pods`; empty for a request that is not about a resource.
    pub resource: String,
    /// Such as `status`, else empty.
    pub subresource: String,
    /// Empty for what lies in no namespace.
    pub namespace: String,
    /// Empty for lists and watches.
    pub name: String,
    /// Whether it was only to be tried, and nothing kept of it.
    pub dry_run: bool,
    /// The HTTP status; 0 where no answer was sent yet.
    pub code: u16,
    /// Stage: `ResponseStarted` (a watch that goes on), `ResponseComplete` or `Panic`.
    pub stage: String,
    /// When the request came.
    pub received: MicroTime,
    /// When this stage was reached.
    pub reached: MicroTime,
}

impl Record {
    /// Whether it would change something, had it been accepted.
    pub fn is_write(&self) -> bool {
        let writes = ["create", "update", "patch", "delete", "deletecollection"];
        !self.dry_run && writes.contains(&self.verb.as_str())
    }

    /// Whether the answer was a success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Resource with its subresource, such as `pods/status`.
    pub fn what(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

/// What requests are counted by: user, verb, resource with subresource.
pub type Key = (String, String, String);

/// Counts answered requests by user, verb and resource.
pub fn count<'a>(records: impl IntoIterator<Item = &'a Record>) -> BTreeMap<Key, usize> {
    let mut counts = BTreeMap::new();
    for record in records.into_iter().filter(|record| record.stage == "ResponseComplete") {
        *counts.entry((record.user.clone(), record.verb.clone(), record.what())).or_default() += 1;
    }
    counts
}

impl AuditLog {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The end of the log as it is now.
    ///
    /// # Errors
    /// Where there is no log.
    pub fn position(&self) -> Result<Position> {
        let size =
            std::fs::metadata(&self.path).with_context(|| format!("reading {}", self.path.display()))?.len();
        Ok(Position(size))
    }

    /// All requests since a position, [`Position::default`] for the beginning.
    ///
    /// # Errors
    /// Where there is no log, or it is not an audit log.
    pub fn records(&self, since: Position) -> Result<Vec<Record>> {
        let mut file =
            std::fs::File::open(&self.path).with_context(|| format!("opening {}", self.path.display()))?;
        file.seek(SeekFrom::Start(since.0)).context("finding the position")?;
        let mut text = String::new();
        file.read_to_string(&mut text).context("reading the audit log")?;
        // The last line may be on its way.
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        complete.lines().map(record).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    #[serde(default, rename = "requestURI")]
    request_uri: String,
    user: User,
    impersonated_user: Option<User>,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: ResponseStatus,
    request_received_timestamp: MicroTime,
    stage_timestamp: MicroTime,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponseStatus {
    code: u16,
}

fn record(line: &str) -> Result<Record> {
    let event: Event = serde_json::from_str(line).with_context(|| format!("not an audit event: {line}"))?;
    Ok(Record {
        user: event.impersonated_user.unwrap_or(event.user).username,
        user_agent: event.user_agent,
        verb: event.verb,
        group: event.object_ref.api_group,
        resource: event.object_ref.resource,
        subresource: event.object_ref.subresource,
        namespace: event.object_ref.namespace,
        name: event.object_ref.name,
        dry_run: event.request_uri.contains("dryRun=All"),
        code: event.response_status.code,
        stage: event.stage,
        received: event.request_received_timestamp,
        reached: event.stage_timestamp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_and_counted() {
        let line = r#"{"kind":"Event","stage":"ResponseComplete","verb":"patch","user":{"username":"admin"},
            "impersonatedUser":{"username":"eva"},"userAgent":"curl","objectRef":{"resource":"pods",
            "subresource":"status","namespace":"default","name":"web"},"responseStatus":{"metadata":{},"code":403},
            "requestReceivedTimestamp":"2026-01-02T03:04:05.000006Z","stageTimestamp":"2026-01-02T03:04:05.000016Z"}"#;
        let record = record(line).unwrap();
        assert!(record.is_write() && !record.is_success());
        let expected = ("eva".to_owned(), "patch".to_owned(), "pods/status".to_owned());
        assert_eq!(count([&record]), BTreeMap::from([(expected, 1)]));
    }
}
