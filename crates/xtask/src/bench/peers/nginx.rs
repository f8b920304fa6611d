//! nginx, out of its Debian package, with `WebDAV` to take files in.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{FILES, Peer, Server, Store, free_address, listening};
use crate::debian::{Package, libraries};
use crate::process::Process;

const PACKAGE: Package = Package { name: "nginx", program: "usr/sbin/nginx", version: &["-v"] };

/// As fast as it can be: no log, files kept open, and no `tcp_nopush`, with which every range waits for 40 ms.
const CONFIGURATION: &str = include_str!("../../../bench/nginx.conf");

pub struct Nginx {
    home: PathBuf,
}

impl Nginx {
    pub fn find() -> Result<Self> {
        Ok(Self { home: PACKAGE.find()? })
    }
}

impl Peer for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn ask_version(&self) -> Command {
        PACKAGE.ask_version(&self.home)
    }

    fn start(&self, folder: &Path) -> Result<Server> {
        let address = free_address()?;
        let configuration = folder.join("nginx.conf");
        std::fs::write(&configuration, CONFIGURATION.replace("127.0.0.1:80", &address.to_string()))?;
        std::fs::create_dir_all(folder.join(FILES))?;
        let process = Process::start_family("nginx", folder, |command| {
            command
                .arg(self.home.join(PACKAGE.program))
                .args(["-e", "stderr", "-c"])
                .arg(&configuration)
                .arg("-p")
                .arg(folder)
                .env("LD_LIBRARY_PATH", libraries(&self.home));
        })?;
        listening(process, address)
    }
}

impl Store for Nginx {}
