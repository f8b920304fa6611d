//! Caddy, out of its Debian package, as a server of files.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{FILES, Peer, Server, free_address, listening};
use crate::debian::{Package, libraries};
use crate::process::Process;

const PACKAGE: Package = Package { name: "caddy", program: "usr/bin/caddy", version: &["version"] };

pub struct Caddy {
    home: PathBuf,
}

impl Caddy {
    pub fn find() -> Result<Self> {
        Ok(Self { home: PACKAGE.find()? })
    }
}

impl Peer for Caddy {
    fn name(&self) -> &'static str {
        "Caddy"
    }

    fn ask_version(&self) -> Command {
        PACKAGE.ask_version(&self.home)
    }

    fn start(&self, folder: &Path) -> Result<Server> {
        let address = free_address()?;
        let configuration = folder.join("Caddyfile");
        std::fs::write(&configuration, configured(address.port()))?;
        let process = Process::start("Caddy", folder, |command| {
            command
                .arg(self.home.join(PACKAGE.program))
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(&configuration)
                .env("LD_LIBRARY_PATH", libraries(&self.home));
        })?;
        listening(process, address)
    }
}

fn configured(port: u16) -> String {
    format!(
        "{{\n\tadmin off\n\tauto_https off\n}}\nhttp://127.0.0.1:{port} {{\n\tbind 127.0.0.1\n\troot * {FILES}\n\tfile_server\n}}\n"
    )
}
