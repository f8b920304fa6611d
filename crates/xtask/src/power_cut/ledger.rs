//! What the apps know: the server's answers, and nothing else.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, ensure};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::app::App;

/// A recording that was sent.
#[derive(Clone)]
pub struct Sent {
    pub id: String,
    pub size: usize,
}

impl Sent {
    /// Its bytes, every line of which says where it belongs.
    pub fn audio(&self) -> Vec<u8> {
        let mut audio = Vec::with_capacity(self.size + 64);
        for line in 0_u32.. {
            if audio.len() >= self.size {
                break;
            }
            audio.extend_from_slice(self.id.as_bytes());
            audio.extend_from_slice(&line.to_be_bytes());
        }
        audio.truncate(self.size);
        audio
    }
}

/// What became of what was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The upload was acknowledged.
    Stored,
    /// The delete was acknowledged.
    Deleted,
    /// There was no answer: it may be there or not, but whole.
    Unknown,
}

/// Everything that was sent.
#[derive(Default)]
pub struct Ledger(BTreeMap<String, (Sent, Fate)>);

impl Ledger {
    pub fn uploaded(&mut self, sent: &Sent, is_answered: bool) {
        self.note(sent, if is_answered { Fate::Stored } else { Fate::Unknown });
    }

    pub fn deleted(&mut self, sent: &Sent, is_answered: bool) {
        self.note(sent, if is_answered { Fate::Deleted } else { Fate::Unknown });
    }

    fn note(&mut self, sent: &Sent, fate: Fate) {
        self.0.insert(sent.id.clone(), (sent.clone(), fate));
    }

    /// Fails unless the server shows what was acknowledged, nothing that was deleted, and nothing half.
    pub fn check(&self, app: &App) -> Result<()> {
        ensure!(self.count(Fate::Stored) > 0, "nothing was stored before the power was cut");
        let mut listed = app.list()?;
        for (id, (sent, fate)) in &self.0 {
            match (listed.remove(id), fate) {
                (Some(_), Fate::Deleted) => anyhow::bail!("{id} was deleted, and is listed"),
                (None, Fate::Stored) => anyhow::bail!("{id} of {} bytes was acknowledged, and is lost", sent.size),
                (None, Fate::Deleted | Fate::Unknown) => {}
                (Some(sha256), Fate::Stored | Fate::Unknown) => {
                    let audio = sent.audio();
                    ensure!(sha256 == HEXLOWER.encode(&Sha256::digest(&audio)), "{id} is listed with another digest");
                    ensure!(app.download(id)? == audio, "{id} is not what was sent");
                }
            }
        }
        ensure!(listed.is_empty(), "these were never sent: {listed:?}");
        Ok(())
    }

    fn count(&self, wanted: Fate) -> usize {
        self.0.values().filter(|(_, fate)| *fate == wanted).count()
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [stored, deleted, unknown] = [Fate::Stored, Fate::Deleted, Fate::Unknown].map(|fate| self.count(fate));
        write!(formatter, "{stored} stored, {deleted} deleted, {unknown} without an answer")
    }
}
