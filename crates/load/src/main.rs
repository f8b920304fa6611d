//! `tapebase-load`: reads a spec as JSON from standard input, and prints the report as one line of JSON.

use std::io::{Write as _, stdin, stdout};

use anyhow::{Context as _, Result};
use tapebase_load::Spec;

/// More would take the processor away from the server.
const THREADS: usize = 2;

fn main() -> Result<()> {
    let spec: Spec = serde_json::from_reader(stdin().lock()).context("reading the spec")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let report = runtime.block_on(tapebase_load::run(spec))?;
    writeln!(stdout(), "{}", serde_json::to_string(&report)?)?;
    Ok(())
}
