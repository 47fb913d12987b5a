//! Random choices that are the same for the same seed, on every machine.

use fastrand::Rng;

/// The variable that chooses another seed.
pub const SEED: &str = "HEMVIST_SEED";

/// A source of random numbers.
#[derive(Clone, Debug)]
pub struct Random(Rng);

impl Random {
    /// The source of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// The seed that the environment asks for, or this one.
    pub fn seed(otherwise: u64) -> u64 {
        std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    }

    /// A source of its own for a part of the work, whatever the order in which the parts are done.
    #[must_use]
    pub fn part(&self, number: usize) -> Self {
        Self(Rng::with_seed(self.0.get_seed() ^ number as u64).fork())
    }

    /// A number below `bound`; 0 where there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { self.0.usize(..bound) }
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, per_mille: usize) -> bool {
        self.below(1000) < per_mille
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        &values[self.below(values.len())]
    }

    /// So many of them at most, in their order and each once.
    pub fn some<T: Clone>(&mut self, values: &[T], most: usize) -> Vec<T> {
        let mut left = most.min(values.len());
        let mut chosen = Vec::new();
        for (position, value) in values.iter().enumerate() {
            if self.below(values.len() - position) < left {
                chosen.push(value.clone());
                left -= 1;
            }
        }
        chosen
    }
}
