//! Logs go to standard error: readable on a terminal, one JSON object a line otherwise. A line that cannot be written is
//! lost, and nothing else is.

mod lossy;

use std::{
    io::{self, IsTerminal as _},
    panic,
};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use self::lossy::Lossy;

/// Reads a filter.
///
/// # Errors
/// If it is not one.
pub fn filter(text: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(text).with_context(|| format!("log.filter = {text:?}"))
}

/// Starts logging what `filter` lets through, panics included.
///
/// # Errors
/// If it is not a filter.
pub fn start(filter: &str) -> anyhow::Result<()> {
    // What goes wrong while a line is written would be printed where it went wrong, and a failure to print panics.
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(self::filter(filter)?)
        .log_internal_errors(false)
        .with_writer(|| Lossy::new(io::stderr().lock()));
    if io::stderr().is_terminal() {
        subscriber.compact().init();
    } else {
        subscriber.json().flatten_event(true).with_current_span(true).with_span_list(false).init();
    }
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string);
        let cause = panicked.payload_as_str().unwrap_or("of another type than text");
        tracing::error!(place, cause, "a thread or task panicked");
    }));
    Ok(())
}
