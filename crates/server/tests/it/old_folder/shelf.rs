//! A copy of the old folder, and the people in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tapebase_conformance::http::{
    Request, Response,
    cases::{
        fixtures::sha256,
        user::{id, log_in, token},
    },
};
use tempfile::TempDir;

use crate::server::{Server, command};

/// The name of the data folder on its shelf, as the server itself would choose it.
pub const DATA: &str = "tapebase-data";

/// A place for a copy of the old folder, and for what is made of it.
pub struct Shelf {
    place: TempDir,
    /// What was told of each user when the folder was made.
    users: Vec<Value>,
}

/// Somebody out of the old folder, logged in.
pub struct Account<'a> {
    pub told: &'a Value,
    server: &'a Server,
    token: String,
}

impl Shelf {
    pub fn with_old_folder() -> Self {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data-folder-2");
        let manifest = fs::read(fixture.join("manifest.json")).expect("a manifest");
        let mut manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        let users = manifest["users"].as_array_mut().map(std::mem::take).expect("users");
        let shelf = Self { place: TempDir::new().expect("a temporary folder"), users };
        copy(&fixture.join(DATA), &shelf.path(DATA));
        for folder in items(&manifest, "empty_folders") {
            fs::create_dir(shelf.path(DATA).join(folder.as_str().expect("a path"))).expect("made");
        }
        shelf
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// What was told of each user when the folder was made.
    pub fn users(&self) -> &[Value] {
        &self.users
    }

    pub fn serve(&self, folder: &str) -> Server {
        Server::start_on(&self.path(folder), &[])
    }

    /// Runs a command of the program on a data folder.
    #[track_caller]
    pub fn succeed(&self, folder: &str, arguments: &[&str]) {
        let mut command = command(&self.path(folder), &[]);
        let output = command.current_dir(self.place.path()).args(arguments).output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    pub fn log_in<'a>(&'a self, server: &'a Server) -> Vec<Account<'a>> {
        self.users.iter().map(|told| Account::log_in(server, told)).collect()
    }

    /// Everything is shown and played as it was told, and nothing else.
    #[track_caller]
    pub fn assert_serves_what_was_told(&self, folder: &str) {
        let server = self.serve(folder);
        for account in self.log_in(&server) {
            account.assert_has_what_was_told();
            assert_eq!(account.recordings().len(), items(account.told, "recordings").len());
        }
        assert!(server.terminate().success());
    }
}

impl<'a> Account<'a> {
    fn log_in(server: &'a Server, told: &'a Value) -> Self {
        let grant = server.send(&log_in(text(told, "email"), text(told, "password"))).expect(200);
        assert_eq!(grant.json()["user"]["id"], told["id"]);
        Self { told, server, token: token(&grant) }
    }

    pub fn send(&self, request: Request) -> Response {
        self.server.send(&request.bearer(&self.token))
    }

    pub fn recordings(&self) -> Vec<Value> {
        self.server.list_all(&self.token)
    }

    pub fn audio(&self, id: &str) -> Vec<u8> {
        self.send(Request::new("GET", format!("/v1/recordings/{id}/audio"))).expect(200).body
    }

    pub fn upload(&self, audio: Vec<u8>) -> String {
        id(&self.send(Request::new("POST", "/v1/recordings").body("audio/mp4", audio)).expect(201).json())
    }

    pub fn delete(&self, id: &str) {
        let _ = self.send(Request::new("DELETE", format!("/v1/recordings/{id}"))).expect(204);
    }

    /// Lists, finds and plays every recording as it was told, and nothing that was deleted.
    #[track_caller]
    pub fn assert_has_what_was_told(&self) {
        let listed = self.recordings();
        for told in items(self.told, "recordings") {
            let id = id(told);
            let found = self.send(Request::new("GET", format!("/v1/recordings/{id}"))).expect(200).json();
            assert!(listed.contains(&found), "{id} is not listed");
            assert_is_as_told(&found, told);
            let audio = self.audio(&id);
            assert_eq!((audio.len().into(), sha256(&audio).into()), (told["size"].clone(), told["sha256"].clone()));
        }
        for deleted in items(self.told, "deleted") {
            let target = format!("/v1/recordings/{}", deleted.as_str().expect("an id"));
            assert_eq!(self.send(Request::new("GET", &target)).outcome(), "404 not-found");
            assert_eq!(self.send(Request::new("GET", format!("{target}/audio"))).outcome(), "404 not-found");
        }
    }
}

/// Every field that was told has the same value; others may have come since.
#[track_caller]
pub fn assert_is_as_told(shown: &Value, told: &Value) {
    for (field, value) in told.as_object().expect("an object") {
        assert_eq!(&shown[field], value, "{field} of {shown}");
    }
}

pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member}: {value}"))
}

pub fn items<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value[member].as_array().unwrap_or_else(|| panic!("no {member}: {value}"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("read");
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(path, target).expect("copied");
        }
    }
}
