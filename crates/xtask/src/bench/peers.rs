//! The servers that are measured.

mod caddy;
mod dufs;
mod nginx;
mod pocketbase;
mod tapebase;

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use tapebase_load::{Body, Expect, Ids, Request};

use super::contest::Ask;
use super::usage::Family;
use crate::process::{Process, free_address};
use caddy::Caddy;
use dufs::Dufs;
use nginx::Nginx;
use pocketbase::Pocketbase;
pub use tapebase::Tapebase;

/// The folder that a server of files serves, within the folder it keeps to.
pub const FILES: &str = "files";

/// A running server, which ends with this value.
pub struct Server {
    pub process: Process,
    pub address: SocketAddr,
    /// The fields that say who asks.
    pub credentials: Vec<(String, String)>,
}

impl Server {
    /// Waits until it does nothing any more.
    pub fn wait_until_quiet(&self) -> Result<()> {
        Family::of(self.process.id())?.wait_until_quiet(&self.process)
    }
}

/// A server that gives out files.
pub trait Peer {
    /// What people call it.
    fn name(&self) -> &'static str;

    /// Starts it with everything it keeps in `folder`, and waits until it answers.
    fn start(&self, folder: &Path) -> Result<Server>;

    /// A command that says its version.
    fn ask_version(&self) -> Command;

    /// The path of the file with an id.
    fn path(&self) -> &'static str {
        "/{id}"
    }
}

/// A server that takes files in.
pub trait Store: Peer {
    /// How it is sent files of so many bytes; the simplest way is that of `WebDAV`.
    fn upload(&self, server: &Server, length: u32, ids: Ids) -> Ask {
        put(self.path(), server, length, ids)
    }
}

/// The servers there are on this machine.
pub struct Peers {
    pub tapebase: Tapebase,
    /// Another build of it, which takes the place of all others.
    pub other: Option<Tapebase>,
    nginx: Option<Nginx>,
    caddy: Option<Caddy>,
    dufs: Option<Dufs>,
    pocketbase: Option<Pocketbase>,
    /// Which are missing, and why.
    pub absent: Vec<String>,
}

impl Peers {
    /// Installs what is missing, and goes without what cannot be had; `server` is a built Tapebase.
    pub fn find(server: Option<PathBuf>) -> Result<Self> {
        let mut absent = Vec::new();
        let tapebase = Tapebase::find(server)?;
        let nginx = have(&mut absent, "nginx", Nginx::find());
        let caddy = have(&mut absent, "Caddy", Caddy::find());
        let dufs = have(&mut absent, "dufs", Dufs::find());
        let pocketbase = have(&mut absent, "PocketBase", Pocketbase::find());
        Ok(Self { tapebase, other: None, nginx, caddy, dufs, pocketbase, absent })
    }

    /// Two builds of Tapebase, and nobody else.
    pub fn builds_only(server: Option<PathBuf>, other: &Path) -> Result<Self> {
        let (tapebase, other) = (Tapebase::find(server)?, Some(Tapebase::other(other)?));
        Ok(Self { tapebase, other, nginx: None, caddy: None, dufs: None, pocketbase: None, absent: Vec::new() })
    }

    /// Every build of Tapebase there is, this one first.
    pub fn builds(&self) -> impl Iterator<Item = &Tapebase> {
        std::iter::once(&self.tapebase).chain(&self.other)
    }

    /// Those that take files in, Tapebase first.
    pub fn stores(&self) -> Vec<&dyn Store> {
        let mut stores: Vec<&dyn Store> = self.builds().map(|build| build as &dyn Store).collect();
        stores.extend(self.nginx.as_ref().map(|nginx| nginx as &dyn Store));
        stores.extend(self.dufs.as_ref().map(|dufs| dufs as &dyn Store));
        stores.extend(self.pocketbase.as_ref().map(|pocketbase| pocketbase as &dyn Store));
        stores
    }

    /// The server of files that the others are compared with.
    pub fn nginx(&self) -> Option<&dyn Peer> {
        self.nginx.as_ref().map(|nginx| nginx as &dyn Peer)
    }

    /// All but Tapebase.
    pub fn all(&self) -> Vec<&dyn Peer> {
        let mut all = self.file_servers();
        all.extend(self.pocketbase.as_ref().map(|pocketbase| pocketbase as &dyn Peer));
        all
    }

    /// Those that give out any file in a folder, nginx first.
    pub fn file_servers(&self) -> Vec<&dyn Peer> {
        let mut servers = Vec::new();
        servers.extend(self.nginx());
        servers.extend(self.caddy.as_ref().map(|caddy| caddy as &dyn Peer));
        servers.extend(self.dufs.as_ref().map(|dufs| dufs as &dyn Peer));
        servers
    }
}

fn have<T>(absent: &mut Vec<String>, name: &str, found: Result<T>) -> Option<T> {
    found
        .map_err(|error| {
            eprintln!("{name} is absent: {error:#}");
            absent.push(name.to_owned());
        })
        .ok()
}

fn ask_version(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--version");
    command
}

/// What sends files of so many bytes with PUT.
fn put(path: &str, server: &Server, length: u32, ids: Ids) -> Ask {
    let content_type = ("Content-Type".to_owned(), "audio/mp4".to_owned());
    let body = Body { before: String::new(), length: length.into(), after: String::new() };
    let request = Request {
        method: "PUT".to_owned(),
        path: path.to_owned(),
        headers: [&server.credentials[..], &[content_type]].concat(),
        range: None,
        body: Some(body),
    };
    Ask { request, ids, expect: Expect { status: 201, length: None } }
}

/// A server that has just been started, once it takes connections.
fn listening(process: Process, address: SocketAddr) -> Result<Server> {
    process.wait_until(|| Ok(TcpStream::connect(address).is_ok()))?;
    Ok(Server { process, address, credentials: Vec::new() })
}
