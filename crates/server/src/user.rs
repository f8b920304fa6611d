//! `tapebase user`: the operator's way to make accounts, and to let in whoever has forgotten their password.

use std::io::{self, IsTerminal as _};

use anyhow::ensure;
use tapebase_config::Config;
use tapebase_domain::{
    Services,
    id::UserId,
    user::{Email, Password},
};

use crate::first_run;

/// Adds a user with a password from the terminal or standard input, under an id of their own if one is given.
pub async fn add(config: &Config, email: &str, id: Option<UserId>) -> anyhow::Result<()> {
    let email = Email::parse(email)?;
    let password = Password::parse(&read_password()?)?;
    first_run::prepare_stores(config)?;
    let services = Services::new(&config.locations()?.connect().await?, &config.policy()?);
    let user = match id {
        Some(id) => services.auth.add_user_as(id, email, password).await?,
        None => services.auth.add_user(email, password).await?,
    };
    say!("added user {}", user.id);
    Ok(())
}

/// Replaces somebody's password by one from the terminal or standard input, and ends all their sessions and links.
pub async fn password(config: &Config, email: &str) -> anyhow::Result<()> {
    let email = Email::parse(email)?;
    first_run::require_stores(config, "it has no user whose password could be changed")?;
    let password = Password::parse(&read_password()?)?;
    let services = Services::new(&config.locations()?.connect().await?, &config.policy()?);
    let is_changed = services.auth.set_password(email, password).await?;
    ensure!(is_changed, "no user has this email address");
    say!("changed the password; all sessions and playback links of this user end within seconds");
    Ok(())
}

/// Asked twice on a terminal, where nobody sees what they type.
fn read_password() -> anyhow::Result<String> {
    if io::stdin().is_terminal() {
        let password = rpassword::prompt_password("Password: ")?;
        ensure!(rpassword::prompt_password("Again: ")? == password, "the passwords differ");
        return Ok(password);
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
