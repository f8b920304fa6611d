//! Asks the same of any HTTP/1.1 server over connections that stay open, as fast as it answers, and checks every answer.
//!
//! It shares the machine with the server it measures, so a request costs it little: a head in a buffer that is used again, and a body that all connections share but for its first bytes.

mod answer;
mod connection;
mod latency;
mod random;
mod request;
mod spec;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use random::id;
pub use spec::{Body, Expect, Ids, Range, Report, Request, Spec, Until};

use connection::{Connection, Shared};
use latency::Latencies;

/// How much longer than asked for a run may take, for its last answers or the rest of its requests.
const PATIENCE: Duration = Duration::from_mins(5);

/// Asks as `spec` says.
///
/// # Errors
///
/// The first answer that does not come, or is not as expected, fails the whole run.
pub async fn run(spec: Spec) -> Result<Report> {
    let patience = Duration::from_secs_f64(spec.seconds) + PATIENCE;
    timeout(patience, ask(spec)).await.context("the server does not answer")?
}

async fn ask(spec: Spec) -> Result<Report> {
    let connections = spec.connections;
    let mut open = Vec::with_capacity(connections);
    let shared = Shared::new(spec);
    for number in 0..connections {
        open.push(Connection::open(shared.clone(), number).await?);
    }
    let clock = Instant::now();
    let mut tasks: JoinSet<_> = open.into_iter().map(|connection| connection.run(clock)).collect();
    let mut latencies = Latencies::default();
    while let Some(outcome) = tasks.join_next().await {
        latencies.extend(outcome??);
    }
    latencies.report(clock.elapsed())
}
