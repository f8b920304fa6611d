//! The routes of 2018 on the real server: all of their promises, and those that take more than HTTP to see.

mod access;
mod bodies;
mod stores;

use std::{
    fs,
    io::Write as _,
    net::TcpStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::json;
use tapebase_conformance::http::{Client as _, Request, Response, Tcp, text};

use crate::server::Server;

const TRUSTING: (&str, &str) = ("TAPEBASE_AUTH__TRUST_SOCIAL_IDS", "true");
/// Longer than anything takes the server by itself.
const SOON: Duration = Duration::from_secs(20);
const MIB: usize = 1 << 20;

tapebase_conformance::seed_tests!(front_end());

/// A server of its own for each test: a shared one would outlive them all.
fn front_end() -> (Tcp, Server) {
    let server = Server::start(&[TRUSTING]);
    (server.tcp(), server)
}

#[test]
fn the_routes_of_2018_can_be_switched_off() {
    let server = Server::start(&[TRUSTING, ("TAPEBASE_ROUTES_2018", "false")]);

    for (method, target) in [
        ("GET", "/login?social_id=4711&social_type=kakao"),
        ("GET", "/record/list"),
        ("GET", "/record/x"),
        ("DELETE", "/record/x"),
        ("PUT", "/record/x"),
        ("PUT", "/upload/record/x/"),
    ] {
        let request = Request::new(method, target).body("application/octet-stream", "audio");
        assert_eq!(server.tcp().send(&request).outcome(), "404 not-found", "{method} {target}");
    }
    assert_eq!(server.tcp().send(&Request::new("GET", "/healthz")).status, 200);
}

/// An app that is signed in.
struct Phone {
    tcp: Tcp,
    authorization: String,
}

impl Phone {
    fn sign_in(server: &Server) -> Self {
        let grant = login(server, "4711").expect(200).json();
        let authorization = format!("{} {}", text(&grant, "user_id"), text(&grant, "auth_key"));
        Self { tcp: server.tcp(), authorization }
    }

    /// The same app, after the server was started again.
    fn reconnect(self, server: &Server) -> Self {
        Self { tcp: server.tcp(), ..self }
    }

    fn send(&self, request: Request) -> Response {
        self.tcp.send(&request.header("Authorization", &self.authorization))
    }

    fn upload(&self, name: &str, audio: &[u8]) -> Response {
        self.send(Request::new("PUT", format!("/upload/record/{name}")).body("application/octet-stream", audio))
    }

    fn get(&self, id: &str) -> Response {
        self.send(Request::new("GET", format!("/record/{id}")))
    }

    fn delete(&self, id: &str) -> Response {
        self.send(Request::new("DELETE", format!("/record/{id}")))
    }

    /// The ids of its recordings.
    fn ids(&self) -> Vec<String> {
        let list = self.send(Request::new("GET", "/record/list")).expect(200).json();
        list["records"].as_array().expect("a list").iter().map(|record| text(record, "id").to_owned()).collect()
    }

    /// Sends the head of an upload, and whatever of its body.
    fn begin_upload(&self, headers: &str, body: &[u8]) -> TcpStream {
        let mut stream = self.tcp.connect();
        let head = format!(
            "PUT /upload/record/memo.m4a HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: {}\r\n\
             Content-Type: application/octet-stream\r\n{headers}\r\n\r\n",
            self.authorization
        );
        stream.write_all(&[head.as_bytes(), body].concat()).expect("the server reads");
        stream
    }
}

fn login(server: &Server, social_id: &str) -> Response {
    server.send(&Request::new("GET", format!("/login?social_id={social_id}&social_type=X")))
}

#[track_caller]
fn assert_success(response: &Response) {
    assert_eq!((response.status, response.json()), (200, json!({"result": "success"})));
}

#[track_caller]
fn assert_failed(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{response:?}");
    assert_eq!(response.json()["result"], "fail", "{response:?}");
}

/// Every file that holds the audio of one recording.
fn audio_files(data_dir: &Path) -> Vec<PathBuf> {
    let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().map(|entry| entry.expect("readable").path());
    let folders = entries(&data_dir.join("blobs")).filter(|path| path.is_dir());
    let folders = folders.filter(|path| !["packs", "open"].iter().any(|other| path.ends_with(other)));
    folders.flat_map(|folder| entries(&folder).collect::<Vec<_>>()).collect()
}

/// Waits for what the server does by itself, with a request between one look and the next.
#[track_caller]
fn eventually(server: &Server, what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < SOON, "not in {SOON:?}: {what}");
        let _ = server.send(&Request::new("GET", "/healthz")).expect(200);
    }
}
