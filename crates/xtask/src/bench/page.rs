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

/// Writes the page out of the results. One of another processor stays beside it.
pub fn write(path: &Path, bench: &Bench, results: &[String]) -> Result<()> {
    let processor = machine::processor()?;
    set_aside(path, &processor)?;
    let servers: Vec<_> =
        bench.peers.all().iter().map(|peer| format!("{} {}", peer.name(), version(peer.ask_version()))).collect();
    let mut page =
        vec![INTRODUCTION.trim_end().to_owned(), machine::describe(bench.folder.path())?.trim_end().to_owned()];
    page.push(format!("Servers: {}; Tapebase {}.", servers.join(", "), commit(bench)?));
    if !bench.peers.absent.is_empty() {
        page.push(format!("Absent: {}.", bench.peers.absent.join(", ")));
    }
    page.push(format!("Rounds: {}.", bench.pace.rounds));
    page.extend(others(path, &processor)?);
    page.extend(results.iter().map(|result| result.trim_end().to_owned()));
    fs::write(path, page.join("\n\n") + "\n").with_context(|| format!("writing {}", path.display()))?;
    eprintln!("written to {}", path.display());
    Ok(())
}

/// Keeps a page of another processor under its name.
fn set_aside(path: &Path, processor: &str) -> Result<()> {
    let Ok(page) = fs::read_to_string(path) else { return Ok(()) };
    match measured_on(&page) {
        Some(other) if other != processor => Ok(fs::rename(path, path.with_file_name(file_name(path, other)))?),
        _ => Ok(()),
    }
}

/// Where the pages of other processors are.
fn others(path: &Path, processor: &str) -> Result<Option<String>> {
    let (prefix, own) = (file_name(path, ""), file_name(path, processor));
    let prefix = prefix.trim_end_matches(".md");
    let mut links = Vec::new();
    for entry in fs::read_dir(path.parent().context("a page is in a folder")?)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let page = path.with_file_name(&name);
        if name.starts_with(prefix) && page.extension() == path.extension() && name != own {
            let page = fs::read_to_string(page)?;
            links.push(format!("[{}]({name})", measured_on(&page).unwrap_or("unknown")));
        }
    }
    links.sort_unstable();
    Ok((!links.is_empty()).then(|| format!("Other processors: {}.", links.join(", "))))
}

/// The name of a page of a processor, beside the one at `path`.
fn file_name(path: &Path, processor: &str) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let words = processor.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    format!("{stem}-{}.md", words.collect::<Vec<_>>().join("-").to_lowercase())
}

/// The processor that a page names.
fn measured_on(page: &str) -> Option<&str> {
    page.lines().find_map(|line| Some(line.strip_prefix("| processor")?.trim_matches(['|', ' '])))
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

    #[test]
    fn a_page_of_another_processor_is_kept_and_linked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("benchmarks.md");
        fs::write(&path, "| processor     |   A Fast One @ 3 |\n").unwrap();

        set_aside(&path, "A Fast One @ 3").unwrap();
        assert!(path.exists(), "it is of this one");
        set_aside(&path, "Another").unwrap();

        assert!(!path.exists() && folder.path().join("benchmarks-a-fast-one-3.md").exists());
        let links = others(&path, "Another").unwrap();
        assert_eq!(links.as_deref(), Some("Other processors: [A Fast One @ 3](benchmarks-a-fast-one-3.md)."));
        assert_eq!(others(&path, "A Fast One @ 3").unwrap(), None);
    }
}
