//! `cargo xtask guides`: runs the commands of the README, the guides and the deployment, and the walk that a server prints,
//! as somebody does who pastes them: on disk, on the engines of AWS, with a table that is put back, and behind a proxy.

mod proxy;
mod restore;

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::debian::{Bundle, environment};
use crate::engines::{Engines, MailServer, OidcProvider};
use crate::markdown::blocks;
use crate::program;
use crate::server;
use crate::workspace::{self, cargo};

const PROGRAMS: Bundle = Bundle {
    name: "guides",
    packages: &["jq", "zsh", "fish", "nginx"],
    programs: &["usr/bin/jq", "bin/zsh", "usr/bin/fish", proxy::NGINX],
};

const README: &str = "README.md";

/// The texts with commands, and what those print among other things.
const GUIDES: [(&str, &[&str]); 8] = [
    (README, &["\"media_type\":\"audio/mp4\"", "\"name\":\"memo.m4a\"", "/v1/play/"]),
    ("docs/guides/play.md", &["identical\n206\n", "/v1/play/", "\ninvalid-link\n"]),
    ("docs/guides/delete-an-account.md", &["@example.com\n", "completed_by", "\ninvalid-token\n"]),
    ("docs/guides/forgotten-password.md", &["@example.com\n202\n204\nBearer\ninvalid-code\n403\n"]),
    ("docs/guides/verified-addresses.md", &["202\ntrue\n201\n202\ntrue\n204\ntrue\n"]),
    ("docs/guides/social-login.md", &["Bearer\nnull\n"]),
    ("docs/guides/errors-and-retries.md", &["\"not-found\"\n201\n200\n"]),
    (
        "docs/guides/upload-from-a-phone.md",
        &[
            "interrupted\nnot-found\n201\n200\nstored: the local copy may go\n",
            "\n200\ninsufficient-scope\n",
            "\nuploading part 1\nuploading part 2\nuploading part 3\n19916000\n",
        ],
    ),
];

/// The one for operators, which takes the program and its data.
const FOR_OPERATORS: (&str, &[&str]) =
    ("docs/guides/look-after-accounts.md", &["true\n{\n", "\"mailed\": true", "\n2\n204\ntrue\nnull\n01"]);

/// The block of the README that starts a server on disk, and that on AWS.
const ON_DISK: &str = "cargo run --release\n";
const ON_AWS: &str = "export TAPEBASE_RECORDS=";
/// The one that runs everything, this among it.
const TESTS: &str = "cargo xtask test\n";

/// The commands of the deployment that do not need an account: between these two sentences.
const DEPLOYMENT: (&str, &str, &str) = ("deploy/README.md", "See whether it answers", "With sign-up closed");

/// For how long a text may take, in seconds: a server that does not answer must not have everybody wait for ever.
const PATIENCE: &str = "120";

/// Where a desk has programs of its own, and the one that stands for cargo.
const BIN: &str = "bin";
const CARGO: &str = "crates/xtask/guides-cargo.sh";

/// Where all mail is, in a desk's folder.
const MAILS: &str = "mails";
/// Which is the person's business: waits for the latest mail to an address, and prints the code in it.
const READ_CODE: &str = r#"read_code_from_mail() {
  for _ in $(seq 100); do
    code=$(jq -Rr --arg to "$1" 'fromjson? | select(.to == [$to]).text' mails | grep -oE '^    [0-9A-Z-]{14}' | tr -d ' ' | tail -n 1) || :
    [ -z "$code" ] || break
    sleep 0.1
  done
  printf '%s' "$code"
}"#;

/// Where the texts expect a server.
const USUAL: &str = "http://127.0.0.1:8080";

/// What the walk prints among other things.
const WALK: [&str; 4] = ["\"items\":[{", "206 Partial Content", "identical", "204"];

/// Installs the programs that texts use, unless that is done.
pub fn install() -> Result<()> {
    PROGRAMS.find().map(drop)
}

/// Runs the guides beside engines of its own.
pub fn run_alone() -> Result<()> {
    let engines = Engines::start()?;
    let outcome = run(&engines);
    engines.stop()?;
    outcome
}

