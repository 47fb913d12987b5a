//! Logging.

use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, LogOptions};

/// Starts to write the log to standard error. A second call changes nothing.
pub fn start(options: &LogOptions) {
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter(&options.level)).with_writer(std::io::stderr);
    let started = match options.format {
        LogFormat::Text => builder.with_ansi(false).with_target(false).try_init(),
        LogFormat::Json => {
            builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
    };
    drop(started);
}

/// A bare level is meant for Hemvist. The client's own lines are left out: every error of it is returned, and told once
/// with what was being done.
fn filter(level: &str) -> EnvFilter {
    let bare = level.chars().all(char::is_alphabetic);
    let directives = if bare {
        format!("warn,kube_client=off,kube_runtime=off,hemvist_operator={level},hemvist_core={level}")
    } else {
        level.to_owned()
    };
    EnvFilter::try_new(&directives).unwrap_or_else(|_| EnvFilter::new("info"))
}
