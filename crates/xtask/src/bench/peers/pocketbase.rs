//! `PocketBase`, out of a Python package, with a collection of files that signed-in users may add to.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde_json::json;
use tapebase_load::{Body, Expect, Ids, Request};

use super::{Ask, Peer, Server, Store, ask_version, free_address, listening};
use crate::client::{post, text};
use crate::process::Process;
use crate::program;
use crate::python::Environment;

const ENVIRONMENT: Environment = Environment {
    name: "pocketbase",
    requirements: include_str!("../../../requirements/pocketbase.txt"),
    works: |home| ask_version(&program(home)).output().is_ok_and(|output| output.status.success()),
};

const EMAIL: &str = "first@example.com";
const PASSWORD: &str = "a password for one run";

pub struct Pocketbase {
    program: PathBuf,
}

impl Pocketbase {
    pub fn find() -> Result<Self> {
        Ok(Self { program: program(&ENVIRONMENT.find()?) })
    }
}

impl Peer for Pocketbase {
    fn name(&self) -> &'static str {
        "PocketBase"
    }

    fn ask_version(&self) -> Command {
        ask_version(&self.program)
    }

    fn start(&self, folder: &Path) -> Result<Server> {
        let data = folder.join("data");
        let mut superuser = Command::new(&self.program);
        superuser.args(["superuser", "upsert", EMAIL, PASSWORD, "--dir"]).arg(&data).current_dir(folder);
        program::read(&mut superuser)?;
        let address = free_address()?;
        let process = Process::start("PocketBase", folder, |command| {
            command.arg(&self.program).arg("serve").arg(format!("--http={address}")).arg("--dir").arg(&data);
        })?;
        let mut server = listening(process, address)?;
        server.credentials = vec![("Authorization".to_owned(), set_up(address.to_string().as_str())?)];
        Ok(server)
    }
}

impl Store for Pocketbase {
    fn upload(&self, server: &Server, length: u32, ids: Ids) -> Ask {
        let form = ("Content-Type".to_owned(), "multipart/form-data; boundary=boundary".to_owned());
        let file = "Content-Disposition: form-data; name=\"file\"; filename=\"memo.m4a\"\r\nContent-Type: audio/mp4";
        let body = Body {
            before: format!("--boundary\r\n{file}\r\n\r\n"),
            length: length.into(),
            after: "\r\n--boundary--\r\n".to_owned(),
        };
        let request = Request {
            method: "POST".to_owned(),
            path: "/api/collections/recordings/records".to_owned(),
            headers: [&server.credentials[..], &[form]].concat(),
            range: None,
            body: Some(body),
        };
        Ask { request, ids, expect: Expect { status: 200, length: None } }
    }
}

fn program(home: &Path) -> PathBuf {
    home.join("bin/pocketbase")
}

/// Makes the collection and a user, and returns the user's token.
fn set_up(address: &str) -> Result<String> {
    let collections = format!("http://{address}/api/collections");
    let log_in = |collection| {
        let who = json!({ "identity": EMAIL, "password": PASSWORD });
        let grant = post(&format!("{collections}/{collection}/auth-with-password"), None, &who)?;
        text(&grant, "token")
    };
    let superuser = log_in("_superusers")?;
    let file = json!({ "name": "file", "type": "file", "required": true, "maxSelect": 1, "maxSize": 1 << 30 });
    let recordings =
        json!({ "name": "recordings", "type": "base", "fields": [file], "createRule": "@request.auth.id != ''" });
    post(&collections, Some(&superuser), &recordings)?;
    let user = json!({ "email": EMAIL, "password": PASSWORD, "passwordConfirm": PASSWORD });
    post(&format!("{collections}/users/records"), Some(&superuser), &user)?;
    log_in("users")
}
