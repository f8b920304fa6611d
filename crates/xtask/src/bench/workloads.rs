//! What the servers are asked to do.

mod download;
mod idle;
mod list;
mod upload;

use anyhow::Result;
use clap::ValueEnum;

use super::table::Table;
use super::{Bench, duel};

/// 64 KiB, four seconds of speech.
const SMALL: u32 = 64 << 10;
/// 64 MiB, an hour of it.
const LARGE: u32 = 64 << 20;
/// 256 MiB, an evening.
const HUGE: u32 = 256 << 20;

/// What all servers in a contest do.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Uploads of 64 KiB.
    #[value(name = "put-64k")]
    PutSmall,
    /// Uploads of 64 MiB.
    #[value(name = "put-64m")]
    PutLarge,
    /// Uploads of 64 KiB, more than the kernel keeps in memory.
    #[value(name = "sustained-64k")]
    Sustained,
    /// 64 KiB from anywhere in 256 MiB.
    #[value(name = "range-64k")]
    Range,
    /// Any of a thousand files of 64 KiB.
    #[value(name = "get-64k")]
    GetSmall,
    /// A file of 256 MiB.
    #[value(name = "get-256m")]
    GetHuge,
    /// A page of a list.
    #[value(name = "list-50")]
    List,
    /// Start and memory.
    #[value(name = "idle")]
    Idle,
}

impl Workload {
    /// Those in which a change of the program is felt most.
    pub const TELLING: &[Self] = &[Self::PutSmall, Self::Range, Self::GetSmall, Self::List];

    /// Those that were asked for, or all, in their order.
    pub fn chosen(only: &[Self]) -> impl Iterator<Item = &Self> {
        Self::value_variants().iter().filter(|workload| only.is_empty() || only.contains(workload))
    }

    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Measures it, at one number of connections after the other.
    pub fn run(self, bench: &Bench) -> Result<Vec<String>> {
        let other = bench.peers.other.as_ref();
        let show = if other.is_some() { duel::show } else { Table::to_string };
        let tables = match self {
            // One connection waits for the disk, whichever build it is.
            Self::PutSmall if other.is_some() => upload::run(bench, &self.name(), SMALL, &[16, 64]),
            Self::PutSmall => upload::run(bench, &self.name(), SMALL, &[1, 16, 64]),
            Self::PutLarge => upload::run(bench, &self.name(), LARGE, &[1, 4]),
            Self::Sustained => {
                let (description, tables) = upload::sustained(bench, &self.name(), SMALL, &[1, 16, 64])?;
                return Ok([description].into_iter().chain(tables.iter().map(show)).collect());
            }
            Self::Range => download::ranges(bench, &self.name(), &[16, 64]),
            Self::GetSmall => download::small(bench, &self.name(), &[16, 64]),
            Self::GetHuge => download::huge(bench, &self.name(), &[1, 4]),
            Self::List => match other {
                Some(other) => list::run_against(bench, &self.name(), other),
                None => Ok(vec![list::run(bench, &self.name())?]),
            },
            Self::Idle => return Ok(vec![idle::run(bench, &self.name())?]),
        };
        Ok(tables?.iter().map(show).collect())
    }
}

fn title(name: &str, connections: usize) -> String {
    let plural = if connections == 1 { "" } else { "s" };
    format!("{name}, {connections} connection{plural}")
}
