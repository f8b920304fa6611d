//! `cargo xtask guides`: runs the commands of the README and the guides, and the walk that a server prints, as somebody does
//! who pastes them.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::debian::{Bundle, environment};
use crate::server;
use crate::workspace;

const SHELLS: Bundle =
    Bundle { name: "shells", packages: &["jq", "zsh", "fish"], programs: &["usr/bin/jq", "bin/zsh", "usr/bin/fish"] };

/// Files with commands, and what those print among other things.
const GUIDES: [(&str, &[&str]); 3] = [
    ("README.md", &["\"media_type\":\"audio/mp4\"", "\"name\":\"memo.m4a\"", "/v1/play/"]),
    ("docs/guides/play.md", &["identical\n206\n", "/v1/play/", "\ninvalid-link\n"]),
    ("docs/guides/errors-and-retries.md", &["\"not-found\"\n201\n200\n"]),
];

/// What blocks begin with that start servers, which others here do, or test everything, which this is a part of.
const ELSEWHERE: [&str; 3] = ["cargo run --release\n", "cargo xtask test\n", "export TAPEBASE_RECORDS="];

/// Where the texts expect a server.
const USUAL: &str = "http://127.0.0.1:8080";

/// What the walk prints among other things.
const WALK: [&str; 4] = ["\"items\":[{", "206 Partial Content", "identical", "204"];

/// Builds and starts a server, and does all that is written.
pub fn run() -> Result<()> {
    let home = SHELLS.find()?;
    server::serve(&[], |address, folder| follow(&home, folder, address))
}

fn follow(home: &Path, folder: &Path, address: &str) -> Result<()> {
    for (file, expected) in GUIDES {
        let text = std::fs::read_to_string(workspace::path(file))?;
        let script = format!("set -eu -o pipefail\n{}", script(&text).replace(USUAL, address));
        paste(home, &["bash", "--norc"], &script, expected).with_context(|| file.to_owned())?;
    }
    let printed = std::fs::read_to_string(server::log(folder))?;
    let walk = walk(&printed).context("the server prints no walk")?;
    for shell in [&["bash", "--norc"][..], &["dash"], &["zsh", "-f"], &["fish", "--no-config"]] {
        paste(home, shell, walk, &WALK).with_context(|| format!("the walk in {}", shell[0]))?;
    }
    let guide = std::fs::read_to_string(workspace::path("docs/guides/web-page.md"))?;
    let page = std::fs::read_to_string(workspace::path("crates/xtask/browsers/page.js"))?;
    let is_tested = |block: &&str| page.contains(block.trim_end());
    let untested = blocks(&guide, "js").find(|block| !is_tested(block));
    ensure!(untested.is_none(), "docs/guides/web-page.md has code that no browser runs: {untested:?}");
    Ok(())
}

/// Has a shell read the script from its standard input, in a folder of its own.
fn paste(home: &Path, shell: &[&str], script: &str, expected: &[&str]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("env");
    command.args(shell).current_dir(folder.path()).env("HOME", folder.path()).env("PATH", path(home)?);
    command.envs(environment(home));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("it reads")?.write_all(script.as_bytes())?;
    let output = child.wait_with_output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{} after it printed {printed}", output.status);
    let missing = expected.iter().find(|expected| !printed.contains(**expected));
    ensure!(missing.is_none(), "it prints no {missing:?}: {printed}");
    Ok(())
}

fn path(home: &Path) -> Result<OsString> {
    let folders = [home.join("usr/bin"), home.join("bin")];
    let usual = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&usual)))?)
}

/// The commands of a text, in their order.
fn script(text: &str) -> String {
    blocks(text, "sh").filter(|block| !ELSEWHERE.iter().any(|begin| block.starts_with(begin))).collect()
}

/// The blocks of a text in a language.
fn blocks<'text>(text: &'text str, language: &str) -> impl Iterator<Item = &'text str> {
    let fence = format!("```{language}\n");
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, from) = rest.split_once(&fence)?;
        let (block, after) = from.split_once("```\n")?;
        rest = after;
        Some(block)
    })
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
