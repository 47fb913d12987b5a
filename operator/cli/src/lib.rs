//! The command line of Hemvist. It judges and renders files with the same core as the controller, without a cluster.
//!
//! ```text
//!  arguments ──▶ sources ──▶ document ──▶ collection ──▶ check ───▶ report ──▶ human text or JSON
//!                files        YAML with    Manifests,     decide
//!                             positions    problems    └▶ render ──▶ YAML
//! ```
//!
//! Every command makes an `Outcome`, which is plain text and an exit code; [`run`] writes it. The result of a command goes
//! to the standard output and nothing else does; what went wrong on the way goes to the standard error.

#![allow(
    missing_docs,
    reason = "no other project uses this library: a comment that repeats a name helps nobody"
)]

mod arguments;
mod check;
mod collection;
mod crds;
mod document;
mod explain;
mod human;
mod located;
mod model;
mod outcome;
mod policy;
mod render;
mod report;
mod schema;
mod sources;
mod yaml;

use std::ffi::OsString;
use std::io::{Read, Write};

use clap::Parser;
use clap::error::ErrorKind;

pub use outcome::Exit;

use arguments::{Arguments, Command, ModelCommand, PolicyCommand};
use outcome::Outcome;

/// Carries out a command line, of which the first argument is the name of the program. A reader that goes away before
/// everything is written changes nothing about the exit code.
pub fn run<I, T>(arguments: I, stdin: &mut dyn Read, stdout: &mut dyn Write, stderr: &mut dyn Write) -> Exit
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let outcome = outcome(arguments, stdin);
    // The standard error has nowhere to complain to.
    let _ = stderr.write_all(outcome.stderr.as_bytes()).and_then(|()| stderr.flush());
    match stdout.write_all(outcome.stdout.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            let _ = writeln!(stderr, "error: the result cannot be written: {error}");
            Exit::Input
        }
        _ => outcome.exit,
    }
}

fn outcome<I, T>(arguments: I, stdin: &mut dyn Read) -> Outcome
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    match Arguments::try_parse_from(arguments) {
        Ok(Arguments { command: Command::Check(arguments) }) => check::check(&arguments, stdin),
        Ok(Arguments { command: Command::Render(arguments) }) => render::render(&arguments, stdin),
        Ok(Arguments { command: Command::Policy(PolicyCommand::Compile(arguments)) }) => {
            policy::print_compiled(&arguments, stdin)
        }
        Ok(Arguments { command: Command::Model(ModelCommand::Digest { path }) }) => model::digest(&path),
        Ok(Arguments { command: Command::Crds }) => crds::crds(),
        Ok(Arguments { command: Command::Explain { reason } }) => explain::explain(reason.as_deref()),
        Ok(Arguments { command: Command::Version }) => version(),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => Outcome::result(error.render().to_string()),
        Err(error) => Outcome::failure(Exit::Usage, error.render().to_string()),
    }
}

fn version() -> Outcome {
    Outcome::result(format!(
        "hemvist {}\nreads {}/{}\n",
        env!("CARGO_PKG_VERSION"),
        hemvist_api::GROUP,
        hemvist_api::VERSION
    ))
}
