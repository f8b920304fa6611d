//! dufs, a server of files in Rust, built from its crate.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{FILES, Peer, Server, Store, ask_version, free_address, listening};
use crate::cache::Installation;
use crate::process::Process;
use crate::program;
use crate::workspace::cargo;

const VERSION: &str = "0.47.0";

pub struct Dufs {
    program: PathBuf,
}

impl Dufs {
    pub fn find() -> Result<Self> {
        let home = Installation {
            title: "dufs",
            name: format!("dufs-{VERSION}"),
            works: &|home| {
                Command::new(program(home)).arg("--version").output().is_ok_and(|output| output.status.success())
            },
            make: &make,
        }
        .find()?;
        Ok(Self { program: program(&home) })
    }
}

impl Peer for Dufs {
    fn name(&self) -> &'static str {
        "dufs"
    }

    fn ask_version(&self) -> Command {
        ask_version(&self.program)
    }

    fn start(&self, folder: &Path) -> Result<Server> {
        let address = free_address()?;
        let files = folder.join(FILES);
        std::fs::create_dir_all(&files)?;
        let process = Process::start("dufs", folder, |command| {
            command.arg(&self.program).args(["--allow-upload", "--bind", "127.0.0.1", "--port"]);
            command.arg(address.port().to_string()).args(["--log-format", ""]).arg(&files);
        })?;
        listening(process, address)
    }
}

impl Store for Dufs {}

fn program(home: &Path) -> PathBuf {
    home.join("bin/dufs")
}

/// Without TLS, which nobody asks it for here.
fn make(folder: &Path) -> Result<()> {
    let built = folder.join("built");
    let mut install = cargo(&["install", "dufs", "--version", VERSION, "--locked", "--no-default-features"]);
    program::succeed(install.arg("--root").arg(folder).arg("--target-dir").arg(&built))?;
    Ok(std::fs::remove_dir_all(built)?)
}
