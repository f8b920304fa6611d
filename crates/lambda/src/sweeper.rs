//! Sweeping, when the schedule says so.

use serde_json::{Value, json};
use tapebase_domain::{
    ports::Ports,
    sweep::{Sweep, Swept},
};

/// Sweeps audio that belongs to its rows, and no other.
pub struct Sweeper {
    ports: Ports,
    sweep: Sweep,
}

impl Sweeper {
    /// Sweeps behind these ports.
    pub const fn new(ports: Ports, sweep: Sweep) -> Self {
        Self { ports, sweep }
    }

    /// Sweeps once, and says what was removed.
    pub async fn sweep(&self) -> anyhow::Result<Value> {
        // No request asks this: to rows that know nothing of the audio, all of it would be orphans.
        self.ports.pair().await?;
        let Swept { orphans, failed, doubtful, uploads, staged, sessions, deleted, tombstones, erased, unerased } =
            self.sweep.run().await?;
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
