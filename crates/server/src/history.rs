//! `tapebase history renew`: after rows were put back to an earlier state by other means than `restore`.

use anyhow::ensure;
use tapebase_config::Config;

/// Begins another history, and says so.
pub async fn renew(config: &Config) -> anyhow::Result<()> {
    let data_dir = &config.data_dir;
    let is_there = !config.keeps_data_dir() || data_dir.exists();
    ensure!(is_there, "there is no {}: nothing that has a history", data_dir.display());
    let ports = config.locations()?.connect().await?;
    let history = ports.feed.renew_history().await?;
    println!("The history is {history} now: within ten seconds, clients that ask for changes begin anew.");
    Ok(())
}
