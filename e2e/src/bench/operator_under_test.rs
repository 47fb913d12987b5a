//! The operator as it is measured: its release build, its real rights, its leader election, and little logging.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::account::Book;
use super::scene::Scene;
use super::usage::Memory;
use crate::operator::Operator;
use crate::{Progress, wait_until};

/// The name under which every operator of a run holds the lease, so that none waits for the one before it.
const IDENTITY: &str = "hemvist-operator";

/// Arguments that a test sets otherwise than an installation: a lease that runs out soon is lost on a busy machine.
const OWN: [&str; 4] =
    ["--log-level", "--lease-duration-seconds", "--renew-deadline-seconds", "--retry-period-seconds"];

/// A running operator.
pub(super) struct OperatorUnderTest {
    operator: Operator,
    pub(super) process: u32,
    log: PathBuf,
}

impl OperatorUnderTest {
    pub(super) fn start(scene: &Scene) -> Result<Self> {
        let mut options = scene.installation.operator(IDENTITY)?;
        options.arguments.retain(|argument| !OWN.iter().any(|own| argument.starts_with(own)));
        let mut operator = scene.installation.start(&options.argument("--log-level=warn"))?;
        let (process, log) = (operator.process().id(), operator.process().log().to_owned());
        Ok(Self { operator, process, log })
    }

    /// Starts it and waits until it has nothing to do.
    pub(super) async fn start_idle(scene: &Scene) -> Result<Self> {
        let book = Book::open(scene.cluster.audit_log(), scene.installation.user())?;
        let operator = Self::start(scene)?;
        wait_until("the operator's first request", Duration::from_mins(1), async || {
            Ok(Progress::when(book.close(1)?.reads > 0, "none"))
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
    pub(super) fn complaints(&self) -> Result<usize> {
        let text =
            fs::read_to_string(&self.log).with_context(|| format!("reading {}", self.log.display()))?;
        Ok(text.lines().count())
    }

    /// Waits until it has ended, which it should not; gives its log.
    pub(super) async fn ended(&self) -> String {
        // Only a process that lives has memory, even where nobody has taken notice of its end yet.
        while self.memory("").is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        fs::read_to_string(&self.log).unwrap_or_default()
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
