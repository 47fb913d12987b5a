//! The operator as it is measured: its release build, its real rights, its leader election, and a silent log.

use anyhow::{Context, Result};

use super::account::Book;
use super::scene::Scene;
use super::usage::Memory;
use crate::operator::Operator;

/// The name under which every operator of a run holds the lease, so that none waits for the one before it.
const IDENTITY: &str = "hemvist-operator";

/// A running operator.
pub(super) struct OperatorUnderTest {
    operator: Operator,
    /// Its process.
    pub(super) process: u32,
}

impl OperatorUnderTest {
    /// Starts it.
    pub(super) fn start(scene: &Scene) -> Result<Self> {
        let mut options = scene.installation.operator(IDENTITY)?;
        options.arguments.retain(|argument| !argument.starts_with("--log-level"));
        let mut operator = scene.installation.start(&options.argument("--log-level=warn"))?;
        let process = operator.process().id();
        Ok(Self { operator, process })
    }

    /// Starts it and waits until it has nothing to do.
    pub(super) async fn start_idle(scene: &Scene) -> Result<Self> {
        let book = Book::open(scene.cluster.audit_log(), scene.installation.user())?;
        let operator = Self::start(scene)?;
        crate::wait_until("the operator's first request", std::time::Duration::from_mins(1), async || {
            Ok(crate::Progress::when(book.close(1)?.reads > 0, "none"))
        })
        .await?;
        book.quiet().await?;
        Ok(operator)
    }

    /// Its memory now.
    pub(super) fn memory(&self, moment: &'static str) -> Result<Memory> {
        Memory::of(self.process, moment)
    }

    /// What its log says; nothing is what it should say at this level.
    pub(super) fn complaints(&mut self) -> Result<usize> {
        let log = self.operator.process().log();
        let text = std::fs::read_to_string(log).with_context(|| format!("reading {}", log.display()))?;
        Ok(text.lines().count())
    }

    /// Ends it in order.
    pub(super) async fn stop(self) -> Result<()> {
        self.operator.stop().await
    }

    /// Ends it as a power cut would.
    pub(super) fn kill(self) -> Result<()> {
        self.operator.kill()
    }
}
