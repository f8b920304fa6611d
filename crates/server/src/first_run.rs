//! The first minute: makes the data folder, and says what to type next.

use std::{
    fs::{self, DirBuilder, File},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::{Context as _, ensure};
use tapebase_config::Config;
use tapebase_domain::session::{SessionToken, TokenForm};

/// Makes the data folder, for its owner's eyes only; `true` if there was none.
fn prepare(data_dir: &Path) -> anyhow::Result<bool> {
    let is_first = !data_dir.exists();
    make(data_dir).with_context(|| format!("data_dir = {}", data_dir.display()))?;
    Ok(is_first)
}

/// Makes the data folder if a store is in it; `true` if there was none.
pub fn prepare_stores(config: &Config) -> anyhow::Result<bool> {
    if config.keeps_data_dir() { prepare(&config.data_dir) } else { Ok(false) }
}

/// Fails if a store is in the data folder and there is none: nothing is made for a command that is of no use `without` one.
pub fn require_stores(config: &Config, without: &str) -> anyhow::Result<()> {
    let is_there = !config.keeps_data_dir() || config.data_dir.exists();
    ensure!(is_there, "there is no {}: {without}", config.data_dir.display());
    Ok(())
}

fn make(data_dir: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir)?;
    if fs::metadata(data_dir)?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(data_dir = %data_dir.display(), "other users of this machine may look into the data folder");
    }
    // The folder's own name must survive a power cut, too.
    File::open(data_dir.join(".."))?.sync_all()
}

/// Prints where to look, and a walk through the API that works as it is pasted into any shell.
pub fn print_walk(config: &Config, address: SocketAddr) {
    let api = config.public_url.clone().map_or_else(|| format!("http://{}", reachable(address)), String::from);
    let (records, blobs) = config.stores();
    say!("\nData is stored in {records}, audio in {blobs}.\nAPI reference, to try in a browser: {api}/docs");
    if !config.auth.open_signup {
        say!("Sign-up is closed: add users with `tapebase user add EMAIL`.");
        return;
    }
    let random = SessionToken::generate(TokenForm::Seed);
    let password = &random.expose()[..20];
    say!(
        r#"Or paste this into another terminal (any shell):

sh -c '
  API={api}
  EMAIL=me-$(date +%s)-$$@example.com
  cd $(mktemp -d)
  # three seconds of speech
  curl -sS -O $API/docs/hello.m4a
  # sign up
  TOKEN=$(curl -sS $API/v1/auth/signup -H "Content-Type: application/json" \
    -d "{{\"email\":\"$EMAIL\",\"password\":\"{password}\"}}" | sed -n "s/.*\"access_token\":\"\([^\"]*\)\".*/\1/p")
  # upload a recording
  ID=$(curl -sS $API/v1/recordings -H "Authorization: Bearer $TOKEN" -F file=@hello.m4a | sed -n "s/.*\"id\":\"\([^\"]*\)\".*/\1/p")
  # list
  curl -sS $API/v1/recordings -H "Authorization: Bearer $TOKEN"; echo
  # create a playback link, and fetch the first two bytes, as a player does
  LINK=$(curl -sS -X POST $API/v1/recordings/$ID/link -H "Authorization: Bearer $TOKEN" | sed -n "s/.*\"url\":\"\([^\"]*\)\".*/\1/p")
  curl -sS -L -D - -o /dev/null -r 0-1 $LINK
  # download it and compare
  curl -sS -L $LINK | cmp - hello.m4a && echo identical
  # delete it
  curl -sS -X DELETE -w "%{{http_code}}" $API/v1/recordings/$ID -H "Authorization: Bearer $TOKEN"; echo
'

Next: {api}/docs for all operations, docs/guides for apps, docs/configuration.md for settings.
"#
    );
}

/// Where this machine reaches it.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
