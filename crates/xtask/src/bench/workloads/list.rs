//! Pages of the list of a user's recordings.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tapebase_load::{Expect, Ids, Request};

use super::{Table, title};
use crate::bench::Bench;
use crate::bench::archive::Archive;
use crate::bench::contest::{Ask, Entry, compete};
use crate::bench::number::readable;
use crate::bench::peers::{FILES, Peer, Server};
use crate::client;

const CONNECTIONS: usize = 16;
const FIRST: &str = "/v1/recordings?limit=50";

/// The file of the server that serves the bytes of a page.
const FILE: &str = "page";

/// A page of a list, as it is asked for and answered.
struct Page {
    path: String,
    body: String,
}

/// First and last page of a long list in a large store, and the first of a short one in a small store.
pub fn run(bench: &Bench, name: &str) -> Result<Table> {
    let (large, small) = (bench.large()?, Archive::small(bench)?);
    let (ours, other) = (large.open(bench)?, small.open(bench)?);
    let (first, last, short) = (Page::first(&ours)?, Page::last(&ours)?, Page::first(&other)?);
    let file = Page { path: format!("/{FILE}"), body: first.body.clone() };
    let nginx = bench.peers.nginx().map(|nginx| serve(bench, nginx, &file)).transpose()?;
    let of = |archive: &Archive| format!("{} of {}", readable(archive.each.into()), readable(archive.all.into()));
    let mut entries = vec![
        entry(bench, format!("Tapebase, first page, {}", of(large)), &ours, &first),
        entry(bench, format!("Tapebase, last page, {}", of(large)), &ours, &last),
        entry(bench, format!("Tapebase, first page, {}", of(&small)), &other, &short),
    ];
    if let Some(nginx) = &nginx {
        entries.push(entry(bench, "nginx, the first page as a file".to_owned(), nginx, &file));
    }
    compete(title(name, CONNECTIONS), u32::try_from(first.body.len())?, &entries, bench.pace.rounds)
}

/// Starts a server of the bytes of a page.
fn serve(bench: &Bench, peer: &dyn Peer, page: &Page) -> Result<Server> {
    let folder = bench.folder.next(peer.name())?;
    std::fs::create_dir(folder.join(FILES))?;
    std::fs::write(folder.join(FILES).join(FILE), &page.body)?;
    peer.start(&folder)
}

fn entry<'a>(bench: &'a Bench, name: String, server: &'a Server, page: &Page) -> Entry<'a> {
    let spec = bench.pace.spec(server, CONNECTIONS, u32::MAX, &page.ask(server));
    Entry { name, sample: Box::new(move || bench.generator.measure(server, &spec)) }
}

impl Page {
    fn first(server: &Server) -> Result<Self> {
        Self::fetch(server, FIRST.to_owned())
    }

    /// Follows the list to its end.
    fn last(server: &Server) -> Result<Self> {
        let mut page = Self::first(server)?;
        while let Some(next) = page.next()? {
            page = Self::fetch(server, next)?;
        }
        Ok(page)
    }

    fn fetch(server: &Server, path: String) -> Result<Self> {
        let mut request = client::agent().get(format!("http://{}{path}", server.address));
        for (name, value) in &server.credentials {
            request = request.header(name, value);
        }
        let mut response = request.call()?;
        let body = response.body_mut().read_to_string()?;
        ensure!(response.status() == 200, "the server answers {}: {body}", response.status());
        Ok(Self { path, body })
    }

    /// The path of the page after this one.
    fn next(&self) -> Result<Option<String>> {
        let body: Value = serde_json::from_str(&self.body).context("a page is no JSON")?;
        Ok(body["next_cursor"].as_str().map(|cursor| format!("{FIRST}&cursor={cursor}")))
    }

    fn ask(&self, server: &Server) -> Ask {
        let request = Request {
            method: "GET".to_owned(),
            path: self.path.clone(),
            headers: server.credentials.clone(),
            range: None,
            body: None,
        };
        let length = Some(self.body.len() as u64);
        Ask { request, ids: Ids::AnyOf { seed: 0, of: 1 }, expect: Expect { status: 200, length } }
    }
}
