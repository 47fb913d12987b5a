//! How often what was seen, so that a comparison that compares nothing does not pass.

use std::collections::BTreeMap;
use std::fmt;

/// Counts by name.
#[derive(Clone, Debug, Default)]
pub struct Table(BTreeMap<String, usize>);

impl Table {
    /// Counts one more.
    pub fn count(&mut self, name: impl Into<String>) {
        *self.0.entry(name.into()).or_default() += 1;
    }

    /// How often it was counted.
    pub fn of(&self, name: &str) -> usize {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// All that were counted less often than `least`, out of `names`.
    pub fn rarer_than<'a>(&self, least: usize, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let rare = names.into_iter().filter(|name| self.of(name) < least);
        rare.map(|name| format!("{name}: {}", self.of(name))).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in &self.0 {
            writeln!(out, "{count:>8}  {name}")?;
        }
        Ok(())
    }
}
