//! Random numbers, to spread load over time and to distinguish two processes. No decision depends on them.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;

/// A source of chance that a test can make repeatable.
#[derive(Debug)]
pub struct Jitter {
    source: Mutex<Rng>,
}

impl Default for Jitter {
    fn default() -> Self {
        Self { source: Mutex::new(source()) }
    }
}

impl Jitter {
    /// A source that always gives the same numbers.
    pub fn seeded(seed: u64) -> Self {
        Self { source: Mutex::new(Rng::with_seed(seed)) }
    }

    /// `duration`, give or take a fifth.
    pub fn around(&self, duration: Duration) -> Duration {
        let fraction = self.source.lock().unwrap_or_else(PoisonError::into_inner).f64();
        duration.mul_f64(0.8 + 0.4 * fraction)
    }
}

/// Eight hexadecimal digits that no other process is likely to have.
pub fn random_word() -> String {
    format!("{:08x}", source().u32(..))
}

/// Seeded by the operating system, as the standard library's hash maps are. `fastrand` alone takes the time since the
/// machine has started, and two machines may start at the same time.
fn source() -> Rng {
    Rng::with_seed(RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_a_fifth() {
        let jitter = Jitter::seeded(1);
        let minute = Duration::from_mins(1);
        for _ in 0..1000 {
            let spread = jitter.around(minute);
            assert!((Duration::from_secs(48)..Duration::from_secs(72)).contains(&spread), "{spread:?}");
        }
    }

    #[test]
    fn words_differ() {
        assert_ne!(random_word(), random_word());
    }
}
