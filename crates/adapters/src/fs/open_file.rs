//! A file that is open, and how long it was when that was last asked.

use std::{
    fs::File,
    io::{self, ErrorKind},
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    name::Location,
    reading::Wait,
    trailer::{self, audio_bytes},
};

/// A file that is open, and how long it is.
#[derive(Debug)]
pub struct OpenFile {
    /// What is read from.
    pub file: File,
    length: AtomicU64,
}

impl OpenFile {
    /// Asks a file how long it is.
    pub fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len().into();
        Ok(Self { file, length })
    }

    /// Fails if one that was cut short shows it: a trailer is at the end, or there is none. A pack says nothing of its own
    /// length, nor does a file of the first version.
    pub fn check(&self, location: &Location, wait: Wait) -> io::Result<()> {
        match location {
            Location::File(name) if name.provenance.is_some() => trailer::check_end(&self.file, self.length(), wait),
            Location::File(_) | Location::Pack(_) => Ok(()),
        }
    }

    /// How many bytes of audio the file has, if there is a trailer behind them.
    pub fn audio_bytes(&self) -> u64 {
        audio_bytes(self.length())
    }

    /// Fails if the file ends before `end`. It is asked for its length only if it was shorter than that: a pack grows.
    pub fn reaches(&self, end: u64) -> io::Result<()> {
        if end > self.length() {
            self.length.store(self.file.metadata()?.len(), Ordering::Relaxed);
        }
        if end > self.length() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn length(&self) -> u64 {
        self.length.load(Ordering::Relaxed)
    }
}
