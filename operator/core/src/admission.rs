//! AIPolicies, compiled to ValidatingAdmissionPolicies: the API server enforces them, whether or not Hemvist runs.
//!
//! Admission in the API server is a conjunction, and so is the meet of policies. Each AIPolicy therefore becomes policies of
//! its own, bound to its own namespaces, with messages that name it; nothing merged is compiled. What is always there
//! ([`fixed`]) holds who may create what, the subresources that nobody else may use, and the default deny.
//!
//! All values are inlined: there is no `paramKind`, no webhook, nothing to look up. The API server that runs this text
//! judges as the core does; a differential test against a real one holds the two together.

mod accelerator;
mod arguments;
mod author;
pub mod cel;
mod data_centres;
mod fixed;
mod hoist;
mod image;
mod inline;
mod isolation;
mod judge;
mod message;
mod models;
mod name;
mod object;
mod pattern;
mod pods;
mod probe;
mod scope;

use std::collections::{BTreeMap, BTreeSet};

use hemvist_api::AIPolicy;
use hemvist_api::values::{Enforcement, UnmanagedAccelerators};
use k8s_openapi::jiff::civil::Date;

pub use fixed::{Coverage, QUOTA_NAME};
pub use judge::{PodFinding, judge_new_model, judge_new_pod};
pub use message::Message;
pub use object::{COMPONENT, Compiled, MatchRule, Rule};
pub use probe::Probe;
pub use scope::Scope;

use crate::policy::{ActiveException, active_exceptions, stated_enforcement};
use crate::snapshot::{Key, Settings};
use crate::snapshot::{PolicyBook, PolicyEntry};
use crate::violation::{Finding, Violation};
use author::{Author, bound_scope};
use cel::Expr;

/// Everything that is compiled, in three parts: they are put into force one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    /// What does not depend on any AIPolicy.
    pub guard: Vec<Compiled>,
    /// What each AIPolicy becomes.
    pub policies: BTreeMap<Key, Vec<Compiled>>,
    /// What is refused because no policy of the root namespace covers it.
    pub default_deny: Vec<Compiled>,
    /// What the policies of the root namespace speak of.
    pub coverage: Coverage,
    /// Namespaces in which a policy leaves accelerators to Hemvist alone.
    denied: Scope,
}

impl Admission {
    /// The default deny while this replaces what was in force before: it denies what either of the two does not cover. It
    /// is written before any policy is changed or removed, so that a list that is going to be removed is denied first.
    pub fn closing(&self, in_force: &Coverage, settings: &Settings) -> Vec<Compiled> {
        default_deny(settings, &in_force.both(&self.coverage), &self.denied)
    }

    /// Everything, in no order that matters.
    pub fn all(&self) -> impl Iterator<Item = &Compiled> {
        self.guard.iter().chain(self.policies.values().flatten()).chain(&self.default_deny)
    }
}

/// Compiles every policy of `book` as of `today`. Total: a policy that cannot be read becomes one that refuses wherever it
/// may bind.
pub fn compile(book: &PolicyBook, settings: &Settings, today: Date) -> Admission {
    let exceptions = active_exceptions(book, settings, today);
    let authors: Vec<(Author, &PolicyEntry)> =
        book.entries.iter().map(|(key, entry)| (author(settings, key, entry, &exceptions), entry)).collect();
    let mut coverage = Coverage::none();
    let mut denied = Scope::nowhere();
    for (author, entry) in &authors {
        let PolicyEntry::Readable(policy) = entry else { continue };
        if author.key.namespace == settings.root_namespace {
            coverage.add(policy, &author.scope);
        }
        if policy.spec.unmanaged_accelerators == Some(UnmanagedAccelerators::Deny) {
            denied = denied.union(&author.scope);
        }
    }
    let levels = Levels::of(&authors, settings);
    let compiled = authors.iter().map(|(author, entry)| {
        let compiled = match entry {
            PolicyEntry::Readable(policy) => of_policy(author, policy, settings, &levels, today),
            PolicyEntry::Unreadable { error } => unreadable(author, settings, error),
        };
        (author.key.clone(), compiled.into_iter().map(|one| probed(one, settings)).collect())
    });
    Admission {
        guard: vec![
            fixed::bindings(settings),
            fixed::connections(settings),
            fixed::statuses(settings),
            fixed::nodes(settings),
            fixed::children(settings),
            fixed::neighbours(settings),
        ],
        policies: compiled.collect(),
        default_deny: default_deny(settings, &coverage, &denied),
        coverage,
        denied,
    }
}

/// What is refused because no policy covers it, where `denied` are the namespaces in which a policy leaves accelerators to
/// Hemvist alone.
fn default_deny(settings: &Settings, coverage: &Coverage, denied: &Scope) -> Vec<Compiled> {
    let open = coverage.unmanaged.minus(denied);
    let policies = [fixed::models(settings, coverage), fixed::pods(settings, coverage)];
    let mut policies: Vec<_> = policies.into_iter().map(|one| probed(one, settings)).collect();
    policies.push(fixed::workloads(settings, &open));
    policies
}

