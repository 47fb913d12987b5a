//! Random choices that are the same for the same seed, on every machine.

/// The variable that chooses another seed.
pub const SEED: &str = "HEMVIST_SEED";

/// A source of random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The source of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed that the environment asks for, or this one.
    pub fn seed(otherwise: u64) -> u64 {
        std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    }

    /// A source of its own for a part of the work, whatever the order in which the parts are done.
    #[must_use]
    pub fn part(&self, number: usize) -> Self {
        let mut part = Self(self.0 ^ (number as u64).wrapping_mul(0xD1B5_4A32_D192_ED03));
        part.next();
        part
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        let random = usize::try_from(self.next() >> 33).unwrap_or_default();
        random.checked_rem(bound).unwrap_or_default()
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
