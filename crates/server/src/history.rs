//! `tapebase history renew`: after rows were put back to an earlier state by other means than `restore`.

use tapebase_config::Config;
use tapebase_domain::lineage::Lineage;

use crate::first_run;

/// Begins another history, and says so.
pub async fn renew(config: &Config) -> anyhow::Result<()> {
    first_run::require_stores(config, "nothing that has a history")?;
    let ports = config.locations()?.connect().await?;
    Lineage::new(&ports).renew().await?;
    let history = ports.feed.renew_history().await?;
    say!(
        "The history is {history} now: within ten seconds, clients that ask for changes begin anew, and all playback links end. \
         All audio counts as belonging to these rows: what they do not know is removed a week after it was found."
    );
    Ok(())
}
