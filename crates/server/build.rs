//! Notes what the program is made of: its version, the commit where that is known, and which stores it has.

use std::{env, path::Path, process::Command};

fn main() {
    // Another commit moves the first, or what it names.
    for cause in ["../../.git/HEAD", "../../.git/refs/heads"].into_iter().filter(|cause| Path::new(cause).exists()) {
        println!("cargo::rerun-if-changed={cause}");
    }
    let version = env!("CARGO_PKG_VERSION");
    let commit = commit().map_or_else(String::new, |commit| commit + ", ");
    let has = |feature: &str| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    let stores = match (has("EMBEDDED"), has("AWS")) {
        (true, true) => "disk and AWS",
        (true, false) => "disk",
        (false, true) => "AWS",
        (false, false) => "memory alone",
    };
    // `cargo run` has it in the environment of the program, too, where no name of a setting may be that is none.
    println!("cargo::rustc-env=BUILT_AS={version} ({commit}{stores})");
}

fn commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(format!("commit {}", commit.trim()))
}
