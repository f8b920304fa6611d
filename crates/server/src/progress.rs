//! How far a walk through the recordings has come, and how fast it may go on.

use std::io::{self, IsTerminal as _};

use bytesize::ByteSize;
use tapebase_domain::recording::Recording;
use tokio::time::{Duration, Instant, sleep_until};

use crate::print::to_stderr;

/// Counts, and shows it where somebody looks.
pub struct Progress {
    started: Instant,
    rate: Option<u64>,
    is_shown: bool,
    shown_at: Instant,
    /// How many recordings were read.
    pub recordings: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

impl Progress {
    const SHOWN_EVERY: Duration = Duration::from_millis(200);

    /// From nothing, at no more than so many bytes in a second.
    pub fn begin(rate: Option<ByteSize>) -> Self {
        let (started, rate) = (Instant::now(), rate.map(|rate| rate.as_u64().max(1)));
        Self { started, rate, is_shown: io::stderr().is_terminal(), shown_at: started, recordings: 0, bytes: 0 }
    }

    /// One more was read.
    pub fn advance(&mut self, recording: &Recording) {
        self.recordings += 1;
        self.bytes += recording.size;
        if self.is_shown && self.shown_at.elapsed() >= Self::SHOWN_EVERY {
            self.shown_at = Instant::now();
            self.clear_line();
            let Recording { owner, id, .. } = recording;
            // Whoever breaks it off sees where to go on.
            to_stderr(format_args!("{} recordings, {}, up to {owner}/{id}", self.recordings, ByteSize(self.bytes)));
        }
    }

    /// Waits as long as the rate asks for.
    pub async fn keep_pace(&self) {
        if let Some(rate) = self.rate {
            let due = self.bytes.saturating_mul(1_000) / rate;
            sleep_until(self.started + Duration::from_millis(due)).await;
        }
    }

    /// Makes room for a line that stays.
    pub fn clear_line(&self) {
        if self.is_shown {
            to_stderr(format_args!("\r\x1b[K"));
        }
    }
}
