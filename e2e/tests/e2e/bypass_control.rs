//! Without Hemvist's policies every attempt is possible, or refused by a rule of Kubernetes' own that it names.
//!
//! Otherwise the tests with the policies would show nothing: a request that fails anyway is refused by everyone.

use anyhow::{Result, ensure};
use hemvist_e2e::bypass::situation::{self, Situation};
use hemvist_e2e::bypass::wall::run_behind_a_wall;
use hemvist_e2e::bypass::{
    Earnest, Models, NOT_TRIED, Suite, Verdict, by_hand, run_attempts, workloads_become_pods,
};
use hemvist_e2e::{ControlPlane, Options};

#[tokio::test(flavor = "multi_thread")]
async fn bypass_attempts_are_possible_without_policies() -> Result<()> {
    let cluster = ControlPlane::start(Options::new("bypass-control").without_audit()).await?;
    Situation::people_and_places(&cluster).await?;
    by_hand::serve_kinds(&cluster).await?;
    by_hand::make_models(&cluster).await?;
    by_hand::apply_policies(&cluster).await?;
    let situation = Situation::look(&cluster).await?;
    by_hand::keep_connections_home(&cluster, &situation).await?;
    let callers = situation::callers(&cluster, &situation).await?;

    let attempts = Suite::new(&situation).attempts("control");
    let report = run_attempts(&callers, attempts, Earnest::DryRun).await?;
    println!("{}", report.table());
    for (line, reason) in NOT_TRIED {
        println!("not tried: {line}: {reason}");
    }
    for number in 1..=42 {
        let line = format!("B{number:02}");
        let known = NOT_TRIED.iter().any(|(other, _)| *other == line);
        ensure!(report.lines().contains(line.as_str()) || known, "nobody tries {line}");
    }
    report.ensure_possible()?;
    ensure!(report.count(Verdict::LetThrough) >= 400, "too few attempts that are possible");

    let beyond = run_attempts(&callers, Suite::new(&situation).beyond(), Earnest::DryRun).await?;
    println!("what no rule covers:\n{}", beyond.table());
    beyond.ensure_possible()?;

    let legitimate = Suite::new(&situation).legitimate(Models::ByPolicy);
    let report = run_attempts(&callers, legitimate, Earnest::DryRun).await?;
    println!("{}", report.table());
    report.ensure_let_through()?;
    workloads_become_pods(&callers, "control").await?;

    // Every attempt can be refused by a policy, and those who judge know a refusal when they see one.
    let attempts = Suite::new(&situation).attempts("wall");
    let report = run_behind_a_wall(&cluster, &callers, attempts).await?;
    println!("behind a wall:\n{}", report.table());
    report.ensure_refused()?;

    drop((callers, situation));
    cluster.stop().await
}
