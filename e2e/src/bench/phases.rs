//! What is done at one size, in order.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use super::account::Book;
use super::bodies::Template;
use super::cleaning::{clean, ensure_complete};
use super::load::{CONNECTIONS, each};
use super::observer::Observer;
use super::operator_under_test::OperatorUnderTest;
use super::plain_client::write_all;
use super::report::{FanOut, Phase, Plain, PointReport, Quiet, Restart, Round};
use super::scene::{ModelName, Scene, model};
use super::usage::{Memory, Meter};
use super::{Point, rounded};
use crate::narrator::Narrator;

/// How long nothing is done, to see what is asked all the same.
const QUIET: Duration = Duration::from_secs(30);

/// Connections of the plain client: as many as the load has, and as many as the operator works on models at once. The
/// API server gives out the addresses of Services one at a time, and many at once slow it down.
const PLAIN_CONNECTIONS: [usize; 2] = [CONNECTIONS, 32];

/// A model of another name than all others, from which the plain client learns what to write.
const FIRST_MODEL: u32 = 99_990;

/// A size that is measured.
pub(super) struct Bench<'a> {
    pub(super) scene: &'a Scene,
    pub(super) point: Point,
    pub(super) narrator: &'a Narrator,
}

impl Bench<'_> {
    /// Everything.
    pub(super) async fn run(&self) -> Result<PointReport> {
        let template = if self.point.rounds > 0 { Some(self.template().await?) } else { None };
        let mut rounds = Vec::new();
        if let Some(template) = &template {
            for number in 1..=self.point.rounds {
                rounds.push(self.round(number, template).await.with_context(|| format!("round {number}"))?);
            }
        }
        let operator = OperatorUnderTest::start_idle(self.scene).await?;
        let mut memory = vec![operator.memory("idle, no model")?];
        let fan_out = self.fan_out(&operator).await.context("creating models")?;
        memory.push(operator.memory("models created")?);
        let quiet = self.quiet().await?;
        memory.push(operator.memory("models settled")?);
        operator.kill()?;
        let (operator, restart) = self.restart().await.context("starting again")?;
        memory.push(operator.memory("started again, settled")?);
        let change = self.change(&operator, &mut memory).await.context("changing every model")?;
        let complaints = operator.complaints()?;
        operator.stop().await?;
        Ok(PointReport {
            models: self.point.models,
            nodes: self.point.nodes,
            bytes_per_model: template.map_or(0, |template| template.bytes()),
            rounds,
            fan_out,
            quiet,
            restart,
            change,
            memory,
            complaints,
        })
    }

    /// Lets the operator make one model's objects and reads them.
    async fn template(&self) -> Result<Template> {
        self.narrator.text("one model, to learn what is written for it")?;
        let operator = OperatorUnderTest::start_idle(self.scene).await?;
        let name = ModelName::of(FIRST_MODEL);
        let observer = Observer::start(self.scene.administrator.clone());
        self.create(vec![name.clone()]).await?;
        observer.all(1, 1).await?;
        operator.stop().await?;
        let template = Template::read(self.scene, name).await.context("learning what the operator writes")?;
        clean(self.scene).await?;
        Ok(template)
    }

    async fn round(&self, number: u32, template: &Template) -> Result<Round> {
        let mut plain = Vec::new();
        for connections in PLAIN_CONNECTIONS {
            let phase = self.plain(template, connections).await.context("the plain client")?;
            plain.push(Plain { connections, phase });
        }
        let operator = self.over_existing_models().await.context("the operator")?;
        let speed = |plain: &&Plain| plain.phase.models_per_second;
        let fastest = plain.iter().max_by(|one, other| speed(one).total_cmp(&speed(other)));
        let best = &fastest.context("no plain client")?.phase;
        let ratio = rounded(operator.models_per_second / best.models_per_second);
        self.narrator.text(&format!(
            "round {number}: plain client {:.1} models/s, operator {:.1} models/s, ratio {ratio:.2}",
            best.models_per_second, operator.models_per_second
        ))?;
        let cpu_ratio = rounded(best.cpu.total() / operator.cpu.total());
        Ok(Round { plain, operator, ratio, cpu_ratio })
    }

    /// The plain client writes everything for models that no operator looks at. They are gone afterwards.
    async fn plain(&self, template: &Template, connections: usize) -> Result<Phase> {
        let made = self.create(self.names()).await?;
        let writes = made.iter().map(|(name, made)| template.writes_for(name, &made.uid)).collect();
        let book = self.book()?;
        let meter = Meter::start(self.scene, std::process::id())?;
        let begin = Instant::now();
        write_all(&self.scene.peer, connections, writes).await?;
        let seconds = begin.elapsed().as_secs_f64();
        let cpu = meter.read()?;
        ensure_complete(self.scene, self.point.models).await?;
        let account = book.close(self.point.models)?;
        clean(self.scene).await?;
        Ok(self.phase(seconds, cpu, account))
    }

    /// An operator is started that finds all models new. They are gone afterwards.
    async fn over_existing_models(&self) -> Result<Phase> {
        self.create(self.names()).await?;
        let observer = Observer::start(self.scene.administrator.clone());
        let book = self.book()?;
        let meter = Meter::start(self.scene, std::process::id())?;
        let begin = Instant::now();
        let operator = OperatorUnderTest::start(self.scene)?;
        let meter = meter.with_new(operator.process);
        let done = self.all_done(&observer, &operator, 1).await?;
        let cpu = meter.read()?;
        let seconds = last(&done, begin);
        book.quiet().await?;
        ensure_complete(self.scene, self.point.models).await?;
        let account = book.close(self.point.models)?;
        operator.stop().await?;
        clean(self.scene).await?;
        Ok(self.phase(seconds, cpu, account))
    }

    async fn fan_out(&self, operator: &OperatorUnderTest) -> Result<FanOut> {
        let observer = Observer::start(self.scene.administrator.clone());
        let book = self.book()?;
        let meter = Meter::start(self.scene, operator.process)?;
        let begin = Instant::now();
        let made = self.create(self.names()).await?;
        let done = self.all_done(&observer, operator, 1).await?;
        let cpu = meter.read()?;
        let seconds = last(&done, begin);
        book.quiet().await?;
        ensure_complete(self.scene, self.point.models).await?;
        let mut latencies: Vec<f64> = made
            .iter()
            .filter_map(|(name, made)| {
                Some(done.get(name)?.saturating_duration_since(made.answered).as_secs_f64())
            })
            .collect();
        latencies.sort_by(f64::total_cmp);
        let fan_out = FanOut {
            phase: self.phase(seconds, cpu, book.close(self.point.models)?),
            median_latency: quantile(&latencies, 50),
            slow_latency: quantile(&latencies, 99),
        };
        self.narrator.text(&format!(
            "created while the operator waits: all done after {seconds:.1} s, {} writes per model",
            fan_out.phase.account.writes_per_model
        ))?;
        Ok(fan_out)
    }

    async fn quiet(&self) -> Result<Quiet> {
        let book = self.book()?;
        tokio::time::sleep(QUIET).await;
        let account = book.close(self.point.models)?;
        self.narrator.text(&format!(
            "{} s of quiet: {} reads, {} writes",
            QUIET.as_secs(),
            account.reads,
            account.writes
        ))?;
        Ok(Quiet { seconds: QUIET.as_secs(), account })
    }

    async fn restart(&self) -> Result<(OperatorUnderTest, Restart)> {
        let book = self.book()?;
        let meter = Meter::start(self.scene, std::process::id())?;
        let begin = Timestamp::now();
        let operator = OperatorUnderTest::start_idle(self.scene).await?;
        let cpu = meter.with_new(operator.process).read()?;
        let end = book.quiet().await?.unwrap_or(begin);
        let seconds = rounded(end.duration_since(begin).as_secs_f64());
        let account = book.close(self.point.models)?;
        self.narrator.text(&format!(
            "killed and started again: quiet after {seconds:.2} s, {} reads, {} watches, {} writes",
            account.reads, account.watches, account.writes
        ))?;
        Ok((operator, Restart { seconds, cpu, account }))
    }

    /// Asks for a second replica of every model.
    async fn change(&self, operator: &OperatorUnderTest, memory: &mut Vec<Memory>) -> Result<Phase> {
        let observer = Observer::start(self.scene.administrator.clone());
        self.all_done(&observer, operator, 1).await?;
        let book = self.book()?;
        let meter = Meter::start(self.scene, operator.process)?;
        let begin = Instant::now();
        each(self.names(), |name| {
            let models = self.scene.models(&name.namespace);
            async move {
                let change = Patch::Merge(json!({ "spec": { "replicas": 2 } }));
                models.patch(&name.name, &PatchParams::default(), &change).await?;
                Ok(())
            }
        })
        .await?;
        let done = self.all_done(&observer, operator, 2).await?;
        let cpu = meter.read()?;
        let seconds = last(&done, begin);
        book.quiet().await?;
        memory.push(operator.memory("every model changed")?);
        let phase = self.phase(seconds, cpu, book.close(self.point.models)?);
        self.narrator.text(&format!(
            "replicas of every model changed: all done after {seconds:.1} s, {} writes per model",
            phase.account.writes_per_model
        ))?;
        Ok(phase)
    }

    fn book(&self) -> Result<Book<'_>> {
        Book::open(self.scene.cluster.audit_log(), self.scene.installation.user())
    }

    fn names(&self) -> Vec<ModelName> {
        (0..self.point.models).map(ModelName::of).collect()
    }

    async fn create(&self, names: Vec<ModelName>) -> Result<HashMap<ModelName, Made>> {
        let ready = names.into_iter().map(|name| Ok((model(&name)?, name))).collect::<Result<Vec<_>>>()?;
        let made = each(ready, |(model, name)| {
            let models = self.scene.models(&name.namespace);
            async move {
                let made = models.create(&PostParams::default(), &model).await?;
                let answered = Instant::now();
                Ok((name, Made { uid: made.metadata.uid.context("a model without a UID")?, answered }))
            }
        })
        .await?;
        Ok(made.into_iter().collect())
    }

    async fn all_done(
        &self,
        observer: &Observer,
        operator: &OperatorUnderTest,
        generation: i64,
    ) -> Result<HashMap<ModelName, Instant>> {
        tokio::select! {
            done = observer.all(usize::try_from(self.point.models)?, generation) => done,
            log = operator.ended() => bail!("the operator has ended:\n{log}"),
        }
    }

    fn phase(&self, seconds: f64, cpu: super::usage::CpuSeconds, account: super::account::Account) -> Phase {
        let models_per_second = rounded(f64::from(self.point.models) / seconds);
        Phase { seconds: rounded(seconds), models_per_second, cpu, account }
    }
}

/// A model that has been created.
struct Made {
    uid: String,
    answered: Instant,
}

/// From `begin` until the last model was done, in seconds.
fn last(done: &HashMap<ModelName, Instant>, begin: Instant) -> f64 {
    let end = done.values().max().copied().unwrap_or(begin);
    end.saturating_duration_since(begin).as_secs_f64()
}

/// The value that so many percent of the values do not exceed; they are in order.
fn quantile(values: &[f64], percent: usize) -> f64 {
    let rank = (values.len() * percent).div_ceil(100).saturating_sub(1);
    rounded(values.get(rank).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert!((quantile(&values, 50) - 50.0).abs() < 1e-9);
        assert!((quantile(&values, 99) - 99.0).abs() < 1e-9);
        assert!(quantile(&[], 99).abs() < 1e-9);
    }
}
