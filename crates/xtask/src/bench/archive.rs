//! A store with as many recordings as it may have after years.

use std::path::{Path, PathBuf};

use anyhow::Result;
use tapebase_load::Ids;

use super::Bench;
use super::peers::{Peer as _, Server, Store as _, Tapebase};

/// How many users share it.
const USERS: u32 = 10;

/// Bytes of each recording: this is about rows.
const LENGTH: u32 = 1;

/// The folder of a server that is not running, and what one of its users sends to be known.
pub struct Archive {
    folder: PathBuf,
    credentials: Vec<(String, String)>,
    /// How many recordings each of the users has.
    pub each: u32,
    /// How many there are in all.
    pub all: u32,
}

impl Archive {
    /// One of ten users with a tenth of a million recordings each.
    pub fn large(bench: &Bench, tapebase: &Tapebase) -> Result<Self> {
        Self::fill(bench, tapebase, USERS, if bench.pace.quick { 1_000 } else { 100_000 })
    }

    /// One user with a thousand recordings.
    pub fn small(bench: &Bench, tapebase: &Tapebase) -> Result<Self> {
        Self::fill(bench, tapebase, 1, 1_000)
    }

    /// Has all users upload at once, so that the rows of each lie between those of others.
    fn fill(bench: &Bench, tapebase: &Tapebase, users: u32, each: u32) -> Result<Self> {
        let folder = bench.folder.next(tapebase.name())?;
        let mut server = tapebase.open(&folder)?;
        let mut specs = Vec::new();
        for user in 0..users {
            server.credentials = server.sign_up(&format!("user{user}@example.com"))?;
            let upload = tapebase.upload(&server, LENGTH, Ids::InTurn { seed: user.into() });
            specs.push(bench.pace.seeding(&server, each, &upload));
        }
        eprintln!("uploading {} recordings", users * each);
        bench.generator.load_all(&server, &specs)?;
        Ok(Self { folder, credentials: server.credentials.clone(), each, all: users * each })
    }

    /// Starts a server on it and waits until it has nothing left to do.
    pub fn open(&self, tapebase: &Tapebase) -> Result<Server> {
        let mut server = tapebase.open(&self.folder)?;
        server.credentials.clone_from(&self.credentials);
        server.wait_until_quiet()?;
        Ok(server)
    }

    /// The folder that a server is to be started with.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
