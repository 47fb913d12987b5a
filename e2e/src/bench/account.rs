//! Requests of the operator, as the API server's audit log has them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use k8s_openapi::jiff::Timestamp;
use serde::Serialize;

use super::{number, rounded};
use crate::audit::{AuditLog, Position, Record};
use crate::{Progress, wait_until};

/// So long without a request, and it is quiet. Longer than anything that the operator puts off to take together.
const QUIET: Duration = Duration::from_secs(3);

/// The longest that it is waited for quiet.
const PATIENCE: Duration = Duration::from_mins(5);

/// How often a request of one kind was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestCount {
    /// Kubernetes' verb.
    pub verb: String,
    /// Resource with its subresource.
    pub resource: String,
    /// How often.
    pub count: usize,
    /// How many of them were answered with an error.
    pub refused: usize,
    /// How often for each model.
    pub per_model: f64,
}

/// What was asked of the API server in one phase, the upkeep of the lease apart.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// All requests by verb and resource.
    pub requests: Vec<RequestCount>,
    /// Lists and gets.
    pub reads: usize,
    /// Watches that were begun.
    pub watches: usize,
    /// Writes of any kind.
    pub writes: usize,
    /// Writes for each model, without those to the statuses of policies, of which a burst of models makes a few.
    pub writes_per_model: f64,
}

/// The requests of one user from a moment on.
pub(super) struct Book<'a> {
    log: AuditLog,
    since: Position,
    user: &'a str,
}

impl<'a> Book<'a> {
    /// From now on.
    pub(super) fn open(log: AuditLog, user: &'a str) -> Result<Self> {
        let since = log.position()?;
        Ok(Self { log, since, user })
    }

    /// Waits until the user asks for nothing any more; gives the moment of the last request, if there was one.
    pub(super) async fn quiet(&self) -> Result<Option<Timestamp>> {
        wait_until("the operator to be quiet", PATIENCE, async || {
            let last = self.records()?.iter().map(|record| record.reached.0).max();
            let pause = last.map(|last| Timestamp::now().duration_since(last).unsigned_abs());
            Ok(match pause {
                Some(pause) if pause < QUIET => Progress::not_yet(format!("a request {pause:?} ago")),
                _ => Progress::Done(last),
            })
        })
        .await
    }

    /// The account of what was asked for up to now.
    pub(super) fn close(&self, models: u32) -> Result<Account> {
        Ok(account(&self.records()?, models))
    }

    fn records(&self) -> Result<Vec<Record>> {
        let mut records = self.log.records(self.since)?;
        records
            .retain(|record| record.user == self.user && record.resource != "leases" && is_counted(record));
        Ok(records)
    }
}

/// A watch is counted when it begins, everything else when it ends: one that ends may have begun long ago.
fn is_counted(record: &Record) -> bool {
    (record.verb == "watch") == (record.stage == "ResponseStarted")
}

fn account(records: &[Record], models: u32) -> Account {
    let mut counts: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    for record in records {
        let entry = counts.entry((record.verb.clone(), record.what())).or_default();
        entry.0 += 1;
        entry.1 += usize::from(!record.is_success());
    }
    let per_model = |count: usize| rounded(number(count) / f64::from(models.max(1)));
    let how_many = |wanted: &dyn Fn(&Record) -> bool| records.iter().filter(|record| wanted(record)).count();
    Account {
        reads: how_many(&|record| !record.is_write() && record.verb != "watch"),
        watches: how_many(&|record| record.verb == "watch"),
        writes: how_many(&Record::is_write),
        writes_per_model: per_model(how_many(&|record| record.is_write() && record.resource != "aipolicies")),
        requests: counts
            .into_iter()
            .map(|((verb, resource), (count, refused))| RequestCount {
                verb,
                resource,
                count,
                refused,
                per_model: per_model(count),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::*;

    fn record(verb: &str, resource: &str, stage: &str) -> Record {
        Record {
            user: "operator".to_owned(),
            user_agent: String::new(),
            verb: verb.to_owned(),
            group: String::new(),
            resource: resource.to_owned(),
            subresource: String::new(),
            namespace: String::new(),
            name: String::new(),
            dry_run: false,
            code: 200,
            stage: stage.to_owned(),
            received: MicroTime(Timestamp::UNIX_EPOCH),
            reached: MicroTime(Timestamp::UNIX_EPOCH),
        }
    }

    #[test]
    fn a_watch_counts_once_and_statuses_of_policies_are_no_models() {
        let all = [
            record("watch", "pods", "ResponseStarted"),
            record("watch", "pods", "ResponseComplete"),
            record("list", "pods", "ResponseComplete"),
            record("patch", "services", "ResponseComplete"),
            record("patch", "aipolicies", "ResponseComplete"),
        ];
        let counted: Vec<Record> = all.into_iter().filter(is_counted).collect();
        let account = account(&counted, 2);
        assert_eq!((account.watches, account.reads, account.writes), (1, 1, 2));
        assert!((account.writes_per_model - 0.5).abs() < 1e-9);
    }
}
