//! `tapebase user`: the operator's way to make accounts and look after them.

use std::io::{self, IsTerminal as _};

use anyhow::{Context as _, anyhow, bail, ensure};
use bytesize::ByteSize;
use chrono::SecondsFormat;
use tapebase_config::Config;
use tapebase_domain::{
    Services,
    auth::{Mailed, UserName},
    id::UserId,
    page::Limit,
    ports::{Clock as _, SystemClock},
    session::Session,
    time::Timestamp,
    user::{Account, Email, Identity, Password},
};

use crate::{first_run, print};

pub const NO_SUCH_USER: &str = "there is no such user";
const AGAIN: &str = "some sessions or links may not have ended; run it again";

/// Adds a user with a password from the terminal or standard input, under an id of their own if one is given.
pub async fn add(config: &Config, email: &str, id: Option<UserId>) -> anyhow::Result<()> {
    let email = Email::parse(email)?;
    let password = Password::parse(&read_password()?)?;
    first_run::prepare_stores(config)?;
    let services = Services::new(&config.locations()?.connect().await?, &config.policy()?);
    let id = id.unwrap_or_else(|| UserId::generate(SystemClock.now()));
    let user = services.auth.add_user(id, email, password).await?;
    say!("added user {}", user.id);
    Ok(())
}

/// Replaces somebody's password by one from the terminal or standard input, and ends all their sessions and links.
pub async fn password(config: &Config, email: &str) -> anyhow::Result<()> {
    let email = Email::parse_known(email)?;
    let services = services(config).await?;
    let password = Password::parse(&read_password()?)?;
    let is_changed = services.auth.set_password(&UserName::Email(email), password).await?;
    ensure!(is_changed, "no user has this email address");
    say!("changed the password; all sessions and playback links of this user end within seconds");
    Ok(())
}

/// Prints a code that lets a user choose another password.
pub async fn reset(config: &Config, email: &str) -> anyhow::Result<()> {
    let email = Email::parse_known(email)?;
    let services = services(config).await?;
    let code = services.auth.reset_code(email).await?;
    let code = code.context("no user has this email address and a password")?;
    say!("{}", code.expose());
    let minutes = code.lifetime().num_minutes();
    print::to_stderr(format_args!("it can be used once, in the next {minutes} minutes, by whoever has it\n"));
    Ok(())
}

/// Invites somebody, and prints the code with which they sign up; it is mailed to them as well where mail is sent.
pub async fn invite(config: &Config, email: &str) -> anyhow::Result<()> {
    let email = Email::parse(email)?;
    first_run::prepare_stores(config)?;
    let services = Services::new(&config.locations()?.connect().await?, &config.policy()?);
    let invitation = services.auth.invite(email).await?;
    say!("{}", invitation.code.expose());
    let days = invitation.code.lifetime().num_days();
    print::to_stderr(format_args!("with it they sign up, in the next {days} days, also while sign-up is closed\n"));
    match services.auth.mail_invitation(invitation).await {
        Mailed::Nothing => Ok(()),
        Mailed::Sent => {
            print::to_stderr(format_args!("it was mailed to them\n"));
            Ok(())
        }
        Mailed::Refused => bail!("the code was not mailed: the mail server refuses the address"),
        Mailed::Failed(cause) => Err(anyhow!(cause).context("the code was not mailed")),
    }
}

/// Verifies somebody's email address.
pub async fn verify(config: &Config, email: &str) -> anyhow::Result<()> {
    let email = Email::parse_known(email)?;
    let services = services(config).await?;
    ensure!(services.auth.vouch_for(email).await?, "no user has this email address");
    say!("the email address is verified");
    Ok(())
}

