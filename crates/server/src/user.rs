//! `tapebase user add`: the operator's way to make accounts.

use std::io::{self, IsTerminal as _};

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

fn read_password() -> io::Result<String> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ");
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
