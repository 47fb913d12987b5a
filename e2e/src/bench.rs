//! What the operator costs, measured on a control plane of API server and etcd: `make bench`.
//!
//! Ratios and counts are what is claimed. A time on a shared machine says little; beside a plain client that makes the
//! same writes on the same server in the same run, it says how far the operator is from the server's own limit. The
//! counts come from the server's audit log and are not noisy.

mod account;
mod admission;
mod bodies;
mod budget;
mod cleaning;
mod load;
mod machine;
mod observer;
mod operator_under_test;
mod phases;
mod plain_client;
mod report;
mod scene;
mod table;
mod usage;

use anyhow::{Context, Result};

use self::phases::Bench;
use self::scene::Scene;
use crate::narrator::Narrator;

pub use self::admission::{Case, Cost};
pub use self::budget::{Budget, Judgement};
pub use self::report::{PointReport, Report};

/// How large a cluster is, and how often it is measured.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// ModelDeployments.
    pub models: u32,
    /// Nodes.
    pub nodes: u32,
    /// How often plain client and operator are measured in turn; 0 where only memory and counts are asked for.
    pub rounds: u32,
}

/// Measures every point, each on a control plane of its own, and what admission costs, so many times in turn.
///
/// # Errors
/// Where a control plane does not come up, or the operator does not come to an end.
pub async fn run(points: &[Point], admission_rounds: u32, narrator: &Narrator) -> Result<Report> {
    let mut reports = Vec::new();
    let mut server = String::new();
    for point in points {
        let report = measure(*point, narrator, &mut server)
            .await
            .with_context(|| format!("{} models over {} nodes", point.models, point.nodes))?;
        reports.push(report);
    }
    let admission =
        if admission_rounds > 0 { admission::run(admission_rounds, narrator).await? } else { Vec::new() };
    Ok(Report::new(server, reports, admission))
}

async fn measure(point: Point, narrator: &Narrator, server: &mut String) -> Result<PointReport> {
    narrator.heading(&format!("{} ModelDeployments, {} nodes", point.models, point.nodes))?;
    let scene = Scene::prepare(point).await?;
    *server = scene.administrator.apiserver_version().await?.git_version;
    let bench = Bench { scene: &scene, point, narrator };
    let report = bench.run().await?;
    scene.cluster.stop().await.context("stopping the cluster")?;
    Ok(report)
}

/// A count as a number that can be divided.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// To as many digits as mean anything.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
