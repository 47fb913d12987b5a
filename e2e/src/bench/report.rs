//! What came of a run, as it is written to the report's file.

use serde::Serialize;

use super::account::Account;
use super::admission::Cost;
use super::budget::{Judgement, judge};
use super::machine::{Machine, commit};
use super::rounded;
use super::usage::{CpuSeconds, Memory};

/// A run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What it was measured on.
    pub machine: Machine,
    /// The commit, where git says.
    pub commit: Option<String>,
    /// Version of Hemvist.
    pub hemvist: &'static str,
    /// Version of the API server.
    pub kubernetes: String,
    /// Each size.
    pub points: Vec<PointReport>,
    /// What admission costs, by object and case.
    pub admission: Vec<Cost>,
    /// The budgets, and whether they are kept.
    pub judgements: Vec<Judgement>,
}

impl Report {
    pub(super) fn new(kubernetes: String, points: Vec<PointReport>, admission: Vec<Cost>) -> Self {
        Self {
            machine: Machine::this(),
            commit: commit(),
            hemvist: env!("CARGO_PKG_VERSION"),
            kubernetes,
            judgements: judge(&points, &admission),
            points,
            admission,
        }
    }
}

/// What was measured at one size.
#[derive(Clone, Debug, Serialize)]
pub struct PointReport {
    /// ModelDeployments.
    pub models: u32,
    pub nodes: u32,
    /// Bytes of the bodies that are written for one model; 0 where no plain client wrote them.
    pub bytes_per_model: usize,
    /// Plain client and operator in turn, over models that exist already.
    pub rounds: Vec<Round>,
    /// Models that are created while the operator waits for them.
    pub fan_out: FanOut,
    /// Nothing happens for a while.
    pub quiet: Quiet,
    /// The operator is killed and started again, with everything settled.
    pub restart: Restart,
    /// One field of every model is changed.
    pub change: Phase,
    /// Memory of the operator over all this.
    pub memory: Vec<Memory>,
    /// Lines of its log at level warn.
    pub complaints: usize,
}

impl PointReport {
    /// The middle of the ratios of all rounds, and the smallest.
    pub fn ratio(&self) -> Option<(f64, f64)> {
        middle_and_least(self.rounds.iter().map(|round| round.ratio))
    }

    /// The same of CPU seconds.
    pub fn cpu_ratio(&self) -> Option<(f64, f64)> {
        middle_and_least(self.rounds.iter().map(|round| round.cpu_ratio))
    }

    /// The most memory that the operator has held, in MiB.
    pub fn peak(&self) -> f64 {
        self.memory.iter().map(|memory| memory.peak_mib).fold(0.0, f64::max)
    }
}

fn middle_and_least(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((rounded(f64::midpoint(*low, *high)), *values.first()?))
}

/// One turn of both.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// The plain client, once for each number of connections.
    pub plain: Vec<Plain>,
    /// The operator, from the start of its process on.
    pub operator: Phase,
    /// Models per second of the operator, as a part of those of the plain client with the connections that suit it best.
    pub ratio: f64,
    /// CPU seconds of all processes with that plain client, as a part of those with the operator. Where the cores are busy
    /// all the time it comes to the ratio of times, and others on the machine do not disturb it.
    pub cpu_ratio: f64,
}

/// The plain client over so many connections.
#[derive(Clone, Debug, Serialize)]
pub struct Plain {
    pub connections: usize,
    /// What came of it.
    #[serde(flatten)]
    pub phase: Phase,
}

/// Something that was done to all models.
#[derive(Clone, Debug, Serialize)]
pub struct Phase {
    /// How long it took.
    pub seconds: f64,
    pub models_per_second: f64,
    /// What it cost.
    pub cpu: CpuSeconds,
    /// What was asked of the API server, until all was quiet.
    pub account: Account,
}

/// Models that are created while the operator waits for them.
#[derive(Clone, Debug, Serialize)]
pub struct FanOut {
    /// From the first request of the creation until every status is written.
    #[serde(flatten)]
    pub phase: Phase,
    /// From the answer to the creation of a model until its status is written: the middle one, in seconds.
    pub median_latency: f64,
    /// The same, of the slowest hundredth.
    pub slow_latency: f64,
}

/// Nothing happens for a while.
#[derive(Clone, Debug, Serialize)]
pub struct Quiet {
    /// How long.
    pub seconds: u64,
    /// What was asked of the API server all the same.
    pub account: Account,
}

/// A new operator that finds everything settled.
#[derive(Clone, Debug, Serialize)]
pub struct Restart {
    /// From the start of the process until its last request, in seconds.
    pub seconds: f64,
    /// What it cost.
    pub cpu: CpuSeconds,
    /// What was asked of the API server.
    pub account: Account,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_two_lies_between_them() {
        assert_eq!(middle_and_least([0.8, 0.6].into_iter()), Some((0.7, 0.6)));
        assert_eq!(middle_and_least([0.8, 0.6, 0.9].into_iter()), Some((0.8, 0.6)));
        assert_eq!(middle_and_least(std::iter::empty()), None);
    }
}