/// Prints all users, the last that signed up first.
pub async fn list(config: &Config) -> anyhow::Result<()> {
    let services = services(config).await?;
    let mut after = None;
    loop {
        let page = services.auth.users(after, Limit::MAX).await?;
        for user in page.items {
            let state = match (user.disabled_at, user.erase_at) {
                (_, Some(_)) => "  being erased",
                (Some(_), None) => "  disabled",
                (None, None) => "",
            };
            let email = user.email().map(|email| email.as_str().escape_debug().to_string()).unwrap_or_default();
            say!("{}  since {}  {email}{state}", user.id, time(user.created_at));
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Prints who a user is, what they sign in with and how much they store.
pub async fn show(config: &Config, name: &UserName) -> anyhow::Result<()> {
    let services = services(config).await?;
    let Account { user, password } = services.auth.look_up(name).await?.context(NO_SUCH_USER)?;
    let usage = services.usage.of(user.id).await?;
    let (has, quota) = (usage.has, usage.limits.quota);
    say!("id          {}", user.id);
    say!("signed up   {}", time(user.created_at));
    if let Some(disabled_at) = user.disabled_at {
        say!("disabled    {}", time(disabled_at));
    }
    if let Some(erase_at) = user.erase_at {
        say!("erased from {}", time(erase_at));
    }
    // Whatever somebody calls themselves is printed in one line, and does nothing to a terminal.
    for linked in &user.identities {
        match &linked.identity {
            Identity::Email(email) => {
                let verified = linked.verified_at.map(|at| format!("  verified {}", time(at)));
                say!("email       {}{}", email.as_str().escape_debug(), verified.unwrap_or_default());
            }
            Identity::Oidc(subject) => {
                say!("provider    {} {}", subject.issuer().escape_debug(), subject.subject().escape_debug());
            }
            Identity::Social(social) => {
                say!("social id   {} at {}", social.id().escape_debug(), social.network().escape_debug());
            }
        }
    }
    say!("password    {}", if password.is_some() { "yes" } else { "none" });
    say!("recordings  {} of {}", has.recordings, quota.recordings);
    say!("uploads     {} of {}", has.uploads, quota.uploads);
    say!("storage     {} of {}", ByteSize(has.used_bytes()), ByteSize(quota.bytes));
    say!("sessions    {} of {}", has.sessions, usage.most_sessions);
    Ok(())
}

/// Prints where a user is signed in, newest first.
pub async fn sessions(config: &Config, name: &UserName) -> anyhow::Result<()> {
    let services = services(config).await?;
    let user = services.auth.look_up(name).await?.context(NO_SUCH_USER)?.user.id;
    let mut after = None;
    loop {
        let page = services.auth.sessions(user, Limit::MAX, after).await?;
        for Session { id, client, created_at, last_used_at, .. } in page.items {
            let (client, since) = (client.escape_debug(), time(created_at));
            say!("{id}  since {since}  last used {}  {client}", time(last_used_at));
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Ends all sessions and playback links of a user.
pub async fn sign_out(config: &Config, name: &UserName) -> anyhow::Result<()> {
    ensure!(services(config).await?.auth.sign_out(name).await.context(AGAIN)?, NO_SUCH_USER);
    say!("all sessions and playback links of this user end within seconds");
    Ok(())
}

/// Lets a user in no more.
pub async fn disable(config: &Config, name: &UserName) -> anyhow::Result<()> {
    ensure!(services(config).await?.auth.disable(name).await.context(AGAIN)?, NO_SUCH_USER);
    say!(
        "disabled the user; all their sessions, API tokens and playback links end within seconds, and what they have stored is kept"
    );
    Ok(())
}

/// Lets a disabled user in again.
pub async fn enable(config: &Config, name: &UserName) -> anyhow::Result<()> {
    let auth = services(config).await?.auth;
    ensure!(auth.restore(name).await? && auth.enable(name).await?, NO_SUCH_USER);
    say!("the user can sign in");
    Ok(())
}

/// Erases a user, or says what that would remove. By their id from the first step on: their address may be somebody else's
/// a moment later.
pub async fn remove(config: &Config, name: &UserName, yes: bool) -> anyhow::Result<()> {
    let services = services(config).await?;
    let user = services.auth.look_up(name).await?.context(NO_SUCH_USER)?.user.id;
    if !yes {
        let has = services.usage.of(user).await?.has;
        say!("user {user} has {} recordings and {} in all", has.recordings, ByteSize(has.used_bytes()));
        say!("`tapebase user remove {user} --yes` removes them for good, and the user");
        return Ok(());
    }
    let again = || format!("{AGAIN}, for user {user}");
    let receipt = services.auth.erase_user(user).await.with_context(again)?.context(NO_SUCH_USER)?;
    say!("user {user} cannot sign in any more; all sessions and playback links end within seconds");
    say!(
        "their data begins to be removed at {}, and is gone by {}",
        time(receipt.begins_at),
        time(receipt.completed_by)
    );
    if let Some(at) = receipt.backups_expire_by {
        say!("it is gone from backups by {}", time(at));
    }
    Ok(())
}

/// Of stores that are there: none of these commands makes any.
pub async fn services(config: &Config) -> anyhow::Result<Services> {
    first_run::require_stores(config, "it has no users")?;
    Ok(Services::new(&config.locations()?.connect().await?, &config.policy()?))
}

/// To the second.
pub fn time(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
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
