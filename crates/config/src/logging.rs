//! Logs go to standard error: readable on a terminal, one JSON object a line otherwise. A line that cannot be written is
//! lost, and nothing else is.

mod lossy;

use std::{
    io::{self, IsTerminal as _},
    panic,
};

use anyhow::Context as _;
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, LevelFilter, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

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
    let lines = fmt::layer().log_internal_errors(false).with_writer(|| Lossy::new(io::stderr().lock()));
    let lines = if io::stderr().is_terminal() {
        lines.compact().boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    };
    let is_fit = filter_fn(has_no_secrets).with_max_level_hint(LevelFilter::TRACE);
    tracing_subscriber::registry().with(lines.with_filter(self::filter(filter)?.and(is_fit))).init();
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string);
        let cause = panicked.payload_as_str().unwrap_or("of another type than text");
        tracing::error!(place, cause, "a thread or task panicked");
    }));
    Ok(())
}

/// Whether a line has no secrets in it, whatever the filter lets through: the SDK of AWS traces what it sends, the runtime of
/// Lambda what it gets, and ureq what providers answer, passwords, their hashes and tokens among it.
fn has_no_secrets(line: &Metadata<'_>) -> bool {
    *line.level() != Level::TRACE
        || !["aws_", "lambda_", "ureq"].iter().any(|library| line.target().starts_with(library))
}
