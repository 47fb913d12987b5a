//! Chance, for spreading load over time and for telling two processes apart. Nothing is decided by it.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A source of chance that a test can make repeatable.
#[derive(Debug)]
pub struct Jitter {
    state: AtomicU64,
}

impl Default for Jitter {
    fn default() -> Self {
        Self::seeded(random_number())
    }
}

impl Jitter {
    /// A source that always gives the same numbers.
    pub fn seeded(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }

    /// `duration`, give or take a fifth.
    pub fn around(&self, duration: Duration) -> Duration {
        duration.mul_f64(0.8 + 0.4 * self.fraction())
    }

    /// A number from 0 up to, not including, 1.
    fn fraction(&self) -> f64 {
        let number = self.next();
        f64::from(u32::try_from(number >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
    }

    /// SplitMix64: one addition of shared state, so that threads need no lock.
    fn next(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut mixed = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// Eight hexadecimal digits that no other process is likely to have.
pub fn random_word() -> String {
    format!("{:08x}", random_number() >> 32)
}

/// The standard library seeds its hash maps from the operating system; that is all the chance that is needed here.
fn random_number() -> u64 {
    RandomState::new().build_hasher().finish()
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
