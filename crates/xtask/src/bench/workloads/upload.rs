//! Uploads, each under an id of its own and with content of its own.

use anyhow::Result;
use tapebase_load::Ids;

use super::{Table, title};
use crate::bench::Bench;
use crate::bench::contest::{Entry, compete};
use crate::bench::folder::set_aside;
use crate::bench::generator::Sample;
use crate::bench::peers::Store;

/// Bytes that one sample uploads at most, so that the disk is never full.
const MOST: u32 = 2 << 30;

/// Uploads files of so many bytes, at each number of connections.
pub fn run(bench: &Bench, name: &str, length: u32, connections: &[usize]) -> Result<Vec<Table>> {
    let stores = bench.peers.stores();
    let contest = |&connections: &usize| {
        let entries = stores.iter().map(|&store| Entry {
            name: store.name().to_owned(),
            sample: Box::new(move || upload(bench, store, length, connections)),
        });
        compete(title(name, connections), length, &entries.collect::<Vec<_>>(), bench.pace.rounds)
    };
    connections.iter().map(contest).collect()
}

/// Takes a sample of a new server with an empty folder, so that none depends on those before.
fn upload(bench: &Bench, store: &dyn Store, length: u32, connections: usize) -> Result<Sample> {
    let folder = bench.folder.next(store.name())?;
    let server = store.start(&folder)?;
    let ask = store.upload(&server, length, Ids::InTurn { seed: 0 });
    let sample = bench.generator.measure(&server, &bench.pace.spec(&server, connections, MOST / length, &ask))?;
    drop(server);
    set_aside(&folder)?;
    Ok(sample)
}
