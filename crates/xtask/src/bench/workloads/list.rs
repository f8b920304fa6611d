//! Pages of the list of a user's recordings.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tapebase_load::{Expect, Ids, Request};

use super::{Table, title};
use crate::bench::Bench;
use crate::bench::archive::Archive;
use crate::bench::contest::{Ask, Entry, compete};
use crate::bench::number::readable;
use crate::bench::peers::{FILES, Peer, Server, Tapebase};
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

/// What a build of Tapebase is asked for: a page, which is called so, and of which of its servers.
type Question<'a> = (String, &'a Server, &'a Page);

/// First and last page of a long list in a large store, and the first of a short one in a small store.
struct Lists {
    build: &'static str,
    large: Server,
    small: Server,
    first: Page,
    last: Page,
    short: Page,
    /// How many recordings of how many are listed in the large store, and in the small one.
    sizes: [String; 2],
}

/// Asks for every page in one contest, and nginx for a file of the same bytes.
pub fn run(bench: &Bench, name: &str) -> Result<Table> {
    let lists = Lists::open(bench, &bench.peers.tapebase, bench.large()?)?;
    let file = Page { path: format!("/{FILE}"), body: lists.first.body.clone() };
    let nginx = bench.peers.nginx().map(|nginx| serve(bench, nginx, &file)).transpose()?;
    let named = |(what, server, page)| entry(bench, format!("{}, {what}", lists.build), server, page);
    let mut entries: Vec<_> = lists.questions().into_iter().map(named).collect();
    if let Some(nginx) = &nginx {
        entries.push(entry(bench, "nginx, the first page as a file".to_owned(), nginx, &file));
    }
    compete(title(name, CONNECTIONS), u32::try_from(lists.first.body.len())?, &[], &entries, bench.pace.rounds)
}

/// Has this build and another compete for one page after the other.
pub fn run_against(bench: &Bench, name: &str, other: &Tapebase) -> Result<Vec<Table>> {
    let ours = Lists::open(bench, &bench.peers.tapebase, bench.large()?)?;
    let theirs = Lists::open(bench, other, &Archive::large(bench, other)?)?;
    let contest = |((what, server, page), (_, their_server, their_page)): (Question, Question)| {
        let entries = [
            entry(bench, ours.build.to_owned(), server, page),
            entry(bench, theirs.build.to_owned(), their_server, their_page),
        ];
        let title = title(&format!("{name}, {what}"), CONNECTIONS);
        compete(title, u32::try_from(page.body.len())?, &[], &entries, bench.pace.rounds)
    };
    ours.questions().into_iter().zip(theirs.questions()).map(contest).collect()
}

impl Lists {
    fn open(bench: &Bench, build: &Tapebase, archive: &Archive) -> Result<Self> {
        let of = |archive: &Archive| format!("{} of {}", readable(archive.each.into()), readable(archive.all.into()));
        let little = Archive::small(bench, build)?;
        let (large, small) = (archive.open(build)?, little.open(build)?);
        let (first, last, short) = (Page::first(&large)?, Page::last(&large)?, Page::first(&small)?);
        Ok(Self { build: build.name(), large, small, first, last, short, sizes: [of(archive), of(&little)] })
    }

    fn questions(&self) -> [Question<'_>; 3] {
        let [large, small] = &self.sizes;
        [
            (format!("first page, {large}"), &self.large, &self.first),
            (format!("last page, {large}"), &self.large, &self.last),
            (format!("first page, {small}"), &self.small, &self.short),
        ]
    }
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
