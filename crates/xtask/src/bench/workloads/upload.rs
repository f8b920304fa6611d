//! Uploads, each under an id of its own and with content of its own.
//!
//! In a burst, what a server has not flushed is in memory when the sample ends. Of uploads that go on longer, those that
//! come faster than the disk writes have to wait for it, whether the server waits or the kernel makes it wait.

use anyhow::{Result, ensure};
use tapebase_load::{Ids, Spec};

use super::{Table, title};
use crate::bench::Bench;
use crate::bench::contest::{Ask, Entry, compete};
use crate::bench::folder::{free, set_aside};
use crate::bench::generator::Sample;
use crate::bench::number::readable;
use crate::bench::peers::{Server, Store};
use crate::bench::table::OF_UPLOADS;
use crate::bench::usage::most_unwritten;

/// Bytes that one sample of a burst uploads at most, so that the disk is never full.
const MOST: u32 = 2 << 30;

/// How often uploads that last are measured at most: a round takes minutes.
const SUSTAINED_ROUNDS: usize = 3;

/// How much more is uploaded than the kernel keeps in memory.
const BEYOND: f64 = 1.1;

/// MB that are uploaded at least, however much memory there is.
const MOST_SUSTAINED: f64 = 8_000.0;

/// How much more than that the fastest server may take in the time.
const ROOM: f64 = 3.0;

/// How a sample ends.
type Spell<'a> = &'a dyn Fn(&Server, usize, &Ask) -> Spec;

/// Uploads files of so many bytes for a few seconds, at each number of connections.
pub fn run(bench: &Bench, name: &str, length: u32, connections: &[usize]) -> Result<Vec<Table>> {
    let spell = |server: &Server, connections, ask: &Ask| bench.pace.spec(server, connections, MOST / length, ask);
    contests(bench, name, length, connections, &spell, bench.pace.rounds)
}

/// Uploads that last; and how long they do, in words.
pub fn sustained(bench: &Bench, name: &str, length: u32, connections: &[usize]) -> Result<(String, Vec<Table>)> {
    let most_unwritten = most_unwritten()?;
    let least = if bench.pace.quick { 0.0 } else { (most_unwritten * BEYOND).min(MOST_SUSTAINED) };
    ensure!(free(bench.folder.path())? > ROOM * least, "{} GB on the disk are too few", readable(ROOM * least / 1e3));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
    let requests = (least * 1e6 / f64::from(length)).ceil() as u32;
    let spell = |server: &Server, connections, ask: &Ask| bench.pace.lasting(server, connections, requests, ask);
    let rounds = bench.pace.rounds.min(SUSTAINED_ROUNDS);
    let tables = contests(bench, name, length, connections, &spell, rounds)?;
    let [seconds, least, most] = [bench.pace.sustained_seconds(), least / 1e3, most_unwritten / 1e3].map(readable);
    let description = format!(
        "A sample of {name} lasts {seconds} s at least, and until {least} GB are sent: the kernel of this machine keeps \
         {most} GB in memory before it has whoever writes wait for the disk. Rounds: {rounds}."
    );
    Ok((description, tables))
}

fn contests(
    bench: &Bench,
    name: &str,
    length: u32,
    connections: &[usize],
    spell: Spell,
    rounds: usize,
) -> Result<Vec<Table>> {
    let stores = bench.peers.stores();
    let contest = |&connections: &usize| {
        let sample = |store| move || upload(bench, store, length, |server, ask| spell(server, connections, ask));
        let entries: Vec<_> = stores
            .iter()
            .map(|&store| Entry { name: store.name().to_owned(), sample: Box::new(sample(store)) })
            .collect();
        compete(title(name, connections), length, OF_UPLOADS, &entries, rounds)
    };
    connections.iter().map(contest).collect()
}

/// Takes a sample of a new server with an empty folder, so that none depends on those before.
fn upload(bench: &Bench, store: &dyn Store, length: u32, spell: impl Fn(&Server, &Ask) -> Spec) -> Result<Sample> {
    let folder = bench.folder.next(store.name())?;
    let server = store.start(&folder)?;
    let ask = store.upload(&server, length, Ids::InTurn { seed: 0 });
    let sample = bench.generator.measure(&server, &spell(&server, &ask))?;
    drop(server);
    set_aside(&folder)?;
    Ok(sample)
}
