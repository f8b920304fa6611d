//! An app on a device, as it is told to keep its copies: `docs/sync.md`, followed to the letter.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tapebase_conformance::http::{Client as _, Request, Response, Tcp, text};

/// What it has, and how far it has read.
pub struct Device {
    pub token: String,
    pub copies: BTreeMap<String, Copy>,
    pub cursor: Option<String>,
}

/// A recording on the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    pub audio: Vec<u8>,
    /// The server has said that it has it, and has not forgotten it since.
    pub is_stored: bool,
}

impl Device {
    /// Brings the device up to date, then sends what the server does not have.
    pub fn sync(&mut self, server: Tcp) {
        self.read_changes(server);
        let waiting: Vec<String> =
            self.copies.iter().filter(|(_, copy)| !copy.is_stored).map(|(id, _)| id.clone()).collect();
        for id in waiting {
            let request = Request::new("PUT", format!("/v1/recordings/{id}"));
            let answer = self.send(server, request.body("audio/mp4", self.copies[&id].audio.clone()));
            match &*answer.outcome() {
                "200" | "201" => self.copies.get_mut(&id).expect("it waits").is_stored = true,
                "409 recording-deleted" => drop(self.copies.remove(&id)),
                _ => panic!("{answer:?}"),
            }
        }
    }

    fn read_changes(&mut self, server: Tcp) {
        let (mut is_expired, mut listed) = (false, BTreeSet::new());
        loop {
            let cursor = self.cursor.as_ref().map_or(String::new(), |cursor| format!("&cursor={cursor}"));
            let answer = self.send(server, Request::new("GET", format!("/v1/changes?limit=7{cursor}")));
            match &*answer.outcome() {
                "200" => {}
                "410 cursor-expired" => {
                    (self.cursor, is_expired) = (None, true);
                    continue;
                }
                "410 history-changed" => {
                    self.cursor = None;
                    self.copies.values_mut().for_each(|copy| copy.is_stored = false);
                    continue;
                }
                _ => panic!("{answer:?}"),
            }
            let page = answer.json();
            for change in page["items"].as_array().expect("a list") {
                listed.insert(text(change, "id").to_owned());
                self.apply(server, change);
            }
            self.cursor = Some(text(&page, "cursor").to_owned());
            if page["more"] == false {
                break;
            }
        }
        if is_expired {
            self.copies.retain(|id, copy| listed.contains(id) || !copy.is_stored);
        }
    }

    fn apply(&mut self, server: Tcp, change: &Value) {
        let id = text(change, "id");
        if change["recording"].is_null() {
            self.copies.remove(id);
        } else if let Some(copy) = self.copies.get_mut(id) {
            copy.is_stored = true;
        } else {
            let audio = self.send(server, Request::new("GET", format!("/v1/recordings/{id}/audio"))).expect(200).body;
            self.copies.insert(id.to_owned(), Copy { audio, is_stored: true });
        }
    }

    pub fn send(&self, server: Tcp, request: Request) -> Response {
        server.send(&request.bearer(&self.token))
    }
}
