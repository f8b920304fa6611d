//! A writer that loses what cannot be written: whoever logs is neither told of it nor held up by it.

use std::{
    io::{self, Write},
    os::fd::AsFd,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

/// How many bytes a pipe takes at once without blocking, when it says that it takes any.
const PIECE: usize = 4_096;
/// How long a reader that was quick so far is waited for.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// How long one is waited for that was not there last time.
const NO_PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Whether the last line was lost because nobody read. There is one standard error.
static STALLED: AtomicBool = AtomicBool::new(false);

/// Writes to `inner` what it takes, and forgets the rest.
pub struct Lossy<W>(W);

impl<W: Write + AsFd> Lossy<W> {
    /// Writes to `inner`.
    pub const fn new(inner: W) -> Self {
        Self(inner)
    }

    fn write_pieces(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            wait(&self.0)?;
            self.0.write_all(piece)?;
        }
        self.0.flush()
    }
}

/// Fails unless a piece can be written now or in a moment.
fn wait(sink: impl AsFd) -> io::Result<()> {
    let patience = if STALLED.load(Ordering::Relaxed) { NO_PATIENCE } else { PATIENCE };
    let mut sinks = [PollFd::new(&sink, PollFlags::OUT)];
    let ready = loop {
        match poll(&mut sinks, Some(&patience)) {
            Err(Errno::INTR) => {}
            ready => break ready?,
        }
    };
    STALLED.store(ready == 0, Ordering::Relaxed);
    if ready == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
}

impl<W: Write + AsFd> Write for Lossy<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Lost.
        let _ = self.write_pieces(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read as _, time::Instant};

    use super::*;

    #[test]
    fn what_a_full_disk_does_not_take_is_lost_without_an_error() {
        let full = File::options().write(true).open("/dev/full").expect("opened");

        assert_eq!(Lossy::new(full).write(b"a line\n").expect("no error"), 7);
    }

    #[test]
    fn a_reader_that_is_gone_is_no_error() {
        let (reader, writer) = io::pipe().expect("made");
        drop(reader);

        assert_eq!(Lossy::new(writer).write(b"a line\n").expect("no error"), 7);
    }

    #[test]
    fn a_reader_that_does_not_read_holds_nobody_up() {
        let (mut reader, writer) = io::pipe().expect("made");
        let mut lossy = Lossy::new(writer);
        let started = Instant::now();

        for _ in 0..1_000 {
            lossy.write_all(&[b'x'; 1_000]).expect("no error");
        }

        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
        drop(lossy);
        let mut came = Vec::new();
        reader.read_to_end(&mut came).expect("read");
        assert!(came.len() >= 32_000 && came.len() < 1_000_000, "{}", came.len());
    }
}
