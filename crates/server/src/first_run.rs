//! The first minute: makes the data folder, and says what to type next.

use std::{
    fs::{self, DirBuilder, File},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::{Context as _, ensure};
use tapebase_config::Config;
use tapebase_domain::session::{SessionToken, TokenForm};

/// Three seconds of speech, to try everything with.
const SAMPLE: &[u8] = include_bytes!("../assets/hello.m4a");
const SAMPLE_NAME: &str = "hello.m4a";

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
    let sample = data_dir.join(SAMPLE_NAME);
    if !sample.exists() {
        fs::write(&sample, SAMPLE)?;
    }
    // The folder's own name must survive a power cut, too.
    File::open(data_dir.join(".."))?.sync_all()
}

/// Prints a walk through the API that works as it is pasted.
pub fn print_walk(config: &Config, address: SocketAddr) -> anyhow::Result<()> {
    // The sample is there, wherever everything else is kept.
    prepare(&config.data_dir)?;
    let data_dir = fs::canonicalize(&config.data_dir)?;
    let (records, blobs) = config.stores();
    let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { address.ip().to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    if !config.auth.open_signup {
        say!(
            "\nSign-up is closed: add users with `tapebase user add EMAIL`.\nThe API: http://{host}:{}/docs",
            address.port()
        );
        return Ok(());
    }
    let random = SessionToken::generate(TokenForm::Seed);
    let password = &random.expose()[..20];
    say!(
        r#"
Rows are kept in {records}, audio in {blobs}. Paste this into another terminal:

  API=http://{host}:{port}
  FILE='{sample}'
  EMAIL="me-$(date +%s)@example.com"

  # sign up
  TOKEN=$(curl -sS $API/v1/auth/signup -H 'Content-Type: application/json' \
    -d '{{"email":"'$EMAIL'","password":"{password}"}}' | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
  # upload a recording
  ID=$(curl -sS $API/v1/recordings -H "Authorization: Bearer $TOKEN" -F "file=@$FILE" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')
  # list
  curl -sS $API/v1/recordings -H "Authorization: Bearer $TOKEN"; echo
  # fetch its first two bytes, as a player does
  curl -sS -D - -o /dev/null -r 0-1 $API/v1/recordings/$ID/audio -H "Authorization: Bearer $TOKEN"
  # download it and compare
  curl -sS $API/v1/recordings/$ID/audio -H "Authorization: Bearer $TOKEN" | cmp - "$FILE" && echo identical
  # delete it
  curl -sS -X DELETE -w '%{{http_code}}\n' $API/v1/recordings/$ID -H "Authorization: Bearer $TOKEN"

The whole API: http://{host}:{port}/docs
"#,
        port = address.port(),
        sample = data_dir.join(SAMPLE_NAME).display().to_string().replace('\'', r"'\''"),
    );
    Ok(())
}
