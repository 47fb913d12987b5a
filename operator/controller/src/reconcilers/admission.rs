//! Writes all compiled policies, in an order in which nothing is allowed meanwhile that a policy denies.
//!
//! Default deny is written first, then the policies, then default deny is narrowed by what they cover, and last what
//! is compiled no more is deleted. Each step is tried at the API server before the next one begins.

mod probe;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use hemvist_core::admission::{Admission, Compiled, Coverage, compile};
use hemvist_core::date;
use hemvist_core::snapshot::{Key, Settings};
use hemvist_core::snapshot::{PolicyBook, PolicyEntry};
use hemvist_core::status::Compilation;
use k8s_openapi::jiff::civil::Date;
use tokio::time::Instant;

use self::probe::{ProbeResult, Probed, verify};
use self::write::{WriteError, delete, is_as_wanted, put};
use crate::call::{CallError, Categorised};
use crate::compiled::{Memory, ObservedVersion, Refused, not_yet};
use crate::context::Context;
use crate::objects::compiled::{CompiledId, CompiledKind, Wanted};
use crate::queue::Queue;
use crate::reconciler::{Concurrency, Next, ReconcileError, Reconciler};
use crate::triggers::{Event, SETTLE};
use crate::view::View;

/// Reconciles all compiled policies together, by one key.
pub const RECONCILER: Reconciler = Reconciler {
    name: "admission",
    concurrency: Concurrency::Fixed(1),
    triggers,
    reconcile: |context, _, _| Box::pin(reconcile(context)),
};

/// Why the machine failed.
#[derive(Debug, thiserror::Error)]
enum AdmissionError {
    /// An object could not be written or deleted.
    #[error("compiling policies: {0}")]
    Write(#[from] WriteError),
    /// What was compiled is no JSON.
    #[error("compiling policies: serializing a compiled policy: {0}")]
    Json(#[from] serde_json::Error),
}

impl Categorised for AdmissionError {
    fn category(&self) -> &'static str {
        match self {
            Self::Write(error) => error.source.category(),
            Self::Json(_) => "json",
        }
    }
}

fn triggers(event: &Event<'_>, view: &View, queue: &Queue<Key>) {
    let due = match event {
        Event::Policy { change, .. } => !change.asks_the_same(),
        // At the start also without a change: what is in force has to be verified once.
        Event::CompiledObject(_) | Event::Day | Event::Start => true,
        _ => false,
    };
    if due && view.compiled.enabled() {
        queue.add_after(Key::new("", "admission"), SETTLE);
    }
}

/// Makes the API server enforce the policies as they are now.
async fn reconcile(context: &Context) -> Result<Next, ReconcileError> {
    // The versions first: an version that is older than what is compiled proves nothing, a newer one would.
    let versions: BTreeMap<Key, ObservedVersion> = {
        let policies = context.view.policies.lock();
        policies.iter().map(|(key, policy)| (key.clone(), ObservedVersion::of(policy))).collect()
    };
    let snapshot = context.view.snapshot();
    let mut round = Round {
        context,
        settings: &snapshot.settings,
        today: date::today(&snapshot.now),
        admission: compile(&snapshot.policies, &snapshot.settings, date::today(&snapshot.now)),
        versions,
        unproven: BTreeSet::new(),
    };
    context.view.compiled.retain(|key| round.versions.contains_key(key));
    let outcome = round.run(&snapshot.policies).await;
    if let Err(error) = &outcome {
        round.note_stopped(error);
    }
    Ok(outcome?)
}

/// One time through everything.
struct Round<'a> {
    context: &'a Context,
    settings: &'a Settings,
    today: Date,
    admission: Admission,
    versions: BTreeMap<Key, ObservedVersion>,
    /// AIPolicies that are not known to be in force.
    unproven: BTreeSet<Key>,
}

