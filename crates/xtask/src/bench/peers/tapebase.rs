//! Tapebase itself, as it is released and with its settings as they come.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use tapebase_load::Ids;

use super::{Ask, Peer, Server, Store, ask_version, free_address, listening, put};
use crate::client;
use crate::process::Process;
use crate::workspace;

/// More than any measurement stores.
const QUOTA: &str = "1 TiB";

pub struct Tapebase {
    name: &'static str,
    program: PathBuf,
    /// Whether it was built by somebody else, out of who knows what.
    pub is_foreign: bool,
}

impl Tapebase {
    /// Builds it, unless there is a built one.
    pub fn find(built: Option<PathBuf>) -> Result<Self> {
        let is_foreign = built.is_some();
        let program = match built {
            Some(program) => std::path::absolute(program)?,
            None => workspace::build(&["build", "--release", "-p", "tapebase"], "tapebase")?,
        };
        Ok(Self { name: "Tapebase", program, is_foreign })
    }

    /// A build to compare it with.
    pub fn other(program: &Path) -> Result<Self> {
        let program = program.canonicalize().with_context(|| format!("looking for {}", program.display()))?;
        Ok(Self { name: "other-build", program, is_foreign: true })
    }

    /// Starts it with its data in `folder`, and waits until it answers; nobody is signed up.
    pub fn open(&self, folder: &Path) -> Result<Server> {
        let (process, address) = self.spawn(folder)?;
        listening(process, address)
    }

    /// Starts it with its data in `folder`, and does not wait.
    pub fn spawn(&self, folder: &Path) -> Result<(Process, SocketAddr)> {
        let address = free_address()?;
        let process = Process::start(self.name, folder, |command| {
            command.arg(&self.program).env("TAPEBASE_LISTEN", address.to_string());
            command.env("TAPEBASE_DATA_DIR", folder.join("data")).env("TAPEBASE_LIMITS__QUOTA", QUOTA);
            // None of the others writes down its requests.
            command.env("TAPEBASE_LOG__FILTER", "warn");
        })?;
        Ok((process, address))
    }
}

impl Server {
    /// What a new user of a running Tapebase sends to be known.
    pub fn sign_up(&self, email: &str) -> Result<Vec<(String, String)>> {
        let token = client::sign_up(&format!("http://{}", self.address), email)?;
        Ok(vec![("Authorization".to_owned(), format!("Bearer {token}"))])
    }
}

impl Peer for Tapebase {
    fn name(&self) -> &'static str {
        self.name
    }

    fn ask_version(&self) -> Command {
        ask_version(&self.program)
    }

    fn start(&self, folder: &Path) -> Result<Server> {
        let mut server = self.open(folder)?;
        server.credentials = server.sign_up("first@example.com")?;
        Ok(server)
    }

    fn path(&self) -> &'static str {
        "/v1/recordings/{id}/audio"
    }
}

impl Store for Tapebase {
    fn upload(&self, server: &Server, length: u32, ids: Ids) -> Ask {
        put("/v1/recordings/{id}", server, length, ids)
    }
}
