//! Measures the operator against its budgets, on a control plane of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use hemvist_e2e::bench::{self, Judgement, Point};
use hemvist_e2e::binaries::target_folder;
use hemvist_e2e::narrator::Narrator;

#[derive(Parser)]
#[command(about = "Measures the operator against its budgets, on a control plane of its own")]
struct Arguments {
    /// ModelDeployments; may be given several times
    #[arg(long, default_values_t = [100, 1000], value_parser = clap::value_parser!(u32).range(1..=10_000))]
    models: Vec<u32>,

    /// Nodes
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    nodes: u32,

    /// Nodes of a further point, with the most models, that is only for memory and counts; 0 for none
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=5_000))]
    memory_nodes: u32,

    /// How often plain client and operator are measured in turn; 0 for memory and counts alone
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=20))]
    rounds: u32,

    /// How often the cases of admission are measured in turn; 0 for not at all
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=20))]
    admission_rounds: u32,

    /// Measure nothing but admission
    #[arg(long)]
    admission_only: bool,

    /// The report's file; target/bench/report.json where it is not set
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Arguments {
    fn points(&self) -> Vec<Point> {
        let measured =
            self.models.iter().map(|&models| Point { models, nodes: self.nodes, rounds: self.rounds });
        let most = self.models.iter().copied().max().filter(|_| self.memory_nodes > 0);
        let memory = most.map(|models| Point { models, nodes: self.memory_nodes, rounds: 0 });
        measured.chain(memory).collect()
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    tracing_subscriber::fmt().with_env_filter("warn,kube_client=off").with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let narrator = Narrator::new(std::io::stderr());
    let points = if arguments.admission_only { Vec::new() } else { arguments.points() };
    let report = bench::run(&points, arguments.admission_rounds, &narrator).await?;
    let path = arguments.out.unwrap_or_else(|| target_folder().join("bench/report.json"));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let text = format!("{}\n", serde_json::to_string_pretty(&report)?);
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    let narrator = Narrator::new(std::io::stdout());
    narrator.text(&format!("\n{report}\nThe whole report is in {}.", path.display()))?;
    let failed = report.judgements.iter().any(Judgement::is_failure);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
