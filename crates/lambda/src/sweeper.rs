//! Sweeping, when the schedule says so.

use std::io::{self, Write as _};

use serde_json::{Value, json};
use tapebase_domain::{
    ports::Ports,
    sweep::{Sweep, Swept},
};

use crate::metrics;

/// Sweeps audio that belongs to its rows, and no other.
pub struct Sweeper {
    ports: Ports,
    sweep: Sweep,
    /// What the function is called.
    name: String,
}

impl Sweeper {
    /// Sweeps behind these ports.
    pub const fn new(ports: Ports, sweep: Sweep, name: String) -> Self {
        Self { ports, sweep, name }
    }

    /// Sweeps once, and says what was removed.
    pub async fn sweep(&self) -> anyhow::Result<Value> {
        // No request asks this: to rows that know nothing of the audio, all of it would be orphans.
        self.ports.pair().await?;
        let swept = self.sweep.run().await?;
        // Not by the log, which would wrap it: CloudWatch wants the object itself.
        writeln!(io::stdout(), "{}", metrics::of_sweep(&swept, &self.name, self.ports.clock.now()))?;
        let Swept { orphans, failed, doubtful, uploads, staged, sessions, deleted, tombstones, erased, unerased } =
            swept;
        tracing::info!(
            orphans, failed, doubtful, uploads, staged, sessions, deleted, tombstones, erased, unerased, "swept"
        );
        if failed > 0 {
            tracing::warn!(failed, "some blobs resist");
        }
        if unerased > 0 {
            tracing::warn!(unerased, "users who have left are not gone in time: something of theirs resists");
        }
        if doubtful > 0 {
            tracing::warn!(doubtful, "some audio may be what recordings are missing, and stays");
        }
        Ok(json!({
            "orphans": orphans, "failed": failed, "doubtful": doubtful, "uploads": uploads, "staged": staged,
            "sessions": sessions, "deleted": deleted, "tombstones": tombstones, "erased": erased, "unerased": unerased,
        }))
    }
}
