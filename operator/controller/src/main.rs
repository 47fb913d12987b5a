//! The Hemvist operator. Everything is in the library, so that tests can use it.

use std::process::ExitCode;

use clap::Parser;
use hemvist_operator::args::Args;
use hemvist_operator::{run, telemetry};

fn main() -> ExitCode {
    // Chosen here and not by feature flags: a second provider in the tree would otherwise be a panic at run time.
    let chosen = rustls::crypto::ring::default_provider().install_default();
    let options = match Args::parse().check() {
        Ok(options) => options,
        Err(error) => error.exit(),
    };
    telemetry::start(&options.log);
    if chosen.is_err() {
        tracing::warn!("a TLS provider was already installed");
    }
    // One thread: the work is waiting for the API server, and each further thread would keep a heap of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(run(options));
            // Whatever still runs must not act after the lease is gone.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(category = error.category(), "{error}");
            ExitCode::FAILURE
        }
    }
}
