//! `tapebase keys rotate`: another key for playback links.

use tapebase_config::Config;

use crate::first_run;

/// Draws another key, and says what becomes of links.
pub async fn rotate(config: &Config) -> anyhow::Result<()> {
    first_run::require_stores(config, "nothing that signs links")?;
    let ports = config.locations()?.connect().await?;
    ports.playback_keys.rotate_playback_keys().await?;
    say!(
        "Playback links are signed with a fresh key within ten seconds. Those of the key before still play; \
         rotate once more to end them, too."
    );
    Ok(())
}