/// Starts servers as the README says, and does all that is written.
pub fn run(engines: &Engines) -> Result<()> {
    ensure_cargo_runs_the_server()?;
    let desk = Desk::new(PROGRAMS.find()?, &server::build()?)?;
    let settings = workspace::path("tapebase.toml");
    ensure!(!settings.exists(), "{} would be read by the server: move it away", settings.display());
    let readme = std::fs::read_to_string(workspace::path(README))?;
    let start = |begin: &str| blocks(&readme, "sh").find(|block| block.starts_with(begin));

    let on_disk = desk.server(start(ON_DISK).context("the README starts no server")?, &workspace::path(""))?;
    server::serve_by(on_disk, &desk.settings(), |address, folder| desk.follow_all(address, folder))
        .context("on disk")?;

    let on_aws = desk.server(start(ON_AWS).context("the README starts no server on AWS")?, desk.folder.path())?;
    let of_engines = engines.environment().iter().map(|(name, value)| (&**name, &**value));
    let settings: Vec<_> = of_engines.chain(desk.settings()).collect();
    server::serve_by(on_aws, &settings, |address, _| desk.follow_on_aws(address)).context("on AWS")?;

    restore::run(&desk, engines).context("putting a table back")?;
    proxy::run(&desk).context("behind nginx")
}

/// Where somebody pastes commands: the repository as they find it, and what they have installed.
struct Desk {
    /// Below which programs are that are not installed.
    home: PathBuf,
    /// Stands for the repository in what does not build it: files that are left in it do no harm.
    folder: TempDir,
    /// Stands for Google.
    provider: OidcProvider,
    /// Stands for everybody's mailbox.
    mail: MailServer,
}

impl Desk {
    fn new(home: PathBuf, built: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let release = folder.path().join("target/release");
        std::fs::create_dir_all(&release)?;
        symlink(built, release.join("tapebase"))?;
        std::fs::create_dir(folder.path().join(BIN))?;
        symlink(workspace::path(CARGO), folder.path().join(BIN).join("cargo"))?;
        symlink(workspace::path("crates"), folder.path().join("crates"))?;
        let mail = MailServer::start(&folder.path().join(MAILS))?;
        Ok(Self { home, folder, provider: OidcProvider::start()?, mail })
    }

    /// Settings of a server that takes this machine's provider for Google, and sends mail to everybody's mailbox.
    fn settings(&self) -> Vec<(&str, &str)> {
        let issuer = self.provider.issuer();
        let google =
            [("TAPEBASE_AUTH__OIDC__GOOGLE__ISSUER", issuer), ("TAPEBASE_AUTH__OIDC__GOOGLE__AUDIENCES", "app")];
        [google, self.mail.settings()].concat()
    }

    /// A command that runs a block, the last line of which serves.
    fn server(&self, block: &str, folder: &Path) -> Result<Command> {
        let (before, last) = block.trim_end().rsplit_once('\n').unwrap_or(("", block));
        let mut command = Command::new("bash");
        let folder = folder.display();
        command.arg("-ec").arg(format!("cd '{folder}'\n{before}\nexec {last}")).env("PATH", self.path()?);
        Ok(command)
    }

    fn follow_all(&self, address: &str, folder: &Path) -> Result<()> {
        self.follow_guides(address)?;
        let (file, expected) = FOR_OPERATORS;
        let data = format!("export TAPEBASE_DATA_DIR='{}'", server::data(folder).display());
        self.follow(file, expected, address, &data)?;
        // What the server logs may come between.
        let printed = std::fs::read_to_string(server::log(folder))?;
        let printed: String = printed.split_inclusive('\n').filter(|line| !line.starts_with('{')).collect();
        let walk = walk(&printed).context("the server prints no walk")?;
        for shell in [&["bash", "--norc"][..], &["dash"], &["zsh", "-f"], &["fish", "--no-config"]] {
            self.paste(shell, walk, &WALK).with_context(|| format!("the walk in {}", shell[0]))?;
        }
        Ok(())
    }

