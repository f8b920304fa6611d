//! `tapebase setup` and `tapebase doctor`: what is right with the stores, and what is not.

use anyhow::ensure;
use tapebase_adapters::finding::Finding;
use tapebase_config::{Config, EmailVerification};
use tapebase_http::Proxies;

use crate::first_run;

/// Makes what is missing, and says what was.
pub async fn set_up(config: &Config) -> anyhow::Result<()> {
    first_run::prepare_stores(config)?;
    print(&config.locations()?.set_up().await?)
}

/// Looks at everything, and changes nothing that stays.
pub async fn diagnose(config: &Config) -> anyhow::Result<()> {
    let data_dir = &config.data_dir;
    let is_made = !config.keeps_data_dir() || data_dir.exists();
    ensure!(is_made, "there is no {} yet: run `tapebase setup`, or start the server", data_dir.display());
    advise(config);
    print(&config.locations()?.diagnose().await?)
}

/// Says what cannot be told from here whether it is right.
fn advise(config: &Config) {
    if config.http.proxies == Proxies::default() {
        say!(
            "note: http.proxies is not set; with a proxy in front, set it to that proxy's address, or limits for each \
             client's address do not apply, and its X-Forwarded-… headers are ignored"
        );
    }
    if config.auth.email_verification != EmailVerification::Off && config.mail.smtp.is_none() {
        say!(
            "note: auth.email_verification is set, and mail.smtp is not: nobody is mailed a code, and only `tapebase user add`, `verify`, `invite` and `reset` verify addresses"
        );
    }
}

/// One line for each; an error if any is not right.
fn print(findings: &[Finding]) -> anyhow::Result<()> {
    for finding in findings {
        say!("{finding}");
    }
    let failed = findings.iter().filter(|finding| !finding.is_fine()).count();
    ensure!(failed == 0, "{failed} of {} are not right", findings.len());
    Ok(())
}