fn author(settings: &Settings, key: &Key, entry: &PolicyEntry, exceptions: &[ActiveException]) -> Author {
    let (generation, named) = match entry {
        PolicyEntry::Readable(policy) => (
            policy.metadata.generation.unwrap_or(0),
            policy
                .spec
                .namespaces
                .as_ref()
                .map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>()),
        ),
        PolicyEntry::Unreadable { .. } => (0, None),
    };
    let scope = bound_scope(settings, key, named.as_deref());
    // What a department demands of itself, the region does not waive; and elsewhere the policy demands nothing.
    let counts = |exception: &&ActiveException| {
        key.namespace == settings.root_namespace && scope.contains(&exception.namespace)
    };
    let exceptions = exceptions.iter().filter(counts).cloned().collect();
    Author { key: key.clone(), generation, scope, exceptions }
}

fn of_policy(
    author: &Author,
    policy: &AIPolicy,
    settings: &Settings,
    levels: &Levels,
    today: Date,
) -> Vec<Compiled> {
    let of_models = Compiled {
        name: author.compiled_name("models"),
        author: Some((author.key.clone(), author.generation)),
        match_rules: vec![models::MATCH_RULE],
        namespaces: author.scope.clone(),
        without_exemption: Vec::new(),
        exempt: vec![models::unchanged()],
        probed: false,
        variables: models::variables(),
        rules: models::rules(author, &policy.spec, today),
        actions: levels.actions(&author.scope),
    };
    let of_pods = Compiled {
        name: author.compiled_name("pods"),
        match_rules: vec![pods::MATCH_RULE],
        exempt: pods::exempt(&settings.other_devices),
        variables: pods::variables(),
        rules: pods::rules(author, &policy.spec, settings, &levels.lenient()),
        // Where information is, is never only warned about.
        actions: vec![(Enforcement::Deny, Scope::everywhere())],
        ..of_models.clone()
    };
    vec![of_models, of_pods]
}

/// No judgement is a no.
fn unreadable(author: &Author, settings: &Settings, error: &str) -> Vec<Compiled> {
    let error = error.trim_end_matches('.').to_owned();
    let finding = Finding::PolicyUnreadable { policy: author.key.to_string(), error };
    let violation = Violation::plain("metadata.namespace", finding);
    let refusal = Rule::new(Expr::Bool(false), Message::about(&violation, []));
    let of_models = Compiled {
        name: author.compiled_name("models"),
        author: Some((author.key.clone(), author.generation)),
        match_rules: vec![models::MATCH_RULE],
        namespaces: author.scope.clone(),
        without_exemption: Vec::new(),
        exempt: vec![models::unchanged()],
        probed: false,
        variables: Vec::new(),
        rules: vec![refusal],
        actions: vec![(Enforcement::Deny, Scope::everywhere())],
    };
    let of_pods = Compiled {
        name: author.compiled_name("pods"),
        match_rules: vec![pods::MATCH_RULE],
        exempt: pods::exempt(&settings.other_devices),
        ..of_models.clone()
    };
    vec![of_models, of_pods]
}

/// Lets it be tried whether the policy is in force. Probes are sent to the root namespace, which therefore has to come to
/// every policy.
fn probed(compiled: Compiled, settings: &Settings) -> Compiled {
    let root = Scope::Only(BTreeSet::from([settings.root_namespace.clone()]));
    let mut exempt = compiled.exempt.clone();
    if !compiled.namespaces.contains(&settings.root_namespace) {
        exempt.insert(0, !compiled.namespaces.holds_request());
    }
    Compiled { namespaces: compiled.namespaces.union(&root), exempt, probed: true, ..compiled }
}

/// What a violation of the policies results in, by namespace: the strictest that one of those sets that apply to it, and `Deny`
/// where none of the root namespace states it.
struct Levels {
    audit: Scope,
    warn: Scope,
}

impl Levels {
    fn of(authors: &[(Author, &PolicyEntry)], settings: &Settings) -> Self {
        let of_root = |author: &Author| author.key.namespace == settings.root_namespace;
        let stating = |level: Option<Enforcement>, root_only: bool| -> Scope {
            let states = |author: &Author, entry: &PolicyEntry| {
                let stated = match entry {
                    PolicyEntry::Readable(policy) => stated_enforcement(&policy.spec, of_root(author)),
                    PolicyEntry::Unreadable { .. } => Some(Enforcement::Deny),
                };
                stated.is_some_and(|stated| level.is_none_or(|level| stated == level))
            };
            authors
                .iter()
                .filter(|(author, entry)| states(author, entry) && (!root_only || of_root(author)))
                .map(|(author, _)| author.scope.clone())
                .collect()
        };
        let coverage = stating(None, true);
        let deny = stating(Some(Enforcement::Deny), false);
        let warn = stating(Some(Enforcement::Warn), false);
        let open = coverage.minus(&deny);
        Self { audit: open.minus(&warn), warn: open.intersection(&warn) }
    }

    fn lenient(&self) -> Scope {
        self.audit.union(&self.warn)
    }

    /// What a violation results in within `scope`.
    fn actions(&self, scope: &Scope) -> Vec<(Enforcement, Scope)> {
        if self.lenient().intersection(scope).is_nowhere() {
            return vec![(Enforcement::Deny, Scope::everywhere())];
        }
        let deny = self.lenient().complement();
        [
            (Enforcement::Deny, deny),
            (Enforcement::Warn, self.warn.clone()),
            (Enforcement::Audit, self.audit.clone()),
        ]
        .into_iter()
        .filter(|(_, levels)| !levels.intersection(scope).is_nowhere())
        .collect()
    }
}
