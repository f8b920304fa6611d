//! Free ports for the engines of one run, which no other run takes at the same time.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use anyhow::{Context as _, Result};

/// Above what Linux hands out by itself, so that no test that asks for a free port gets one of these.
const RANGE: Range<u16> = 61_000..65_400;

/// How many ports a run has, and some to spare.
const COUNT: u16 = 16;

/// What a port of the block is for.
#[derive(Clone, Copy)]
pub enum Port {
    /// Nobody speaks here: listening on it claims the block.
    Claim,
    DynamoDb,
    S3,
    S3Grpc,
    Master,
    MasterGrpc,
    Volume,
    VolumeGrpc,
    Filer,
    FilerGrpc,
}

/// A block of ports, claimed until this value is dropped or the process ends, however it ends.
pub struct Ports {
    first: u16,
    _claim: TcpListener,
}

impl Ports {
    /// Claims a block whose ports are all free.
    pub fn claim() -> Result<Self> {
        // Runs that start together begin their search at different blocks.
        let blocks = RANGE.len() / usize::from(COUNT);
        let start = std::process::id() as usize % blocks;
        let every = RANGE.step_by(usize::from(COUNT)).take(blocks);
        every
            .clone()
            .skip(start)
            .chain(every.take(start))
            .find_map(claim)
            .with_context(|| format!("no {COUNT} neighbouring ports are free from {} on", RANGE.start))
    }

    pub fn get(&self, port: Port) -> u16 {
        self.first + port as u16
    }
}

/// Listening is the claim: only one process can, and the kernel ends it with the process.
fn claim(first: u16) -> Option<Ports> {
    let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
    let claim = listen(first + Port::Claim as u16)?;
    (first + 1..first + COUNT).all(|port| listen(port).is_some()).then_some(Ports { first, _claim: claim })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_share_no_port() {
        let one = Ports::claim().unwrap();
        let other = Ports::claim().unwrap();

        assert!(one.first.abs_diff(other.first) >= COUNT);
    }

    #[test]
    fn a_block_with_a_port_in_use_is_not_taken() {
        let taken = Ports::claim().unwrap();
        let first = taken.first;
        drop(taken);
        let _used = TcpListener::bind((Ipv4Addr::LOCALHOST, first + 9)).unwrap();

        assert!(claim(first).is_none());
    }
}
