//! The client of every measurement, a program of its own: this one is not built to be fast.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, ensure};
use tapebase_load::{Report, Spec};

use super::peers::Server;
use super::usage::{self, Family};
use crate::process::tied;
use crate::workspace;

/// What one run has shown of a server.
#[derive(Clone, Copy)]
pub struct Sample {
    pub report: Report,
    /// Seconds of processor time of the server.
    pub processor: f64,
    /// MiB of memory of the server, at the most.
    pub peak: f64,
    /// MB of files that only the kernel's memory has at the end.
    pub unwritten: f64,
}

impl Sample {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        f64::from(self.report.requests) / self.report.seconds
    }

    /// Seconds of processor time for a thousand requests.
    pub fn processor_per_thousand(&self) -> f64 {
        self.processor * 1_000.0 / f64::from(self.report.requests)
    }
}

/// The program `tapebase-load`.
pub struct Generator(PathBuf);

impl Generator {
    pub fn build() -> Result<Self> {
        workspace::build(&["build", "--quiet", "--release", "-p", "tapebase-load"], "tapebase-load").map(Self)
    }

    /// Loads a server, and says what that cost it.
    pub fn measure(&self, server: &Server, spec: &Spec) -> Result<Sample> {
        let family = Family::of(server.process.id())?;
        family.forget_peak()?;
        let before = family.processor()?;
        let report = self.load(server, spec)?;
        let unwritten = usage::unwritten()?;
        Ok(Sample { report, processor: family.processor()? - before, peak: family.peak()?, unwritten })
    }

    /// Loads a server.
    pub fn load(&self, server: &Server, spec: &Spec) -> Result<Report> {
        self.start(spec).and_then(finish).with_context(|| complaint(server))
    }

    /// Loads a server in several ways at once.
    pub fn load_all(&self, server: &Server, specs: &[Spec]) -> Result<()> {
        let clients: Result<Vec<_>> = specs.iter().map(|spec| self.start(spec)).collect();
        clients?.into_iter().try_for_each(|client| finish(client).map(drop)).with_context(|| complaint(server))
    }

    fn start(&self, spec: &Spec) -> Result<Child> {
        let mut command = tied("KILL")?;
        command.arg(&self.0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut client = command.spawn().context("the client does not start")?;
        // Dropped at once, it ends the client's input.
        serde_json::to_writer(client.stdin.take().context("the client has no input")?, spec)?;
        Ok(client)
    }
}

fn finish(client: Child) -> Result<Report> {
    let output = client.wait_with_output()?;
    ensure!(output.status.success(), "the client has failed ({})", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn complaint(server: &Server) -> String {
    format!("asking a server{}", server.process.last_words())
}
