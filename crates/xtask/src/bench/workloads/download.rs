//! Downloads of whole files and of parts, which are all in memory by then.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use anyhow::Result;
use rustix::fs::{Advice, fadvise};
use tapebase_load::{Expect, Ids, Range, Request, id};

use super::{HUGE, SMALL, Table, title};
use crate::bench::Bench;
use crate::bench::contest::{Ask, Entry, compete};
use crate::bench::peers::{FILES, Peer, Server, Store as _};

/// How many small files there are.
const MANY: u32 = 1_000;

/// What tells the files from others.
const SEED: u64 = 0;

/// 64 KiB from anywhere in one file.
pub fn ranges(bench: &Bench, name: &str, connections: &[usize]) -> Result<Vec<Table>> {
    let range = Range { length: SMALL.into(), of: HUGE.into() };
    Shelf { count: 1, length: HUGE, range: Some(range) }.contests(bench, name, connections)
}

/// Any of many small files.
pub fn small(bench: &Bench, name: &str, connections: &[usize]) -> Result<Vec<Table>> {
    Shelf { count: MANY, length: SMALL, range: None }.contests(bench, name, connections)
}

/// One file as a whole.
pub fn huge(bench: &Bench, name: &str, connections: &[usize]) -> Result<Vec<Table>> {
    Shelf { count: 1, length: HUGE, range: None }.contests(bench, name, connections)
}

/// Files that every server has, and how they are asked for.
struct Shelf {
    count: u32,
    length: u32,
    /// Which part of a file; otherwise it is the whole.
    range: Option<Range>,
}

impl Shelf {
    fn contests(&self, bench: &Bench, name: &str, connections: &[usize]) -> Result<Vec<Table>> {
        let servers = self.start(bench)?;
        let bytes = if self.range.is_some() { SMALL } else { self.length };
        let contest = |&connections: &usize| {
            let entries = servers.iter().map(|(peer, server)| self.entry(bench, *peer, server, connections));
            compete(title(name, connections), bytes, &[], &entries.collect::<Vec<_>>(), bench.pace.rounds)
        };
        connections.iter().map(contest).collect()
    }

    fn entry<'a>(&self, bench: &'a Bench, peer: &dyn Peer, server: &'a Server, connections: usize) -> Entry<'a> {
        let spec = bench.pace.spec(server, connections, u32::MAX, &self.download(peer, server));
        Entry { name: peer.name().to_owned(), sample: Box::new(move || bench.generator.measure(server, &spec)) }
    }

    /// Starts every server with the files, and has each of them read them once, from the disk into the page cache.
    fn start<'a>(&self, bench: &'a Bench) -> Result<Vec<(&'a dyn Peer, Server)>> {
        let mut servers: Vec<(&dyn Peer, Server)> = Vec::new();
        for tapebase in bench.peers.builds() {
            let ours = tapebase.start(&bench.folder.next(tapebase.name())?)?;
            let upload = tapebase.upload(&ours, self.length, Ids::InTurn { seed: SEED });
            bench.generator.load(&ours, &bench.pace.seeding(&ours, self.count, &upload))?;
            servers.push((tapebase, ours));
        }
        let file_servers = bench.peers.file_servers();
        if !file_servers.is_empty() {
            let files = self.write(bench)?;
            for peer in file_servers {
                let folder = bench.folder.next(peer.name())?;
                symlink(&files, folder.join(FILES))?;
                servers.push((peer, peer.start(&folder)?));
            }
        }
        for (peer, server) in &servers {
            let whole =
                Ask { ids: Ids::InTurn { seed: SEED }, ..Self { range: None, ..*self }.download(*peer, server) };
            bench.generator.load(server, &bench.pace.seeding(server, self.count, &whole))?;
        }
        Ok(servers)
    }

    /// Writes the files as those servers find them that serve what is in a folder, past the page cache in the end.
    fn write(&self, bench: &Bench) -> Result<PathBuf> {
        let folder = bench.folder.next(FILES)?;
        let content = vec![b'a'; usize::try_from(self.length)?];
        for number in 0..self.count {
            let mut file = File::create(folder.join(file_name(number.into())))?;
            file.write_all(&content)?;
            file.sync_all()?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
        }
        Ok(folder)
    }

    fn download(&self, peer: &dyn Peer, server: &Server) -> Ask {
        let request = Request {
            method: "GET".to_owned(),
            path: peer.path().to_owned(),
            headers: server.credentials.clone(),
            range: self.range,
            body: None,
        };
        let (status, length) = self.range.map_or((200, self.length.into()), |range| (206, range.length));
        let ids = Ids::AnyOf { seed: SEED, of: self.count.into() };
        Ask { request, ids, expect: Expect { status, length: Some(length) } }
    }
}

fn file_name(number: u64) -> String {
    String::from_utf8_lossy(&id(SEED, number)).into_owned()
}
