//! With Hemvist's policies no attempt gets through, and nothing that a cluster does all day is refused: while the operator
//! runs, after it was killed, and where it was never there.

use anyhow::{Result, bail, ensure};
use hemvist_e2e::bypass::actor::Callers;
use hemvist_e2e::bypass::situation::{self, Situation};
use hemvist_e2e::bypass::{Earnest, Models, Suite, Verdict, by_hand, run_attempts, workloads_become_pods};
use hemvist_e2e::governed::Governed;
use hemvist_e2e::installation::{Installation, ROOT_NAMESPACE};
use hemvist_e2e::objects::{Kind, condition};
use hemvist_e2e::operator::Operator;
use hemvist_e2e::oracle::Oracle;
use hemvist_e2e::{ControlPlane, Options};
use serde_json::json;

/// The policy of the region.
const REGION: &str = "hemvist-system/region";

#[tokio::test(flavor = "multi_thread")]
async fn bypass_is_refused_while_the_operator_runs_and_after_it_was_killed() -> Result<()> {
    let (governed, operator, situation, callers) = started("bypass").await?;
    judged(&callers, &situation, "levande", Models::ByPolicy, Earnest::DryRunAndReal).await?;
    operator.kill()?;
    judged(&callers, &situation, "dod", Models::ByPolicy, Earnest::Real).await?;
    end(governed, Vec::new(), callers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bypass_is_refused_where_residency_is_enough() -> Result<()> {
    let (governed, operator, situation, callers) = started("bypass-residency").await?;
    let change = json!({"spec": {"unmanagedAccelerators": "RequireResidency"}});
    governed.objects().merge(Kind::AIPolicy, ROOT_NAMESPACE, "region", &change).await?;
    enforced(&governed).await?;
    let attempts = Suite::new(&situation).attempts_where_residency_is_enough("boende");
    let report = run_attempts(&callers, attempts, Earnest::Real).await?;
    println!("{}", report.table());
    report.ensure_refused()?;
    // Those whose only fault is who makes them are none now.
    let mut allowed = Suite::new(&situation).attempts("boende");
    allowed.retain(|attempt| attempt.by_identity);
    let report = run_attempts(&callers, allowed, Earnest::DryRun).await?;
    println!("{}", report.table());
    report.ensure_let_through()?;
    let_through(&callers, &situation, "boende", Models::ByPolicy).await?;
    end(governed, vec![operator], callers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bypass_is_refused_where_no_operator_ever_ran() -> Result<()> {
    let cluster = ControlPlane::start(Options::new("bypass-never")).await?;
    Situation::people_and_places(&cluster).await?;
    // Made while nothing refused it, as what ran before Hemvist came.
    by_hand::serve_kinds(&cluster).await?;
    by_hand::make_models(&cluster).await?;
    Installation::install(&cluster, &[]).await?;
    by_hand::apply_policies(&cluster).await?;
    let situation = Situation::look(&cluster).await?;
    let oracle = Oracle::start(cluster.client(), ROOT_NAMESPACE);
    let callers = situation::callers(&cluster, &situation).await?;
    judged(&callers, &situation, "aldrig", Models::Closed, Earnest::Real).await?;
    let report = oracle.report().await?;
    ensure!(report.unmanaged.is_empty(), "accelerators that nobody manages: {:?}", report.unmanaged);
    drop((callers, situation, oracle));
    cluster.stop().await
}

/// A region with its policies in force, its models served, and everyone who might try something.
async fn started(name: &str) -> Result<(Governed, Operator, Situation, Callers)> {
    let governed = Governed::start(Options::new(name)).await?;
    Situation::people_and_places(governed.cluster()).await?;
    let operator = governed.operator("hemvist-operator")?;
    by_hand::apply_policies(governed.cluster()).await?;
    enforced(&governed).await?;
    Situation::ask_for_models(governed.cluster()).await?;
    let situation = Situation::look(governed.cluster()).await?;
    let callers = situation::callers(governed.cluster(), &situation).await?;
    Ok((governed, operator, situation, callers))
}

async fn enforced(governed: &Governed) -> Result<()> {
    governed
        .wait_for_policy(REGION, "be enforced", |policy| {
            let enforced = condition(policy, "Enforced");
            enforced["status"] == "True" && enforced["observedGeneration"] == policy["metadata"]["generation"]
        })
        .await
        .map(|_| ())
}

/// Runs everything before anything is demanded, so that one fault does not hide another. That a dry run and a real request
/// are judged alike is shown in one round; the others send the real ones alone.
async fn judged(
    callers: &Callers,
    situation: &Situation,
    round: &str,
    models: Models,
    earnest: Earnest,
) -> Result<()> {
    let suite = Suite::new(situation);
    let attempts = run_attempts(callers, suite.attempts(round), earnest).await?;
    let beyond = run_attempts(callers, suite.beyond(), Earnest::DryRun).await?;
    println!("{}\nwhat no rule covers:\n{}", attempts.table(), beyond.table());
    let legitimate = let_through(callers, situation, round, models).await;
    if let (Err(refused), Err(legitimate)) = (attempts.ensure_refused(), &legitimate) {
        bail!("{refused:#}\n{legitimate:#}");
    }
    attempts.ensure_refused()?;
    ensure!(attempts.count(Verdict::RefusedByHemvist) >= 400, "too few attempts that Hemvist refused");
    legitimate
}

async fn let_through(callers: &Callers, situation: &Situation, round: &str, models: Models) -> Result<()> {
    let legitimate = Suite::new(situation).legitimate(models);
    let report = run_attempts(callers, legitimate, Earnest::DryRun).await?;
    println!("{}", report.table());
    report.ensure_let_through()?;
    ensure!(report.count(Verdict::LetThrough) >= 200, "too few legitimate requests");
    workloads_become_pods(callers, round).await
}

/// The oracle has seen no pod with an accelerator that no model made, and no model where it may not be.
async fn end(governed: Governed, operators: Vec<Operator>, callers: Callers) -> Result<()> {
    let report = governed.report().await?;
    ensure!(report.unmanaged.is_empty(), "accelerators that nobody manages: {:?}", report.unmanaged);
    drop(callers);
    governed.end(operators, 6).await
}
