//! Servers that take turns at the same.

use anyhow::{Context as _, Result};
use tapebase_load::{Expect, Ids, Request, Spec, Until};

use super::generator::Sample;
use super::peers::Server;
use super::table::{Column, Row, Table};

/// How long and how often is measured.
#[derive(Clone, Copy)]
pub struct Pace {
    pub rounds: usize,
    /// Whether it only has to work.
    pub quick: bool,
}

impl Pace {
    pub fn new(rounds: u32, quick: bool) -> Self {
        Self { rounds: usize::try_from(rounds).unwrap_or(usize::MAX), quick }
    }

    /// Seconds of one sample.
    fn seconds(self) -> f64 {
        if self.quick { 1.0 } else { 4.0 }
    }

    /// Seconds of a sample that lasts, at least.
    pub fn sustained_seconds(self) -> f64 {
        if self.quick { 1.0 } else { 10.0 }
    }

    /// A run that ends when so many requests are answered, however long that takes.
    pub fn seeding(self, server: &Server, requests: u32, ask: &Ask) -> Spec {
        Spec { seconds: 3_600.0, ..self.spec(server, 16, requests, ask) }
    }

    /// A run that goes on for some time, and until at least so many requests are answered.
    pub fn lasting(self, server: &Server, connections: usize, requests: u32, ask: &Ask) -> Spec {
        let seconds = self.sustained_seconds();
        Spec { seconds, until: Until::Both, ..self.spec(server, connections, requests, ask) }
    }

    /// A run against a server that ends with the sample's time, or with so many requests.
    pub fn spec(self, server: &Server, connections: usize, requests: u32, ask: &Ask) -> Spec {
        Spec {
            address: server.address,
            connections,
            seconds: self.seconds(),
            requests,
            until: Until::Either,
            request: ask.request.clone(),
            ids: ask.ids,
            expect: ask.expect,
        }
    }
}

/// What a server is asked.
pub struct Ask {
    pub request: Request,
    pub ids: Ids,
    pub expect: Expect,
}

/// A contestant: a name, and how to take a sample.
pub struct Entry<'a> {
    pub name: String,
    pub sample: Box<dyn Fn() -> Result<Sample> + 'a>,
}

/// Has every entry take its turn in each round, beginning with another one each time.
pub fn compete(title: String, bytes: u32, more: &'static [Column], entries: &[Entry], rounds: usize) -> Result<Table> {
    let mut rows: Vec<_> = entries.iter().map(|entry| Row { name: entry.name.clone(), samples: Vec::new() }).collect();
    for round in 0..rounds {
        for turn in 0..entries.len() {
            let place = (round + turn) % entries.len();
            let entry = &entries[place];
            // What others have written must not be in the way of who waits for the disk.
            rustix::fs::sync();
            let sample = (entry.sample)().with_context(|| entry.name.clone())?;
            eprintln!("{title}, round {}: {} {:.0}/s", round + 1, entry.name, sample.rate());
            rows[place].samples.push(sample);
        }
    }
    Ok(Table { title, bytes, more, rows })
}