impl Round<'_> {
    async fn run(&mut self, book: &PolicyBook) -> Result<Next, AdmissionError> {
        let changed = self.note_changed()?;
        self.put_all(&self.admission.guard).await?;
        if let Some(why) = self.close().await? {
            return Ok(self.stop(&changed, &why));
        }
        let proven = self.put_policies(book, &changed).await?;
        if let Some(why) = self.open(book).await? {
            return Ok(self.stop(&BTreeSet::new(), &why));
        }
        // Said last, so that whoever waits for it finds open what the policy allows.
        for (key, compilation) in proven {
            self.note(&key, compilation);
        }
        self.delete_rest().await?;
        Ok(if self.unproven.is_empty() { Next::Settled } else { Next::Retry("not_in_force") })
    }

    /// The AIPolicies of which something has to be written or verified. They no longer count as enforced.
    fn note_changed(&self) -> Result<BTreeSet<Key>, AdmissionError> {
        let mut changed = BTreeSet::new();
        for (key, compiled) in &self.admission.policies {
            let known = self.known(key);
            let seen = self.is_seen(compiled)?;
            if seen && matches!(known, Some(Compilation::Proven { .. })) {
                continue;
            }
            changed.insert(key.clone());
            // After a start nothing is known, and the status from before mostly holds; it is verified at once.
            let is_new = known.is_none() && !seen;
            if is_new || matches!(known, Some(Compilation::Proven { .. })) {
                self.note(key, not_yet());
            }
        }
        Ok(changed)
    }

    /// Writes what differs; says whether anything did.
    async fn put_all(&self, compiled: &[Compiled]) -> Result<bool, AdmissionError> {
        let mut written = false;
        for wanted in wanted(compiled)? {
            written |= put(self.context, &wanted).await?;
        }
        Ok(written)
    }

    /// Closes what no policy covers, now or before. Gives what keeps that from being known to be in force.
    async fn close(&self) -> Result<Option<String>, AdmissionError> {
        let in_force = self.memory(|memory| memory.in_force.clone());
        let closed = match in_force {
            Some(in_force) => self.admission.closing(&in_force, self.settings),
            None if self.is_seen(&self.admission.default_deny)? => self.admission.default_deny.clone(),
            None => self.admission.closing(&Coverage::none(), self.settings),
        };
        self.put_default_deny(&closed).await
    }

    /// Opens what policies speak of that are in force.
    async fn open(&self, book: &PolicyBook) -> Result<Option<String>, AdmissionError> {
        let mut in_force = book.clone();
        in_force.entries.retain(|key, _| !self.unproven.contains(key));
        let coverage = compile(&in_force, self.settings, self.today).coverage;
        let opened = self.admission.closing(&coverage, self.settings);
        // At most this is open from here on, however the writing ends.
        self.memory(|memory| memory.in_force = Some(coverage));
        self.put_default_deny(&opened).await
    }

    async fn put_default_deny(&self, default_deny: &[Compiled]) -> Result<Option<String>, AdmissionError> {
        let as_it_was = self.is_seen(default_deny)? && self.memory(|memory| memory.default_deny_verified);
        if !as_it_was {
            self.memory(|memory| memory.default_deny_verified = false);
        }
        self.put_all(default_deny).await?;
        if as_it_was {
            return Ok(None);
        }
        let tried = verify(self.context, default_deny).await;
        let why = worst(&tried).map(|result| match result {
            ProbeResult::NotRefused(why) => why.clone(),
            ProbeResult::Refused | ProbeResult::Overtaken => {
                "Something changed meanwhile, so it is being verified again.".to_owned()
            }
        });
        self.memory(|memory| memory.default_deny_verified = why.is_none());
        Ok(why)
    }

    /// Writes what each AIPolicy becomes, and tries what is new. Gives what is to be said of those that are in force.
    async fn put_policies(
        &mut self,
        book: &PolicyBook,
        changed: &BTreeSet<Key>,
    ) -> Result<Vec<(Key, Compilation)>, AdmissionError> {
        let mut to_try = Vec::new();
        for key in changed {
            let compiled = self.admission.policies.get(key).cloned().unwrap_or_default();
            match self.put_policy(book, key, &compiled).await? {
                None => to_try.push((key.clone(), compiled)),
                Some(why) => {
                    self.unproven.insert(key.clone());
                    self.note(key, Compilation::Failed { why });
                }
            }
        }
        let tried = verify(self.context, to_try.iter().flat_map(|(_, compiled)| compiled)).await;
        let concluded = to_try.iter().filter_map(|(key, compiled)| {
            self.conclude(key, compiled, &tried).map(|compilation| (key.clone(), compilation))
        });
        Ok(concluded.collect())
    }

    /// Writes what an AIPolicy becomes. Gives what people see where the API server does not take it.
    async fn put_policy(
        &self,
        book: &PolicyBook,
        key: &Key,
        compiled: &[Compiled],
    ) -> Result<Option<String>, AdmissionError> {
        let wanted = wanted(compiled)?;
        let hash = wanted.iter().map(|wanted| wanted.hash.as_str()).collect::<Vec<_>>().join(" ");
        let refused = self.memory(|memory| memory.refused.get(key).cloned());
        // What was refused a moment ago is refused now.
        if let Some(refused) =
            refused.filter(|one| one.hash == hash && one.at.elapsed() < self.context.resync / 2)
        {
            return Ok(Some(refused.why));
        }
        let error = match self.put_all(compiled).await {
            Ok(_) => return Ok(None),
            Err(AdmissionError::Write(error)) if error.is_lasting() => error,
            Err(error) => return Err(error),
        };
        let why = reported(&error);
        let no_right = error.source.code() == Some(403);
        let closed = !no_right && self.put_closed(book, key, &why).await;
        let consequence = if closed {
            "Until it does, the API server denies everything in the namespaces of this policy."
        } else {
            "Only the controller enforces it. The API server still denies by default what only this policy allows."
        };
        let why = format!("The API server rejects the compiled policy: {why}. {consequence}");
        // A right that is missing says nothing of what was written, and is there again when somebody gives it.
        if !no_right {
            let refused = Refused { hash, at: Instant::now(), why: why.clone() };
            self.memory(|memory| memory.refused.insert(key.clone(), refused));
        }
        Ok(Some(why))
    }

    /// An AIPolicy that the API server does not take in its compiled form is compiled to one that refuses wherever it may
    /// bind: no judgement is a no. Says whether it took that.
    async fn put_closed(&self, book: &PolicyBook, key: &Key, why: &str) -> bool {
        let unreadable = PolicyEntry::Unreadable { error: format!("the API server rejects it: {why}") };
        let mut closed = book.clone();
        closed.entries.insert(key.clone(), unreadable);
        let closed = compile(&closed, self.settings, self.today).policies.remove(key).unwrap_or_default();
        self.put_all(&closed).await.is_ok()
    }

    /// What is to be said of a policy that is in force; of one that is not, it is said at once.
    fn conclude(&mut self, key: &Key, compiled: &[Compiled], tried: &[Probed]) -> Option<Compilation> {
        let mine: Vec<&Probed> =
            tried.iter().filter(|tried| compiled.iter().any(|one| one.name == tried.policy)).collect();
        let compilation = match worst(mine.iter().copied()) {
            None => {
                let names = mine.iter().map(|tried| tried.policy.clone());
                Compilation::proven(compiled, names.collect::<BTreeSet<_>>().into_iter().collect())
            }
            Some(ProbeResult::NotRefused(why)) => Compilation::Failed { why: why.clone() },
            Some(_) => not_yet(),
        };
        if matches!(compilation, Compilation::Proven { .. }) {
            return Some(compilation);
        }
        tracing::warn!(policy = %key, "not enforced by the API server: {compilation:?}");
        self.unproven.insert(key.clone());
        self.note(key, compilation);
        None
    }

    /// Deletes what is compiled no more: first what puts it into force.
    async fn delete_rest(&self) -> Result<(), AdmissionError> {
        let mut kept: BTreeSet<CompiledId> = BTreeSet::new();
        for compiled in self.admission.all() {
            kept.extend(Wanted::of(compiled)?.into_iter().map(|wanted| wanted.id));
        }
        for kind in [CompiledKind::Binding, CompiledKind::Policy] {
            let seen: Vec<(CompiledId, String)> = {
                let cache = self.context.view.compiled.seen(kind).lock();
                cache
                    .iter()
                    .filter(|(_, seen)| seen.compiled)
                    .map(|(key, seen)| (CompiledId { kind, name: key.name.clone() }, seen.uid.clone()))
                    .filter(|(id, _)| !kept.contains(id))
                    .collect()
            };
            for (id, uid) in seen {
                tracing::info!("pruning {id}: no AIPolicy compiles to it any more");
                delete(self.context, &id, &uid).await?;
            }
        }
        Ok(())
    }

    /// Nothing more is done before what no policy covers is closed.
    fn stop(&self, changed: &BTreeSet<Key>, why: &str) -> Next {
        tracing::warn!("default deny is not verified: {why}");
        for key in changed {
            self.note(key, Compilation::NotYet { why: why.to_owned() });
        }
        Next::Retry("not_in_force")
    }

    /// What is not known to be in force will not be by itself where the API server has said no.
    fn note_stopped(&self, error: &AdmissionError) {
        let (why, refused) = match error {
            AdmissionError::Write(error) => (reported(error), error.is_lasting()),
            AdmissionError::Json(error) => (error.to_string(), true),
        };
        let why = format!("Writing the compiled policies failed: {why}.");
        for key in self.admission.policies.keys() {
            if !matches!(self.known(key), Some(Compilation::Proven { .. })) {
                let why = why.clone();
                let failed = if refused { Compilation::Failed { why } } else { Compilation::NotYet { why } };
                self.note(key, failed);
            }
        }
    }

    fn known(&self, key: &Key) -> Option<Compilation> {
        self.context.view.compiled.of_version(key, self.versions.get(key)?)
    }

    /// Keeps what became of a policy, and has it said where it is news.
    fn note(&self, key: &Key, compilation: Compilation) {
        let Some(version) = self.versions.get(key) else { return };
        if self.context.view.compiled.note(key, version.clone(), compilation) {
            self.context.triggers.publish(&Event::Compiled(key));
        }
    }

    fn memory<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.context.view.compiled.memory.lock())
    }

    fn is_seen(&self, compiled: &[Compiled]) -> Result<bool, AdmissionError> {
        Ok(wanted(compiled)?.iter().all(|wanted| is_as_wanted(self.context, wanted)))
    }
}

fn wanted(compiled: &[Compiled]) -> Result<Vec<Wanted>, serde_json::Error> {
    let mut all = Vec::new();
    for one in compiled {
        all.extend(Wanted::of(one)?);
    }
    Ok(all)
}

/// The worst result; `None` if every probe was denied, as it has to be.
fn worst<'a>(tried: impl IntoIterator<Item = &'a Probed>) -> Option<&'a ProbeResult> {
    let mut worst = None;
    for one in tried {
        match &one.result {
            ProbeResult::Refused => {}
            ProbeResult::Overtaken => worst = worst.or(Some(&one.result)),
            ProbeResult::NotRefused(_) => return Some(&one.result),
        }
    }
    worst
}

/// What people see of an error: of an answer, its own words alone.
fn reported(error: &WriteError) -> String {
    let cause = match &error.source {
        CallError::Answered(status) => status.message.clone(),
        source => source.to_string(),
    };
    format!("{}: {}", error.id, cause.trim_end_matches('.'))
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
