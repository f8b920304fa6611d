//! `tapebase user create-token`, `tokens` and `revoke-token`: the operator's way to API tokens.

use anyhow::{Context as _, ensure};
use chrono::TimeDelta;
use tapebase_config::Config;
use tapebase_domain::{
    api_token::{Scope, Scopes},
    auth::{NewApiToken, UserName},
    id::ApiTokenId,
    ports::{Clock as _, SystemClock},
};

use crate::{
    print,
    user::{NO_SUCH_USER, services, time},
};

/// Makes a token for a user, and prints its secret.
pub async fn create(
    config: &Config,
    user: &UserName,
    scopes: Vec<Scope>,
    name: String,
    days: u16,
) -> anyhow::Result<()> {
    let services = services(config).await?;
    let expires_at = Some(SystemClock.now() + TimeDelta::days(days.into()));
    let new = NewApiToken { name, scopes: Scopes::of(scopes)?, recording: None, expires_at };
    let (secret, token) = services.auth.issue_token(user, new).await?.context(NO_SUCH_USER)?;
    say!("{}", secret.expose());
    let (scopes, end) = (token.scopes.to_text(), time(token.expires_at));
    print::to_stderr(format_args!("token {} with the scope {scopes} until {end}; it is shown this once\n", token.id));
    Ok(())
}

/// Prints a user's tokens, newest first.
pub async fn list(config: &Config, user: &UserName) -> anyhow::Result<()> {
    let services = services(config).await?;
    let user = services.auth.look_up(user).await?.context(NO_SUCH_USER)?.user.id;
    for token in services.auth.tokens(user).await? {
        let last_used =
            token.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("last used {}", time(at)));
        let (scopes, end, name) = (token.scopes.to_text(), time(token.expires_at), token.name.escape_debug());
        say!("{}  {scopes}  until {end}  {last_used}  {name}", token.id);
    }
    Ok(())
}

/// Revokes one of a user's tokens.
pub async fn revoke(config: &Config, user: &UserName, id: ApiTokenId) -> anyhow::Result<()> {
    let services = services(config).await?;
    let user = services.auth.look_up(user).await?.context(NO_SUCH_USER)?.user.id;
    ensure!(services.auth.revoke_token(user, id).await?, "the user has no API token of this id");
    say!("revoked the token");
    Ok(())
}
