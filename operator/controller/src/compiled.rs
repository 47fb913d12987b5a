//! What this process knows about compiled policies: which are in the cluster, which it wrote, and which it probed.
//!
//! All of it can be lost. A process that starts closes what no policy covers where it cannot see that nothing is open,
//! and tries everything once.

use std::collections::HashMap;

use hemvist_core::admission::Coverage;
use hemvist_core::snapshot::Key;
use hemvist_core::status::Compilation;
use tokio::time::Instant;

use crate::cache::{Cache, Shared};
use crate::objects::SeenPolicy;
use crate::objects::compiled::{CompiledId, CompiledKind, SeenCompiled};

/// What this process knows of what is compiled.
#[derive(Debug)]
pub struct CompiledState {
    /// Whether anything is compiled at all.
    enabled: bool,
    policies: Shared<Cache<SeenCompiled>>,
    bindings: Shared<Cache<SeenCompiled>>,
    compilations: Shared<HashMap<Key, Outcome>>,
    /// What is remembered from one round to the next.
    pub memory: Shared<Memory>,
}

/// What became of an AIPolicy of which incarnation and generation.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Outcome {
    of: ObservedVersion,
    compilation: Compilation,
}

/// Which AIPolicy of a name, as it was when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObservedVersion {
    pub uid: String,
    pub generation: Option<i64>,
}

impl ObservedVersion {
    /// That of a policy as it is seen now.
    pub fn of(policy: &SeenPolicy) -> Self {
        Self { uid: policy.uid.clone(), generation: policy.generation }
    }
}

/// What is remembered from one round to the next.
#[derive(Debug, Default)]
pub struct Memory {
    /// What the default deny that is in force covers at most; `None` where it is not known.
    pub in_force: Option<Coverage>,
    /// The hash of each object as it was when it was last known to be as wanted.
    pub settled: HashMap<CompiledId, String>,
    /// Objects that the server answers otherwise than they are written, by what was written: a version of it that fills in
    /// a field which this one does not know must not be written to for ever.
    pub answered: HashMap<CompiledId, (String, String)>,
    /// AIPolicies that the server did not take as they were compiled.
    pub refused: HashMap<Key, Refused>,
    /// Whether the default deny has been probed since it was last written.
    pub default_deny_verified: bool,
}

/// What the server did not take.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The hash of the object.
    pub hash: String,
    /// When that was.
    pub at: Instant,
    /// What people see.
    pub why: String,
}

impl CompiledState {
    /// Nothing is known yet.
    pub fn new(enabled: bool) -> Self {
        let cache = || Shared::new(Cache::new(|_: &SeenCompiled| None));
        Self {
            enabled,
            policies: cache(),
            bindings: cache(),
            compilations: Shared::new(HashMap::new()),
            memory: Shared::new(Memory::default()),
        }
    }

    /// Whether anything is compiled at all.
    pub const fn enabled(&self) -> bool {
        self.enabled
    }

    pub const fn seen(&self, kind: CompiledKind) -> &Shared<Cache<SeenCompiled>> {
        match kind {
            CompiledKind::Policy => &self.policies,
            CompiledKind::Binding => &self.bindings,
        }
    }

    /// Whether both kinds have been listed to their end, where they have to be.
    pub fn synced(&self) -> bool {
        !self.enabled || (self.policies.lock().synced() && self.bindings.lock().synced())
    }

    /// A number that changes whenever something of it is seen to change.
    pub fn revision(&self) -> (u64, u64) {
        (self.policies.lock().revision(), self.bindings.lock().revision())
    }

    /// What is known of an AIPolicy as it is seen now; `None` where nothing is yet. What was found out about another version
    /// says nothing of it.
    pub fn compilation(&self, key: &Key, policy: &SeenPolicy) -> Option<Compilation> {
        if !self.enabled {
            return Some(Compilation::Off);
        }
        self.of_version(key, &ObservedVersion::of(policy))
    }

    /// What is known of this version of an AIPolicy.
    pub fn of_version(&self, key: &Key, version: &ObservedVersion) -> Option<Compilation> {
        let compilations = self.compilations.lock();
        compilations.get(key).filter(|outcome| outcome.of == *version).map(|one| one.compilation.clone())
    }

    /// Keeps what became of an AIPolicy; says whether that is news.
    pub fn note(&self, key: &Key, of: ObservedVersion, compilation: Compilation) -> bool {
        let outcome = Outcome { of, compilation };
        self.compilations.lock().insert(key.clone(), outcome.clone()) != Some(outcome)
    }

    /// Forgets every AIPolicy but these.
    pub fn retain(&self, keep: impl Fn(&Key) -> bool) {
        self.compilations.lock().retain(|key, _| keep(key));
        self.memory.lock().refused.retain(|key, _| keep(key));
    }
}

/// It was changed just now.
pub fn not_yet() -> Compilation {
    Compilation::NotYet {
        why: "The policy is being compiled into the API server and verified there.".to_owned(),
    }
}
