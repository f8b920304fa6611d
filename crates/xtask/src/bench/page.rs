//! The page in docs that keeps what was measured last.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Bench;
use super::machine;
use crate::program;
use crate::workspace;

const INTRODUCTION: &str = include_str!("../../bench/introduction.md");

/// Writes the page out of the results.
pub fn write(path: &Path, bench: &Bench, results: &[String]) -> Result<()> {
    let servers: Vec<_> =
        bench.peers.all().iter().map(|peer| format!("{} {}", peer.name(), version(peer.ask_version()))).collect();
    let mut page =
        vec![INTRODUCTION.trim_end().to_owned(), machine::describe(bench.folder.path())?.trim_end().to_owned()];
    page.push(format!("Servers: {}; Tapebase {}.", servers.join(", "), commit(bench)?));
    if !bench.peers.absent.is_empty() {
        page.push(format!("Absent: {}.", bench.peers.absent.join(", ")));
    }
    page.push(format!("Rounds: {}.", bench.pace.rounds));
    page.extend(results.iter().map(|result| result.trim_end().to_owned()));
    fs::write(path, page.join("\n\n") + "\n").with_context(|| format!("writing {}", path.display()))?;
    eprintln!("written to {}", path.display());
    Ok(())
}

/// Where the source of the measured Tapebase is to be found.
fn commit(bench: &Bench) -> Result<String> {
    if bench.peers.tapebase.is_foreign {
        return Ok("as it was built before".to_owned());
    }
    let mut describe = Command::new("git");
    describe.args(["describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]).current_dir(workspace::path(""));
    Ok(format!("at commit {}", String::from_utf8(program::read(&mut describe)?)?.trim()))
}

/// The version that a program says, wherever it says it.
fn version(mut command: Command) -> String {
    let said = command.output().map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    number(&String::from_utf8_lossy(&said)).unwrap_or("of unknown version").to_owned()
}

fn number(text: &str) -> Option<&str> {
    let words = text.split(|letter: char| letter.is_whitespace() || "/v,()".contains(letter));
    words.into_iter().find(|word| word.contains('.') && word.starts_with(|letter: char| letter.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_however_it_is_said() {
        assert_eq!(number("nginx version: nginx/1.22.1\n"), Some("1.22.1"));
        assert_eq!(number("v2.6.2 h1:abc=\n"), Some("2.6.2"));
        assert_eq!(number("dufs 0.47.0"), Some("0.47.0"));
        assert_eq!(number("no number at all"), None);
    }
}
