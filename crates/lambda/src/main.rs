//! `bootstrap`: the Tapebase API as an AWS Lambda function.
//!
//! An event becomes a request ([`event`]), the same actix app as the server's answers it ([`app`]), and the
//! answer becomes what Lambda passes on ([`answer`]), whole or piece by piece ([`pieces`]).
//! Nothing is written to disk and nothing goes on after an answer: Lambda freezes the process there.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod answer;
mod app;
mod event;
mod function;
mod metrics;
mod pieces;
mod problem;
mod range;
mod sweeper;

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use actix_web::rt::signal::unix::{SignalKind, signal};
use anyhow::{Context as _, ensure};
use tapebase_config::{Config, Downloads, logging};
use tapebase_domain::{Policy, Services, changes::WaitPolicy};
use tapebase_http::{HttpPolicy, Tasks, routes::routes};
use tokio::{runtime::Handle, time::timeout};

use crate::{function::Function, sweeper::Sweeper};

/// What the function is called.
const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
/// What Lambda sets for every function, and its runtime cannot do without.
const SET_BY_LAMBDA: [&str; 4] =
    ["AWS_LAMBDA_RUNTIME_API", FUNCTION_NAME, "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"];

/// The most bytes of a body an event holds: base64 of 6 MB, and a head.
const EVENT_BODY_BYTES: u64 = (6 << 20) / 4 * 3 - (16 << 10);

#[actix_web::main]
async fn main() -> ExitCode {
    match Box::pin(run()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let mut config = Config::from_environment()?;
    // An answer has 6 MB at most; S3 has any number, and does not bill the function's time.
    config.downloads.get_or_insert(Downloads::Redirect);
    logging::start(&config.log.filter)?;
    for name in SET_BY_LAMBDA {
        ensure!(std::env::var_os(name).is_some(), "{name} is not set: this program is for Lambda to start");
    }
    // Nothing is asked of the stores before the first request, which waits for this.
    let ports = config.locations()?.open().await?;
    // Waiting is billed: clients ask again instead.
    let policy = Policy { wait: WaitPolicy { longest: Duration::ZERO }, ..config.policy()? };
    let services = Services::new(&ports, &policy);
    let name = std::env::var_os(FUNCTION_NAME).unwrap_or_default().to_string_lossy().into_owned();
    let sweeper = Sweeper::new(ports.clone(), services.sweep.clone(), name);
    let policy = HttpPolicy { body_bytes: Some(EVENT_BODY_BYTES), ..config.http_policy() };
    let tasks = Tasks::new(Handle::current(), usize::MAX).frozen_after_answers();
    let app = app::start(routes(services, ports, policy, tasks.clone()), &config.http.allowed_origins).await?;
    let function = Function::new(app, sweeper, config.lambda.stream);
    let mut terminated = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let result = tokio::select! {
        result = function.serve() => result,
        _ = terminated.recv() => Ok(()),
    };
    drop(function);
    // Lambda gives 500 ms from SIGTERM on.
    let _ = timeout(Duration::from_millis(400), tasks.finished()).await;
    result
}
