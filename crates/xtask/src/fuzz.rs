//! `cargo xtask fuzz`: hands everything that reads text what nobody would think of, guided by which way each input takes.
//!
//! libFuzzer comes as a crate and what it needs of the compiler is in a stable one. What is found is kept in `target/fuzz`.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::workspace::{self, cargo, path};

/// What is fuzzed: the folders of their seeds.
const TARGETS: [&str; 2] = ["texts", "requests"];
/// The compiler of this workspace's crates, and of no other.
const WRAPPER: &str = "crates/xtask/fuzzing-rustc.sh";
/// The longest input, in bytes.
const LONGEST: u32 = 1_000;

/// Fuzzes all there is, at once, for so many seconds.
pub fn run(seconds: u32) -> Result<()> {
    let found = path("target/fuzz");
    std::fs::create_dir_all(&found)?;
    let corpus = TempDir::new()?;
    let programs: Vec<_> = TARGETS.into_iter().map(|target| Ok((target, build(target)?))).collect::<Result<_>>()?;
    let running: Vec<_> = programs
        .into_iter()
        .map(|(target, program)| Ok((target, begin(target, &program, seconds, &found, corpus.path())?)))
        .collect::<Result<_>>()?;
    let outcomes = running.into_iter().map(|(target, mut child)| {
        let status = child.wait().with_context(|| format!("fuzz-{target} was lost"))?;
        ensure!(status.success(), "fuzz-{target} has found something ({status}): the input is in {}", found.display());
        Ok(())
    });
    // None is left running because another has failed.
    outcomes.collect::<Vec<Result<()>>>().into_iter().collect()
}

fn build(target: &str) -> Result<PathBuf> {
    let mut build = cargo(&["build", "--quiet", "-p", "tapebase-fuzz"]);
    build.env("RUSTC_WORKSPACE_WRAPPER", path(WRAPPER));
    workspace::not_incrementally(&mut build);
    workspace::built(&mut build, &format!("fuzz-{target}"))
}

fn begin(target: &str, program: &Path, seconds: u32, found: &Path, corpus: &Path) -> Result<Child> {
    let inputs = corpus.join(target);
    std::fs::create_dir_all(&inputs)?;
    let mut command = Command::new(program);
    command.args([&inputs, &path(&format!("crates/fuzz/seeds/{target}"))]);
    command.args([format!("-max_total_time={seconds}"), format!("-max_len={LONGEST}"), "-len_control=0".to_owned()]);
    command.args([format!("-artifact_prefix={}/{target}-", found.display()), "-verbosity=0".to_owned()]);
    command.args(["-print_final_stats=1", "-timeout=10"]);
    command.spawn().with_context(|| format!("fuzz-{target} does not start"))
}
