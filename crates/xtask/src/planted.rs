//! `cargo xtask planted`: plants faults, one at a time, and sees whether the simulator finds them.
//!
//! Each is a patch in `crates/simulator/planted` that begins with a sentence about it. It is applied to a copy of the
//! tree; nothing here changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::program;
use crate::workspace::{cargo, path};

/// Where a fault is looked for: where fewest things go wrong first.
const LEVELS: [&str; 3] = ["calm", "stormy", "catastrophic"];
/// How many histories are lived through at each.
const HISTORIES: &str = "5000";

/// Plants all faults, or those whose names have one of these in them, and prints a table.
pub fn run(only: &[String]) -> Result<()> {
    let patches = patches(only)?;
    ensure!(!patches.is_empty(), "there is no such fault");
    let copy = Copy::make()?;
    ensure!(copy.search()?.is_none(), "something is found without any fault planted");
    let mut missed = Vec::new();
    println!("| Planted | What it does | Found by | at level | after histories | seconds |\n|---|---|---|---|--:|--:|");
    for patch in patches {
        let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let sentence = fs::read_to_string(&patch)?.lines().next().unwrap_or_default().to_owned();
        let began = Instant::now();
        let found = copy.find(&patch).with_context(|| name.clone())?;
        let cells = found.as_ref().map_or_else(|| "**not found** | | | |".to_owned(), |found| found.cells(began));
        println!("| `{name}` | {sentence} | {cells}");
        missed.extend(found.is_none().then_some(name));
    }
    ensure!(missed.is_empty(), "not found: {missed:?}");
    Ok(())
}

fn patches(only: &[String]) -> Result<Vec<PathBuf>> {
    let mut patches = Vec::new();
    for entry in fs::read_dir(path("crates/simulator/planted"))? {
        let patch = entry?.path();
        let name = patch.to_string_lossy().into_owned();
        if only.is_empty() || only.iter().any(|part| name.contains(part)) {
            patches.push(patch);
        }
    }
    patches.sort();
    Ok(patches)
}

/// What the simulator says of a fault.
struct Found {
    invariant: String,
    level: &'static str,
    histories: String,
}

impl Found {
    fn cells(&self, began: Instant) -> String {
        let Self { invariant, level, histories } = self;
        format!("{invariant} | {level} | {histories} | {} |", began.elapsed().as_secs())
    }
}

/// A copy of the tree, with a target folder that all faults share.
struct Copy(PathBuf);

impl Copy {
    fn make() -> Result<Self> {
        let copy = path("target/planted/tree");
        let files = program::read(Command::new("git").arg("ls-files").current_dir(path("")))?;
        for file in String::from_utf8(files)?.lines() {
            let to = copy.join(file);
            fs::create_dir_all(to.parent().unwrap_or(&copy))?;
            replace(&path(file), &to)?;
        }
        Ok(Self(copy))
    }

    /// Plants a fault, looks for it, and takes it out again.
    fn find(&self, patch: &Path) -> Result<Option<Found>> {
        self.apply(patch, &[])?;
        let found = self.search();
        self.apply(patch, &["--reverse"])?;
        found
    }

    /// Not as a part of the repository around it, which ignores this folder and would leave it out.
    fn apply(&self, patch: &Path, options: &[&str]) -> Result<()> {
        let mut apply = Command::new("git");
        apply.arg("apply").args(options).arg(patch).current_dir(&self.0).env("GIT_CEILING_DIRECTORIES", path("target"));
        program::succeed(&mut apply)
    }

    fn search(&self) -> Result<Option<Found>> {
        let simulator = self.build()?;
        for level in LEVELS {
            let mut simulate = Command::new(&simulator);
            simulate.args(["--stop", "--known", "--seeds", HISTORIES, "--level", level]).stderr(Stdio::null());
            let output = simulate.output().context("the simulator does not start")?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            if let Some(line) = text.lines().find(|line| line.contains("did not hold")) {
                let first_word = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
                let histories = text.lines().last().map(first_word).unwrap_or_default();
                return Ok(Some(Found { invariant: first_word(line), level, histories }));
            }
        }
        Ok(None)
    }

    fn build(&self) -> Result<PathBuf> {
        let target = path("target/planted/target");
        let package = ["--package", "tapebase-simulator", "--no-default-features"];
        let mut build = cargo(&["build", "--quiet", "--profile", "simulation"]);
        build.args(package);
        // A planted fault may leave something unused.
        build.arg("--target-dir").arg(&target).env("RUSTFLAGS", "-Awarnings").current_dir(&self.0);
        program::succeed(&mut build)?;
        Ok(target.join("simulation/simulate"))
    }
}

/// Copies a file, unless the very same is there: cargo would build it anew.
fn replace(from: &Path, to: &Path) -> Result<()> {
    let content = fs::read(from)?;
    if fs::read(to).is_ok_and(|there| there == content) {
        return Ok(());
    }
    fs::write(to, content).with_context(|| to.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise one that stands where something has changed is noticed by whoever plants them all, months later.
    #[test]
    fn every_fault_can_be_planted() {
        for patch in patches(&[]).expect("a folder of patches") {
            let mut check = Command::new("git");
            check.args(["apply", "--check"]).arg(&patch).current_dir(path(""));
            program::succeed(&mut check).unwrap_or_else(|error| panic!("{}: {error:#}", patch.display()));
        }
    }
}
