//! The results of probing replicas, in memory: after a restart the replicas are probed again.

use std::collections::HashMap;

use hemvist_core::snapshot::{PodFacts, ProbeResult};

use crate::cache::Shared;

/// What was seen, by the UID of the pod.
#[derive(Debug)]
pub struct Probes(Shared<HashMap<String, ProbeResult>>);

impl Default for Probes {
    fn default() -> Self {
        Self(Shared::new(HashMap::new()))
    }
}

impl Probes {
    /// Remembers what was seen; says whether it is other than before.
    pub fn remember(&self, uid: &str, probe: &ProbeResult) -> bool {
        let old = self.0.lock().insert(uid.to_owned(), probe.clone());
        old.as_ref() != Some(probe)
    }

    /// Forgets a pod that is gone.
    pub fn forget(&self, uid: &str) {
        self.0.lock().remove(uid);
    }

    /// The pod with what was seen of it.
    pub fn with(&self, pod: &PodFacts) -> PodFacts {
        PodFacts { probe: self.0.lock().get(&pod.uid).cloned(), ..pod.clone() }
    }
}
