//! A copy of the old folder, and the people in it.

use std::{fs, path::Path};

use chrono::{DateTime, FixedOffset};
use serde_json::Value;
use tapebase_conformance::http::{
    Client,
    cases::{User, fixtures::sha256, user::id},
    text,
};

use crate::{server::Server, shelf::Shelf};

/// The name of the data folder on its shelf, as the server itself would choose it.
pub const DATA: &str = "tapebase-data";

/// A copy of the old folder, and what was told when it was made.
pub struct OldFolder {
    /// Where the copy is, as [`DATA`], and what is made of it.
    pub shelf: Shelf,
    /// What was told of each user.
    pub users: Vec<Value>,
}

/// Somebody out of the old folder, logged in.
pub struct Account<'a> {
    pub told: &'a Value,
    pub user: User<'a>,
}

impl OldFolder {
    pub fn copied() -> Self {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data-folder-2");
        let manifest = fs::read(fixture.join("manifest.json")).expect("a manifest");
        let mut manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        let users = manifest["users"].as_array_mut().map(std::mem::take).expect("users");
        let shelf = Shelf::new();
        copy(&fixture.join(DATA), &shelf.path(DATA));
        for folder in items(&manifest, "empty_folders") {
            fs::create_dir(shelf.path(DATA).join(folder.as_str().expect("a path"))).expect("made");
        }
        Self { shelf, users }
    }

    pub fn serve(&self, folder: &str) -> Server {
        Server::start_on(&self.shelf.path(folder), &[])
    }

    pub fn log_in<'a>(&'a self, client: &'a dyn Client) -> Vec<Account<'a>> {
        self.users.iter().map(|told| Account::log_in(client, told)).collect()
    }

    /// Everything is shown and played as it was told, and nothing else.
    #[track_caller]
    pub fn assert_serves_what_was_told(&self, folder: &str) {
        let server = self.serve(folder);
        for account in self.log_in(&server.tcp()) {
            account.assert_has_what_was_told();
            assert_eq!(account.user.recordings().len(), items(account.told, "recordings").len());
        }
        assert!(server.terminate().success());
    }
}

impl<'a> Account<'a> {
    fn log_in(client: &'a dyn Client, told: &'a Value) -> Self {
        let user = User::log_in(client, text(told, "email"), text(told, "password"));
        assert_eq!(user.read("/v1/me")["id"], told["id"]);
        Self { told, user }
    }

    /// Lists, finds and plays every recording as it was told, and nothing that was deleted.
    #[track_caller]
    pub fn assert_has_what_was_told(&self) {
        let listed = self.user.recordings();
        for told in items(self.told, "recordings") {
            let id = id(told);
            let found = self.user.read(&format!("/v1/recordings/{id}"));
            assert!(listed.contains(&found), "{id} is not listed");
            assert_is_as_told(&found, told);
            let audio = self.user.audio(&id);
            assert_eq!((audio.len().into(), sha256(&audio).into()), (told["size"].clone(), told["sha256"].clone()));
        }
        for deleted in items(self.told, "deleted") {
            let target = format!("/v1/recordings/{}", deleted.as_str().expect("an id"));
            assert_eq!(self.user.get(&target).outcome(), "404 not-found");
            assert_eq!(self.user.get(&format!("{target}/audio")).outcome(), "404 not-found");
        }
    }
}

/// Every field that was told has the same value; others may have come since.
#[track_caller]
pub fn assert_is_as_told(shown: &Value, told: &Value) {
    for (field, value) in told.as_object().expect("an object") {
        match (time(&shown[field]), time(value)) {
            // Older servers wrote fractions of seconds only where there are some.
            (Some(shown), Some(told)) => assert_eq!((shown, shown.offset()), (told, told.offset()), "{field}"),
            _ => assert_eq!(&shown[field], value, "{field} of {shown}"),
        }
    }
}

fn time(value: &Value) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok()
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
