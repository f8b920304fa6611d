//! Logs go to standard error: readable on a terminal, one JSON object a line otherwise.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

/// Reads a filter.
///
/// # Errors
/// If it is not one.
pub fn filter(text: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(text).with_context(|| format!("log.filter = {text:?}"))
}

/// Starts logging what `filter` lets through.
///
/// # Errors
/// If it is not a filter.
pub fn start(filter: &str) -> anyhow::Result<()> {
    let subscriber = tracing_subscriber::fmt().with_env_filter(self::filter(filter)?).with_writer(io::stderr);
    if io::stderr().is_terminal() {
        subscriber.compact().init();
    } else {
        subscriber.json().flatten_event(true).with_current_span(true).with_span_list(false).init();
    }
    Ok(())
}