    fn follow_on_aws(&self, address: &str) -> Result<()> {
        self.follow_guides(address)?;
        let (file, from, to) = DEPLOYMENT;
        let text = std::fs::read_to_string(workspace::path(file))?;
        let part = text.split_once(from).and_then(|(_, rest)| Some(rest.split_once(to)?.0)).context(file)?;
        // Which asks the account for nothing but the function's URL.
        let account = format!("aws() {{ echo {address}/; }}\n");
        self.bash(&(account + &script(part)), &["\"ready\"", "\"media_type\":\"audio/mp4\"", "identical\n"])
            .context(file)
    }

    fn follow_guides(&self, address: &str) -> Result<()> {
        GUIDES.iter().try_for_each(|(file, expected)| self.follow(file, expected, address, ""))
    }

    /// Runs the commands of a text on a server, after others.
    fn follow(&self, file: &'static str, expected: &[&str], address: &str, before: &str) -> Result<()> {
        let text = std::fs::read_to_string(workspace::path(file))?;
        let script = script(&text).replace(USUAL, address);
        self.bash(&format!("{before}\n{script}"), expected).context(file)
    }

    fn bash(&self, script: &str, expected: &[&str]) -> Result<()> {
        // Which is the app's business, and the person's.
        let sign_in = format!(
            r#"sign_in_with_google() {{ jq -n --arg nonce "$1" '{{client_id: "app", sub: "ann", $nonce}}' | curl -s {}/test/token -d @-; }}"#,
            self.provider.issuer()
        );
        self.paste(&["bash", "--norc"], &format!("set -eu -o pipefail\n{sign_in}\n{READ_CODE}\n{script}"), expected)
    }

    /// Has a shell read the script from its standard input.
    fn paste(&self, shell: &[&str], script: &str, expected: &[&str]) -> Result<()> {
        let mut command = Command::new("timeout");
        command
            .arg(PATIENCE)
            .args(shell)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("PATH", self.path()?);
        command.envs(environment(&self.home));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        child.stdin.take().context("it reads")?.write_all(script.as_bytes())?;
        let output = child.wait_with_output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{} after it printed {printed}", output.status);
        let missing = expected.iter().find(|expected| !printed.contains(**expected));
        ensure!(missing.is_none(), "it prints no {missing:?}: {printed}");
        Ok(())
    }

    fn path(&self) -> Result<OsString> {
        let folders = [self.folder.path().join(BIN), self.home.join("usr/bin"), self.home.join("bin")];
        let usual = std::env::var_os("PATH").unwrap_or_default();
        Ok(std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&usual)))?)
    }
}

/// `cargo run` takes the only program of the only member that is built by default.
fn ensure_cargo_runs_the_server() -> Result<()> {
    let metadata = program::read(&mut cargo(&["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_slice(&metadata)?;
    let members = metadata["workspace_default_members"].as_array().context("cargo builds nothing by default")?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.filter(|package| members.contains(&package["id"]));
    let targets = targets.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let programs: Vec<_> = targets.filter(|target| target["kind"][0] == "bin").map(|target| &target["name"]).collect();
    ensure!(programs == ["tapebase"], "`cargo run` has these to choose from: {programs:?}");
    Ok(())
}

/// The commands of a text for a server that runs, in their order.
fn script(text: &str) -> String {
    let others = [ON_DISK, ON_AWS, TESTS];
    blocks(text, "sh").filter(|block| !others.iter().any(|begin| block.starts_with(begin))).collect()
}

/// The command among what a server prints.
fn walk(printed: &str) -> Option<&str> {
    let begin = printed.find("sh -c '\n")?;
    let end = printed[begin..].find("\n'\n")?;
    Some(&printed[begin..begin + end + "\n'\n".len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_taken_out_of_a_text() {
        let text = "# A\n```sh\ncargo run --release\n```\nb\n```sh\nA=1\n```\n```json\n{}\n```\n```sh\necho $A\n```\n";

        assert_eq!(script(text), "A=1\necho $A\n");
        assert_eq!(walk("x\nsh -c '\n  a\n'\n\ny"), Some("sh -c '\n  a\n'\n"));
    }
}
